/**
 * Those who wait for a turn of one key: tenants by turns, and first come, first served within each.
 *
 * @since 0.1.0
 */
import { type Cause, Effect } from "effect"
import * as Deadline from "../../Deadline.ts"
import { Line, Place } from "../../Permits/Line.ts"
import { Asking } from "../../Receipt/Asking.ts"
import { type Alarm, Alarms } from "../Alarms.ts"
import * as Behind from "../Behind.ts"
import type { Arrival } from "../Patience.ts"
import type { Taken } from "./Store.ts"

/**
 * What becomes of one who waits: a turn (taken at this instant on the clock of the store), or none, since it would take so
 * many milliseconds at least; or nobody can say.
 *
 * @since 0.1.0
 * @category models
 */
export type Verdict<E> =
  | { readonly _tag: "Turn"; readonly at: number }
  | { readonly _tag: "TooLong"; readonly wait: number }
  | { readonly _tag: "Unknown"; readonly cause: Cause.Cause<E> }

/**
 * One who waits for a turn.
 *
 * @since 0.1.0
 * @category models
 */
export class Waiter<E> extends Place implements Alarm {
  slot = -1
  verdict: Verdict<E> | undefined = undefined
  /** Where it waits. */
  queue: Queue<E> | undefined = undefined
  private wake: ((verdict: Verdict<E>) => void) | undefined = undefined

  constructor(
    readonly tenant: string,
    readonly weight: number,
    readonly arrival: Arrival,
    public at: number
  ) {
    super()
  }

  decide(verdict: Verdict<E>): void {
    this.verdict = verdict
    this.wake?.(verdict)
  }

  whenDecided(wake: (verdict: Verdict<E>) => void): void {
    if (this.verdict !== undefined) wake(this.verdict)
    else this.wake = wake
  }

  /** Its deadline has come, unless others wait longer for the same call. */
  ring(): void {
    this.at = this.arrival.until
    if (this.at > this.arrival.now + Alarms.tolerance) this.queue?.alarms.set(this)
    else this.queue?.refuse(this)
  }
}

/**
 * Where turns come from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Supply<E> {
  readonly take: (key: string | undefined, least: number, most: number) => Effect.Effect<Taken, E>
  /** Gives back turns that were taken at this instant, without waiting until they are back. */
  readonly giveBack: (key: string | undefined, count: number, at: number) => Effect.Effect<void>
  /** In how many milliseconds at least so many turns have come for those in the queue, as far as is known. */
  readonly waitOf: (queue: Queue<E>, count: number, now: number) => number
}

/**
 * True for a wait after which no time is left.
 *
 * @since 0.1.0
 * @category getters
 */
export const isTooLong = (wait: number, now: number, until: number): boolean =>
  wait > 0 && now + wait >= until - Alarms.tolerance

/** Those of one tenant. */
class Tenant<E> extends Line<Waiter<E>> {
  weight = 0
}

/** Who asks for turns. */
interface Attendant {
  /** Makes it the business of the cleanup owner. */
  handOver: (() => void) | undefined
}

/**
 * The queue of a key. An attendant, a fiber, asks for turns while somebody waits.
 *
 * @since 0.1.0
 * @category models
 */
export class Queue<E> implements Alarm {
  slot = -1
  /** When the first has its turn at the earliest, 0 if nobody knows; then turns are asked for again. */
  at = 0
  /** How many wait. */
  length = 0
  private weight = 0
  /** Only those of whom somebody waits; the first one is next. */
  private readonly tenants = new Map<string, Tenant<E>>()
  private attendant: Attendant | undefined
  /** Also those who only wait for their last answer. */
  private attendants = 0
  private rung = false
  private wakeAttendant: (() => void) | undefined

  constructor(
    readonly key: string | undefined,
    private readonly supply: Supply<E>,
    readonly alarms: Alarms,
    private readonly count: (change: 1 | -1) => void,
    private readonly onIdle: () => void
  ) {}

  get first(): Waiter<E> | undefined {
    for (const line of this.tenants.values()) return line.first
    return undefined
  }

  /** How many turns come before the one of a newcomer of this tenant, at least. */
  ahead(tenant: string): number {
    const own = this.tenants.get(tenant)
    if (own === undefined) return 0
    let weight = own.weight
    for (const other of this.tenants.values()) if (other !== own) weight += Math.min(other.length, own.length)
    return weight
  }

  join(waiter: Waiter<E>): void {
    waiter.queue = this
    const tenant = this.tenants.get(waiter.tenant) ?? new Tenant<E>()
    this.tenants.set(waiter.tenant, tenant)
    tenant.join(waiter)
    tenant.weight += waiter.weight
    this.length += 1
    this.weight += waiter.weight
    this.count(+1)
    if (waiter.at !== Infinity) this.alarms.set(waiter)
  }

  leave(waiter: Waiter<E>): void {
    const wasFirst = waiter === this.first
    const tenant = this.tenants.get(waiter.tenant)!
    tenant.leave(waiter)
    tenant.weight -= waiter.weight
    if (tenant.length === 0) this.tenants.delete(waiter.tenant)
    this.length -= 1
    this.weight -= waiter.weight
    this.count(-1)
    this.alarms.off(waiter)
    if (this.length === 0) this.close()
    // The next one may need fewer turns than the one they were asked for.
    else if (wasFirst) this.ring()
  }

  refuse(waiter: Waiter<E>, wait = this.supply.waitOf(this, waiter.weight, waiter.arrival.now)): void {
    this.leave(waiter)
    waiter.decide({ _tag: "TooLong", wait })
  }

  /** No turn comes for so long: those who cannot wait that long leave at once. */
  pause(millis: number, now: number): void {
    for (const tenant of Array.from(this.tenants.values())) {
      for (const waiter of Array.from(tenant)) {
        if (isTooLong(millis, now, waiter.arrival.until)) this.refuse(waiter, millis)
      }
    }
  }

  /** Asks for turns again, at the latest now. */
  ring(): void {
    this.alarms.off(this)
    this.rung = true
    this.wakeAttendant?.()
  }

  /** Sees to it that somebody asks for turns. */
  readonly attend: Effect.Effect<void> = Effect.suspend(() => {
    if (this.length === 0 || this.attendant !== undefined) return this.alarms.keep
    const attendant: Attendant = { handOver: undefined }
    this.attendant = attendant
    const started = Effect.map(Behind.start("a rate limit", this.serve(attendant)), (handOver) => {
      attendant.handOver = handOver
      // Everybody may have left since.
      if (this.attendant !== attendant) handOver()
    })
    return Effect.zipRight(this.alarms.keep, started)
  })

  /** Nobody waits any more. The attendant may be waiting for an answer, and what it took goes back: that is cleanup. */
  private close(): void {
    const { attendant } = this
    this.attendant = undefined
    this.ring()
    attendant?.handOver?.()
    if (this.attendants === 0) this.onIdle()
  }

  private serve(self: Attendant): Effect.Effect<void> {
    const loop: Effect.Effect<void> = Effect.suspend(() => {
      const { first } = this
      if (first === undefined || this.attendant !== self) return Effect.void
      this.rung = false
      return Effect.matchCauseEffect(this.supply.take(this.key, first.weight, this.weight), {
        onFailure: (cause) => Effect.sync(() => this.giveUp(cause)),
        onSuccess: (taken) => Effect.zipRight(taken.count > 0 ? this.handOut(taken) : this.wait(self, taken), loop)
      })
    })
    const counted = Effect.suspend(() => {
      this.attendants += 1
      return Effect.ensuring(
        loop,
        Effect.sync(() => {
          this.attendants -= 1
          if (this.attendants === 0 && this.length === 0) this.onIdle()
        })
      )
    })
    return counted.pipe(
      // The deadline and the receipt of the one who came first are not those of the others.
      Effect.provideService(Deadline.Current, Infinity),
      Effect.provideService(Asking, Asking.defaultValue())
    )
  }

  private handOut({ at, count }: Taken): Effect.Effect<void> {
    let left = count
    for (let { first } = this; first !== undefined && first.weight <= left; first = this.first) {
      left -= first.weight
      this.leave(first)
      this.moveBack(first.tenant)
      first.decide({ _tag: "Turn", at })
    }
    // With none left over there may be more where they came from.
    if (this.length === 0 || left > 0) this.at = 0
    return left === 0 ? Effect.void : this.supply.giveBack(this.key, left, at)
  }

  /** The other tenants come first now. */
  private moveBack(name: string): void {
    const tenant = this.tenants.get(name)
    if (tenant === undefined) return
    this.tenants.delete(name)
    this.tenants.set(name, tenant)
  }

  private wait(self: Attendant, taken: Taken): Effect.Effect<void> {
    return Effect.flatMap(Deadline.now, (now) => {
      for (let { first } = this; first !== undefined; first = this.first) {
        if (!isTooLong(taken.wait, now, first.arrival.until)) break
        this.refuse(first, taken.wait)
      }
      this.at = now + taken.wait
      if (this.length === 0 || this.attendant !== self || this.rung) return Effect.void
      this.alarms.set(this)
      return Effect.zipRight(this.alarms.keep, this.sleep)
    })
  }

  private readonly sleep: Effect.Effect<void> = Effect.async<void>((resume) => {
    if (this.rung) return resume(Effect.void)
    this.wakeAttendant = () => resume(Effect.void)
  })

  private giveUp(cause: Cause.Cause<E>): void {
    for (let { first } = this; first !== undefined; first = this.first) {
      this.leave(first)
      first.decide({ _tag: "Unknown", cause })
    }
  }
}
