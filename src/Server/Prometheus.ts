/**
 * All metrics of the process in the text format of Prometheus.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats
 * @since 0.1.0
 */
import { Effect, Metric, MetricKeyType, type MetricPair, MetricState, Option } from "effect"

/**
 * The content type of {@link text}.
 *
 * @since 0.1.0
 * @category models
 */
export const contentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * All metrics as they are now. Those of one name stand together, as the format wants it; a character that may not stand
 * in a name becomes `_`.
 *
 * @since 0.1.0
 * @category getters
 */
export const text: Effect.Effect<string> = Effect.map(Metric.snapshot, (pairs) => {
  const families = new Map<string, { readonly head: string; readonly lines: Array<string> }>()
  for (const pair of pairs) {
    const name = nameOf(pair.metricKey.name)
    const family = families.get(name) ?? { head: headOf(name, pair), lines: [] }
    families.set(name, family)
    for (const sample of samplesOf(name, pair)) family.lines.push(sample)
  }
  return Array.from(families.values(), ({ head, lines }) => `${head}${lines.join("")}`).join("")
})

type Pair = MetricPair.MetricPair.Untyped

const headOf = (name: string, { metricKey }: Pair): string => {
  const description = Option.getOrElse(metricKey.description, () => "")
  const help = description === "" ? "" : `# HELP ${name} ${description.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n`
  return `${help}# TYPE ${name} ${typeOf(metricKey.keyType)}\n`
}

/** A counter of Prometheus never goes down: one of Effect that may, such as `effect_fiber_active`, is a gauge there. */
const typeOf = (type: unknown): string => {
  if (MetricKeyType.isCounterKey(type)) return type.incremental ? "counter" : "gauge"
  if (MetricKeyType.isFrequencyKey(type)) return "counter"
  if (MetricKeyType.isHistogramKey(type)) return "histogram"
  return MetricKeyType.isSummaryKey(type) ? "summary" : "gauge"
}

const samplesOf = (name: string, { metricKey, metricState: state }: Pair): ReadonlyArray<string> => {
  const labels = metricKey.tags.map(({ key, value }) => [key, value] as const)
  const line = (suffix: string, value: number | bigint, more: ReadonlyArray<readonly [string, string]> = []) =>
    `${name}${suffix}${labelled([...labels, ...more])} ${numeral(value)}\n`
  if (MetricState.isCounterState(state)) return [line("", state.count)]
  if (MetricState.isGaugeState(state)) return [line("", state.value)]
  if (MetricState.isFrequencyState(state))
    return Array.from(state.occurrences, ([key, count]) => line("", count, [["key", key]]))
  if (MetricState.isHistogramState(state)) {
    const buckets = Array.from(state.buckets).filter(([bound]) => bound < Infinity)
    return [
      ...buckets.map(([bound, count]) => line("_bucket", count, [["le", numeral(bound)]])),
      line("_bucket", state.count, [["le", "+Inf"]]),
      line("_sum", state.sum),
      line("_count", state.count)
    ]
  }
  if (!MetricState.isSummaryState(state)) return []
  return [
    ...Array.from(state.quantiles).map(([quantile, value]) =>
      line(
        "",
        Option.getOrElse(value, () => NaN),
        [["quantile", numeral(quantile)]]
      )
    ),
    line("_sum", state.sum),
    line("_count", state.count)
  ]
}

const nameOf = (name: string) => name.replace(/[^\w:]/g, "_").replace(/^(?=\d)/, "_")

const labelled = (labels: ReadonlyArray<readonly [string, string]>): string =>
  labels.length === 0
    ? ""
    : `{${labels.map(([key, value]) => `${nameOf(key).replaceAll(":", "_")}="${escaped(value)}"`).join(",")}}`

const escaped = (value: string) => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")

const numeral = (value: number | bigint): string => {
  if (value === Infinity) return "+Inf"
  return value === -Infinity ? "-Inf" : String(value)
}
