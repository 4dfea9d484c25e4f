/**
 * What a server runs effects by: they have the loggers, the clock and the tracer that it was made with.
 *
 * @since 0.1.0
 */
import { type Context, Effect, type Exit, type Fiber, Runtime, type Scope } from "effect"
import * as Calling from "../Gather/Calling.ts"

/**
 * Starts an effect in a fiber of its own, with these services and no others.
 *
 * @since 0.1.0
 * @category models
 */
export type Fork = <A, E, R>(effect: Effect.Effect<A, E, R>, context: Context.Context<R>) => Fiber.RuntimeFiber<A, E>

/**
 * A fiber; or of what needs none the way to begin it, which calls back once and gives the way to cancel it: after that
 * nothing is called back.
 *
 * @since 0.1.0
 * @category models
 */
export type Begun<A, E> = Fiber.RuntimeFiber<A, E> | ((done: (exit: Exit.Exit<A, E>) => void) => () => void)

/**
 * Both ways.
 *
 * @since 0.1.0
 * @category models
 */
export interface Forking {
  readonly fork: Fork
  /**
   * Without a fiber, if the effect can be asked so: 156 us for a request to two services instead of 200, a third of that in the
   * collector, since V8 keeps what leads to a fiber till a full collection (see `Aggregator/Engine`).
   */
  readonly begin: <A, E, R>(effect: Effect.Effect<A, E, R>, context: Context.Context<R>) => Begun<A, E>
}

/**
 * The way to run effects as the fiber does that runs this.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Forking, never, Scope.Scope> = Effect.gen(function* () {
  const { fiberRefs, runtimeFlags } = yield* Effect.runtime()
  // Nothing runs in it: it is there for its refs, which do not change.
  const idle = yield* Effect.forkScoped(Effect.never)
  const fork: Fork = (effect, context) => Runtime.runFork(Runtime.make({ context, fiberRefs, runtimeFlags }), effect)
  return {
    fork,
    begin: <A, E, R>(effect: Effect.Effect<A, E, R>, context: Context.Context<R>) => {
      if (Calling.of(effect) === undefined) return fork(effect, context)
      // The cast: it has whatever the effect needs.
      const where = Calling.here(idle, context as Context.Context<never>)
      return (done: (exit: Exit.Exit<A, E>) => void) => Calling.start(effect, where, done)
    }
  }
})
