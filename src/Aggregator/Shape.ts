/**
 * How answers follow from the shape of the sources.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import type { SourceFailed } from "../Aggregator.ts"
import type * as Gather from "../Gather.ts"
import type * as Shape from "../Gather/Shape.ts"
import type * as Source from "../Source.ts"

/**
 * Sources by name, in a tuple, or in any iterable. A bare effect is a required source.
 *
 * @since 0.1.0
 * @category models
 */
export type Sources = Shape.Shape<Source.AnySource>

/**
 * The sources as effects, in the same shape.
 *
 * @since 0.1.0
 * @category models
 */
export type Effects<S> =
  S extends ReadonlyArray<unknown>
    ? { readonly [K in keyof S]: Source.EffectOf<S[K]> }
    : S extends Iterable<infer T>
      ? Iterable<Source.EffectOf<T>>
      : { readonly [K in keyof S]: Source.EffectOf<S[K]> }

/**
 * What stands in the answer for each source, in the same shape.
 *
 * @since 0.1.0
 * @category models
 */
export type Answers<S> =
  S extends ReadonlyArray<unknown>
    ? { -readonly [K in keyof S]: Source.Answer<S[K]> }
    : S extends Iterable<infer T>
      ? Array<Source.Answer<T>>
      : { -readonly [K in keyof S]: Source.Answer<S[K]> }

/**
 * What the sources require.
 *
 * @since 0.1.0
 * @category models
 */
export type Needs<S> = Effect.Effect.Context<Source.EffectOf<Shape.Member<S>>>

/**
 * The error of an answer whose required sources fail with `E`; none when they cannot fail.
 *
 * @since 0.1.0
 * @category models
 */
export type Failed<E> = [E] extends [never] ? never : SourceFailed<E>

/**
 * The error of a quorum of these sources.
 *
 * @since 0.1.0
 * @category models
 */
export type Quorums<S> = Gather.QuorumNotReached<Effect.Effect.Error<Source.EffectOf<Shape.Member<S>>>>
