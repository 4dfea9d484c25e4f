/**
 * How long a source takes, from calls of which some were cut off before they ended.
 *
 * @since 0.1.0
 */

/**
 * A call: how long it took, `Infinity` when that is beyond all that was seen, and whether it succeeded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Draw {
  readonly took: number
  readonly ok: boolean
}

/**
 * The smallest of sorted numbers below or at which this share of them lies; 0 for none.
 *
 * @since 0.1.0
 * @category statistics
 */
export const percentile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0

/**
 * The distribution of a source's latency. To leave the calls that were cut off out would make a source look faster than
 * it is; each counts as one that took longer than it was given.
 *
 * @see E. L. Kaplan, P. Meier, Nonparametric Estimation from Incomplete Observations, 1958
 * @since 0.1.0
 * @category models
 */
export class Latencies {
  /** Calls that ended, by latency, each with the share of calls that take longer. */
  private readonly ended: ReadonlyArray<Draw & { readonly longer: number }>

  constructor(calls: ReadonlyArray<{ readonly took: number; readonly ending: "ok" | "failed" | "cut" }>) {
    const sorted = [...calls].sort((a, b) => a.took - b.took)
    const ended: Array<Draw & { readonly longer: number }> = []
    let longer = 1
    sorted.forEach(({ ending, took }, index) => {
      if (ending === "cut") return
      longer *= 1 - 1 / (sorted.length - index)
      ended.push({ took, ok: ending === "ok", longer })
    })
    this.ended = ended
  }

  /** The call at this point of the distribution, between 0 and 1. */
  draw(point: number): Draw {
    return this.drawBeyond(-1, point)
  }

  /** The call at this point of the distribution of those that take longer than `past`. */
  drawBeyond(past: number, point: number): Draw {
    const from = firstWhere(this.ended, (call) => call.took > past)
    const alive = this.ended[from - 1]?.longer ?? 1
    const at = firstWhere(this.ended, (call) => call.longer <= alive * (1 - point))
    return this.ended[Math.max(from, at)] ?? { took: Infinity, ok: false }
  }
}

const firstWhere = <A>(all: ReadonlyArray<A>, test: (one: A) => boolean): number => {
  let low = 0
  let high = all.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (test(all[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}
