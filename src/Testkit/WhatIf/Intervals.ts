/**
 * What a sample says, and within which bounds it is to be believed.
 *
 * @since 0.1.0
 */
import { percentile } from "./Latencies.ts"

/**
 * Where the truth lies with 95 % confidence.
 *
 * @since 0.1.0
 * @category models
 */
export interface Interval {
  readonly low: number
  readonly high: number
}

/**
 * A share of the aggregations, between 0 and 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface Share extends Interval {
  readonly share: number
}

/**
 * A time that a share of the aggregations stays below, in milliseconds. `Infinity` when fewer do, and for a bound that
 * the sample is too small to give.
 *
 * @since 0.1.0
 * @category models
 */
export interface Quantile extends Interval {
  readonly value: number
}

/** 95 % of a normal distribution lie within so many standard deviations. */
const z = 1.96

/**
 * The interval in which a share lies with 95 % confidence.
 *
 * @see E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927
 * @since 0.1.0
 * @category statistics
 */
export const wilson = (share: number, count: number): Share => {
  if (count === 0) return { share, low: 0, high: 1 }
  const middle = share + (z * z) / (2 * count)
  const spread = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count))
  const scale = 1 + (z * z) / count
  return { share, low: Math.max(0, (middle - spread) / scale), high: Math.min(1, (middle + spread) / scale) }
}

/**
 * A percentile of sorted times, and the two of them between which it lies with 95 % confidence, whatever their
 * distribution: of `n` times, about `n * share` lie below it, with the spread of a binomial.
 *
 * @see W. J. Conover, Practical Nonparametric Statistics, 1971
 * @since 0.1.0
 * @category statistics
 */
export const quantile = (sorted: ReadonlyArray<number>, share: number): Quantile => {
  const rank = sorted.length * share
  const spread = z * Math.sqrt(rank * (1 - share))
  return {
    value: percentile(sorted, share),
    low: sorted[Math.floor(rank - spread) - 1] ?? 0,
    high: sorted[Math.ceil(rank + spread) - 1] ?? Infinity
  }
}
