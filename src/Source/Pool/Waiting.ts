/**
 * Waits that end when they must, also where nothing can be interrupted, and what goes on when nobody waits any more.
 *
 * @since 0.1.0
 */
import { Deferred, Effect, type Exit, Fiber, FiberId, Option } from "effect"
import type * as Cleanup from "../../Cleanup.ts"
import type { Asked } from "../../Receipt/Asking.ts"

/**
 * How long after the ambient deadline (in milliseconds) a connection gives up by itself. Whoever set the deadline has said
 * so before, and otherwise somebody has to.
 *
 * @since 0.1.0
 * @category models
 */
export const slack = 20

/**
 * What ends first; the other one is interrupted. In a finalizer, where nothing can be interrupted, `Effect.raceFirst` would
 * wait for the other one; could it be interrupted there, an interruption of the whole would reach it.
 *
 * @since 0.1.0
 * @category racing
 */
export const firstOf = <A, E, B, E2, R>(
  one: Effect.Effect<A, E, R>,
  other: Effect.Effect<B, E2, R>
): Effect.Effect<A | B, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const first = Deferred.unsafeMake<A | B, E | E2>(FiberId.none)
      const run = (effect: Effect.Effect<A | B, E | E2, R>) =>
        Effect.forkDaemon(Effect.intoDeferred(Effect.interruptible(effect), first))
      return Effect.flatMap(Effect.zip(run(one), run(other)), (fibers) =>
        Effect.ensuring(restore(Deferred.await(first)), Fiber.interruptAll(fibers))
      )
    })
  )

/**
 * How a fiber ended; none when it has not until a little after the deadline. As {@link firstOf}, and cheaper.
 *
 * @since 0.1.0
 * @category racing
 */
export const exitWithin = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  left: number
): Effect.Effect<Option.Option<Exit.Exit<A, E>>> => {
  if (left === Infinity) return Effect.asSome(Fiber.await(fiber))
  const sleep = Effect.interruptible(Effect.sleep(Math.ceil(left) + slack))
  return Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDaemon(sleep), (timer) =>
      Effect.async<Option.Option<Exit.Exit<A, E>>>((resume) => {
        fiber.addObserver((exit) => resume(Effect.succeedSome(exit)))
        timer.addObserver(() => resume(Effect.succeedNone))
      }).pipe(restore, Effect.ensuring(Effect.sync(() => timer.unsafeInterruptAsFork(FiberId.none))))
    )
  )
}

/**
 * Runs an effect to its end, without anybody waiting for it but the owner; it counts as cleanup of the source.
 *
 * @since 0.1.0
 * @category running
 */
export const leave = (effect: Effect.Effect<void>, owner: Cleanup.Registry, asking: Asked): Effect.Effect<void> =>
  Effect.uninterruptible(
    Effect.map(Effect.forkDaemon(effect), (fiber) => {
      const watch = asking.inner()
      watch.cancelled()
      fiber.addObserver(() => watch.cleaned())
      owner.adopt(watch, fiber)
    })
  )
