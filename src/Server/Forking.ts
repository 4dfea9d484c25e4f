/**
 * Fibers of a server: they have the loggers, the clock and the tracer that it was made with.
 *
 * @since 0.1.0
 */
import { type Context, Effect, type Fiber, Runtime } from "effect"

/**
 * Starts an effect in a fiber of its own, with these services and no others.
 *
 * @since 0.1.0
 * @category models
 */
export type Fork = <A, E, R>(effect: Effect.Effect<A, E, R>, context: Context.Context<R>) => Fiber.RuntimeFiber<A, E>

/**
 * The way to start fibers like the one that runs this.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Fork> = Effect.map(
  Effect.runtime(),
  ({ fiberRefs, runtimeFlags }): Fork =>
    (effect, context) =>
      Runtime.runFork(Runtime.make({ context, fiberRefs, runtimeFlags }), effect)
)
