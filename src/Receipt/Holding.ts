/**
 * Which of the sources that are being asked hold the answer.
 *
 * @since 0.1.0
 */

/**
 * Knows which sources the answer waits for: those that are overdue, once no other is being asked that is not. While one
 * is asked that takes no longer than usual, the answer waits for that one, however soon the others end.
 *
 * @since 0.1.0
 * @category models
 */
export class Holding {
  private asked = 0
  /** Those that are overdue, with whom to tell; in most aggregations there is none. */
  private late: Map<unknown, (() => void) | undefined> | undefined = undefined

  began(): void {
    this.asked += 1
  }

  ended(source: unknown): void {
    this.asked -= 1
    if (this.late === undefined) return
    this.late.delete(source)
    this.tell(this.late)
  }

  /** Calls back once this source holds the answer, at once if it does now. Gives a way to be called no more. */
  overdue(source: unknown, holdsTheAnswer: () => void): () => void {
    const late = (this.late ??= new Map())
    late.set(source, holdsTheAnswer)
    this.tell(late)
    return () => void (late.get(source) === holdsTheAnswer && late.set(source, undefined))
  }

  private tell(late: Map<unknown, (() => void) | undefined>): void {
    if (late.size < this.asked) return
    const untold = Array.from(late.values())
    for (const source of late.keys()) late.set(source, undefined)
    for (const holdsTheAnswer of untold) holdsTheAnswer?.()
  }
}
