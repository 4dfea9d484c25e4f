/**
 * How a batch is run: kept in its ledger, so that whoever goes on with it need not say it again.
 *
 * @since 0.1.0
 */
import { Effect, Option, Schema } from "effect"
import { resolve } from "node:path"
import { Ledger } from "../../Batch/Ledger.ts"
import type { Action } from "../../Batch/Rules.ts"
import { badInput, type Failed } from "../Failed.ts"
import type { Screen } from "../Screen.ts"
import * as Headers from "./Headers.ts"
import * as RulesFile from "./RulesFile.ts"

const Whom = Schema.Union(
  Schema.Struct({
    kind: Schema.Literal("http"),
    url: Schema.String,
    /** As they were given, with references to the environment. */
    headers: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), { default: () => ({}) })
  }),
  Schema.Struct({ kind: Schema.Literal("module"), file: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("demo") })
)

/**
 * Who runs the items.
 *
 * @since 0.1.0
 * @category models
 */
export type Whom = typeof Whom.Type

/**
 * How a batch is run. Paths are absolute.
 *
 * @since 0.1.0
 * @category models
 */
export const Plan = Schema.Struct({
  version: Schema.Literal(2),
  file: Schema.String,
  whom: Whom,
  concurrency: Schema.Number,
  attempts: Schema.Number,
  rate: Schema.NullOr(Schema.Struct({ limit: Schema.Number, per: Schema.Number })),
  maxFailed: Schema.NullOr(
    Schema.Struct({ count: Schema.optional(Schema.Number), ratio: Schema.optional(Schema.Number) })
  ),
  rules: Schema.optionalWith(
    Schema.Record({ key: Schema.String, value: Schema.Literal("stop", "slow", "retry", "record") }),
    { default: () => ({}) }
  ),
  /** Its items are left to workers. */
  workers: Schema.optionalWith(Schema.Boolean, { default: () => false }),
  out: Schema.NullOr(Schema.String)
})

/** @since 0.1.0 */
export type Plan = typeof Plan.Type

const Json = Schema.parseJson(Plan)

/**
 * What was given of a plan.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tuning {
  readonly concurrency: Option.Option<number>
  readonly attempts: Option.Option<number>
  readonly rate: Option.Option<{ readonly limit: number; readonly per: number }>
  readonly maxFailed: Option.Option<{ readonly count?: number; readonly ratio?: number }>
  readonly failFast: boolean
  readonly workers: boolean
  readonly rules: Option.Option<string>
  readonly rule: ReadonlyArray<readonly [name: string, action: Action]>
  readonly out: Option.Option<string>
}

/**
 * A new plan.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (file: string, whom: Whom, given: Tuning): Effect.Effect<Plan, Failed, Screen> =>
  tuned(
    {
      version: 2,
      file: resolve(file),
      whom,
      concurrency: 10,
      attempts: 3,
      rate: null,
      maxFailed: null,
      rules: {},
      workers: false,
      out: null
    },
    given
  )

/**
 * A plan with what was given now.
 *
 * @since 0.1.0
 * @category combining
 */
export const tuned = (
  plan: Plan,
  { attempts, concurrency, failFast, maxFailed, out, rate, rule, rules, workers }: Tuning
): Effect.Effect<Plan, Failed, Screen> =>
  Effect.gen(function* () {
    if (failFast && Option.isSome(maxFailed))
      return yield* badInput("--fail-fast is --max-failed 0; give one of the two")
    const fromFile = yield* Option.match(rules, { onNone: () => Effect.succeed(undefined), onSome: RulesFile.read })
    const isNew = fromFile !== undefined || rule.length > 0
    return {
      ...plan,
      concurrency: Option.getOrElse(concurrency, () => plan.concurrency),
      attempts: Option.getOrElse(attempts, () => plan.attempts),
      rate: Option.getOrElse(rate, () => plan.rate),
      maxFailed: failFast ? { count: 0 } : Option.getOrElse(maxFailed, () => plan.maxFailed),
      workers: workers || plan.workers,
      rules: isNew ? { ...fromFile, ...Object.fromEntries(rule) } : plan.rules,
      out: Option.match(out, { onNone: () => plan.out, onSome: (path) => resolve(path) })
    }
  })

/**
 * The plan of a batch, if it has one.
 *
 * @since 0.1.0
 * @category getters
 */
export const stored = (name: string) =>
  Effect.gen(function* () {
    const text = yield* (yield* Ledger).plan(name)
    if (text === undefined) return undefined
    const of = JSON.stringify(name)
    return yield* Effect.mapError(Schema.decode(Json)(text), () =>
      badInput(`what the ledger has of how ${of} is run cannot be read: it is of another version of muster`)
    )
  })

/**
 * Keeps a plan.
 *
 * @since 0.1.0
 * @category combining
 */
export const keep = (name: string, plan: Plan) =>
  Effect.flatMap(Ledger, (ledger) =>
    Effect.flatMap(Effect.orDie(Schema.encode(Json)(plan)), (text) => ledger.keepPlan(name, text))
  )

/**
 * How a plan differs from that of an earlier run in what it runs, in words; nothing for what only tunes it. Headers with
 * credentials may change: a token is another one some day.
 *
 * @since 0.1.0
 * @category getters
 */
export const differences = (before: Plan, now: Plan): ReadonlyArray<string> => [
  ...(before.file === now.file ? [] : [`--input was ${before.file}, and is ${now.file}`]),
  ...(inWords(before.whom) === inWords(now.whom)
    ? []
    : [`what runs its items was ${inWords(before.whom)}, and is ${inWords(now.whom)}`])
]

const inWords = (whom: Whom): string => {
  if (whom.kind === "module") return `--module ${whom.file}`
  if (whom.kind === "demo") return "the demo"
  const headers = Object.entries(whom.headers)
    .filter(([name]) => !Headers.hasCredentials(name))
    .sort()
  return [`--http ${whom.url}`, ...headers.map(([name, value]) => `--header '${name}: ${value}'`)].join(" ")
}
