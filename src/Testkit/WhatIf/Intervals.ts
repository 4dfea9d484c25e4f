/**
 * What a sample says, and within which bounds it is to be believed.
 *
 * @since 0.1.0
 */

/**
 * Where the truth lies, with the confidence that was asked for; by default 95 %.
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

/**
 * How sure an interval is to hold the truth.
 *
 * @since 0.1.0
 * @category models
 */
export type Confidence = keyof typeof deviations

/** That share of a normal distribution lies within so many standard deviations. */
const deviations = { 0.9: 1.645, 0.95: 1.96, 0.99: 2.576, 0.999: 3.291 } as const

/**
 * The interval in which a share lies.
 *
 * @see E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927
 * @since 0.1.0
 * @category statistics
 */
export const wilson = (share: number, count: number, confidence: Confidence = 0.95): Share => {
  if (count === 0) return { share, low: 0, high: 1 }
  const z = deviations[confidence]
  const middle = share + (z * z) / (2 * count)
  const spread = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count))
  const scale = 1 + (z * z) / count
  return { share, low: Math.max(0, (middle - spread) / scale), high: Math.min(1, (middle + spread) / scale) }
}

/**
 * One of a sample, and how many it stands for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Weighted<A> {
  readonly value: A
  readonly weight: number
}

/**
 * The share for which something is so, where some stand for more than others.
 *
 * With equal weights it is {@link wilson}. Else the count is the one at which an equal sample would be as sure; half of the
 * heaviest is added to the variance, for what such a one that was not seen may hide.
 *
 * @see L. Kish, Survey Sampling, 1965
 * @since 0.1.0
 * @category statistics
 */
export const shareOf = (all: ReadonlyArray<Weighted<boolean>>, confidence?: Confidence): Share => {
  let [some, whole, squares, heaviest, lightest] = [0, 0, 0, 0, Infinity]
  for (const { value, weight } of all) {
    whole += weight
    squares += weight * weight
    heaviest = Math.max(heaviest, weight)
    lightest = Math.min(lightest, weight)
    if (value) some += weight
  }
  if (all.length === 0) return wilson(0, 0)
  const share = some / whole
  if (heaviest === lightest) return wilson(share, all.length, confidence)
  if (share === 0 || share === 1) return wilson(share, (whole * whole) / squares, confidence)
  let variance = (heaviest * heaviest) / 2
  for (const { value, weight } of all) variance += (weight * (value ? 1 - share : share)) ** 2
  return wilson(share, (share * (1 - share) * whole * whole) / variance, confidence)
}

/**
 * The value of a sorted sample below or at which this share of it lies; `undefined` for an empty one.
 *
 * @since 0.1.0
 * @category statistics
 */
export const percentile = (sorted: ReadonlyArray<Weighted<number>>, share: number): number | undefined =>
  sorted.length === 0 ? undefined : new Ranked(sorted).at(share)

/** Of a sorted sample, what lies at which share of it. */
class Ranked {
  private readonly reached: Float64Array
  readonly whole: number
  /** The size of an equal sample that would be as sure. */
  readonly count: number

  constructor(private readonly sorted: ReadonlyArray<Weighted<number>>) {
    let [whole, squares] = [0, 0]
    this.reached = Float64Array.from(sorted, ({ weight }) => {
      squares += weight * weight
      return (whole += weight)
    })
    this.whole = whole
    this.count = squares === 0 ? 0 : (whole * whole) / squares
  }

  /** The first that the share reaches. */
  at(share: number): number {
    return this.sorted[
      Math.min(
        this.sorted.length - 1,
        this.first((reached) => reached >= share * this.whole)
      )
    ]!.value
  }

  low(share: number): number {
    return this.sorted[this.first((reached) => reached > share * this.whole) - 1]?.value ?? 0
  }

  high(share: number): number {
    return this.sorted[this.first((reached) => reached >= share * this.whole)]?.value ?? Infinity
  }

  private first(test: (reached: number) => boolean): number {
    let low = 0
    let high = this.reached.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (test(this.reached[middle]!)) high = middle
      else low = middle + 1
    }
    return low
  }
}

/**
 * A percentile of sorted times, and the two of them between which it lies, whatever their distribution: of `n` times, about
 * `n * share` lie below it, with the spread of a binomial.
 *
 * @see W. J. Conover, Practical Nonparametric Statistics, 1971
 * @since 0.1.0
 * @category statistics
 */
export const quantile = (
  sorted: ReadonlyArray<Weighted<number>>,
  share: number,
  confidence: Confidence = 0.95
): Quantile => {
  if (sorted.length === 0) return { value: 0, low: 0, high: Infinity }
  const ranked = new Ranked(sorted)
  const spread = deviations[confidence] * Math.sqrt((share * (1 - share)) / ranked.count)
  return { value: ranked.at(share), low: ranked.low(share - spread), high: ranked.high(share + spread) }
}
