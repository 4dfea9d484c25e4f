/**
 * A line of those who wait: first come, first served, and leaving it costs the same wherever one stands.
 *
 * @since 0.1.0
 */

/**
 * One that stands in a line, at most in one. Whoever waits extends it with what there is to know of them.
 *
 * @since 0.1.0
 * @category models
 */
export abstract class Place {
  before: this | undefined = undefined
  after: this | undefined = undefined
}

/**
 * A doubly linked list.
 *
 * @since 0.1.0
 * @category models
 */
export class Line<P extends Place> {
  first: P | undefined = undefined
  length = 0
  private last: P | undefined = undefined

  join(place: P): void {
    place.before = this.last
    if (this.last === undefined) this.first = place
    else this.last.after = place
    this.last = place
    this.length += 1
  }

  /** Only for one that stands in this line. */
  leave(place: P): void {
    if (place.before === undefined) this.first = place.after
    else place.before.after = place.after
    if (place.after === undefined) this.last = place.before
    else place.after.before = place.before
    place.before = place.after = undefined
    this.length -= 1
  }

  *[Symbol.iterator](): Iterator<P> {
    for (let place = this.first; place !== undefined; place = place.after) yield place
  }
}
