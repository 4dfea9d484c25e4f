/**
 * Who runs the items of a batch: an HTTP service, a module, or the demo.
 *
 * @since 0.1.0
 */
import { Effect, Layer, Predicate, Redacted, Schema, type Scope } from "effect"
import { existsSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { Aggregator } from "../../Aggregator.ts"
import { environment } from "../../Aggregator/Environment.ts"
import * as Batch from "../../Batch.ts"
import * as Demo from "../../Demo/Batch.ts"
import { isJsonNumber } from "../../Json.ts"
import { toEffect } from "../../Plain/Sources.ts"
import { Asking } from "../../Receipt/Asking.ts"
import * as RateLimit from "../../Resilience/RateLimit.ts"
import { Drivers as Services } from "../../Source.ts"
import { Drivers } from "../Drivers.ts"
import { badConfig, badInput, type Failed, noAnswer } from "../Failed.ts"
import * as Headers from "./Headers.ts"
import type { Plan, Whom } from "./Plan.ts"

/**
 * A batch of whatever is in a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Work {
  readonly batch: Batch.Batch<unknown, unknown, unknown, never, unknown, unknown>
  readonly idOf: (item: unknown, line: number) => string
}

/**
 * Makes what runs the items of a plan, no faster than its rate.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  name: string,
  { rate, whom }: Pick<Plan, "rate" | "whom">,
  fresh: boolean
): Effect.Effect<Work, Failed, Drivers | Scope.Scope> =>
  Effect.map(found(name, whom, fresh), (work) => {
    const limit = rate === null ? RateLimit.none : RateLimit.make({ name, rule: RateLimit.tokenBucket(rate) })
    const run = (item: unknown) =>
      Effect.flatMap(Asking, (asking) =>
        // Errors go by the name of the batch.
        Effect.provideService(RateLimit.with(limit)(work.batch.run(item)), Asking, { ...asking, name })
      )
    return { ...work, batch: { ...work.batch, run } }
  })

const found = (name: string, whom: Whom, fresh: boolean) => {
  if (whom.kind === "module") return module(name, whom.file)
  if (whom.kind === "http")
    return Effect.flatMap(Headers.filled(whom.headers), (headers) => http(name, whom.url, headers))
  // The tenant of the demo has used up its quota when a batch begins; later it has another.
  return Demo.service({ refuse: fresh }).pipe(
    Effect.mapError(({ message }) => noAnswer(message)),
    Effect.flatMap((url) => http(name, url))
  )
}

/** The field `id`, else the line. */
const idOf = (item: unknown, line: number): string => {
  const id = idIn(item)
  return id === undefined ? `line-${line}` : id
}

const idIn = (item: unknown): string | undefined =>
  Predicate.hasProperty(item, "id") &&
  (typeof item.id === "string" || typeof item.id === "number" || isJsonNumber(item.id))
    ? String(item.id)
    : undefined

const plain = (name: string, run: (item: unknown) => Effect.Effect<unknown, unknown>): Work => ({
  batch: Batch.make(name, { item: Schema.Unknown, result: Schema.Unknown, id: (item) => idOf(item, 0), run }),
  idOf
})

const http = (name: string, url: string, headers: Headers.Headers = {}) =>
  Effect.gen(function* () {
    const { services } = yield* Drivers
    if (services === undefined) return yield* badInput("--http: this program has no driver to ask with")
    const ask = yield* Effect.flatMap(Services, (drivers) => drivers.http({ url: Redacted.make(url) })).pipe(
      Effect.provide(services),
      Effect.mapError(({ message }) => badInput(`--http: ${message}`))
    )
    return plain(name, (item) =>
      ask({ method: "POST", path: "", headers: { ...keyOf(name, item), ...headers }, body: item })
    )
  })

/** An item may be sent twice, when its answer was not written down any more. */
const keyOf = (name: string, item: unknown): Readonly<Record<string, string>> => {
  const id = idIn(item)
  return id === undefined ? {} : { "idempotency-key": encodeURIComponent(`${name}/${id}`) }
}

const module = (name: string, file: string): Effect.Effect<Work, Failed, Scope.Scope> =>
  Effect.gen(function* () {
    if (!existsSync(file)) return yield* badInput(`--module: ${file}: no such file or directory`)
    const loaded = yield* Effect.tryPromise({
      try: (): Promise<unknown> => import(pathToFileURL(file).href),
      catch: (error) => badInput(`--module: ${file} cannot be loaded: ${whyNot(error)}`)
    })
    const it = Predicate.hasProperty(loaded, "default") ? loaded.default : undefined
    if (isAggregation(it)) {
      const options = yield* Effect.mapError(environment, badConfig)
      const aggregator = yield* Layer.build(Aggregator.layer(options))
      const run = (item: unknown) => Effect.provide(it(item), aggregator)
      return { batch: Batch.make(name, { item: it.input, result: it.output, id: (item) => idOf(item, 0), run }), idOf }
    }
    if (isBatch(it)) return { batch: { ...it, name }, idOf: it.id }
    if (isFunction(it))
      return plain(name, (item) =>
        Effect.flatMap(
          toEffect((signal) => it(item, signal)),
          awaited
        )
      )
    return yield* badInput(`--module: ${file} has no default export that is a function, a Batch or an Aggregation`)
  })

/** A function may give a value, a promise, or an effect. */
const awaited = (given: unknown): Effect.Effect<unknown, unknown> =>
  // The cast: what it needs cannot be seen; an effect that needs a service dies of it, by the name of the service.
  Effect.isEffect(given) ? (given as Effect.Effect<unknown, unknown>) : Effect.succeed(given)

const isFunction = (it: unknown): it is (item: unknown, signal: AbortSignal) => unknown => typeof it === "function"

/** Of an aggregation this is used alone. */
interface AnyAggregation {
  (input: unknown): Effect.Effect<unknown, unknown, Aggregator>
  readonly input: Schema.Schema<unknown>
  readonly output: Schema.Schema<unknown>
}

const isAggregation = (it: unknown): it is AnyAggregation =>
  isFunction(it) &&
  Predicate.hasProperty(it, "aggregation") &&
  Predicate.hasProperty(it, "input") &&
  Schema.isSchema(it.input)

const isBatch = (it: unknown): it is Work["batch"] =>
  Predicate.hasProperty(it, "run") &&
  Predicate.hasProperty(it, "id") &&
  Predicate.hasProperty(it, "item") &&
  Predicate.hasProperty(it, "result") &&
  [it.run, it.id].every(isFunction) &&
  [it.item, it.result].every(Schema.isSchema)

const whyNot = (error: unknown): string => {
  if (Predicate.hasProperty(error, "code") && error.code === "ERR_UNKNOWN_FILE_EXTENSION")
    return "node reads no TypeScript; give a file of JavaScript, or start muster with tsx"
  return error instanceof Error ? error.message : String(error)
}
