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
  private readonly late = new Set<unknown>()
  private readonly untold = new Map<unknown, () => void>()

  began(): void {
    this.asked += 1
  }

  ended(source: unknown): void {
    this.asked -= 1
    this.late.delete(source)
    this.untold.delete(source)
    this.tell()
  }

  /** Calls back once this source holds the answer, at once if it does now. Gives a way to be called no more. */
  overdue(source: unknown, holdsTheAnswer: () => void): () => void {
    this.late.add(source)
    this.untold.set(source, holdsTheAnswer)
    this.tell()
    return () => void this.untold.delete(source)
  }

  private tell(): void {
    if (this.late.size < this.asked) return
    const untold = Array.from(this.untold.values())
    this.untold.clear()
    for (const holdsTheAnswer of untold) holdsTheAnswer()
  }
}
