/**
 * The shapes that sources come in and answers leave in, as `Effect.all` has them: a struct, a tuple, an iterable.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import type { Outcome } from "../Outcome.ts"

/**
 * Any effect.
 *
 * @since 0.1.0
 * @category models
 */
export type AnyEffect = Effect.Effect<unknown, unknown, unknown>

/**
 * Effects by name, in a tuple, or in any iterable; the names of the latter two are their positions: `"0"`, `"1"`.
 *
 * @since 0.1.0
 * @category models
 */
export type Shape<T> = Iterable<T> | { readonly [name: string]: T }

/**
 * All members of a shape, as a union.
 *
 * @since 0.1.0
 * @category models
 */
export type Member<S> = S extends Iterable<infer T> ? T : S[keyof S]

/**
 * The errors of effects in a shape.
 *
 * @since 0.1.0
 * @category models
 */
export type Errors<S> = ErrorOf<Member<S>>

type ErrorOf<T> = T extends Effect.Effect<infer _A, infer E, infer _R> ? E : never

/**
 * What the effects in a shape require.
 *
 * @since 0.1.0
 * @category models
 */
export type Requirements<S> = RequirementsOf<Member<S>>

type RequirementsOf<T> = T extends Effect.Effect<infer _A, infer _E, infer R> ? R : never

/**
 * The values of effects, in the shape of the effects.
 *
 * @since 0.1.0
 * @category models
 */
export type Values<S> =
  S extends ReadonlyArray<unknown>
    ? { -readonly [K in keyof S]: Value<S[K]> }
    : S extends Iterable<infer T>
      ? Array<Value<T>>
      : { -readonly [K in keyof S]: Value<S[K]> }

type Value<T> = T extends Effect.Effect<infer A, infer _E, infer _R> ? A : never

/**
 * The outcomes of effects, in the shape of the effects.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcomes<S> =
  S extends ReadonlyArray<unknown>
    ? { -readonly [K in keyof S]: OutcomeOf<S[K]> }
    : S extends Iterable<infer T>
      ? Array<OutcomeOf<T>>
      : { -readonly [K in keyof S]: OutcomeOf<S[K]> }

type OutcomeOf<T> = T extends Effect.Effect<infer A, infer E, infer _R> ? Outcome<A, E> : never

/**
 * Some of the values of effects, by name.
 *
 * @since 0.1.0
 * @category models
 */
export type SomeValues<S> =
  S extends Iterable<infer T> ? { [name: string]: Value<T> } : { -readonly [K in keyof S]?: Value<S[K]> }

/**
 * What becomes of each member of a shape, with its name.
 *
 * @since 0.1.0
 * @category getters
 */
export const members = <T, B>(shape: Shape<T>, f: (name: string, member: T) => B): ReadonlyArray<B> =>
  isIterable(shape)
    ? Array.from(shape, (member, index) => f(String(index), member))
    : Object.keys(shape).map((name) => f(name, shape[name]!))

/**
 * Puts results, in the order of {@link members}, into the shape that the members came in.
 *
 * @since 0.1.0
 * @category constructors
 */
export const like = <T>(shape: Shape<unknown>, results: ReadonlyArray<T>): ReadonlyArray<T> | Record<string, T> => {
  if (isIterable(shape)) return results
  const names = Object.keys(shape)
  // Without a prototype an assignment to `__proto__` is like any other. And V8 takes such an object for a dictionary at once,
  // where others are copied again and again as they grow: of 1,000 names, half of all memory that an answer takes.
  const plain = names.length <= manyNames && !names.includes("__proto__")
  const answer: Record<string, T> = plain ? {} : Object.create(null)
  names.forEach((name, index) => (answer[name] = results[index]!))
  return plain ? answer : Object.setPrototypeOf(answer, Object.prototype)
}

const manyNames = 128

const isIterable = <T>(shape: Shape<T>): shape is Iterable<T> => Symbol.iterator in shape
