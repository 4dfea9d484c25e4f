/**
 * Who is in a bulkhead, and who waits before it.
 *
 * @since 0.1.0
 */
import type { Exit, MetricKeyType } from "effect"
import * as Permits from "../../Permits.ts"
import { Line } from "../../Permits/Line.ts"
import { type Alarm, Alarms } from "../Alarms.ts"
import * as Latency from "../Latency.ts"
import * as Sharing from "../Metrics/Sharing.ts"
import { type Tagged, tagged } from "../Metrics/Tags.ts"
import type { Arrival } from "../Patience.ts"

/**
 * How a bulkhead works, checked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly name: string
  readonly limit: number
  readonly queue: number
}

/**
 * One call, waiting or in flight.
 *
 * @since 0.1.0
 * @category models
 */
export class Call extends Permits.Holder implements Alarm {
  slot = -1
  /** When its turn came. */
  began = 0
  /** Its time was over before its turn came. */
  expired = false
  private wake: (() => void) | undefined = undefined

  constructor(
    weight: number,
    private readonly ward: Ward,
    private readonly arrival: Arrival,
    public at: number
  ) {
    super(weight)
  }

  /** Calls back once it has its turn, or will have none in time. */
  whenDecided(wake: () => void): void {
    if (this.granted || this.expired) wake()
    else this.wake = wake
  }

  onTurn(): void {
    this.ward.began(this)
    this.wake?.()
  }

  ring(): void {
    this.at = this.arrival.until
    this.expired = this.at <= this.arrival.now + Alarms.tolerance
    if (!this.expired) return this.ward.alarms.set(this)
    this.arrival.asking.setter(this.at)?.()
    this.ward.leave(this, this.arrival.now)
    this.wake?.()
  }

  /** It does not wait any more, or its call has ended. */
  leave(now: number): void {
    if (!this.expired) this.ward.leave(this, now)
  }
}

/** The calls of one key. */
class Ward {
  readonly permits: Permits.Permits
  readonly alarms: Alarms
  /** The weights of those who wait. */
  private waiting = 0
  /** Those in flight, the one that began first in front. */
  private readonly running = new Line<Call>()
  /** When somebody came or left last. */
  private now = 0

  constructor(
    private readonly wards: Wards,
    private readonly onIdle: () => void
  ) {
    this.permits = Permits.make(wards.settings.limit)
    this.alarms = wards.alarms
  }

  /**
   * How long a call would wait at least, if each took this long: the first place is free when the one that began first has
   * ended, and all of them once more with each time that a call takes.
   */
  waitOf(weight: number, service: number, now: number): number {
    const ahead = this.waiting + weight - this.permits.free()
    const left = service - (now - (this.running.first?.began ?? now))
    return Math.max(0, left) + Math.floor(Math.max(0, ahead - 1) / this.permits.limit) * service
  }

  mustWait(weight: number): boolean {
    return this.waiting > 0 || weight > this.permits.free()
  }

  join(call: Call, now: number): void {
    this.now = now
    this.count(call, +1)
    this.permits.join(call)
    if (!call.granted && call.at !== Infinity) this.alarms.set(call)
  }

  began(call: Call): void {
    this.count(call, -1)
    this.alarms.off(call)
    call.began = this.now
    this.running.join(call)
    this.wards.inFlight.modify(1)
  }

  leave(call: Call, now: number): void {
    this.now = now
    if (call.granted) {
      this.running.leave(call)
      this.wards.inFlight.modify(-1)
    } else {
      this.alarms.off(call)
      this.count(call, -1)
    }
    this.permits.leave(call)
    if (this.running.length === 0) this.onIdle()
  }

  private count(call: Call, sign: 1 | -1): void {
    this.waiting += sign * call.weight
    this.wards.waiting.modify(sign)
  }
}

/**
 * The calls of all keys; a key without one costs nothing.
 *
 * @since 0.1.0
 * @category models
 */
export class Wards {
  readonly alarms = new Alarms()
  readonly inFlight: Tagged<MetricKeyType.MetricKeyType.Gauge<number>>
  readonly waiting: Tagged<MetricKeyType.MetricKeyType.Gauge<number>>
  private readonly wards = new Map<string | undefined, Ward>()
  private readonly latency = Latency.make("Bulkhead.make")

  constructor(readonly settings: Settings) {
    this.inFlight = tagged(Sharing.bulkheadInFlight, { bulkhead: settings.name })
    this.waiting = tagged(Sharing.bulkheadWaiting, { bulkhead: settings.name })
  }

  get size(): number {
    return this.wards.size
  }

  permits(key: string | undefined): Permits.Permits | undefined {
    return this.wards.get(key)?.permits
  }

  mustWait(key: string | undefined, weight: number): boolean {
    return this.wards.get(key)?.mustWait(weight) ?? false
  }

  /** Why a call that must wait should not. */
  refuses(key: string | undefined, weight: number, { now, until }: Arrival): "queue" | "deadline" | undefined {
    const ward = this.wards.get(key)
    if (ward === undefined || !ward.mustWait(weight)) return undefined
    if (ward.permits.waiting() >= this.settings.queue) return "queue"
    if (until === Infinity) return undefined
    // A percentile says a tenth too much at most.
    const service = (this.latency.percentile(0.5, now) ?? 0) / 1.1
    return now + ward.waitOf(weight, service, now) + service >= until ? "deadline" : undefined
  }

  enter(key: string | undefined, weight: number, arrival: Arrival): Call {
    const ward = this.wards.get(key) ?? new Ward(this, () => key !== undefined && this.wards.delete(key))
    this.wards.set(key, ward)
    const call = new Call(weight, ward, arrival, arrival.until)
    ward.join(call, arrival.now)
    return call
  }

  /** A call that was in flight has ended. */
  ended(call: Call, exit: Exit.Exit<unknown, unknown>, now: number): void {
    call.leave(now)
    this.latency.ended(exit, now - call.began, now)
  }
}
