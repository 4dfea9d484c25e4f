/**
 * What a program without Effect asks, and how answers follow from it.
 *
 * @since 0.1.0
 */
import { Cause, Effect, Exit, identity, Predicate, Stream } from "effect"
import type { Answers, Effects } from "../Aggregator/Shape.ts"
import { like, members, type Shape } from "../Gather/Shape.ts"
import * as Options from "../Options.ts"
import * as Source from "../Source.ts"
import * as Promising from "../Gather/Promising.ts"

/**
 * A function of an AbortSignal, which is aborted when the answer is no longer wanted.
 *
 * A throw means the same as a rejection. One that hands its signal on (to `fetch`, to a timer) stops at once. One that
 * ignores it is let go of, and counts as cleaning up until its promise settles.
 *
 * @since 0.1.0
 * @category models
 */
export type Ask<A> = (signal: AbortSignal) => A | PromiseLike<A>

/**
 * A function to ask, with what its failure means for the answer. It gives an `A`, which stands in the answer as a `V`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlainSource<out A, out V = A> {
  readonly ask: Ask<A>
  /** What stands in the answer when it has failed or is late; without it, its failure is the answer's failure. */
  readonly instead: { readonly value: V } | undefined
}

/**
 * Any source; a bare function is a required one.
 *
 * @since 0.1.0
 * @category models
 */
export type AnyPlainSource = Ask<unknown> | PlainSource<unknown, unknown>

/**
 * Sources by name, in an array, or in any iterable; the names of the latter two are their positions: `"0"`, `"1"`.
 *
 * @since 0.1.0
 * @category models
 */
export type PlainSources = Shape<AnyPlainSource>

type AsSources<S> =
  S extends ReadonlyArray<unknown>
    ? { readonly [K in keyof S]: AsSource<S[K]> }
    : S extends Iterable<infer T>
      ? Iterable<AsSource<T>>
      : { readonly [K in keyof S]: AsSource<S[K]> }

type AsSource<T> =
  T extends PlainSource<infer A, infer V>
    ? Source.Source<A, unknown, never, V, unknown>
    : T extends (signal: AbortSignal) => infer P
      ? Effect.Effect<Awaited<P>, unknown>
      : never

/**
 * What stands in the answer for each source, in the shape of the sources.
 *
 * @since 0.1.0
 * @category models
 */
export type PlainAnswers<S> = Answers<AsSources<S>>

/**
 * The sources as effects, in the same shape: what is known of the answers of effects is known of theirs.
 *
 * @since 0.1.0
 * @category models
 */
export type PlainEffects<S> = Effects<AsSources<S>>

/**
 * Turns sources into those of an `Aggregator`. Refuses what cannot be asked: a promise, for one, has been started already
 * and cannot be cancelled.
 *
 * @since 0.1.0
 * @category constructors
 */
export const toSources = (where: string, sources: PlainSources): Shape<Answering> =>
  like(
    sources,
    members(sources, (name, source): Answering => {
      const { ask, instead } = read(where, name, source)
      const effect = toEffect(ask)
      return instead === undefined ? effect : Source.orElse(effect, instead.value)
    })
  )

type Answering = Source.Source<unknown, unknown, never, unknown, unknown> | Effect.Effect<unknown, unknown>

const read = (where: string, name: string, source: AnyPlainSource): PlainSource<unknown, unknown> => {
  if (typeof source === "function") return { ask: source, instead: undefined }
  if (Predicate.hasProperty(source, "ask") && typeof source.ask === "function") return source
  const given = typeof source === "object" ? Object.prototype.toString.call(source) : source
  return Options.refuse(where, `source "${name}"`, given, "a function of an AbortSignal, or what is made from one")
}

/**
 * A function of an AbortSignal as an effect that fails with what the function rejects with, untouched. When it is
 * interrupted, its cleanup lasts until the promise has settled.
 *
 * @since 0.1.0
 * @category constructors
 */
export const toEffect = <A>(ask: Ask<A>): Effect.Effect<A, unknown> =>
  Promising.mark(
    Effect.suspend(() => {
      let asked: Promise<A> | undefined
      return Effect.tryPromise({
        try: (signal) => (asked = (async () => ask(signal))()),
        catch: (error) => ({ error })
      }).pipe(
        // Inside a span `Effect.fail` would put a Proxy around the error; a cause takes it as it is.
        Effect.catchAll(({ error }) => Effect.failCause(Cause.fail(error))),
        Effect.onInterrupt(() => Effect.promise(async () => asked?.then(ignore, ignore)))
      )
    }),
    {
      ask: async (signal) => ask(signal),
      // The cast: it is what `ask` gives.
      succeeded: (value) => value as A,
      failed: Exit.fail,
      lingers: true
    }
  )

const ignore = () => {}

/**
 * Items as an `Aggregator` takes them: an AsyncIterable is pulled, and closed when no more are wanted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const toItems = <I>(items: Iterable<I> | AsyncIterable<I>): Iterable<I> | Stream.Stream<I, unknown> =>
  Predicate.hasProperty(items, Symbol.asyncIterator) ? Stream.fromAsyncIterable(items, identity<unknown>) : items
