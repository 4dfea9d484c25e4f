/**
 * Effects that are one exchange by direct calls, and say so: the aggregator asks them without a fiber.
 *
 * @since 0.1.0
 */
import { Context, Effect, type Exit, type Fiber, Option, Tracer } from "effect"
import * as Deadline from "../Deadline.ts"
import { Asking, type Asked } from "../Receipt/Asking.ts"
import * as Spans from "../Receipt/Spans.ts"

/**
 * For which source it is, until when, and in which span.
 *
 * @since 0.1.0
 * @category models
 */
export interface Where {
  readonly asking: Asked
  /** On the scale of `Deadline.Current`. */
  readonly deadline: number
  readonly parent: Tracer.AnySpan | undefined
  /** `undefined` where tracing is off. */
  readonly spans: Spans.Spans | undefined
  /** The one that waits for it. */
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
}

/**
 * An exchange that begins at once and calls back once when it has ended; it gives the way to cancel it, after which nothing is
 * called back and nothing is left to clean up.
 *
 * @since 0.1.0
 * @category models
 */
export type Call<A, E> = (where: Where, done: (exit: Exit.Exit<A, E>) => void) => () => void

const key: unique symbol = Symbol.for("effect-muster/Gather/Calling")

/**
 * A call as an effect that is marked with it. What is made from it by a combinator is not marked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E>(call: Call<A, E>): Effect.Effect<A, E> =>
  Object.assign(
    Effect.withFiberRuntime<A, E>((fiber) =>
      Effect.async((resume) => {
        const cancel = call(here(fiber), resume)
        return Effect.sync(cancel)
      })
    ),
    { [key]: call }
  )

/**
 * What an effect was marked with.
 *
 * @since 0.1.0
 * @category getters
 */
export const of = <A, E, R>(effect: Effect.Effect<A, E, R>): Call<A, E> | undefined =>
  // The cast: only `make` writes this key, with the types of the effect.
  key in effect ? (effect[key] as Call<A, E>) : undefined

/**
 * What a fiber knows of where it is.
 *
 * @since 0.1.0
 * @category getters
 */
export const here = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Where => {
  const { currentContext: context } = fiber
  return {
    asking: Context.get(context, Asking),
    deadline: Context.get(context, Deadline.Current),
    parent: Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan)),
    spans: Spans.of(fiber),
    fiber
  }
}
