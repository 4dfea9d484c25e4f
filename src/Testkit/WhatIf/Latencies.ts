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
  /** The tag of its error. */
  readonly error?: string | undefined
}

/**
 * A call as it was seen. `cut` is one that was stopped: it would have taken longer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timed {
  readonly took: number
  readonly ending: "ok" | "failed" | "cut"
  readonly error?: string | undefined
  /** How many calls it stands for; default 1. */
  readonly weight?: number | undefined
}

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

  constructor(calls: ReadonlyArray<Timed>) {
    const sorted = [...calls].sort((a, b) => a.took - b.took)
    const ended: Array<Draw & { readonly longer: number }> = []
    let longer = 1
    let left = sorted.reduce((sum, { weight = 1 }) => sum + weight, 0)
    for (const { ending, error, took, weight = 1 } of sorted) {
      if (ending !== "cut") {
        longer *= Math.max(0, 1 - weight / left)
        ended.push({ took, ok: ending === "ok", error, longer })
      }
      left -= weight
    }
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
