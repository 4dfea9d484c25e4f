/**
 * How many extra calls may be made, retries or hedges, measured by how many are made anyway.
 *
 * Without one, retries multiply the load on a source at the very moment in which it fails because of its load.
 *
 * @since 0.1.0
 */
import * as Options from "../Options.ts"
import * as Bounds from "./Bounds.ts"

/**
 * What extra calls take from. It is meant to be shared by all calls of a source. Time is given as `Deadline.now` gives it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget {
  /** A call is made that is no extra one. */
  readonly called: () => void
  /** Takes an extra call, and gives a way to give it back when it is not made after all; `undefined` if there is none. */
  readonly take: (now: number) => (() => void) | undefined
}

/**
 * How large a budget is.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetOptions {
  /** Extra calls for each call that is none; 0.2 allows one for every five. From 0 to 1. */
  readonly ratio: number
  /** As many extra calls in every second besides, so that a source that is seldom called has some. Default 0. */
  readonly perSecond?: number | undefined
  /** So many extra calls can be saved up from `ratio`; default 1. Without a `perSecond`, they are there from the start. */
  readonly burst?: number | undefined
}

/**
 * Makes a budget: in any stretch of `t` seconds with `n` calls, at most `n * ratio + burst + t * perSecond` extra calls are
 * taken, `t` rounded up.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: BudgetOptions): Budget => {
  const where = "Budget.make"
  const ratio = Bounds.share(where, "ratio", options.ratio)
  const perSecond = Options.count(where, "perSecond", options.perSecond ?? 0, 0)
  const burst = Options.count(where, "burst", options.burst ?? 1)
  // Counted in calls: adding up fifths would not come to one.
  const price = 1 / ratio
  const most = ratio === 0 ? 0 : burst * price
  let saved = perSecond === 0 ? most : 0
  const taken = new Float64Array(perSecond).fill(-Infinity)

  const save = (calls: number) => (saved = Math.min(most, saved + calls))
  return {
    called: () => void save(1),
    take: (now) => {
      if (saved >= price) {
        saved -= price
        return () => void save(price)
      }
      const free = taken.findIndex((at) => now - at >= 1_000)
      if (free === -1) return undefined
      taken[free] = now
      return () => (taken[free] = -Infinity)
    }
  }
}

/**
 * No limit to extra calls; for tests, and for sources that cannot be overloaded.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unlimited: Budget = { called: () => {}, take: () => () => {} }
