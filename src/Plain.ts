/**
 * The same policies for programs without Effect: functions of an AbortSignal in, a promise out.
 *
 * Errors are thrown as they are: `SourceFailed`, `DeadlineExceeded`, `QuorumNotReached`, told apart with `instanceof`.
 * `SourceFailed.error` is what the source rejected with. A wrong option is an `InvalidOption`.
 *
 * @since 0.1.0
 */
import type { AggregatorOptions } from "./Aggregator.ts"
import type * as Gather from "./Gather.ts"
import type { Outcomes, SomeValues, Values } from "./Gather/Shape.ts"
import type { Outcome } from "./Outcome.ts"
import { Calls } from "./Plain/Calls.ts"
import { policies } from "./Plain/Policies.ts"
import type { Ask, PlainAnswers, PlainEffects, PlainSource, PlainSources } from "./Plain/Sources.ts"
import type { Receipt } from "./Receipt.ts"

export {
  /** @since 0.1.0 */
  SourceFailed
} from "./Aggregator.ts"
export {
  /** @since 0.1.0 */
  DeadlineExceeded
} from "./Deadline.ts"
export {
  /** @since 0.1.0 */
  DuplicateId,
  /** @since 0.1.0 */
  InputFailed,
  /** @since 0.1.0 */
  QuorumNotReached
} from "./Gather.ts"
export {
  /** @since 0.1.0 */
  InvalidOption
} from "./Options.ts"
export {
  /** @since 0.1.0 */
  AggregatorClosed
} from "./Plain/Calls.ts"
export {
  /** @since 0.1.0 */
  type Ask,
  /** @since 0.1.0 */
  type PlainSource,
  /** @since 0.1.0 */
  type PlainSources
} from "./Plain/Sources.ts"

/**
 * The options of every policy; a number is milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Gather.Options {
  /** Names the aggregation in errors and receipts; default: the name of the policy. */
  readonly name?: string | undefined
  /** When it is aborted, everything asked is cancelled, and the promise rejects at once with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * Called with the receipt once the last cleanup has ended, which may be before or after the answer. A source that
   * ignores its signal holds it back until its promise settles.
   */
  readonly onReceipt?: ((receipt: Receipt) => void) | undefined
}

/**
 * The options of policies over items.
 *
 * @since 0.1.0
 * @category models
 */
export interface ItemOptions<I> extends Options {
  /** Names an item in errors and receipts, and keys the outcomes of `collectEach`; default: its position. */
  readonly id?: ((item: I, index: number) => string) | undefined
  /** How many items of an AsyncIterable may be pulled beyond those being worked on; default zero. */
  readonly buffer?: number | undefined
}

/**
 * The options of an aggregator; those of a call can only shorten its deadline.
 *
 * @since 0.1.0
 * @category models
 */
export type PlainOptions = Omit<AggregatorOptions, "logger">

/**
 * Asks one item.
 *
 * @since 0.1.0
 * @category models
 */
export type AskItem<I, B> = (item: I, signal: AbortSignal, index: number) => B | PromiseLike<B>

/**
 * The policies; those of a {@link PlainAggregator}, and those of this module, which share one aggregator of the process.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlainPolicies {
  /** See {@link gather}. */
  readonly gather: <const S extends PlainSources>(sources: S, options?: Options) => Promise<PlainAnswers<S>>
  /** See {@link collect}. */
  readonly collect: <const S extends PlainSources>(sources: S, options?: Options) => Promise<Outcomes<PlainEffects<S>>>
  /** See {@link quorum}. */
  readonly quorum: <const S extends PlainSources>(
    sources: S,
    k: number,
    options?: Options
  ) => Promise<SomeValues<PlainEffects<S>>>
  /** See {@link first}. */
  readonly first: <const S extends PlainSources>(
    sources: S,
    options?: Options
  ) => Promise<Values<PlainEffects<S>>[keyof Values<PlainEffects<S>>]>
  /** See {@link forEach}. */
  readonly forEach: <I, B>(
    items: Iterable<I> | AsyncIterable<I>,
    ask: AskItem<I, B>,
    options?: ItemOptions<I>
  ) => Promise<Array<B>>
  /** See {@link collectEach}. */
  readonly collectEach: {
    <I, B>(
      items: Iterable<I> | AsyncIterable<I>,
      ask: AskItem<I, B>,
      options: ItemOptions<I> & { readonly id: (item: I, index: number) => string }
    ): Promise<ReadonlyMap<string, Outcome<B, unknown>>>
    <I, B>(
      items: Iterable<I> | AsyncIterable<I>,
      ask: AskItem<I, B>,
      options?: ItemOptions<I> & { readonly id?: undefined }
    ): Promise<Array<Outcome<B, unknown>>>
  }
  /** See {@link stream}. */
  readonly stream: <const S extends PlainSources>(
    sources: S,
    options?: Options
  ) => AsyncIterable<Gather.Arrival<PlainEffects<S>>>
}

/**
 * An aggregator of your own.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlainAggregator extends PlainPolicies {
  /** Every receipt from now on, each once its last cleanup has ended; ends when the aggregator has been closed. */
  readonly receipts: () => AsyncIterableIterator<Receipt>
  /**
   * Cancels the calls that run, which reject with `AggregatorClosed` as later calls do, and waits for their cleanup: for
   * as long as their `grace`, and then at most `closeTimeout` (default 5 seconds).
   */
  readonly close: () => Promise<void>
}

/**
 * An aggregator of your own: its options hold for all its calls, it hands out the receipts of all of them, and it can be
 * closed. A wrong option is thrown as an `InvalidOption`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: PlainOptions): PlainAggregator => {
  const calls = new Calls(options)
  return { ...policies(() => calls), receipts: () => calls.receipts(), close: () => calls.close() }
}

let shared: Calls | undefined
const everyone = policies(() => (shared ??= new Calls(undefined)))

/**
 * All answers in the shape of the sources; or the first failure of a required source, as `SourceFailed`, the rest
 * cancelled. At the deadline the answer leaves all the same if only optional sources are late, else it is
 * `DeadlineExceeded`.
 *
 * @example
 * ```ts
 * const { profile, orders } = await gather(
 *   {
 *     profile: (signal) => fetch("http://profile.internal/42", { signal }).then((response) => response.json()),
 *     orders: optional((signal) => fetch("http://orders.internal/42", { signal }).then((response) => response.json()))
 *   },
 *   { deadline: 1_000 }
 * )
 * ```
 *
 * @since 0.1.0
 * @category policies
 */
export const gather: PlainPolicies["gather"] = everyone.gather

/**
 * An `Outcome` for each source, in the shape of the sources. It rejects only when the signal is aborted: what has finished
 * when the deadline strikes is kept. `required`, `optional` and `orElse` make no difference here.
 *
 * @since 0.1.0
 * @category policies
 */
export const collect: PlainPolicies["collect"] = everyone.collect

/**
 * The first `k` successes, by name, the rest cancelled. Rejects with `QuorumNotReached` as soon as `k` successes are
 * impossible, or with `DeadlineExceeded`. `required`, `optional` and `orElse` make no difference here.
 *
 * @since 0.1.0
 * @category policies
 */
export const quorum: PlainPolicies["quorum"] = everyone.quorum

/**
 * The first success, the rest cancelled. Rejects with `QuorumNotReached` when all have failed, or with
 * `DeadlineExceeded`. `required`, `optional` and `orElse` make no difference here.
 *
 * @since 0.1.0
 * @category policies
 */
export const first: PlainPolicies["first"] = everyone.first

/**
 * All results in the order of the items, or the first failure, as a `SourceFailed` that names the item. An AsyncIterable is
 * pulled no further ahead than `concurrency + buffer`; when it fails, its error is thrown as it is.
 *
 * @since 0.1.0
 * @category policies
 */
export const forEach: PlainPolicies["forEach"] = everyone.forEach

/**
 * An `Outcome` for each item, in the order of the items; keyed by id when `options.id` is given. When an AsyncIterable of
 * items fails, what has been read is finished, and `InputFailed` has the outcomes.
 *
 * @since 0.1.0
 * @category policies
 */
export const collectEach: PlainPolicies["collectEach"] = everyone.collectEach

/**
 * `[name, outcome]` for each source in order of arrival. Asking begins when reading begins; whoever stops reading cancels
 * the rest. At the deadline it yields what is missing and ends.
 *
 * @since 0.1.0
 * @category policies
 */
export const stream: PlainPolicies["stream"] = everyone.stream

/**
 * Its failure is the answer's failure. A bare function means the same.
 *
 * @since 0.1.0
 * @category outcome policies
 */
export const required = <A>(ask: Ask<A>): PlainSource<A> => ({ ask, instead: undefined })

/**
 * It stands in the answer as `undefined` when it has failed or is late.
 *
 * @since 0.1.0
 * @category outcome policies
 */
export const optional = <A>(ask: Ask<A>): PlainSource<A, A | undefined> => orElse(ask, undefined)

/**
 * Another value takes its place in the answer when it has failed or is late.
 *
 * @since 0.1.0
 * @category outcome policies
 */
export const orElse = <A, B>(ask: Ask<A>, value: B): PlainSource<A, A | B> => ({ ask, instead: { value } })
