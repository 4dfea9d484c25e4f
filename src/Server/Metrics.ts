/**
 * The metrics of a server's requests, and of its process.
 *
 * @since 0.1.0
 */
import { Effect, Metric, MetricBoundaries } from "effect"
import type { Exchange } from "./Exchange.ts"
import type { InFlight } from "./InFlight.ts"

/**
 * Requests that have ended, by `route`, `method` and `status`; 499 is a client that went away.
 *
 * @since 0.1.0
 * @category metrics
 */
export const requests = Metric.counter("muster_http_requests_total", {
  description: "Requests that have ended",
  incremental: true
})

/**
 * Milliseconds from a request to its answer, by `route`, `method` and `status`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const requestDuration = Metric.histogram(
  "muster_http_request_duration_ms",
  MetricBoundaries.exponential({ start: 1, factor: 2, count: 17 }),
  "Milliseconds from a request to its answer"
)

/**
 * Requests that have not ended.
 *
 * @since 0.1.0
 * @category metrics
 */
export const requestsInFlight = Metric.gauge("muster_http_requests_in_flight", {
  description: "Requests that have not ended"
})

/** A method is whatever a client writes; those that nobody serves have one name together. */
const known = new Set(["GET", "HEAD", "POST", "OPTIONS"])

/**
 * Counts a request that has ended.
 *
 * @since 0.1.0
 * @category recording
 */
export const record = ({ answered, elapsed, method, route, status }: Exchange): Effect.Effect<void> =>
  Effect.sync(() => {
    const tags = { route: route ?? "none", method: known.has(method) ? method : "other", status: String(status) }
    const tagged = <T, In, Out>(metric: Metric.Metric<T, In, Out>) =>
      Object.entries(tags).reduce((tagged, [key, value]) => Metric.tagged(tagged, key, value), metric)
    tagged(requests).unsafeUpdate(1, [])
    tagged(requestDuration).unsafeUpdate(answered ?? elapsed(), [])
  })

const memory = Metric.gauge("process_resident_memory_bytes", { description: "Memory that the process holds" })
const heap = Metric.gauge("nodejs_heap_used_bytes", { description: "Heap in use" })
const cpu = Metric.counter("process_cpu_seconds_total", {
  description: "CPU time, of user and system",
  incremental: true
})

let counted = 0

/**
 * Reads what the process uses now, and how many requests are in flight.
 *
 * @since 0.1.0
 * @category recording
 */
export const sample = (inFlight: InFlight): Effect.Effect<void> =>
  Effect.sync(() => {
    requestsInFlight.unsafeUpdate(inFlight.count(), [])
    const { heapUsed, rss } = process.memoryUsage()
    const { system, user } = process.cpuUsage()
    const seconds = (system + user) / 1e6
    memory.unsafeUpdate(rss, [])
    heap.unsafeUpdate(heapUsed, [])
    cpu.unsafeUpdate(seconds - counted, [])
    counted = seconds
  })
