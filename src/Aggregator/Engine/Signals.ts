/**
 * The signals of sources that are promises.
 *
 * @since 0.1.0
 */

/**
 * How many sources share a signal, and what says to Node that so many listeners are no leak: it warns from eleven on. Adding
 * a listener takes longer the more there are, so that one signal for all would be O(n^2).
 */
const listeners = globalThis.process?.getBuiltinModule?.("node:events")?.setMaxListeners
const most = globalThis.process === undefined || listeners !== undefined ? 64 : 8

/**
 * An AbortController costs 2.3 us of CPU (node 20), more than all else that asking a promise costs here. Sources share one where
 * nobody can tell: when no value leaves unless all of them have succeeded. Elsewhere a value that leaves, such as a
 * response whose body is still to be read, must not be aborted with those that are late.
 *
 * @since 0.1.0
 * @category models
 */
export class Signals {
  private readonly shared: Array<AbortController> = []
  private sharing = most
  private reason: DOMException | undefined = undefined

  constructor(private readonly allOrNothing: boolean) {}

  /** Whether a source has a signal with others, which {@link abort} aborts. */
  shares(required: boolean): boolean {
    return this.allOrNothing && required
  }

  /** The signal of one more of those that share. */
  next(): AbortSignal {
    if (this.sharing === most) {
      this.shared.push(new AbortController())
      this.sharing = 0
    }
    this.sharing += 1
    const { signal } = this.shared.at(-1)!
    // To say so takes a microsecond, and ten listeners raise no warning: two sources may have five each.
    if (this.sharing === 3) listeners?.(0, signal)
    return signal
  }

  /** Aborts one controller, or all that are shared, with the reason that a signal has by default; making one takes a stack trace. */
  abort(own?: AbortController): void {
    if (own === undefined && this.shared.length === 0) return
    this.reason ??= new DOMException("This operation was aborted", "AbortError")
    for (const controller of own === undefined ? this.shared : [own]) controller.abort(this.reason)
  }
}
