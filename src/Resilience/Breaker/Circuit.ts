/**
 * The states of a breaker, and what leads from one to the other. Plain data: nothing here waits.
 *
 * @since 0.1.0
 */
import type { Tally, Trip } from "./Trip.ts"
import type { Verdict } from "./Verdict.ts"

/**
 * Closed: calls go through. Open: none does. Half-open: a few probes do, and what becomes of them decides.
 *
 * @since 0.1.0
 * @category models
 */
export type State = "closed" | "open" | "half-open"

/**
 * From one state to another, and why, in words.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change {
  readonly from: State
  readonly to: State
  readonly reason: string
  /** Where it opens: the failure that was one too many. */
  readonly failure: Failure | undefined
}

/**
 * Why a call counts as failed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failure {
  /** In words. */
  readonly message: string
  /** The error or the defect; `undefined` for a call that was too slow. */
  readonly cause: unknown
}

/**
 * How a circuit works.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitOptions {
  readonly trip: Trip
  /** Milliseconds. */
  readonly openFor: number
  readonly probes: number
}

/**
 * One breaker's state. Time is given as `Deadline.now` gives it.
 *
 * @since 0.1.0
 * @category models
 */
export class Circuit {
  state: State = "closed"
  /** Why it last left the closed state. */
  reason = ""
  /** The failure that opened it last: at first, or of a probe. */
  failure: Failure | undefined = undefined
  /** Changes that nobody has been told of yet. */
  readonly changes: Array<Change> = []
  private tally: Tally
  /** Counts the changes: a call that began before the last one says nothing of the source as it is now. */
  private era = 0
  /** Open: when probes may go. Half-open: when the places of those that have not ended are free again. */
  private until = 0
  private probing = 0
  private succeeded = 0

  constructor(private readonly options: CircuitOptions) {
    this.tally = options.trip()
  }

  /** For how many milliseconds, at most, no call is let through; 0 when one is now. */
  refusesFor(now: number): number {
    const mayProbe = this.state === "half-open" && this.probing + this.succeeded < this.options.probes
    return this.state === "closed" || mayProbe || now >= this.until ? 0 : this.until - now
  }

  /** Lets a call through, which it must be told the end of, with the number that it gives; unless it refuses. */
  admit(now: number): number | undefined {
    if (this.refusesFor(now) > 0) return undefined
    if (this.state === "open") this.become("half-open", "it was open for long enough", now)
    if (this.state === "half-open") {
      if (this.probing + this.succeeded === this.options.probes) this.freePlaces(now)
      this.probing += 1
    }
    return this.era
  }

  /** A call that was let through has ended. `failureOf` is asked for where it opens the circuit. */
  settle(admitted: number, verdict: Verdict, now: number, failureOf: () => Failure): void {
    if (admitted !== this.era) return
    if (this.state === "half-open") return this.probed(verdict, now, failureOf)
    if (verdict === "succeeded") this.tally.succeeded(now)
    if (verdict !== "failed") return
    const reason = this.tally.failed(now)
    if (reason !== undefined) this.become("open", reason, now, failureOf())
  }

  private probed(verdict: Verdict, now: number, failureOf: () => Failure): void {
    this.probing -= 1
    if (verdict === "failed") return this.become("open", "a probe failed", now, failureOf())
    if (verdict === "succeeded") this.succeeded += 1
    if (this.succeeded < this.options.probes) return
    this.become("closed", this.succeeded === 1 ? "a probe succeeded" : `${this.succeeded} probes succeeded`, now)
  }

  private become(to: State, reason: string, now: number, failure?: Failure): void {
    this.changes.push({ from: this.state, to, reason, failure })
    if (to === "open") this.failure = failure
    if (to === "closed") this.failure = undefined
    if (this.state === "closed") this.reason = reason
    this.state = to
    this.freePlaces(now)
    if (to === "closed") this.tally = this.options.trip()
  }

  private freePlaces(now: number): void {
    this.era += 1
    this.probing = 0
    this.succeeded = 0
    this.until = now + this.options.openFor
  }
}
