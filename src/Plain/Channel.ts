/**
 * Values from where they happen to whoever reads them with `for await`.
 *
 * @since 0.1.0
 */

interface Reader<A> {
  readonly resolve: (result: IteratorResult<A, undefined>) => void
  readonly reject: (reason: unknown) => void
}

/**
 * An AsyncIterator over what is offered to it, in order. What nobody has read yet is held.
 *
 * @since 0.1.0
 * @category models
 */
export class Channel<A> implements AsyncIterableIterator<A, undefined> {
  private readonly held: Array<A> = []
  private readonly readers: Array<Reader<A>> = []
  private failure: { readonly reason: unknown } | undefined
  private ended = false

  constructor(
    /** Called when the reader stops reading. */
    private readonly stopped: () => void
  ) {}

  /** Hands a value to the reader. */
  offer(value: A): void {
    if (this.ended) return
    const reader = this.readers.shift()
    if (reader === undefined) this.held.push(value)
    else reader.resolve({ done: false, value })
  }

  /** Nothing more will come: the reader gets what is held, and then the end. */
  end(): void {
    this.ended = true
    for (const reader of this.readers.splice(0)) reader.resolve({ done: true, value: undefined })
  }

  /** The reader gets the reason at once, instead of what is held, and then the end. */
  fail(reason: unknown): void {
    if (this.ended) return
    this.held.length = 0
    const reader = this.readers.shift()
    if (reader === undefined) this.failure = { reason }
    else reader.reject(reason)
    this.end()
  }

  async next(): Promise<IteratorResult<A, undefined>> {
    if (this.held.length > 0) return { done: false, value: this.held.shift()! }
    if (this.failure !== undefined) {
      const { reason } = this.failure
      this.failure = undefined
      throw reason
    }
    if (this.ended) return { done: true, value: undefined }
    return new Promise((resolve, reject) => this.readers.push({ resolve, reject }))
  }

  async return(): Promise<IteratorResult<A, undefined>> {
    this.held.length = 0
    this.failure = undefined
    this.end()
    this.stopped()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
