/**
 * Runs a program over every schedule of its sources, and says on which one it breaks a promise.
 *
 * @since 0.1.0
 */
import { Effect, type Exit, FiberRef, HashSet, Option, Schema, Scope } from "effect"
import { Aggregator, type AggregatorOptions } from "../Aggregator.ts"
import * as Service from "../Aggregator/Service.ts"
import type { Receipt } from "../Receipt.ts"
import { type Recorder, Started } from "../Receipt/Recorder.ts"
import { told } from "./Answers.ts"
import * as Invariants from "./Invariants.ts"
import * as Machine from "./Machine.ts"
import * as Model from "./Model.ts"
import * as Schedule from "./Schedule.ts"
import type { Seen } from "./Scripted.ts"

/**
 * What came of a program on one schedule.
 *
 * @since 0.1.0
 * @category models
 */
export interface Explored<A = unknown, E = unknown> extends Machine.Ran<A, E> {
  readonly schedule: Schedule.Schedule
  /** What each source saw. */
  readonly seen: Readonly<Record<string, Seen>>
  /** Of every gather, group and aggregation in the program, in the order in which they began. */
  readonly receipts: ReadonlyArray<Receipt>
}

/**
 * What must be true of a program on every schedule: `check` says what is wrong, or nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Invariant<A = unknown, E = unknown> {
  readonly name: string
  readonly check: (run: Explored<A, E>) => string | undefined
}

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
    /** Plain data: give it to `Testkit.reproduce`. */
    schedule: Schema.Unknown,
    /** How many schedules were run before it was found. */
    after: Schema.Number
  }
) {
  /** One call that runs it again. */
  get script(): string {
    return `Testkit.reproduce(program, ${JSON.stringify(this.schedule, null, 2)})`
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
 * - nothing is alive after its return and the cleanup it left;
 * - every receipt is settled, agrees with what the sources saw, and reports the first failure;
 * - nothing returns after its deadline, and what finished is kept;
 * - the answer is one that the model allows, if `rules` are given; and what else `invariants` say.
 *
 * The program gets the sources, fresh for each schedule; it must not wait for anything outside the virtual clock. Fails
 * with `ScheduleFailed`, shrunk to the simplest schedule that breaks the same promise.
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
  Effect.suspend(() => {
    const space = Schedule.space(options.sources)
    const most = options.schedules ?? 1_000
    const provided = provideAggregator(program, options.aggregator)
    const broken = (point: Schedule.Point) => firstBroken(runOn(provided, space.at(point)), options)
    let schedules = 0
    for (const point of space.points(most, options.seed ?? 1)) {
      schedules += 1
      const found = broken(point)
      if (found === undefined) continue
      const smallest = shrink(space, point, found, broken)
      return new ScheduleFailed({ ...smallest.found, schedule: space.at(smallest.point), after: schedules })
    }
    return Effect.succeed({ schedules, exhaustive: space.size <= most })
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
): Explored<A, E> => runOn(provideAggregator(program, aggregator), schedule)

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

const runOn = <Sources, A, E>(
  program: (sources: Sources) => Effect.Effect<A, E>,
  schedule: Schedule.Schedule
): Explored<A, E> => {
  // The names and types of the sources are those of the space that the schedule was taken from.
  const sources = Schedule.sourcesOf(schedule)
  const recorders: Array<Recorder> = []
  const started = (recorder: Recorder) => void recorders.push(recorder)
  const watched = Effect.suspend(() => program(sources as Sources)).pipe(
    Effect.provideService(Started, started),
    // A thousand schedules would log a thousand times what one, reproduced, can say.
    Effect.locally(FiberRef.currentLoggers, HashSet.empty())
  )
  const ran = Machine.run(watched, schedule.ties)
  const seen = Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, source.seen]))
  return { ...ran, schedule, seen, receipts: recorders.map((recorder) => recorder.receipt()) }
}

interface Found {
  readonly invariant: string
  readonly detail: string
}

const firstBroken = <S extends Readonly<Record<string, Schedule.Behaviours>>, A, E>(
  run: Explored<A, E>,
  { answer, invariants = [], rules }: Options<S, A, E>
): Found | undefined => {
  const all: ReadonlyArray<Invariant<A, E>> =
    rules === undefined
      ? [...Invariants.all, ...invariants]
      : [
          ...Invariants.all,
          allowed(rules, answer ?? told(rules.policy, Object.keys(run.schedule.sources))),
          ...invariants
        ]
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
  broken: (point: Schedule.Point) => Found | undefined
) => {
  let point = from
  let found = first
  for (let going = true; going;) {
    going = false
    for (const simpler of space.simpler(point)) {
      const again = broken(simpler)
      if (again?.invariant !== found.invariant) continue
      point = simpler
      found = again
      going = true
      break
    }
  }
  return { point, found }
}

const allowed = <A, E>(rules: Model.Rules, answer: (exit: Exit.Exit<A, E>) => Model.Told): Invariant<A, E> => ({
  name: "the answer is one that the model allows",
  check: ({ elapsed, exit, schedule }) => {
    const seen = Option.match(exit, { onNone: (): Model.Told => ({ tag: "never" }), onSome: answer })
    const model = Model.answers(rules, schedule)
    const was = show({ at: elapsed, told: seen })
    return model.some((one) => show(one) === was)
      ? undefined
      : `it was ${was}, and could be ${Array.from(new Set(model.map(show))).join(" or ")}`
  }
})

/** Answers as text, in which they are compared: values and errors are data from the schedule. */
const show = (answer: Model.Answer) =>
  JSON.stringify(answer, (_, value: unknown) => (value instanceof Error ? `${value.name}: ${value.message}` : value))
