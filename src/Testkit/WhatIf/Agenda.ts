/**
 * What is still to happen, the earliest first.
 *
 * @since 0.1.0
 */

interface Entry {
  readonly at: number
  readonly order: number
  readonly run: (now: number) => void
}

/**
 * A queue of things to do, each at its time; those of one instant in the order in which they were added. A binary heap.
 *
 * @since 0.1.0
 * @category models
 */
export class Agenda {
  private readonly heap: Array<Entry> = []
  private added = 0

  /** Plans something; what is planned for `Infinity` never happens. */
  add(at: number, run: (now: number) => void): void {
    if (at === Infinity) return
    const { heap } = this
    const entry = { at, order: this.added++, run }
    let place = heap.push(entry) - 1
    while (place > 0) {
      const above = (place - 1) >> 1
      if (!isBefore(entry, heap[above]!)) break
      heap[place] = heap[above]!
      place = above
    }
    heap[place] = entry
  }

  /** Does everything, and what is planned meanwhile, in the order of time. */
  run(): void {
    for (let next = this.pop(); next !== undefined; next = this.pop()) next.run(next.at)
  }

  private pop(): Entry | undefined {
    const { heap } = this
    const [first] = heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1
      if (!isBefore(heap[below]!, last)) break
      heap[place] = heap[below]!
      place = below
    }
    heap[place] = last
    return first
  }
}

const isBefore = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order)
