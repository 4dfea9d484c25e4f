/**
 * The metrics of aggregations and sources, updated however they end.
 *
 * @since 0.1.0
 */
import { MetricBoundaries, MetricKey, type MetricKeyType } from "effect"
import { status } from "../Outcome.ts"
import type * as Recording from "../Receipt/Recorder.ts"
import { type Keyed, keyed, type Tagged, tagged } from "../Resilience/Metrics/Tags.ts"
import { isPerItem, labelOf } from "./Report.ts"

/** From 1 ms to 65 s, each bound twice the one before it. */
const boundaries = MetricBoundaries.exponential({ start: 1, factor: 2, count: 17 })

/**
 * Aggregations that have answered, by `aggregation`, `policy` and `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const aggregations = keyed(
  MetricKey.counter("muster_aggregations_total", {
    description: "Aggregations that have answered",
    incremental: true
  })
)

/**
 * Milliseconds from start to answer, by `aggregation`, `policy` and `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const aggregationDuration = keyed(
  MetricKey.histogram("muster_aggregation_duration_ms", boundaries, "Milliseconds from start to answer")
)

/**
 * Aggregations that have not answered yet, by `aggregation` and `policy`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const aggregationsInFlight = keyed(
  MetricKey.gauge("muster_aggregations_in_flight", {
    description: "Aggregations that have not answered yet"
  })
)

/**
 * Sources that have ended, by `aggregation`, `source` and `outcome`. Of one aggregation a thousand are counted by name, and
 * the rest together as `other`; so it is with the other two.
 *
 * @since 0.1.0
 * @category metrics
 */
export const sources = keyed(
  MetricKey.counter("muster_sources_total", {
    description: "Sources that have ended",
    incremental: true
  })
)

/**
 * Milliseconds from asking a source to its end, by `aggregation`, `source` and `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const sourceDuration = keyed(
  MetricKey.histogram("muster_source_duration_ms", boundaries, "Milliseconds from asking a source to its end")
)

/**
 * Sources that are being asked, by `aggregation` and `source`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const sourcesInFlight = keyed(
  MetricKey.gauge("muster_sources_in_flight", {
    description: "Sources that are being asked"
  })
)

/** The three metrics of one thing. */
interface Family {
  readonly count: Keyed<MetricKeyType.MetricKeyType.Counter<number>>
  readonly duration: Keyed<MetricKeyType.MetricKeyType.Histogram>
  readonly inFlight: Keyed<MetricKeyType.MetricKeyType.Gauge<number>>
}

/**
 * A list may have any number of sources, each with a name of its own, and each value of a tag is kept for good: of one
 * aggregation so many are counted by name, and the rest together as `other`.
 */
const mostNames = 1_000

/** A family with some tags, which come in the same order each time; all that were made are kept, as Effect keeps states. */
class Counted implements Recording.Counted {
  private readonly more = new Map<string, Counted>()
  private readonly count: Tagged<MetricKeyType.MetricKeyType.Counter<number>>
  private readonly duration: Tagged<MetricKeyType.MetricKeyType.Histogram>
  private readonly flying: Tagged<MetricKeyType.MetricKeyType.Gauge<number>>

  constructor(
    private readonly family: Family,
    private readonly tags: Readonly<Record<string, string>> = {}
  ) {
    this.count = tagged(family.count, tags)
    this.duration = tagged(family.duration, tags)
    this.flying = tagged(family.inFlight, tags)
  }

  /** The same with one tag more. */
  with(key: string, value: string): Counted {
    return this.more.get(value) ?? this.made(key, this.more.size < mostNames ? value : "other")
  }

  private made(key: string, value: string): Counted {
    const one = this.more.get(value) ?? new Counted(this.family, { ...this.tags, [key]: value })
    this.more.set(value, one)
    return one
  }

  /** One more is in flight. */
  began(): this {
    this.flying.modify(1)
    return this
  }

  left(): void {
    this.flying.modify(-1)
  }

  /** One has ended; `millis` is `undefined` when it was never asked. */
  ended(outcome: string, millis: number | undefined): void {
    const { count, duration } = this.with("outcome", outcome)
    count.update(1)
    if (millis !== undefined) duration.update(millis)
  }
}

const ofAggregations = new Counted({
  count: aggregations,
  duration: aggregationDuration,
  inFlight: aggregationsInFlight
})
const ofSources = new Counted({ count: sources, duration: sourceDuration, inFlight: sourcesInFlight })

/**
 * Counts what is in flight, from where it is made to the end of the aggregation, and then what has ended.
 *
 * @since 0.1.0
 * @category recording
 */
export class Counter implements Recording.Counting {
  private readonly whole: Counted
  private readonly parts: Counted
  /** All items of a list are counted as one source. */
  private readonly items: Counted | undefined

  constructor(private readonly recorder: Recording.Recorder) {
    const { aggregation, policy } = recorder
    this.whole = ofAggregations.with("aggregation", aggregation).with("policy", policy).began()
    this.parts = ofSources.with("aggregation", aggregation)
    this.items = isPerItem(policy) ? this.parts.with("source", labelOf(policy, "")) : undefined
    recorder.counting = this
  }

  began(entry: Recording.Entry<unknown, unknown>): Counted {
    return this.of(entry).began()
  }

  /** The aggregation is over. */
  ended(): void {
    const { elapsed, ending, entries } = this.recorder
    this.whole.left()
    if (ending === undefined) return
    this.whole.ended(ending, elapsed)
    for (const entry of entries) this.of(entry).ended(status({ _tag: entry.state }), entry.took)
  }

  private of({ name }: Recording.Entry<unknown, unknown>): Counted {
    return this.items ?? this.parts.with("source", name)
  }
}
