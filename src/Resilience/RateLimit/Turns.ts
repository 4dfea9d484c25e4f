/**
 * The turns of a rate limit, by key.
 *
 * @since 0.1.0
 */
import { Effect, type MetricKeyType } from "effect"
import * as Deadline from "../../Deadline.ts"
import { Alarms } from "../Alarms.ts"
import * as Behind from "../Behind.ts"
import * as Sharing from "../Metrics/Sharing.ts"
import { type Tagged, tagged } from "../Metrics/Tags.ts"
import type { Arrival } from "../Patience.ts"
import { Memory } from "./Memory.ts"
import { isTooLong, Queue, type Supply, Waiter } from "./Queue.ts"
import { most, type Rule, spread } from "./Rule.ts"
import type { Service, StoreUnavailable } from "./Store.ts"

/**
 * Where the turns of all keys come from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Source<E> extends Supply<E> {
  /** Takes turns in this instant and says when, or `undefined`; only where nobody has to be asked for them. */
  readonly takeNow?: (key: string | undefined, count: number, now: number) => number | undefined
  readonly pause: (key: string | undefined, millis: number, now: number) => Effect.Effect<void>
}

/**
 * Turns within this process.
 *
 * @since 0.1.0
 * @category constructors
 */
export const local = (rule: Rule): Source<never> => {
  const memory = new Memory(rule)
  return {
    take: (key, least, most) => Effect.map(Deadline.now, (now) => memory.take(key, least, most, now)),
    takeNow: (key, count, now) => (memory.take(key, count, count, now).count > 0 ? now : undefined),
    giveBack: (key, count, at) => Effect.sync(() => memory.giveBack(key, count, at)),
    pause: (key, millis, now) => Effect.sync(() => memory.pause(key, millis, now)),
    waitOf: ({ key }, count, now) => memory.waitOf(key, count, now)
  }
}

/**
 * Turns that machines share.
 *
 * @since 0.1.0
 * @category constructors
 */
export const shared = (name: string, rule: Rule, store: Service): Source<StoreUnavailable> => {
  // Of two limits with the same key, neither is the other.
  const keyOf = (key: string | undefined) => encodeURIComponent(name) + (key === undefined ? "" : `:${key}`)
  return {
    take: (key, least, wanted) => store.take(rule, keyOf(key), least, Math.min(most(rule), wanted)),
    giveBack: (key, count, at) => Behind.run("giving back turns", store.giveBack(rule, keyOf(key), count, at)),
    pause: (key, millis) => Behind.run("pausing a rate limit", store.pause(rule, keyOf(key), millis)),
    waitOf: (queue, count, now) =>
      queue.first === undefined || queue.at === 0
        ? 0
        : Math.max(0, queue.at - now) + spread(rule, Math.max(0, count - queue.first.weight))
  }
}

/**
 * The turns of a rate limit.
 *
 * @since 0.1.0
 * @category models
 */
export class Turns<E> {
  private readonly queues = new Map<string | undefined, Queue<E>>()
  private readonly alarms = new Alarms()
  private readonly gauge: Tagged<MetricKeyType.MetricKeyType.Gauge<number>>

  constructor(
    name: string,
    private readonly source: Source<E>
  ) {
    this.gauge = tagged(Sharing.rateLimitWaiting, { limit: name })
  }

  /** How many wait. */
  waiting(key: string | undefined): number {
    return this.queues.get(key)?.length ?? 0
  }

  /** Somebody comes; perhaps it is decided at once what becomes of them. */
  enter(key: string | undefined, tenant: string, weight: number, arrival: Arrival): Waiter<E> {
    const { now, until } = arrival
    const waiter = new Waiter<E>(tenant, weight, arrival, until)
    const found = this.queues.get(key)
    const at = found === undefined || found.length === 0 ? this.source.takeNow?.(key, weight, now) : undefined
    if (at !== undefined) {
      waiter.decide({ _tag: "Turn", at })
      return waiter
    }
    const queue = found ?? this.make(key)
    const wait = this.source.waitOf(queue, queue.ahead(tenant) + weight, now)
    if (isTooLong(wait, now, until)) waiter.decide({ _tag: "TooLong", wait })
    else {
      this.queues.set(key, queue)
      queue.join(waiter)
    }
    return waiter
  }

  /** Sees to it that somebody asks for turns while this one waits. */
  attend(waiter: Waiter<E>): Effect.Effect<void> {
    return waiter.queue?.attend ?? Effect.void
  }

  /** One is interrupted, whatever was decided. */
  leave(key: string | undefined, waiter: Waiter<E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { queue, verdict, weight } = waiter
      if (verdict === undefined) queue?.leave(waiter)
      if (verdict?._tag !== "Turn") return Effect.void
      // Whoever is next may have it.
      return Effect.zipRight(
        this.source.giveBack(key, weight, verdict.at),
        Effect.sync(() => queue?.ring())
      )
    })
  }

  /** The source of the calls wants to be left alone. */
  pause(key: string | undefined, millis: number, now: number): Effect.Effect<void> {
    return Effect.zipRight(
      this.source.pause(key, millis, now),
      Effect.sync(() => this.queues.get(key)?.pause(millis, now))
    )
  }

  private make(key: string | undefined): Queue<E> {
    const count = (change: 1 | -1) => this.gauge.modify(change)
    const queue: Queue<E> = new Queue(key, this.source, this.alarms, count, () => {
      if (this.queues.get(key) === queue) this.queues.delete(key)
    })
    return queue
  }
}
