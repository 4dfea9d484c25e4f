/**
 * How long the calls of a source took of late: percentiles in constant memory.
 *
 * @since 0.1.0
 */
import type { Duration, Exit } from "effect"
import { SourceTimedOut } from "../Outcome.ts"
import * as Transient from "./Transient.ts"
import * as Window from "./Window.ts"

/**
 * What was observed of how long calls take. Time is given as `Deadline.now` gives it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Latency {
  /** A call took this many milliseconds, or was given up after them. */
  readonly observe: (millis: number, now: number) => void
  /** The same for one that has ended. Failures do not count, except by a time limit: they are often faster than answers. */
  readonly ended: (exit: Exit.Exit<unknown, unknown>, millis: number, now: number) => void
  /**
   * So many milliseconds did this share of the calls take at most, 0.5 for half of them; up to a tenth too much, never too
   * little. `undefined` until 20 calls were observed, and enough that one may lie beyond it.
   */
  readonly percentile: (share: number, now: number) => number | undefined
}

/** Each bucket ends 9 % later than the one before it, from 1/16 ms to more than an hour. */
const perDoubling = 8
const least = 1 / 16
const buckets = 26 * perDoubling
const enough = 20

const bucketOf = (millis: number) =>
  Math.min(buckets - 1, Math.max(0, Math.ceil(Math.log2(millis / least) * perDoubling)))
const endOf = (bucket: number) => least * 2 ** (bucket / perDoubling)

/**
 * Observes the calls of the last `window` (default 1 minute), in less than 20 kB.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (where: string, window: Duration.DurationInput = "1 minute"): Latency => {
  const counts = Window.make(buckets, where, window)
  const observe = (millis: number, now: number) => counts.add(bucketOf(millis), now)
  return {
    observe,
    ended: (exit, millis, now) => {
      const error = Transient.errorOf(exit)
      if (exit._tag === "Success" || (error._tag === "Some" && error.value instanceof SourceTimedOut))
        observe(millis, now)
    },
    percentile: (share, now) => {
      const totals = counts.totals(now)
      const all = totals.reduce((sum, count) => sum + count, 0)
      if (all < enough || all * (1 - share) < 0.999) return undefined
      const rank = Math.ceil(all * share)
      let reached = 0
      const bucket = totals.findIndex((count) => (reached += count) >= rank)
      return endOf(bucket)
    }
  }
}
