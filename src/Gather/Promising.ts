/**
 * Effects that are functions of an AbortSignal, and say so: the aggregator asks them without a fiber.
 *
 * @since 0.1.0
 */
import { Cause, Effect, Exit } from "effect"
import type { Promised } from "./Run.ts"

const key: unique symbol = Symbol.for("effect-muster/Gather/Promising")

/**
 * Marks an effect as the same as a function. What is made from it by a combinator is not marked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const mark = <A, E>(effect: Effect.Effect<A, E>, promised: Promised<A, E>): Effect.Effect<A, E> =>
  Object.assign(effect, { [key]: promised })

/**
 * What an effect was marked with.
 *
 * @since 0.1.0
 * @category getters
 */
export const of = <A, E, R>(effect: Effect.Effect<A, E, R>): Promised<A, E> | undefined =>
  // The cast: only `mark` writes this key, with the types of the effect.
  key in effect ? (effect[key] as Promised<A, E>) : undefined

/**
 * `Effect.tryPromise`, marked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tryPromise: typeof Effect.tryPromise = <A, E>(
  given:
    | ((signal: AbortSignal) => PromiseLike<A>)
    | { readonly try: (signal: AbortSignal) => PromiseLike<A>; readonly catch: (error: unknown) => E }
): Effect.Effect<A, E | Cause.UnknownException> => {
  const ask = typeof given === "function" ? given : given.try
  const explain = typeof given === "function" ? unknown : given.catch
  const effect: Effect.Effect<A, E | Cause.UnknownException> =
    typeof given === "function" ? Effect.tryPromise(given) : Effect.tryPromise(given)
  return mark(effect, {
    ask,
    // The cast: it is what `ask` gives.
    succeeded: (value) => value as A,
    failed: (error) => {
      try {
        return Exit.fail(explain(error))
      } catch (thrown) {
        return Exit.die(thrown)
      }
    },
    lingers: false
  })
}

const unknown = (error: unknown) => new Cause.UnknownException(error, "An unknown error occurred in Effect.tryPromise")
