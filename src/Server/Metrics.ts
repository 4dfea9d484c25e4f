/**
 * The metrics of a server's requests, and of its process.
 *
 * @since 0.1.0
 */
import { Effect, Metric, MetricBoundaries, MetricKey } from "effect"
import { keyed, tagged } from "../Resilience/Metrics/Tags.ts"
import type { Exchange } from "./Exchange.ts"
import type { InFlight } from "./InFlight.ts"

/**
 * Requests that have ended, by `route`, `method` and `status`; 499 is a client that went away.
 *
 * @since 0.1.0
 * @category metrics
 */
export const requests = keyed(
  MetricKey.counter("muster_http_requests_total", { description: "Requests that have ended", incremental: true })
)

/**
 * Milliseconds from a request to its answer, by `route`, `method` and `status`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const requestDuration = keyed(
  MetricKey.histogram(
    "muster_http_request_duration_ms",
    MetricBoundaries.exponential({ start: 1, factor: 2, count: 17 }),
    "Milliseconds from a request to its answer"
  )
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

/** Those of each route, method and status; there are as many as there are metrics. */
const made = new Map<string, ReturnType<typeof make>>()

const make = (tags: Readonly<Record<string, string>>) => ({
  count: tagged(requests, tags),
  took: tagged(requestDuration, tags)
})

const of = (route: string, method: string, status: string) => {
  const key = `${status} ${method} ${route}`
  let one = made.get(key)
  if (one === undefined) made.set(key, (one = make({ route, method, status })))
  return one
}

/**
 * Counts a request that has ended.
 *
 * @since 0.1.0
 * @category recording
 */
export const record = (exchange: Exchange): void => {
  const { answered, method, route = "none", status } = exchange
  const { count, took } = of(route, known.has(method) ? method : "other", String(status))
  count.update(1)
  took.update(answered ?? exchange.elapsed())
}

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
