/**
 * How a batch is run: kept in its ledger, so that whoever goes on with it need not say it again.
 *
 * @since 0.1.0
 */
import { Effect, Option, Schema } from "effect"
import { stat } from "node:fs/promises"
import { resolve } from "node:path"
import { Ledger } from "../../Batch/Ledger.ts"
import type { Action } from "../../Batch/Rules.ts"
import { badInput, type Failed } from "../Failed.ts"
import { why } from "../FileTrouble.ts"
import type { Screen } from "../Screen.ts"
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
  version: Schema.Literal(1),
  input: Schema.Struct({
    file: Schema.String,
    size: Schema.Number,
    /** Milliseconds since 1970. */
    modified: Schema.Number,
    /** It was not always the very same file: it has to be read from its beginning. */
    changed: Schema.Boolean
  }),
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
  Effect.flatMap(fingerprint(resolve(file)), (input) =>
    tuned(
      {
        version: 1,
        input: { ...input, changed: false },
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
 * What was planned before, with the file as it is now.
 *
 * @since 0.1.0
 * @category combining
 */
export const renewed = (plan: Plan): Effect.Effect<Plan, Failed> =>
  Effect.map(fingerprint(plan.input.file), (now) => {
    const { changed, modified, size } = plan.input
    return { ...plan, input: { ...now, changed: changed || now.size !== size || now.modified !== modified } }
  })

const fingerprint = (file: string) =>
  Effect.tryPromise({
    try: () => stat(file),
    catch: (error) => badInput(`${file}: ${why(error)}`)
  }).pipe(Effect.map(({ mtimeMs, size }) => ({ file, size, modified: mtimeMs })))
