/**
 * How late the event loop is, and so how long ago a request arrived that is only now handled.
 *
 * @since 0.1.0
 */
import { Effect, type Scope } from "effect"

/**
 * Milliseconds between two looks: a turn of the loop that takes longer is seen.
 *
 * @since 0.1.0
 * @category models
 */
export const interval = 10

/**
 * Watches the event loop. A turn of the loop runs due timers first, then reads from sockets: so a timer that fires late tells how
 * long the requests that are read after it may have waited, and one that fired long ago that this turn itself is long.
 *
 * @since 0.1.0
 * @category models
 */
export class LoopDelay {
  private lastLook: number
  /** When the loop began to be late, for as long as the turn lasts in which that was seen. */
  private lateFrom = Infinity

  constructor(private readonly now: () => number = () => performance.now()) {
    this.lastLook = now()
  }

  /** Called by a timer every {@link interval}; the caller calls {@link turned} at the end of the turn. */
  look(): void {
    const now = this.now()
    const due = this.lastLook + interval
    if (now - due > interval) this.lateFrom = due
    this.lastLook = now
  }

  turned(): void {
    this.lateFrom = Infinity
  }

  /** How many milliseconds ago what is read now may have arrived, at most. Below {@link interval} it is 0. */
  late(): number {
    const now = this.now()
    const since = now - Math.min(this.lateFrom, this.lastLook + interval)
    return since > interval ? since : 0
  }
}

/**
 * Watches the loop while the scope is open.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<LoopDelay, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const delay = new LoopDelay()
    const timer = setInterval(() => {
      delay.look()
      setImmediate(() => delay.turned())
    }, interval)
    return { delay, timer: timer.unref() }
  }),
  ({ timer }) => Effect.sync(() => clearInterval(timer))
).pipe(Effect.map(({ delay }) => delay))
