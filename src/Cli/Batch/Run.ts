/**
 * The commands that run items: `run`, `resume`, `redrive` and `demo`.
 *
 * @since 0.1.0
 */
import type { Command } from "@effect/cli"
import { Effect, Layer, Option, Redacted } from "effect"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { setFlagsFromString } from "node:v8"
import * as Batch from "../../Batch.ts"
import type { NewItem } from "../../Batch/Ledger.ts"
import * as Ndjson from "../../Batch/Ndjson.ts"
import * as Demo from "../../Demo/Batch.ts"
import type { flags } from "../Batch.ts"
import { badInput, Failed, noAnswer } from "../Failed.ts"
import { why } from "../FileTrouble.ts"
import { printable, Screen } from "../Screen.ts"
import * as Headers from "./Headers.ts"
import * as Opened from "./Opened.ts"
import * as Plan from "./Plan.ts"
import * as Progress from "./Progress.ts"
import * as Results from "./Results.ts"
import * as Words from "./Words.ts"
import * as Work from "./Work.ts"

type Given<Name extends keyof typeof flags> = Command.Command.ParseConfig<(typeof flags)[Name]>

/**
 * Begins a batch, or goes on with it where it has been begun with the same file.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (given: Given<"run">) =>
  Effect.gen(function* () {
    if (Option.isNone(given.input)) return yield* badInput("--input is missing; see muster batch run --help")
    const file = given.input.value
    const plan = yield* Plan.make(file, yield* whomOf(given), given)
    const name = Option.getOrElse(given.name, () => nameOf(file))
    yield* begin(name, plan, given, given.again)
  })

const whomOf = ({ header, http, module }: Given<"run">): Effect.Effect<Plan.Whom, Failed> => {
  if (Option.isSome(http) && Option.isSome(module))
    return badInput("--http and --module are two ways to run an item; give one")
  if (Option.isNone(http) && header.length > 0) return badInput("--header is sent with --http, which is missing")
  if (Option.isSome(module)) return Effect.succeed({ kind: "module", file: resolve(module.value) })
  if (Option.isNone(http)) return badInput("who runs the items? give --http or --module")
  const { password, username } = new URL(http.value)
  return username === "" && password === ""
    ? Effect.map(Headers.make(header), (headers) => ({ kind: "http", url: http.value, headers }))
    : badInput("--http must be a URL without a password, which the ledger would keep; --module can read one elsewhere")
}

const nameOf = (file: string) =>
  basename(file)
    .replace(/\.(ndjson|jsonl|json)$/i, "")
    .slice(0, 200) || "batch"

const begin = (
  name: string,
  plan: Plan.Plan,
  given: Opened.Given & Plan.Tuning & { readonly json: boolean },
  again: boolean
) =>
  Effect.gen(function* () {
    const opened = yield* Opened.open(given, { create: true })
    yield* Effect.gen(function* () {
      const before = yield* Plan.stored(name)
      if (before === undefined) return yield* go(name, plan, given.json, opened, undefined)
      const others = Plan.differences(before, plan)
      const attempts = (yield* (yield* Batch.Ledger).counts(name))?.attempts ?? 0
      if (others.length > 0 && attempts > 0 && !again)
        return yield* badInput(
          `the batch ${JSON.stringify(name)} has run before: ${others.join("; ")}. Say --name for another batch; or --again, and what is done stays done, what is not goes there (what has failed: with redrive after that); or forget it: ${opened.command("purge", name)}`
        )
      // What was said before holds until it is said anew.
      const { file, whom } = plan
      const now = yield* Plan.tuned({ ...before, file, whom }, given)
      yield* go(name, now, given.json, opened, before)
    }).pipe(Opened.withLedger(opened))
  })

/**
 * Goes on with a batch.
 *
 * @since 0.1.0
 * @category running
 */
export const resume = (given: Given<"again">) => again(given, () => Effect.void)

/**
 * Runs what has failed again, and goes on with what is left.
 *
 * @since 0.1.0
 * @category running
 */
export const redrive = (given: Given<"redrive">) =>
  again(given, (name) =>
    Effect.gen(function* () {
      const only = Option.getOrUndefined(given.only)
      const count = yield* Batch.redrive(name, only)
      if (count > 0) return yield* Effect.logInfo(`runs ${Words.items(count)} again`)
      if (only === undefined) return
      const { errors } = yield* Batch.manifest(name).pipe(Effect.catchTag("BatchUnknown", Effect.die))
      const there =
        errors.length === 0 ? "nothing has failed" : `there are: ${errors.map((one) => one.class).join(", ")}`
      return yield* badInput(`nothing has failed with ${JSON.stringify(only)}; ${there}`)
    })
  )

const again = (
  given: Given<"again">,
  before: (name: string) => Effect.Effect<void, Failed | Batch.LedgerUnavailable, Batch.Ledger | Screen>
) =>
  Effect.gen(function* () {
    const opened = yield* Opened.open(given)
    yield* Effect.gen(function* () {
      const name = yield* Opened.one(given)
      const plan = yield* Plan.stored(name)
      if (plan === undefined)
        return yield* badInput(
          `the batch ${JSON.stringify(name)} was not begun by muster batch run; its program goes on with it`
        )
      const renewed = yield* Plan.tuned(plan, given)
      yield* before(name)
      yield* go(name, renewed, given.json, opened, plan)
    }).pipe(Opened.withLedger(opened))
  })

/** Looks for everything that can be wrong before the first item runs. `before` is the plan that the batch had, if it had one. */
const go = (name: string, plan: Plan.Plan, json: boolean, opened: Opened.Opened, before: Plan.Plan | undefined) =>
  Effect.gen(function* () {
    collectSooner()
    const { file } = plan
    const version = yield* Effect.mapError(Ndjson.version(file), ({ message }) => badInput(message))
    const engine = plan.workers ? yield* Effect.map(Opened.clustered(opened), workers) : Layer.empty
    if (plan.out !== null) yield* Results.check(plan.out)
    const { batch, idOf } = yield* Work.make(name, plan, before === undefined)
    const ledger = yield* Batch.Ledger
    const counts = yield* ledger.counts(name)
    const same = counts?.input === version
    const from = { offset: same ? (counts?.offset ?? 0) : 0, lines: same ? (counts?.read ?? 0) : 0 }
    // Items that are read on are new, or the ledger has them from this very file.
    const compare =
      same || counts === undefined
        ? undefined
        : (items: ReadonlyArray<NewItem>) =>
            Effect.catchTag(ledger.compare(name, items), "ItemConflict", (conflict) => Ndjson.repeated(file, conflict))
    const ahead = yield* Ndjson.check(Ndjson.items(batch, file, { idOf }, from), file, compare).pipe(
      Effect.catchTag("FileRejected", ({ message }) => badInput(message))
    )
    const known = counts === undefined ? 0 : counts.pending + counts.running + counts.done + counts.failed
    const expectation = {
      expected: same ? known + ahead : Math.max(known, ahead),
      before: (counts?.done ?? 0) + (counts?.failed ?? 0)
    }
    yield* Plan.keep(name, plan)
    if (plan.workers) yield* say(`its items are left to workers: ${opened.command("worker", name)}`)
    const manifest = yield* Effect.scoped(
      Effect.flatMap(Progress.show(name, expectation), (progress) =>
        Batch.runFile(batch, file, { ...optionsOf(plan), idOf, progress })
      )
    ).pipe(
      Effect.provide(engine),
      // Another process runs the batch, by the plan that it had.
      Effect.tapErrorTag("BatchBusy", () => (before === undefined ? Effect.void : Plan.keep(name, before))),
      Effect.catchTag("FileRejected", ({ message }) =>
        noAnswer(`${message}; what comes before is done. Once it is mended: ${opened.command("resume", name)}`)
      ),
      Effect.catchTag("LedgerUnavailable", ({ message }) =>
        noAnswer(`${message}. What it has is safe; go on with: ${opened.command("resume", name)}`)
      ),
      Effect.onInterrupt(() => Effect.ignore(interrupted(name, opened)))
    )
    yield* ended(name, plan, manifest, json, opened)
  })

/**
 * Little of what a run makes lives long. V8 lets what is dead grow to three times of what lives before it looks; as much as
 * that takes a third less memory, and some per cent more time.
 */
const collectSooner = () => setFlagsFromString("--heap-growing-percent=100")

/** Leaves its items to workers. */
const workers = ({ cluster, where }: Effect.Effect.Success<ReturnType<typeof Opened.clustered>>) =>
  Layer.mapError(cluster.engine(where), ({ message }) => noAnswer(message))

const optionsOf = ({ attempts, concurrency, maxFailed, rules }: Plan.Plan): Batch.RunOptions => ({
  concurrency,
  attempts,
  rules: { ...Batch.standardRules, ...rules },
  tolerance: maxFailed ?? undefined
})

const interrupted = (name: string, opened: Opened.Opened) =>
  Effect.gen(function* () {
    const manifest = yield* Batch.manifest(name)
    yield* say(`stopped. ${Words.counts(manifest)}`)
    yield* say(`Go on with: ${opened.command("resume", name)}`)
  })

/** Beside the answer: a line on a terminal, else a log line. */
const say = (text: string) =>
  Effect.flatMap(Screen, ({ columns, err }) =>
    columns === undefined ? Effect.logInfo(text) : Effect.sync(() => err(printable(text)))
  )

const ended = (name: string, plan: Plan.Plan, manifest: Batch.Manifest, json: boolean, opened: Opened.Opened) =>
  Effect.gen(function* () {
    const { out } = yield* Screen
    const lines = plan.out === null ? undefined : yield* Effect.either(Results.write(name, plan.out))
    if (json) out(JSON.stringify(manifest))
    else {
      out(`${Words.counts(manifest)}, in ${Words.time(manifest.elapsed)}`)
      Words.errors(manifest).forEach(out)
      Words.absent(manifest).forEach(out)
      if (lines?._tag === "Right") out(`Results: ${plan.out} (${Words.items(lines.right)})`)
      if (plan.out === null && manifest.done > 0) out(`Results: ${opened.command("export", name)}`)
      if (manifest.failed > 0) out(`Run what failed again: ${opened.command("redrive", name)}`)
      if (manifest.notStarted > 0) out(`Go on: ${opened.command("resume", name)}`)
    }
    if (lines?._tag === "Left")
      return yield* lines.left._tag === "Failed"
        ? noAnswer(`${lines.left.message}; no result is lost: ${opened.command("export", name)} --out FILE`)
        : lines.left
    const stop = Words.stop(manifest)
    if (stop !== undefined) return yield* noAnswer(`the batch was stopped: ${stop}`)
    if (manifest.outcome === "unfinished") return yield* noAnswer(`${Words.items(manifest.notStarted)} were not run`)
    if (manifest.failed > 0)
      return yield* new Failed({ exitCode: 3, message: `${Words.items(manifest.failed)} failed` })
  })

/**
 * Runs the demo in a folder.
 *
 * @since 0.1.0
 * @category running
 */
export const demo = ({ folder, json }: Given<"demo">) =>
  Effect.gen(function* () {
    const { out } = yield* Screen
    const path = yield* Effect.try({
      try: () => {
        const path = Option.match(folder, {
          onNone: () => mkdtempSync(join(tmpdir(), "muster-batch-")),
          onSome: (path) => (mkdirSync(path, { recursive: true }), path)
        })
        writeFileSync(join(path, "documents.ndjson"), Demo.documents)
        return path
      },
      catch: (error) => badInput(`--folder: ${why(error)}`)
    })
    if (!json) out(`${Words.number(Demo.count)} documents, one of a tenant whose quota is used up. All is in ${path}`)
    const given = {
      ledger: Option.some(Redacted.make(join(path, "ledger.db"))),
      name: Option.none<string>(),
      json,
      concurrency: Option.some(50),
      attempts: Option.none<number>(),
      rate: Option.none<never>(),
      maxFailed: Option.none<never>(),
      failFast: false,
      workers: false,
      rules: Option.none<string>(),
      rule: [],
      out: Option.some(join(path, "results.ndjson"))
    }
    const plan = yield* Plan.make(join(path, "documents.ndjson"), { kind: "demo" }, given)
    yield* begin("translate", plan, given, false)
  })
