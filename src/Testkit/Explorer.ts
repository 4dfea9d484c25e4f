/**
 * Runs a program over every schedule of its sources, and says on which one it breaks a promise.
 *
 * @since 0.1.0
 */
import { Duration, Effect, type Exit, Option, Schema, Scope } from "effect"
import { Aggregator, type AggregatorOptions } from "../Aggregator.ts"
import * as Service from "../Aggregator/Service.ts"
import { told } from "./Answers.ts"
import { type Explored, type Invariant, runOn } from "./Explored.ts"
import * as Invariants from "./Invariants.ts"
import { literal } from "./Literal.ts"
import * as Model from "./Model.ts"
import * as Schedule from "./Schedule.ts"

/**
 * What to explore.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<S extends Readonly<Record<string, Schedule.Behaviours>>, A, E> {
  /** What each source may do. */
  readonly sources: S
  /** What must be true, besides the built-in invariants. */
  readonly invariants?: ReadonlyArray<Invariant<A, E>> | undefined
  /**
   * What must be the same after each schedule as it was before, by name: how many permits are free, how many listeners an
   * emitter has.
   */
  readonly unchanged?: Readonly<Record<string, () => unknown>> | undefined
  /** The rules that the answer follows: then it must be one that the model allows, and leave when the model says. */
  readonly rules?: Model.Rules | undefined
  /** How to read an exit as an answer of the model; default: as the answers of `Gather`, by the names of the sources. */
  readonly answer?: ((exit: Exit.Exit<A, E>) => Model.Told) | undefined
  /** At most this many schedules; default 1,000. Where there are no more, all are run; otherwise a sample. */
  readonly schedules?: number | undefined
  /** The aggregator that the program is given; default: one without a deadline. */
  readonly aggregator?: AggregatorOptions | undefined
  /** Chooses the sample; default 1. */
  readonly seed?: number | undefined
}

/**
 * A program broke a promise. The schedule is the smallest that could be found; its script runs it again.
 *
 * @since 0.1.0
 * @category errors
 */
export class ScheduleFailed extends Schema.TaggedError<ScheduleFailed>("effect-muster/Testkit/ScheduleFailed")(
  "ScheduleFailed",
  {
    invariant: Schema.String,
    detail: Schema.String,
    /** Give it to `Testkit.reproduce`. */
    schedule: Schema.Unknown,
    /** The options of the aggregator that the program was given, if there were any. */
    aggregator: Schema.optional(Schema.Unknown),
    /** How many schedules were run before it was found. */
    after: Schema.Number
  }
) {
  /** One call that runs it again, as JavaScript. */
  get script(): string {
    const given = this.aggregator === undefined ? "" : `, ${literal(this.aggregator, "  ")}`
    return `Testkit.reproduce(program, ${literal(this.schedule, "  ")}${given})`
  }

  override get message() {
    return `"${this.invariant}" is broken: ${this.detail}\nOn this schedule, the smallest found:\n${this.script}`
  }
}

/**
 * What was explored.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly schedules: number
  /** True when there are no others. */
  readonly exhaustive: boolean
}

/**
 * Runs a program over every schedule of its sources (or a sample, where there are too many) on a virtual clock and
 * scheduler of its own, and checks after each that
 *
 * - it returned, unless a source hangs, and waited for nothing outside virtual time;
 * - nothing is alive after its return and the cleanup it left;
 * - every receipt is settled, agrees with what the sources saw, and has the right first failure, victims and critical path;
 * - nothing returns after its deadline, and what finished is kept;
 * - the answer is one that the model allows, if `rules` are given; what `unchanged` reads is as it was; and what else
 *   `invariants` say.
 *
 * The program gets the sources, fresh for each schedule. Only virtual time passes: a program that waits for a real timer or
 * request fails; use `Effect.sleep` and the sources instead. Promises that resolve without them are let in before each step.
 * Fails with `ScheduleFailed`, shrunk to the simplest schedule that breaks the same promise.
 *
 * @example
 * ```ts
 * it.effect("the dashboard holds on every schedule", () =>
 *   Testkit.explore((sources) => dashboard(sources), {
 *     sources: {
 *       profile: { ends: [{ succeed: "Alice" }, { fail: "down" }] },
 *       orders: { ends: [{ succeed: 5 }, { fail: "down" }, "hang"], cleanup: [0, 50] }
 *     }
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category exploring
 */
export const explore = <const S extends Readonly<Record<string, Schedule.Behaviours>>, A, E>(
  program: (sources: Schedule.Sources<S>) => Effect.Effect<A, E, Aggregator>,
  options: Options<S, A, E>
): Effect.Effect<Report, ScheduleFailed> =>
  Effect.gen(function* () {
    const space = Schedule.space(options.sources)
    const most = options.schedules ?? 1_000
    const broken = breaker(provideAggregator(program, options.aggregator), options)
    let schedules = 0
    for (const point of space.points(most, options.seed ?? 1)) {
      schedules += 1
      const found = yield* broken(space.at(point))
      if (found === undefined) continue
      const smallest = yield* shrink(space, point, found, broken)
      const schedule = space.at(smallest.point)
      return yield* new ScheduleFailed({
        ...smallest.found,
        schedule,
        after: schedules,
        aggregator: printable(options.aggregator)
      })
    }
    return { schedules, exhaustive: space.size <= most }
  })

/**
 * Runs a program on one schedule, such as one that `explore` has printed, and says what came of it.
 *
 * @since 0.1.0
 * @category exploring
 */
export const reproduce = <Sources, A, E>(
  program: (sources: Sources) => Effect.Effect<A, E, Aggregator>,
  schedule: Schedule.Schedule,
  aggregator?: AggregatorOptions
): Effect.Effect<Explored<A, E>> => Effect.suspend(() => runOn(provideAggregator(program, aggregator), schedule, true))

/**
 * One aggregator for all schedules. Its scope stays open, as that of an application does while it answers: closing it
 * would wait for cleanup, and the answer with it.
 */
const provideAggregator = <Sources, A, E>(
  program: (sources: Sources) => Effect.Effect<A, E, Aggregator>,
  options: AggregatorOptions | undefined
) => {
  const service = Effect.runSync(Effect.flatMap(Scope.make(), (scope) => Scope.extend(Service.make(options), scope)))
  return (sources: Sources) => Effect.provideService(program(sources), Aggregator, service)
}

/** Without the logger, which changes no answer; durations as milliseconds, which print. */
const printable = (options: AggregatorOptions | undefined): unknown => {
  if (options === undefined) return undefined
  const { logger: _, ...rest } = options
  const millis = (value: unknown) => (Duration.isDuration(value) ? Duration.toMillis(value) : value)
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, millis(value)]))
}

interface Found {
  readonly invariant: string
  readonly detail: string
}

/** Runs a program on schedules, and says of each which promise it breaks. */
const breaker = <S extends Readonly<Record<string, Schedule.Behaviours>>, A, E>(
  program: (sources: Schedule.Sources<S>) => Effect.Effect<A, E>,
  options: Options<S, A, E>
) => {
  const { unchanged = {} } = options
  // From the first suspicion on: a program that gives cause for one will do so again.
  let watch = false
  return (schedule: Schedule.Schedule): Effect.Effect<Found | undefined> =>
    Effect.gen(function* () {
      const before = Object.values(unchanged).map((read) => literal(read()))
      let run = yield* runOn(program, schedule, watch)
      if (run.suspect && !watch) {
        watch = true
        run = yield* runOn(program, schedule, watch)
      }
      const changed = Object.entries(unchanged).flatMap(([name, read], index) => {
        const after = literal(read())
        return after === before[index] ? [] : [`${name} was ${before[index]}, and is ${after}`]
      })
      return firstBroken(run, [...invariantsOf(options, schedule), stays(changed[0])])
    })
}

const invariantsOf = <S extends Readonly<Record<string, Schedule.Behaviours>>, A, E>(
  { answer, invariants = [], rules }: Options<S, A, E>,
  { sources }: Schedule.Schedule
): ReadonlyArray<Invariant<A, E>> =>
  rules === undefined
    ? [...Invariants.all, ...invariants]
    : [...Invariants.all, allowed(rules, answer ?? told(rules.policy, Object.keys(sources))), ...invariants]

const firstBroken = <A, E>(run: Explored<A, E>, all: ReadonlyArray<Invariant<A, E>>): Found | undefined => {
  for (const { check, name } of all) {
    const detail = check(run)
    if (detail !== undefined) return { invariant: name, detail }
  }
  return undefined
}

/** Goes to a simpler schedule that breaks the same promise, as long as there is one. */
const shrink = (
  space: Schedule.Space,
  from: Schedule.Point,
  first: Found,
  broken: (schedule: Schedule.Schedule) => Effect.Effect<Found | undefined>
) =>
  Effect.gen(function* () {
    let point = from
    let found = first
    for (let going = true; going;) {
      going = false
      for (const simpler of space.simpler(point)) {
        const again = yield* broken(space.at(simpler))
        if (again?.invariant !== found.invariant) continue
        point = simpler
        found = again
        going = true
        break
      }
    }
    return { point, found }
  })

const allowed = <A, E>(rules: Model.Rules, answer: (exit: Exit.Exit<A, E>) => Model.Told): Invariant<A, E> => ({
  name: "the answer is one that the model allows",
  check: ({ elapsed, exit, schedule }) => {
    const seen = Option.match(exit, { onNone: (): Model.Told => ({ tag: "never" }), onSome: answer })
    const model = Model.answers(rules, schedule)
    const was = literal({ at: elapsed, told: seen })
    if (model.some((one) => literal(one) === was)) return undefined
    const allowed = new Set(model.map((one) => literal(one)))
    return `it was ${was}, and could be ${Array.from(allowed).join(" or ")}`
  }
})

const stays = (changed: string | undefined): Invariant => ({
  name: "what must stay as it was has not changed",
  check: () => changed
})
