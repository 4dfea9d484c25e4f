/**
 * How many effects become one answer.
 *
 * The limit that set a deadline answers for it: a policy that only inherits the ambient deadline does not answer before the
 * gather, the group or the `Source.timeLimit` around it that set it.
 *
 * Every policy asks its sources at once (or `concurrency` at a time), obeys the ambient deadline, and returns the moment
 * its answer is decided: what it stops on the way cleans up behind it, under the current `Cleanup.Owner`. No service is
 * needed. For receipts, logs, spans and metrics, ask through `Aggregator`.
 *
 * @since 0.1.0
 */
import { Effect, type Stream } from "effect"
import type { DeadlineExceeded } from "./Deadline.ts"
import type { ItemOptions as GivenOptions } from "./Gather/Item.ts"
import * as Items from "./Gather/Items.ts"
import * as Policies from "./Gather/Policies.ts"
import * as Quorum from "./Gather/Quorum.ts"
import { arrive, streamed } from "./Gather/Arrivals.ts"
import type { RunOptions, Task } from "./Gather/Run.ts"
import type { AnyEffect, Errors, Outcomes, Requirements, Shape, SomeValues, Values } from "./Gather/Shape.ts"
import { like, members } from "./Gather/Shape.ts"
import type { Outcome } from "./Outcome.ts"
import * as Recorder from "./Receipt/Recorder.ts"

export {
  /** @since 0.1.0 */
  DuplicateId
} from "./Gather/Item.ts"
export {
  /** @since 0.1.0 */
  InputFailed
} from "./Gather/Items.ts"
export {
  /** @since 0.1.0 */
  QuorumNotReached
} from "./Gather/Quorum.ts"

/**
 * The options of every policy: `concurrency`, `deadline`, `grace`.
 *
 * @since 0.1.0
 * @category models
 */
export type Options = RunOptions

/**
 * The options of policies over items: those of every policy, `id` and `buffer`.
 *
 * @since 0.1.0
 * @category models
 */
export type ItemOptions<I> = GivenOptions<I>

/**
 * Asks all effects and answers with all values, in the shape of the effects; or fails with the first failure, the rest
 * interrupted. For answers that are worth nothing with a part missing.
 *
 * Fails with the error of the source that failed first, or with `DeadlineExceeded`. A defect stays a defect, as a
 * `SourceDied` that names the source.
 *
 * @example
 * ```ts
 * const page = Gather.failFast({ user: findUser(42), orders: findOrders(42) }, { deadline: "1 second" })
 * ```
 *
 * @since 0.1.0
 * @category policies
 */
export const failFast = <const S extends Shape<AnyEffect>>(
  effects: S,
  options?: Options
): Effect.Effect<Values<S>, Errors<S> | DeadlineExceeded, Requirements<S>> =>
  Effect.flatMap(context("failFast", options), (context) =>
    Effect.map(Policies.failFast(context, tasks(effects)), (values) => like(effects, values) as Values<S>)
  )

/**
 * Asks all effects and answers with an `Outcome` for each, in the shape of the effects. Never fails: failures and
 * defects are outcomes, and what has finished when the deadline strikes is kept.
 *
 * @since 0.1.0
 * @category policies
 */
export const collect = <const S extends Shape<AnyEffect>>(
  effects: S,
  options?: Options
): Effect.Effect<Outcomes<S>, never, Requirements<S>> =>
  Effect.flatMap(context("collect", options), (context) =>
    Effect.map(Policies.collect(context, tasks(effects)), (outcomes) => like(effects, outcomes) as Outcomes<S>)
  )

/**
 * Answers with the first `k` successes, by name, the rest interrupted. Fails with `QuorumNotReached` as soon as `k`
 * successes are impossible, naming every failure, or with `DeadlineExceeded`. Names stand in input order.
 *
 * A source that dies counts as failed, and its defect is logged.
 *
 * @since 0.1.0
 * @category policies
 */
export const quorum = <const S extends Shape<AnyEffect>>(
  effects: S,
  k: number,
  options?: Options
): Effect.Effect<SomeValues<S>, QuorumError<S> | DeadlineExceeded, Requirements<S>> =>
  Effect.flatMap(context("quorum", options), (context) =>
    Effect.map(Quorum.quorum(context, tasks(effects), k), (winners) => Object.fromEntries(winners) as SomeValues<S>)
  )

/**
 * Answers with the first success, the rest interrupted. Fails with `QuorumNotReached` when all have failed, or with
 * `DeadlineExceeded`. Ties are won by the one that comes first in the input.
 *
 * @since 0.1.0
 * @category policies
 */
export const first = <const S extends Shape<AnyEffect>>(
  effects: S,
  options?: Options
): Effect.Effect<Values<S>[keyof Values<S>], QuorumError<S> | DeadlineExceeded, Requirements<S>> =>
  Effect.flatMap(context("first", options), (context) =>
    Effect.map(Quorum.quorum(context, tasks(effects), 1), (winners) => winners[0]![1] as Values<S>[keyof Values<S>])
  )

type QuorumError<S> = Quorum.QuorumNotReached<Errors<S>>

/**
 * `failFast` over items: all results in input order, or the first failure. Items come from an Iterable, or from a Stream,
 * which is pulled no further ahead than `concurrency + buffer`.
 *
 * @since 0.1.0
 * @category policies
 */
export const forEach = <I, B, E, R, E2 = never, R2 = never>(
  items: Iterable<I> | Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options?: ItemOptions<I>
): Effect.Effect<Array<B>, E | E2 | DeadlineExceeded, R | R2> =>
  Effect.flatMap(context("forEach", options), (context) =>
    Effect.map(Items.failFast(context, items, f, options), (values) => Array.from(values))
  )

/**
 * `collect` over items: an `Outcome` for each, in input order; keyed by id when `options.id` is given.
 *
 * Over an Iterable it never fails. When a Stream of items fails, what has been read is finished, and `InputFailed` has
 * the outcomes.
 *
 * @since 0.1.0
 * @category policies
 */
export const collectEach: {
  <I, B, E, R, E2 = never, R2 = never>(
    items: Iterable<I> | Stream.Stream<I, E2, R2>,
    f: (item: I, index: number) => Effect.Effect<B, E, R>,
    options: ItemOptions<I> & { readonly id: (item: I, index: number) => string }
  ): Effect.Effect<ReadonlyMap<string, Outcome<B, E>>, Items.Broken<B, E, E2>, R | R2>
  <I, B, E, R, E2 = never, R2 = never>(
    items: Iterable<I> | Stream.Stream<I, E2, R2>,
    f: (item: I, index: number) => Effect.Effect<B, E, R>,
    options?: ItemOptions<I> & { readonly id?: undefined }
  ): Effect.Effect<Array<Outcome<B, E>>, Items.Broken<B, E, E2>, R | R2>
} = <I, B, E, R, E2, R2>(
  items: Iterable<I> | Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options?: ItemOptions<I>
  // Which of the two it is depends on `options.id`, which only the overloads can say.
): Effect.Effect<never, never, R | R2> =>
  Effect.flatMap(context("collectEach", options), (context) =>
    Effect.map(Items.collect(context, items, f, options), (outcomes) =>
      options?.id === undefined ? Array.from(outcomes.values()) : outcomes
    )
  ) as Effect.Effect<never, never, R | R2>

/**
 * Emits `[name, outcome]` for each effect in order of arrival. Never fails; at the deadline it emits what is missing and
 * ends. Whoever stops reading cancels the rest.
 *
 * @since 0.1.0
 * @category policies
 */
export const stream = <const S extends Shape<AnyEffect>>(
  effects: S,
  options?: Options
): Stream.Stream<Arrival<S>, never, Requirements<S>> =>
  // The names and outcomes of the tasks are those of the shape; the list of tasks has lost which belongs to which.
  streamed((mailbox) =>
    Effect.flatMap(context("stream", options), (context) => arrive(context, tasks(effects), mailbox))
  ) as Stream.Stream<Arrival<S>, never, Requirements<S>>

/**
 * One outcome with the name of its source.
 *
 * @since 0.1.0
 * @category models
 */
export type Arrival<S> =
  S extends Iterable<unknown>
    ? readonly [name: string, outcome: Outcomes<S>[number & keyof Outcomes<S>]]
    : { [K in keyof Outcomes<S>]: readonly [name: K, outcome: Outcomes<S>[K]] }[keyof Outcomes<S>]

const context = (policy: string, options: RunOptions | undefined): Effect.Effect<Policies.Context> =>
  Effect.map(Recorder.make("gather", policy), (recorder) => ({ where: `Gather.${policy}`, recorder, options }))

/**
 * The members of a shape as a list of tasks. What each of them gives is lost in the list, and put back by the type of the
 * policy: hence the casts to `Values`, `Outcomes` and their like, and this one.
 */
const tasks = <S extends Shape<AnyEffect>>(effects: S) =>
  members<AnyEffect, unknown>(effects, (name, effect) => ({ name, effect })) as ReadonlyArray<
    Task<unknown, Errors<S>, Requirements<S>>
  >
