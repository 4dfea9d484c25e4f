/**
 * Which sources an answer waited for.
 *
 * @since 0.1.0
 */

interface Timed {
  readonly start: number | null
  readonly end: number | null
  /** How it ended. */
  readonly tag?: string | undefined
}

/**
 * Goes back from the source that decided the answer: where the concurrency is limited, it was waiting for the source
 * whose end made room for it, and so on to the start. One that was told to stop made room for none: the answer had left.
 *
 * @since 0.1.0
 * @category getters
 */
export const criticalPath = <T extends Timed>(all: ReadonlyArray<T>, last: T, bounded: boolean): ReadonlyArray<T> => {
  if (!bounded || last.start === null || last.start === 0) return [last]
  const ended = all
    .filter((one) => one.end !== null && one.end > (one.start ?? 0) && one.tag !== "Cancelled")
    .sort((a, b) => a.end! - b.end!)
  const path = [last]
  for (let at: T | undefined = last; at !== undefined;) {
    at = latestEndingBy(ended, at.start ?? 0)
    if (at !== undefined) path.unshift(at)
  }
  return path
}

const latestEndingBy = <T extends Timed>(sorted: ReadonlyArray<T>, instant: number): T | undefined => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]!.end! <= instant) low = middle + 1
    else high = middle
  }
  return sorted[low - 1]
}
