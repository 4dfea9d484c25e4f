/**
 * The metrics of aggregations and sources, updated however they end.
 *
 * @since 0.1.0
 */
import { Metric, MetricBoundaries, type MetricKeyType, type MetricState } from "effect"
import type { Receipt } from "../Receipt.ts"
import type { Recorder } from "../Receipt/Recorder.ts"
import { labelOf } from "./Report.ts"

/** From 1 ms to 65 s, each bound twice the one before it. */
const boundaries = MetricBoundaries.exponential({ start: 1, factor: 2, count: 17 })

/**
 * Aggregations that have answered, by `aggregation`, `policy` and `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const aggregations = Metric.counter("muster_aggregations_total", {
  description: "Aggregations that have answered",
  incremental: true
})

/**
 * Milliseconds from start to answer, by `aggregation`, `policy` and `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const aggregationDuration = Metric.histogram(
  "muster_aggregation_duration_ms",
  boundaries,
  "Milliseconds from start to answer"
)

/**
 * Aggregations that have not answered yet, by `aggregation` and `policy`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const aggregationsInFlight = Metric.gauge("muster_aggregations_in_flight", {
  description: "Aggregations that have not answered yet"
})

/**
 * Sources that have ended, by `aggregation`, `source` and `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const sources = Metric.counter("muster_sources_total", {
  description: "Sources that have ended",
  incremental: true
})

/**
 * Milliseconds from asking a source to its end, by `aggregation`, `source` and `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const sourceDuration = Metric.histogram(
  "muster_source_duration_ms",
  boundaries,
  "Milliseconds from asking a source to its end"
)

/**
 * Sources that are being asked, by `aggregation` and `source`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const sourcesInFlight = Metric.gauge("muster_sources_in_flight", {
  description: "Sources that are being asked"
})

/** Updates a metric without an effect: its tags are given with each update. */
const update = <T extends MetricKeyType.MetricKeyType<In, Out>, In, Out extends MetricState.MetricState<T>>(
  metric: Metric.Metric<T, In, Out>,
  input: In,
  tags: Record<string, string>
): void =>
  Object.entries(tags)
    .reduce((tagged, [key, value]) => Metric.tagged(tagged, key, value), metric)
    .unsafeUpdate(input, [])

/**
 * Counts what is in flight, from here to the end of the aggregation.
 *
 * @since 0.1.0
 * @category recording
 */
export const watch = (recorder: Recorder): (() => void) => {
  const { aggregation, policy } = recorder
  const inFlight = aggregationsInFlight.pipe(Metric.tagged("aggregation", aggregation), Metric.tagged("policy", policy))
  const source = sourcesInFlight.pipe(Metric.tagged("aggregation", aggregation))
  inFlight.unsafeModify(1, [])
  recorder.onBegin = (entry) => Metric.tagged(source, "source", labelOf(policy, entry.name)).unsafeModify(1, [])
  recorder.onEnd = (entry) => Metric.tagged(source, "source", labelOf(policy, entry.name)).unsafeModify(-1, [])
  return () => inFlight.unsafeModify(-1, [])
}

/**
 * Counts what has ended.
 *
 * @since 0.1.0
 * @category recording
 */
export const record = ({ aggregation, elapsed, outcome, policy, sources: ended }: Receipt): void => {
  update(aggregations, 1, { aggregation, policy, outcome })
  update(aggregationDuration, elapsed, { aggregation, policy, outcome })
  for (const { end, name, outcome, start } of ended) {
    const tags = { aggregation, source: labelOf(policy, name), outcome }
    update(sources, 1, tags)
    if (start !== null && end !== null) update(sourceDuration, end - start, tags)
  }
}
