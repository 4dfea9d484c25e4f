/**
 * Metrics with tags that are known beforehand.
 *
 * @since 0.1.0
 */
import { Metric, MetricLabel } from "effect"

/**
 * `Metric.tagged` for hot paths. Effect finds the state of a metric at once by a list of tags that it has seen, and by a new
 * one, as `Metric.tagged` makes for each update, only after it has hashed all of it: about 10 us.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tagged = <Type, In, Out>(
  metric: Metric.Metric<Type, In, Out>,
  tags: Readonly<Record<string, string>>
): Metric.Metric<Type, In, Out> => {
  const own = Object.entries(tags).map(([key, value]) => MetricLabel.make(key, value))
  const all = (more: ReadonlyArray<MetricLabel.MetricLabel>) => (more.length === 0 ? own : [...own, ...more])
  return Metric.make(
    metric.keyType,
    (input, more) => metric.unsafeUpdate(input, all(more)),
    (more) => metric.unsafeValue(all(more)),
    (input, more) => metric.unsafeModify(input, all(more))
  )
}

/**
 * The same, made when it is first needed and kept: one for each value of a tag.
 *
 * @since 0.1.0
 * @category constructors
 */
export const each = <Type, In, Out>(
  metric: Metric.Metric<Type, In, Out>,
  tags: Readonly<Record<string, string>>,
  key: string
): ((value: string) => Metric.Metric<Type, In, Out>) => {
  const made = new Map<string, Metric.Metric<Type, In, Out>>()
  return (value) => {
    let one = made.get(value)
    if (one === undefined) made.set(value, (one = tagged(metric, { ...tags, [key]: value })))
    return one
  }
}
