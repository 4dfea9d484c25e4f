/**
 * A fair sample of a stream whose length is not known.
 *
 * @since 0.1.0
 */

/**
 * Random numbers in [0, 1) that are the same for the same seed (mulberry32).
 *
 * @since 0.1.0
 * @category constructors
 */
export const random = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * Keeps up to `size` items, each of all that were added with the same chance.
 *
 * @see J. S. Vitter, Random Sampling with a Reservoir, 1985 (algorithm R)
 * @since 0.1.0
 * @category models
 */
export class Reservoir<A> {
  readonly items: Array<A> = []
  count = 0
  private readonly random: () => number

  constructor(
    private size: number,
    seed: number
  ) {
    this.random = random(seed)
  }

  /** Keeps no more than this many from now on; which of those kept go is left to chance. */
  shrink(size: number): void {
    if (size >= this.size) return
    this.size = size
    while (this.items.length > size) {
      const place = Math.floor(this.random() * this.items.length)
      const last = this.items.pop()!
      if (place < this.items.length) this.items[place] = last
    }
  }

  add(item: A): void {
    this.count += 1
    if (this.items.length < this.size) this.items.push(item)
    else {
      const place = Math.floor(this.random() * this.count)
      if (place < this.size) this.items[place] = item
    }
  }
}
