/**
 * What if the deadline were shorter, a source optional, another hedged? Answered from recorded receipts.
 *
 * @since 0.1.0
 */
import type { Receipt } from "../Receipt.ts"
import { type Interval, type Quantile, quantile, type Share, wilson } from "./WhatIf/Intervals.ts"
import { Latencies, percentile } from "./WhatIf/Latencies.ts"
import { type Plan, play, type Played, type Row, rowOf, type Seen } from "./WhatIf/Play.ts"
import { random, Reservoir } from "./WhatIf/Reservoir.ts"

export {
  /** @since 0.1.0 */
  type Interval,
  /** @since 0.1.0 */
  type Quantile,
  /** @since 0.1.0 */
  type Share,
  /** @since 0.1.0 */
  wilson
} from "./WhatIf/Intervals.ts"

/**
 * A setting to try. What it does not say stays as it was recorded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Setting {
  /** Milliseconds; `Infinity` for as long as it takes. Default: the one that each aggregation had. */
  readonly deadline?: number | undefined
  /** Sources that the answer can do without, besides those that it could do without when it was recorded. */
  readonly optional?: ReadonlyArray<string> | undefined
  /** Sources that get a second call when the first has taken this long, in milliseconds, or has failed. */
  readonly hedges?: Readonly<Record<string, number>> | undefined
}

/**
 * What to expect of a setting. Times are milliseconds to the answer, whatever it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Estimate {
  readonly aggregations: number
  /** Answers with nothing missing. */
  readonly complete: Share
  /** Answers with an optional source missing. */
  readonly partial: Share
  /** Answers that fail because a required source does, and those that the deadline cuts off. */
  readonly failed: Share
  readonly late: Share
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** Where they lie with 95 % confidence; `high` is `Infinity` when there are too few to say, and no deadline. */
  readonly intervals: Readonly<Record<"p50" | "p95" | "p99", Interval>>
  /** Second calls, as a share of the aggregations that ask that source. */
  readonly extraLoad: Readonly<Record<string, number>>
  /** How often the answer waited for this source last. */
  readonly criticalPath: Readonly<Record<string, number>>
  /**
   * The share of aggregations for which the recording cannot tell: a source was cut off that had by then taken as
   * long as any that ended. Such a source counts as one that never ends.
   */
  readonly unknown: number
}

const mostRows = 20_000
const mostCells = 200_000

/**
 * What receipts tell of their sources. Memory is constant: of more than 20,000 receipts it keeps a fair sample, and of
 * fewer where they have more than ten sources. Whole aggregations are kept, so that what is slow together stays so.
 *
 * All receipts should be of one aggregation, by `gather`, `collect` or `stream`.
 *
 * @since 0.1.0
 * @category models
 */
export class Observations {
  private readonly kept: Reservoir<Row>
  private readonly names = new Set<string>()
  private readonly sometimesOptional = new Set<string>()
  private readonly range = { low: Infinity, high: 0 }
  private surveyed: ReadonlyMap<string, Latencies> | undefined

  constructor(readonly seed = 1) {
    this.kept = new Reservoir(mostRows, seed)
  }

  /** How many receipts have been added. */
  get count(): number {
    return this.kept.count
  }

  /** How many of them are kept, and played. */
  get sampled(): number {
    return this.kept.items.length
  }

  /** The sources seen, in the order in which they came up. */
  get sources(): ReadonlyArray<string> {
    return Array.from(this.names)
  }

  /** How many sources were seen. */
  get width(): number {
    return this.names.size
  }

  /** The sources that an answer could do without. */
  get optional(): ReadonlyArray<string> {
    return Array.from(this.sometimesOptional)
  }

  /** The shortest and the longest deadline seen; `Infinity` for none. */
  get deadlines(): Interval {
    return { ...this.range }
  }

  add(receipt: Receipt): void {
    this.surveyed = undefined
    for (const { name, required } of receipt.sources) {
      this.names.add(name)
      if (!required) this.sometimesOptional.add(name)
    }
    const deadline = receipt.deadline ?? Infinity
    this.range.low = Math.min(this.range.low, deadline)
    this.range.high = Math.max(this.range.high, deadline)
    this.kept.shrink(Math.max(1, Math.floor(mostCells / Math.max(1, this.names.size))))
    this.kept.add(rowOf(receipt))
  }

  /** The latency below which this share of a source's successful calls lies; `undefined` when it never succeeded. */
  percentile(source: string, share: number): number | undefined {
    const took = this.kept.items.flatMap(({ sources }) => {
      const seen = sources.get(source)
      return seen?.ending === "ok" ? [seen.took] : []
    })
    if (took.length === 0) return undefined
    return percentile(
      took.sort((a, b) => a - b),
      share
    )
  }

  /** Plays every aggregation kept under another setting. */
  estimate(setting: Setting): Estimate {
    const asked = (name: string) => this.kept.items.filter(({ sources }) => sources.has(name)).length
    return summary(this.play(setting), this.sources, { deadline: this.range.high, ...setting }, asked)
  }

  /** The shortest deadline under which this share of the answers is complete; `Infinity` when none is long enough. */
  deadlineFor(share: number, setting: Omit<Setting, "deadline">): number {
    return this.deadlinesFor(share, setting).complete.value
  }

  /** The same, and the shortest under which this share is an answer at all, complete or partial. */
  deadlinesFor(
    share: number,
    setting: Omit<Setting, "deadline">
  ): { readonly complete: Quantile; readonly answered: Quantile } {
    const answers = this.play({ ...setting, deadline: Infinity })
    const by = (time: (answer: Played) => number) =>
      quantile(
        answers.map(time).sort((a, b) => a - b),
        share
      )
    return { complete: by((answer) => answer.completeBy), answered: by((answer) => answer.answeredBy) }
  }

  private play({ deadline, hedges = {}, optional = [] }: Setting): ReadonlyArray<Played> {
    const latencies = (this.surveyed ??= this.survey())
    const plan: Plan = { deadline, optional: new Set(optional), hedges: new Map(Object.entries(hedges)) }
    const draw = random(this.seed)
    return this.kept.items.map((row) => play(row, plan, latencies, draw))
  }

  private survey() {
    const calls = new Map<string, Array<Seen>>(this.sources.map((name) => [name, []]))
    for (const { sources } of this.kept.items) for (const [name, seen] of sources) calls.get(name)!.push(seen)
    return new Map(Array.from(calls, ([name, seen]) => [name, new Latencies(seen)]))
  }
}

const summary = (
  answers: ReadonlyArray<Played>,
  sources: ReadonlyArray<string>,
  { deadline = Infinity, hedges = {} }: Setting,
  asked: (source: string) => number
): Estimate => {
  const count = answers.length
  const share = (test: (answer: Played) => boolean, of = count) => (of === 0 ? 0 : answers.filter(test).length / of)
  const ending = (is: Played["ending"]) =>
    wilson(
      share((answer) => answer.ending === is),
      count
    )
  const times = answers.map((answer) => answer.at).sort((a, b) => a - b)
  const [p50, p95, p99] = [quantile(times, 0.5), quantile(times, 0.95), quantile(times, 0.99)]
  // However few they are, none leaves after its deadline.
  const bounds = ({ high, low }: Interval): Interval => ({ low, high: Math.min(high, deadline) })
  return {
    aggregations: count,
    complete: ending("complete"),
    partial: ending("partial"),
    failed: ending("failed"),
    late: ending("late"),
    p50: p50.value,
    p95: p95.value,
    p99: p99.value,
    intervals: { p50: bounds(p50), p95: bounds(p95), p99: bounds(p99) },
    extraLoad: Object.fromEntries(
      Object.keys(hedges).map((name) => [name, share(({ hedged }) => hedged.includes(name), asked(name))])
    ),
    criticalPath: Object.fromEntries(sources.map((name) => [name, share(({ last }) => last === name)])),
    unknown: share((answer) => answer.unknown)
  }
}
