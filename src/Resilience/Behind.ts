/**
 * Work that nobody waits for: it goes on behind an answer, under the cleanup owner.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as Cleanup from "../Cleanup.ts"

/**
 * How long such work may take when nothing else is said, in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export const limit = 10_000

/**
 * Starts an effect that is never interrupted. What it gives hands it over: from then on the cleanup owner waits for it.
 *
 * @since 0.1.0
 * @category running
 */
export const start = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<() => void, never, R> =>
  Effect.suspend(() => {
    const watch = { name, ended: nothing, cancelled: nothing, cleaned: nothing, gaveUp: nothing }
    let begun = false
    let onBegun = nothing
    const isAwaited = Effect.async<void>((resume) => {
      if (begun) resume(Effect.void)
      else onBegun = () => resume(Effect.void)
    })
    // An owner interrupts what it takes in, and an interruption reaches the children of a fiber also where the fiber itself
    // cannot be interrupted. So it is given another fiber, which does nothing but wait.
    const awaiting = (running: Cleanup.Running<A, E>) =>
      Effect.suspend(() => {
        begun = true
        onBegun()
        return running.await
      })
    return Effect.uninterruptible(
      Cleanup.start(effect, watch).pipe(
        Effect.flatMap((running) => Cleanup.start(Effect.uninterruptible(awaiting(running)), watch)),
        Effect.zipLeft(isAwaited),
        Effect.map((waiting) => waiting.cancel)
      )
    )
  })

/**
 * Starts an effect that nobody waits for but the cleanup owner, who counts it as cleanup that outlives an answer. It is
 * stopped after `millis`, and not before. That it failed is logged.
 *
 * @since 0.1.0
 * @category running
 */
export const run = <E, R>(
  name: string,
  effect: Effect.Effect<unknown, E, R>,
  millis: number = limit
): Effect.Effect<void, never, R> => {
  const logged = Effect.catchAllCause(Effect.timeout(effect, millis), (cause) =>
    Effect.logWarning(`${name} failed`, cause)
  )
  return Effect.map(start(name, logged), (handOver) => handOver())
}

const nothing = () => {}
