/**
 * The Layer-configured service that gathers with receipts, logs, spans and metrics.
 *
 * @since 0.1.0
 */
import { Cause, Config, type ConfigError, Context, Effect, Exit, Layer, Schema, type Scope, Stream } from "effect"
import { environment } from "./Aggregator/Environment.ts"
import * as Service from "./Aggregator/Service.ts"
import type { Answers, Effects, Failed, Needs, Quorums, Sources } from "./Aggregator/Shape.ts"
import { areCalls, bare, presented, spanned } from "./Aggregator/Tasks.ts"
import type { DeadlineExceeded } from "./Deadline.ts"
import type * as Gather from "./Gather.ts"
import { arrive, streamed } from "./Gather/Arrivals.ts"
import * as Calling from "./Gather/Calling.ts"
import * as Items from "./Gather/Items.ts"
import * as Policies from "./Gather/Policies.ts"
import { quorum } from "./Gather/Quorum.ts"
import { like, type Member, type Outcomes, type SomeValues } from "./Gather/Shape.ts"
import { causedBy, type Outcome } from "./Outcome.ts"
import { describe, Receipt } from "./Receipt.ts"
import * as Source from "./Source.ts"

/** @since 0.1.0 */
export type AggregatorOptions = Service.AggregatorOptions

class SourceFailedBase extends Schema.TaggedError<SourceFailedBase>("effect-muster/Aggregator/SourceFailed")(
  "SourceFailed",
  { source: Schema.String, error: Schema.Unknown, receipt: Receipt }
) {
  constructor(
    fields: { readonly source: string; readonly error: unknown; readonly receipt: Receipt },
    options?: Schema.MakeOptions
  ) {
    super(fields, options)
    causedBy(this, fields.error)
  }

  override get message() {
    const { elapsed, remaining, victims } = this.receipt
    const shown = victims.slice(0, 5).join(", ") + (victims.length > 5 ? ` and ${victims.length - 5} more` : "")
    const stopped = victims.length === 0 ? "" : `; stopped: ${shown}`
    const left = remaining === null ? "" : `; ${Math.round(remaining)} ms of the deadline remained`
    return `Source "${this.source}" failed after ${Math.round(elapsed)} ms: ${describe(this.error).message}${stopped}${left}`
  }
}

/**
 * A required source failed, and the answer with it. `error` is what it failed with, and the `cause`; `receipt` says what became
 * of the others.
 *
 * @since 0.1.0
 * @category errors
 */
export class SourceFailed<E> extends SourceFailedBase {
  declare readonly error: E
}

/**
 * Asks sources and says what happened. Every function takes the name of the aggregation first: it stands in receipts,
 * logs, spans and metrics.
 *
 * @example
 * ```ts
 * const dashboard = Aggregator.gather("dashboard", { profile, orders: Source.optional(orders) })
 *
 * dashboard.pipe(Effect.provide(Aggregator.layer({ deadline: "1 second" })))
 * ```
 *
 * @since 0.1.0
 * @category services
 */
export class Aggregator extends Context.Tag("effect-muster/Aggregator")<Aggregator, Service.Service>() {
  /**
   * An aggregator with these options. A wrong one is raised as an `InvalidOption` when the layer is built.
   *
   * Closing it waits for what is cleaning up, so what its sources use must be provided below it.
   */
  static layer(options?: AggregatorOptions): Layer.Layer<Aggregator> {
    return Layer.scoped(Aggregator, Service.make(options))
  }

  /**
   * An aggregator whose options are read from a config; by default from `MUSTER_DEADLINE`, `MUSTER_GRACE` and
   * `MUSTER_CONCURRENCY`.
   */
  static layerConfig(
    config: Config.Config.Wrap<AggregatorOptions> = environment
  ): Layer.Layer<Aggregator, ConfigError.ConfigError> {
    return Layer.scoped(Aggregator, Effect.flatMap(Config.unwrap(config), Service.make))
  }

  /**
   * Every receipt from now on, until the scope closes: each once its last cleanup has ended. A reader that stands still holds
   * them all.
   */
  static readonly subscribe: Effect.Effect<Stream.Stream<Receipt>, never, Aggregator | Scope.Scope> = Effect.flatMap(
    Aggregator,
    (aggregator) => aggregator.subscribe
  )

  /** The same as a stream, which subscribes when it is first pulled. */
  static readonly receipts: Stream.Stream<Receipt, never, Aggregator> = Stream.unwrapScoped(Aggregator.subscribe)

  /** Waits until nothing that it cancelled is cleaning up; in virtual time, run it by `Testkit.timed`. */
  static readonly settled: Effect.Effect<void, never, Aggregator> = Effect.flatMap(
    Aggregator,
    (aggregator) => aggregator.settled
  )

  /**
   * All answers in the shape of the sources, optional ones as `Option`; or the first failure of a required source, the
   * rest interrupted. At the deadline the answer leaves all the same if only optional sources are late.
   */
  static gather<const S extends Sources>(
    name: string,
    sources: S,
    options?: Gather.Options
  ): Effect.Effect<Answers<S>, Failed<Source.Failure<Member<S>>> | DeadlineExceeded, Aggregator | Needs<S>> {
    const body = (context: Policies.Context) => {
      return Calling.mapExit(
        Policies.failFast(context, presented(sources)),
        answering<Source.Failure<Member<S>>, DeadlineExceeded>(context)(
          (values: ReadonlyArray<unknown>) => like(sources, values) as Answers<S>
        )
      )
    }
    return observe(name, "failFast", options, body, areCalls(sources))
  }

  /** An `Outcome` for each source, in the shape of the sources; never fails. Outcome policies make no difference here. */
  static collect<const S extends Sources>(
    name: string,
    sources: S,
    options?: Gather.Options
  ): Effect.Effect<Outcomes<Effects<S>>, never, Aggregator | Needs<S>> {
    const body = (context: Policies.Context) =>
      Calling.mapExit(
        Policies.collect(context, bare(sources)),
        Exit.map((outcomes) => like(sources, outcomes) as Outcomes<Effects<S>>)
      )
    return observe(name, "collect", options, body, areCalls(sources))
  }

  /** The first `k` successes by name. Outcome policies make no difference here. */
  static quorum<const S extends Sources>(
    name: string,
    sources: S,
    k: number,
    options?: Gather.Options
  ): Effect.Effect<SomeValues<Effects<S>>, Quorums<S> | DeadlineExceeded, Aggregator | Needs<S>> {
    return observe(name, "quorum", options, (context) =>
      Effect.map(quorum(context, bare(sources), k), (winners) => Object.fromEntries(winners) as SomeValues<Effects<S>>)
    )
  }

  /** The first success. Outcome policies make no difference here. */
  static first<const S extends Sources>(
    name: string,
    sources: S,
    options?: Gather.Options
  ): Effect.Effect<First<S>, Quorums<S> | DeadlineExceeded, Aggregator | Needs<S>> {
    return observe(name, "first", options, (context) =>
      Effect.map(quorum(context, bare(sources), 1), (winners) => winners[0]![1] as First<S>)
    )
  }

  /** All results in input order, or the first failure, which names the item. */
  static forEach<I, B, E, R, E2 = never, R2 = never>(
    name: string,
    items: Iterable<I> | Stream.Stream<I, E2, R2>,
    f: (item: I, index: number) => Effect.Effect<B, E, R>,
    options?: Gather.ItemOptions<I>
  ): Effect.Effect<Array<B>, Failed<E> | E2 | DeadlineExceeded, Aggregator | R | R2> {
    return observe(name, "forEach", options, (context) =>
      Calling.mapExit(
        Items.failFast(context, items, spanned(context, items, f), options),
        answering<E, E2 | DeadlineExceeded>(context)((values: Iterable<B>) => Array.from(values))
      )
    )
  }

  /**
   * An `Outcome` for each item, in input order; keyed by id when `options.id` is given. When a Stream of items fails, what
   * has been read is finished, and `InputFailed` has the outcomes.
   */
  static collectEach<I, B, E, R, E2 = never, R2 = never>(
    name: string,
    items: Iterable<I> | Stream.Stream<I, E2, R2>,
    f: (item: I, index: number) => Effect.Effect<B, E, R>,
    options: Gather.ItemOptions<I> & { readonly id: (item: I, index: number) => string }
  ): Effect.Effect<ReadonlyMap<string, Outcome<B, E>>, Items.Broken<B, E, E2>, Aggregator | R | R2>
  static collectEach<I, B, E, R, E2 = never, R2 = never>(
    name: string,
    items: Iterable<I> | Stream.Stream<I, E2, R2>,
    f: (item: I, index: number) => Effect.Effect<B, E, R>,
    options?: Gather.ItemOptions<I> & { readonly id?: undefined }
  ): Effect.Effect<Array<Outcome<B, E>>, Items.Broken<B, E, E2>, Aggregator | R | R2>
  static collectEach<I, B, E, R, E2, R2>(
    name: string,
    items: Iterable<I> | Stream.Stream<I, E2, R2>,
    f: (item: I, index: number) => Effect.Effect<B, E, R>,
    options?: Gather.ItemOptions<I>
  ): Effect.Effect<
    ReadonlyMap<string, Outcome<B, E>> | Array<Outcome<B, E>>,
    Gather.InputFailed<B, E, E2>,
    Aggregator | R | R2
  > {
    return observe(name, "collectEach", options, (context) =>
      Effect.map(Items.collect(context, items, spanned(context, items, f), options), (outcomes) =>
        options?.id === undefined ? Array.from(outcomes.values()) : outcomes
      )
    )
  }

  /** `[name, outcome]` for each source in order of arrival; never fails. Whoever stops reading cancels the rest. */
  static stream<const S extends Sources>(
    name: string,
    sources: S,
    options?: Gather.Options
  ): Stream.Stream<Gather.Arrival<Effects<S>>, never, Aggregator | Needs<S>> {
    return streamed((mailbox) =>
      observe(name, "stream", options, (context) => arrive(context, bare(sources), mailbox))
    ) as Stream.Stream<Gather.Arrival<Effects<S>>, never, Aggregator | Needs<S>>
  }
}

type First<S> = Effect.Effect.Success<Source.EffectOf<Member<S>>>

const observe = <A, E, R>(
  name: string,
  policy: string,
  options: Gather.Options | undefined,
  body: (context: Policies.Context) => Effect.Effect<A, E, R>,
  isCall = false
): Effect.Effect<A, E, R | Aggregator> => {
  const within = (aggregator: Service.Service) => aggregator.observe(name, policy, options, body)
  const observed = Effect.flatMap(Aggregator, within)
  if (!isCall) return observed
  return Calling.mark(observed, (where, done) => {
    // The cast: whoever calls has provided what it requires.
    const services = where.context as Context.Context<Aggregator>
    return Calling.start<A, E, R>(within(Context.get(services, Aggregator)), where, done)
  })
}

/** To check a receipt of ours of 1,000 sources takes 3 ms, while the answer is waited for. */
const unchecked = { disableValidation: true }

/**
 * An answer as it is presented. A failure with an `E` names the source that failed; what failed without a source (the
 * deadline) stays as it is.
 */
const answering =
  <E, X>({ recorder }: Policies.Context) =>
  <A, B>(present: (value: A) => B) =>
  (exit: Exit.Exit<A, E | X>): Exit.Exit<B, Failed<E> | X> => {
    if (exit._tag === "Success") return Exit.succeed(present(exit.value))
    const failure = Cause.failureOrCause(exit.cause)
    if (failure._tag === "Right") return Exit.failCause(failure.right)
    const { left: error } = failure
    const failed =
      recorder.ending === "failed" && recorder.decidedBy !== undefined
        ? new SourceFailed<E>({ source: recorder.decidedBy.name, error, receipt: recorder.receipt() }, unchecked)
        : error
    return Exit.fail(failed as Failed<E> | X)
  }
