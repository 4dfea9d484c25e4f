/**
 * One call, and those who wait for it.
 *
 * @since 0.1.0
 */
import type { Exit } from "effect"
import type * as Cleanup from "../../Cleanup.ts"
import type { Asked } from "../../Receipt/Asking.ts"
import { type Alarm, Alarms } from "../Alarms.ts"
import type { Arrival } from "../Patience.ts"

/**
 * One who waits for a call.
 *
 * @since 0.1.0
 * @category models
 */
export class Passenger<A, E> implements Alarm {
  slot = -1
  at: number
  /** How the call ended; `"late"` when the deadline came first. */
  landed: Exit.Exit<A, E> | "late" | undefined = undefined
  private wake: ((landed: Exit.Exit<A, E> | "late") => void) | undefined = undefined

  constructor(
    readonly arrival: Arrival,
    private readonly flight: Flight<A, E>
  ) {
    this.at = arrival.until
  }

  whenLanded(wake: (landed: Exit.Exit<A, E> | "late") => void): void {
    if (this.landed !== undefined) wake(this.landed)
    else this.wake = wake
  }

  land(landed: Exit.Exit<A, E> | "late"): void {
    this.landed = landed
    this.wake?.(landed)
  }

  /** Its deadline has come, unless it waits for others who have longer. */
  ring(): void {
    this.at = this.arrival.until
    if (this.at > this.arrival.now + Alarms.tolerance) return this.flight.alarms.set(this)
    this.arrival.asking.setter(this.at)?.()
    this.flight.leave(this)
    this.land("late")
  }
}

/**
 * A call in flight. It is told to stop when the last one leaves it.
 *
 * @since 0.1.0
 * @category models
 */
export class Flight<A, E> implements Cleanup.Watch<A, E> {
  private running: Cleanup.Running<A, E> | undefined
  private readonly passengers = new Set<Passenger<A, E>>()
  /** Whoever began it, while they wait. */
  private leader: Passenger<A, E> | undefined
  /** On whose account the call is: that of the leader, of any who waits, or of the last who left. */
  private liable: Passenger<A, E> | undefined
  /** Who is told of its cleanup. */
  private cleanup: Cleanup.Watch<unknown, unknown> | undefined

  constructor(
    /** The source that whoever came first asks. */
    readonly name: string,
    readonly alarms: Alarms,
    /** Nobody can join it any more. */
    private readonly onEnd: (flight: Flight<A, E>) => void
  ) {}

  /** The call is being made. */
  started(running: Cleanup.Running<A, E>): void {
    this.running = running
    // Everybody may have left since.
    if (this.passengers.size === 0) running.cancel()
  }

  board(arrival: Arrival): Passenger<A, E> {
    const passenger = new Passenger(arrival, this)
    if (this.passengers.size === 0) this.leader = passenger
    this.liable ??= passenger
    this.passengers.add(passenger)
    if (passenger.at !== Infinity) this.alarms.set(passenger)
    return passenger
  }

  /** Does nothing for one who does not wait any more. */
  leave(passenger: Passenger<A, E>): void {
    if (!this.passengers.delete(passenger)) return
    this.alarms.off(passenger)
    if (passenger === this.leader) this.leader = undefined
    for (const other of this.passengers) {
      this.liable = this.leader ?? other
      return
    }
    this.liable = passenger
    this.onEnd(this)
    this.running?.cancel()
  }

  /** Until when somebody waits. */
  readonly until = (): number => {
    let until = -Infinity
    for (const { arrival } of this.passengers) until = Math.max(until, arrival.until)
    return until
  }

  ended(exit: Exit.Exit<A, E>): void {
    this.onEnd(this)
    for (const passenger of this.passengers) {
      this.alarms.off(passenger)
      passenger.land(exit)
    }
    this.passengers.clear()
  }

  cancelled(): void {
    this.cleanup = this.liable?.arrival.asking.inner()
    this.cleanup?.cancelled()
  }

  cleaned(): void {
    this.cleanup?.cleaned()
  }

  gaveUp(): void {
    this.cleanup?.gaveUp()
  }

  /**
   * What those inside the call may say of it. Its attempts and waits stand in the receipt of the one who made it, since the
   * others made no call; that it was refused stands in all.
   */
  readonly asked = (): Asked => ({
    name: this.name,
    progress: (text) => this.passengers.forEach(({ arrival }) => arrival.asking.progress(text)),
    attempt: (kind) => this.leader?.arrival.asking.attempt(kind) ?? (() => {}),
    queued: (millis) => this.leader?.arrival.asking.queued(millis),
    served: (from) => this.passengers.forEach(({ arrival }) => arrival.asking.served(from)),
    refused: (by) => this.passengers.forEach(({ arrival }) => arrival.asking.refused(by)),
    unhedged: (why) => this.leader?.arrival.asking.unhedged(why),
    overdue: (holdsTheAnswer) => {
      let told = false
      const tell = () => {
        if (!told) holdsTheAnswer()
        told = true
      }
      const off = Array.from(this.passengers, ({ arrival }) => arrival.asking.overdue(tell))
      return () => off.forEach((stop) => stop())
    },
    // There is no deadline inside a flight.
    setter: () => undefined,
    inner: () => {
      let watch: Cleanup.Watch<unknown, unknown> | undefined
      return {
        name: this.name,
        ended: () => {},
        cancelled: () => {
          watch = this.liable?.arrival.asking.inner()
          watch?.cancelled()
        },
        cleaned: () => watch?.cleaned(),
        gaveUp: () => watch?.gaveUp()
      }
    }
  })
}
