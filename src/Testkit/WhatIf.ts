/**
 * What if the deadline were shorter, a source optional, another hedged? Answered from recorded receipts.
 *
 * @since 0.1.0
 */
import type { Receipt } from "../Receipt.ts"
import type { BudgetOptions } from "../Resilience/Budget.ts"
import { defaultBudget } from "../Resilience/Hedge.ts"
import { estimate, type Estimate, sorted } from "./WhatIf/Estimate.ts"
import type { HedgeSetting } from "./WhatIf/Hedging.ts"
import { type Confidence, type Interval, percentile, type Quantile, quantile } from "./WhatIf/Intervals.ts"
import { Latencies, type Timed } from "./WhatIf/Latencies.ts"
import { type Plan, play, type Played, type Survey } from "./WhatIf/Play.ts"
import { random, Reservoir } from "./WhatIf/Reservoir.ts"
import { type Row, rowOf, type Seen } from "./WhatIf/Row.ts"

export {
  /** @since 0.1.0 */
  type Estimate,
  /** @since 0.1.0 */
  type SecondCalls
} from "./WhatIf/Estimate.ts"
export {
  /** @since 0.1.0 */
  type Confidence,
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
 * A hedge to try.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hedging {
  /**
   * When it makes its second call: after so many milliseconds, as `Hedge.after` does, or after a share of the calls of the
   * last minute, as `Hedge.percentile` does.
   */
  readonly after: number | { readonly percentile: number }
  /** What second calls take from; default that of `Hedge`: 5 % of the calls, of which 10 can be saved up. */
  readonly budget?: BudgetOptions | undefined
}

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
  /** Sources that get a second call when the first is slow or has failed; a number is {@link Hedging.after}. */
  readonly hedges?: Readonly<Record<string, number | Hedging>> | undefined
}

/**
 * What the guards of a source did while it was recorded; shares of the times that it was asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Guarded {
  /** It waited for a place of its bulkhead or a turn of its rate limit, or got none. */
  readonly limited: number
  /** Its breaker refused it. */
  readonly broken: number
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
  private surveyed: Survey | undefined
  private weight = 0

  constructor(
    readonly seed = 1,
    /** Of the intervals of its estimates. */
    readonly confidence: Confidence = 0.95
  ) {
    this.kept = new Reservoir(mostRows, seed)
  }

  /** How many aggregations they stand for: more, where the recording was sampled. */
  get whole(): number {
    return Math.round(this.weight)
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
    this.weight += receipt.weight ?? 1
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
    const took = this.kept.items.flatMap(({ sources, weight }) =>
      (sources.get(source)?.calls ?? []).flatMap(({ ending, took }) =>
        ending === "ok" ? [{ value: took, weight }] : []
      )
    )
    return percentile(
      took.sort((a, b) => a.value - b.value),
      share
    )
  }

  /** What the guards of a source did. */
  guarded(source: string): Guarded {
    const share = (test: (seen: Seen) => boolean) => this.weigh(source, test) / (this.weigh(source, () => true) || 1)
    return { limited: share(({ limited }) => limited), broken: share(({ broken }) => broken) }
  }

  /** Plays every aggregation kept under another setting. */
  estimate(setting: Setting): Estimate {
    return estimate(this.play(setting), {
      sources: this.sources,
      hedges: Object.keys(setting.hedges ?? {}),
      deadline: setting.deadline ?? this.range.high,
      confidence: this.confidence,
      asked: (source) => this.weigh(source, () => true)
    })
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
    const by = (time: (answer: Played) => number) => quantile(sorted(answers, time), share, this.confidence)
    return { complete: by((answer) => answer.completeBy), answered: by((answer) => answer.answeredBy) }
  }

  private play({ deadline, hedges = {}, optional = [] }: Setting): ReadonlyArray<Played> {
    const plan: Plan = {
      deadline,
      optional: new Set(optional),
      hedges: new Map(Object.entries(hedges).map(([name, hedge]) => [name, hedgeOf(hedge)]))
    }
    return play(this.kept.items, plan, (this.surveyed ??= this.survey()), random(this.seed))
  }

  private survey(): Survey {
    const all = () => new Map<string, Array<Timed>>(this.sources.map((name) => [name, []]))
    const [sources, calls] = [all(), all()]
    for (const row of this.kept.items)
      for (const [name, seen] of row.sources) {
        sources.get(name)!.push({ ...seen, error: undefined, weight: row.weight })
        for (const call of seen.calls) calls.get(name)!.push({ ...call, weight: row.weight })
      }
    const latencies = (timed: typeof sources) => new Map(Array.from(timed, ([name, all]) => [name, new Latencies(all)]))
    return { sources: latencies(sources), calls: latencies(calls) }
  }

  /** How many aggregations have a source of which this is so. */
  private weigh(source: string, test: (seen: Seen) => boolean): number {
    return this.kept.items.reduce((sum, { sources, weight }) => {
      const seen = sources.get(source)
      return seen !== undefined && test(seen) ? sum + weight : sum
    }, 0)
  }
}

const hedgeOf = (hedge: number | Hedging): HedgeSetting => {
  const { after, budget = defaultBudget } = typeof hedge === "number" ? { after: hedge } : hedge
  return { after, budget }
}
