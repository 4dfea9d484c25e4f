/**
 * The metrics of guards that make calls wait, share them, or save them. They are counted by the name of the guard, and not
 * by key: of keys there are any number.
 *
 * @since 0.1.0
 */
import { MetricBoundaries, MetricKey } from "effect"
import type { Asked } from "../../Receipt/Asking.ts"
import { keyed, tagged } from "./Tags.ts"

/**
 * Calls that hold a place of a bulkhead, by `bulkhead`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const bulkheadInFlight = keyed(
  MetricKey.gauge("muster_bulkhead_in_flight", {
    description: "Calls that hold a place of a bulkhead"
  })
)

/**
 * Calls that wait for a place of a bulkhead, by `bulkhead`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const bulkheadWaiting = keyed(
  MetricKey.gauge("muster_bulkhead_waiting", {
    description: "Calls that wait for a place of a bulkhead"
  })
)

/**
 * Calls that wait for their turn at a rate limit, by `limit`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const rateLimitWaiting = keyed(
  MetricKey.gauge("muster_rate_limit_waiting", {
    description: "Calls that wait for their turn at a rate limit"
  })
)

/**
 * Milliseconds that calls waited for a place or a turn, by `guard` (`bulkhead` or `rate-limit`) and `name`; those that did
 * not wait are not among them.
 *
 * @since 0.1.0
 * @category metrics
 */
export const queued = keyed(
  MetricKey.histogram(
    "muster_queued_duration_ms",
    MetricBoundaries.exponential({ start: 1, factor: 2, count: 17 }),
    "Milliseconds that calls waited for a place or a turn"
  )
)

/**
 * Times that a source asked to be left alone for a while, and a rate limit obeyed, by `limit`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const rateLimitPauses = keyed(
  MetricKey.counter("muster_rate_limit_pauses_total", {
    description: "Times that a source asked to be left alone for a while",
    incremental: true
  })
)

/**
 * Calls through a single flight, by `flights` and `role`: `led` made a call, `joined` shared it.
 *
 * @since 0.1.0
 * @category metrics
 */
export const flights = keyed(
  MetricKey.counter("muster_flights_total", {
    description: "Calls through a single flight",
    incremental: true
  })
)

/**
 * Look-ups in a cache, by `cache` and `found`: `fresh`, `stale`, `nothing`, or `trouble` when the cache itself failed; and
 * `spare` for each value past its time that was given after all, since the call for a new one had failed.
 *
 * @since 0.1.0
 * @category metrics
 */
export const lookups = keyed(
  MetricKey.counter("muster_cache_lookups_total", {
    description: "Look-ups in a cache",
    incremental: true
  })
)

/**
 * Values that a cache dropped because it was full, by `cache`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const evictions = keyed(
  MetricKey.counter("muster_cache_evictions_total", {
    description: "Values that a cache dropped because it was full",
    incremental: true
  })
)

/**
 * Tells the receipt and the metrics how many milliseconds a call has waited at the guard with this name.
 *
 * @since 0.1.0
 * @category recording
 */
export const queueing = (guard: "bulkhead" | "rate-limit", name: string) => {
  const named = tagged(queued, { guard, name })
  return (asking: Asked, millis: number): void => {
    asking.queued(millis)
    named.update(millis)
  }
}

/**
 * Counts the pauses of the rate limit with this name.
 *
 * @since 0.1.0
 * @category recording
 */
export const pausing = (limit: string) => {
  const named = tagged(rateLimitPauses, { limit })
  return (): void => named.update(1)
}
