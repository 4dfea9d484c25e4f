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
 * Starts an effect that nobody waits for but the cleanup owner, who counts it as cleanup that outlives an answer. It is
 * stopped after `limit` milliseconds, and not before. That it failed is logged.
 *
 * @since 0.1.0
 * @category running
 */
export const run = <E, R>(
  name: string,
  effect: Effect.Effect<unknown, E, R>,
  millis: number = limit
): Effect.Effect<void, never, R> =>
  Effect.suspend(() => {
    let running: Cleanup.Running<unknown, never> | undefined
    let begun = false
    // The owner interrupts what it takes in, so it takes this in where that has no effect any more.
    const handOver = () => (begun ? running?.cancel() : undefined)
    const limited = Effect.timeout(Effect.interruptible(effect), millis)
    const logged = Effect.catchAllCause(limited, (cause) => Effect.logWarning(`${name} failed`, cause))
    const body = Effect.suspend(() => {
      begun = true
      handOver()
      return logged
    })
    const watch = { name, ended: nothing, cancelled: nothing, cleaned: nothing, gaveUp: nothing }
    return Effect.map(Cleanup.start(Effect.uninterruptible(body), watch), (started) => {
      running = started
      handOver()
    })
  })

const nothing = () => {}
