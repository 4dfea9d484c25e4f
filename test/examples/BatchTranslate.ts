/**
 * Batch translate: a thousand documents, and one tenant over its quota. What worked is kept, what failed is listed, and
 * only that is run again.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Array, Console, Context, Effect, Layer, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { Gather, Outcome } from "../../src/index.ts"

export interface Document {
  readonly id: string
  readonly tenant: string
}

export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>()("QuotaExceeded", { tenant: Schema.String }) {
  override get message() {
    return `tenant ${this.tenant} is over its quota`
  }
}

export class Translator extends Context.Tag("Translator")<
  Translator,
  { readonly translate: (document: Document) => Effect.Effect<string, QuotaExceeded> }
>() {}

/** Some documents could not be translated; `results` has all that could. */
export class BatchIncomplete extends Schema.TaggedError<BatchIncomplete>()("BatchIncomplete", {
  results: Schema.ReadonlyMapFromSelf({ key: Schema.String, value: Schema.String }),
  errors: Schema.ReadonlyMapFromSelf({ key: Schema.String, value: Schema.String })
}) {
  override get message() {
    const lines = Array.map(Array.fromIterable(this.errors), ([id, error]) => `${id}: ${error}`)
    return `${this.results.size} translated, ${lines.length} failed\n${lines.join("\n")}`
  }
}

type Results = ReadonlyMap<string, string>

/** Translates all documents that are not done yet, 50 at a time. */
export const translateAll = (documents: ReadonlyArray<Document>, done: Results = new Map()) =>
  Effect.gen(function* () {
    const { translate } = yield* Translator
    const open = documents.filter(({ id }) => !done.has(id))
    const outcomes = yield* Gather.collectEach(open, translate, { id: ({ id }) => id, concurrency: 50 })
    const results = new Map(done)
    const errors = new Map<string, string>()
    for (const [id, outcome] of outcomes) {
      if (outcome._tag === "Succeeded") results.set(id, outcome.value)
      else errors.set(id, outcome._tag === "Failed" ? outcome.error.message : Outcome.status(outcome))
    }
    return errors.size === 0 ? results : yield* new BatchIncomplete({ results, errors })
  })

export const documents = Array.makeBy(1_000, (n): Document => ({
  id: `doc-${n + 1}`,
  tenant: n === 616 ? "acme" : "initech"
}))

/** Refuses the first request of acme, whose quota is then raised. */
export const translator = Layer.sync(Translator, () => {
  let quota = 0
  const check = ({ tenant }: Document) =>
    tenant === "acme" && quota++ === 0 ? new QuotaExceeded({ tenant }) : Effect.void
  return { translate: (document) => Effect.as(check(document), `${document.id}, translated`) }
})

export const program = translateAll(documents).pipe(
  Effect.catchTag("BatchIncomplete", (incomplete) =>
    Effect.andThen(Console.log(incomplete.message), translateAll(documents, incomplete.results))
  ),
  Effect.andThen((results) => Console.log(`${results.size} translated`)),
  Effect.provide(translator)
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
