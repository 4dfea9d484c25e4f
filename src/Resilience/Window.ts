/**
 * Counters over the last stretch of time, in constant memory.
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"
import * as Bounds from "./Bounds.ts"

/**
 * Some counters, each of what was added to it in the last stretch of time. Time is given as `Deadline.now` gives it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Window {
  readonly add: (counter: number, now: number) => void
  /** What each counter stands at; read it at once, the next call changes it. */
  readonly totals: (now: number) => Float64Array
}

/** It moves on by a tenth of its length at a time. */
const slices = 10

/**
 * Makes a window of this length, which must be more than zero and finite. What was added leaves it after nine to ten tenths
 * of the length.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (counters: number, where: string, length: Duration.DurationInput): Window => {
  const millis = Bounds.span(where, "window", length)
  const parts = Array.from({ length: slices }, () => new Float64Array(counters))
  const totals = new Float64Array(counters)
  let current = 0

  const moveOn = (now: number) => {
    const index = Math.floor((now / millis) * slices)
    for (let step = Math.max(current + 1, index - slices + 1); step <= index; step++) {
      const part = parts[step % slices]!
      for (let counter = 0; counter < counters; counter++) totals[counter]! -= part[counter]!
      part.fill(0)
    }
    current = Math.max(current, index)
  }

  return {
    add: (counter, now) => {
      moveOn(now)
      parts[current % slices]![counter]! += 1
      totals[counter]! += 1
    },
    totals: (now) => {
      moveOn(now)
      return totals
    }
  }
}
