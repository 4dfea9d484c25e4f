/**
 * What the process is doing now: the gauges of what is in flight, and of the guards, for whoever looks at the page.
 *
 * @since 0.1.0
 */
import { Clock, Effect, Metric, MetricState, Stream } from "effect"
import type { InFlight } from "./InFlight.ts"
import * as Metrics from "./Metrics.ts"

/**
 * A gauge with the labels that it has.
 *
 * @since 0.1.0
 * @category models
 */
export interface Gauge {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/**
 * All of them at one instant, in milliseconds since 1970.
 *
 * @since 0.1.0
 * @category models
 */
export interface Gauges {
  readonly at: number
  readonly gauges: ReadonlyArray<Gauge>
}

/** Of what is in flight there is nothing to say where nothing is. */
const inFlight = new Set([
  "muster_http_requests_in_flight",
  "muster_aggregations_in_flight",
  "muster_sources_in_flight"
])

/** A guard that has nothing to do is there all the same. */
const guards = new Set([
  "muster_breakers",
  "muster_bulkhead_in_flight",
  "muster_bulkhead_waiting",
  "muster_rate_limit_waiting"
])

/** Sources may be named by what is asked for, and then there is no end of names. */
const most = 500

/**
 * Those that there are now; at most 500, guards first.
 *
 * @since 0.1.0
 * @category getters
 */
export const now: Effect.Effect<Gauges> = Effect.map(
  Effect.all([Clock.currentTimeMillis, Metric.snapshot]),
  ([at, pairs]) => {
    const all = pairs.flatMap(({ metricKey: { name, tags }, metricState }): ReadonlyArray<Gauge> => {
      if (!MetricState.isGaugeState(metricState)) return []
      const value = Number(metricState.value)
      if (!guards.has(name) && (value === 0 || !inFlight.has(name))) return []
      return [{ metric: name, labels: Object.fromEntries(tags.map(({ key, value }) => [key, value])), value }]
    })
    const isGuard = ({ metric }: Gauge) => Number(guards.has(metric))
    return { at, gauges: all.sort((a, b) => isGuard(b) - isGuard(a)).slice(0, most) }
  }
)

/**
 * Those that there are now, and again whenever they have changed; it looks once a second.
 *
 * @since 0.1.0
 * @category getters
 */
export const changes = (requests: InFlight): Stream.Stream<Gauges> => {
  const look = Effect.zipRight(Metrics.sample(requests), now)
  return Stream.changesWith(
    Stream.concat(Stream.fromEffect(look), Stream.repeatEffect(Effect.delay(look, "1 second"))),
    (a, b) => JSON.stringify(a.gauges) === JSON.stringify(b.gauges)
  )
}
