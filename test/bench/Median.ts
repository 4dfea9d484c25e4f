/** What a list of figures comes to: a median, and how sure it is. */

/** A median with the interval in which it lies with a confidence of 95 %; of fewer than six figures, all of them. */
export interface Median {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** The median and its interval by order statistics, which assumes nothing of how the figures are spread. */
export const median = (figures: ReadonlyArray<number>): Median => {
  const sorted = [...figures].sort((a, b) => a - b)
  const n = sorted.length
  const spare = Math.ceil(0.98 * Math.sqrt(n))
  const at = (index: number) => sorted[Math.min(n - 1, Math.max(0, index))]!
  const middle = n % 2 === 1 ? at((n - 1) / 2) : (at(n / 2 - 1) + at(n / 2)) / 2
  return { median: middle, low: at(Math.floor(n / 2) - spare), high: at(Math.ceil(n / 2) - 1 + spare) }
}

const digits = (figure: number) =>
  figure >= 100 ? figure.toFixed(0) : figure >= 10 ? figure.toFixed(1) : figure.toFixed(2)

export const shown = ({ high, low, median }: Median): string => `${digits(median)} (${digits(low)}-${digits(high)})`

/** The same with every figure divided by so much. */
export const over = ({ high, low, median }: Median, by: number): Median => ({
  median: median / by,
  low: low / by,
  high: high / by
})
