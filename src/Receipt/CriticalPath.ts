/**
 * Which sources an answer waited for.
 *
 * @since 0.1.0
 */

interface Linked<T> {
  readonly start: number | null
  readonly end: number | null
  /** The source whose end let this one start, if it had to wait: for room, or for what it depends on. */
  readonly after: T | undefined
}

/**
 * Goes back from the source that decided the answer to the one that it had waited for, and so on to the start. A source that
 * took no time made no other wait, and is passed over.
 *
 * @since 0.1.0
 * @category getters
 */
export const criticalPath = <T extends Linked<T>>(last: T): ReadonlyArray<T> => {
  const path = [last]
  for (let one = last.after; one !== undefined; one = one.after) if (one.end !== one.start) path.push(one)
  return path.reverse()
}
