/**
 * Metrics with tags that are known beforehand.
 *
 * @since 0.1.0
 */
import { Metric, type MetricHook, MetricKey, type MetricKeyType, MetricLabel } from "effect"

/**
 * A metric that knows its key.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keyed<Type extends MetricKeyType.MetricKeyType.Untyped> extends MetricOf<Type> {
  readonly key: MetricKey.MetricKey<Type>
}

type MetricOf<Type extends MetricKeyType.MetricKeyType.Untyped> = Metric.Metric<
  Type,
  MetricKeyType.MetricKeyType.InType<Type>,
  MetricKeyType.MetricKeyType.OutType<Type>
>

/**
 * The metric of a key.
 *
 * @since 0.1.0
 * @category constructors
 */
export const keyed = <Type extends MetricKeyType.MetricKeyType.Untyped>(key: MetricKey.MetricKey<Type>): Keyed<Type> =>
  Object.assign(Metric.fromMetricKey(key), { key })

/**
 * A metric with some tags, for hot paths: its state is looked up once, at the first update. Effect finds the state of what
 * `Metric.tagged` makes only after it has hashed all tags (10 us), and by a list of tags that it has seen in 0.1 us.
 *
 * @since 0.1.0
 * @category models
 */
export class Tagged<Type extends MetricKeyType.MetricKeyType.Untyped> {
  private state: MetricHook.MetricHook<MetricKeyType.MetricKeyType.InType<Type>, unknown> | undefined = undefined

  constructor(private readonly key: MetricKey.MetricKey<Type>) {}

  update(input: MetricKeyType.MetricKeyType.InType<Type>): void {
    ;(this.state ??= Metric.globalMetricRegistry.get(this.key)).update(input)
  }

  modify(input: MetricKeyType.MetricKeyType.InType<Type>): void {
    ;(this.state ??= Metric.globalMetricRegistry.get(this.key)).modify(input)
  }
}

/**
 * A metric with these tags.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tagged = <Type extends MetricKeyType.MetricKeyType.Untyped>(
  { key }: Keyed<Type>,
  tags: Readonly<Record<string, string>>
): Tagged<Type> => {
  const labels = Object.entries(tags).map(([name, value]) => MetricLabel.make(name, value))
  return new Tagged(MetricKey.taggedWithLabels(key, labels))
}

/**
 * The same, made when it is first needed and kept: one for each value of a tag.
 *
 * @since 0.1.0
 * @category constructors
 */
export const each = <Type extends MetricKeyType.MetricKeyType.Untyped>(
  metric: Keyed<Type>,
  tags: Readonly<Record<string, string>>,
  name: string
): ((value: string) => Tagged<Type>) => {
  const made = new Map<string, Tagged<Type>>()
  return (value) => {
    let one = made.get(value)
    if (one === undefined) made.set(value, (one = tagged(metric, { ...tags, [name]: value })))
    return one
  }
}
