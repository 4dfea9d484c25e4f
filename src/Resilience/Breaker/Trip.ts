/**
 * When a breaker trips.
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"
import * as Options from "../../Options.ts"
import * as Bounds from "../Bounds.ts"
import * as Window from "../Window.ts"

/**
 * Counts calls for one breaker, from when it closes to when it trips. Time is given as `Deadline.now` gives it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tally {
  readonly succeeded: (now: number) => void
  /** A call has failed. When that is one too many: why, in words. */
  readonly failed: (now: number) => string | undefined
}

/**
 * A way to count.
 *
 * @since 0.1.0
 * @category models
 */
export type Trip = () => Tally

/**
 * Trips when so many calls in a row have failed, a whole number from 1 up.
 *
 * @since 0.1.0
 * @category constructors
 */
export const consecutive = (failures: number): Trip => {
  Options.count("Breaker.consecutive", "failures", failures)
  return () => {
    let inARow = 0
    return {
      succeeded: () => void (inARow = 0),
      failed: () => (++inARow < failures ? undefined : `${inARow} ${inARow === 1 ? "call" : "calls in a row"} failed`)
    }
  }
}

/**
 * How many calls may fail.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateOptions {
  /** The share of failures that trips: more than 0, at most 1. Default 0.5. */
  readonly threshold?: number | undefined
  /** Calls count for this long; default 10 seconds. */
  readonly window?: Duration.DurationInput | undefined
  /** It never trips on fewer calls than this within the window; default 20. */
  readonly minimum?: number | undefined
}

/**
 * Trips when at least this share of the calls within a sliding window have failed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rate = (options: RateOptions = {}): Trip => {
  const where = "Breaker.rate"
  const threshold = Bounds.share(where, "threshold", options.threshold ?? 0.5)
  if (threshold === 0) Options.refuse(where, "threshold", threshold, "more than 0")
  const minimum = Options.count(where, "minimum", options.minimum ?? 20)
  const window = Bounds.span(where, "window", options.window ?? "10 seconds")
  return () => {
    const calls = Window.make(2, where, window)
    return {
      succeeded: (now) => calls.add(0, now),
      failed: (now) => {
        calls.add(1, now)
        const [good = 0, bad = 0] = calls.totals(now)
        const all = good + bad
        return all >= minimum && bad >= all * threshold ? `${bad} of the last ${all} calls failed` : undefined
      }
    }
  }
}
