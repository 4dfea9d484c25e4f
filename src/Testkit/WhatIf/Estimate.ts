/**
 * What to expect of a setting.
 *
 * @since 0.1.0
 */
import type { Unhedged } from "../../Receipt.ts"
import { type Confidence, type Interval, quantile, type Quantile, type Share, shareOf } from "./Intervals.ts"
import type { Played } from "./Play.ts"

/**
 * What came of the hedge of a source. All are shares.
 *
 * @since 0.1.0
 * @category models
 */
export interface SecondCalls {
  /** Of the aggregations that ask the source: a call of theirs was slow, or failed with what another call may mend. */
  readonly wanted: number
  /** Of those that wanted a second call: why they got none. */
  readonly unhedged: Readonly<Record<Exclude<Unhedged, "few-calls">, number>>
  /** Of the aggregations that ask the source: too few calls had been seen in the last minute to tell what is slow. */
  readonly fewCalls: number
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
  /** Both of them. */
  readonly answered: Share
  /** Answers that fail because a required source does, and those that the deadline cuts off. */
  readonly failed: Share
  readonly late: Share
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** Where they lie; `high` is `Infinity` when there are too few to say, and no deadline. */
  readonly intervals: Readonly<Record<"p50" | "p95" | "p99", Interval>>
  /** Second calls, as a share of the aggregations that ask that source. */
  readonly extraLoad: Readonly<Record<string, number>>
  /** What came of each hedge that was tried. */
  readonly secondCalls: Readonly<Record<string, SecondCalls>>
  /** How often the answer waited for this source last. */
  readonly criticalPath: Readonly<Record<string, number>>
  /**
   * The share of aggregations for which the recording cannot tell: a source was cut off that had by then taken as
   * long as any that ended. Such a source counts as one that never ends.
   */
  readonly unknown: number
}

/**
 * What to sum up.
 *
 * @since 0.1.0
 * @category models
 */
export interface Summed {
  readonly sources: ReadonlyArray<string>
  readonly hedges: ReadonlyArray<string>
  readonly deadline: number
  readonly confidence: Confidence
  /** How many aggregations asked the source. */
  readonly asked: (source: string) => number
}

/**
 * Sums up what was played.
 *
 * @since 0.1.0
 * @category constructors
 */
export const estimate = (
  answers: ReadonlyArray<Played>,
  { asked, confidence, deadline, hedges, sources }: Summed
): Estimate => {
  const share = (test: (answer: Played) => boolean) =>
    shareOf(
      answers.map((answer) => ({ value: test(answer), weight: answer.weight })),
      confidence
    )
  const sum = (of: (answer: Played) => number) => answers.reduce((sum, answer) => sum + of(answer) * answer.weight, 0)
  const all = sum(() => 1)
  const ratio = (of: (answer: Played) => number, whole = all) => (whole === 0 ? 0 : sum(of) / whole)
  const times = sorted(answers, ({ at }) => at)
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(times, share, confidence)) as [
    Quantile,
    Quantile,
    Quantile
  ]
  // However few they are, none leaves after its deadline.
  const bounds = ({ high, low }: Interval): Interval => ({ low, high: Math.min(high, deadline) })
  const secondCalls = (name: string): SecondCalls => {
    const wanted = sum(({ hedged }) => Number(hedged.get(name)?.wanted ?? false))
    const because = (why: Unhedged) =>
      ratio(({ hedged }) => Number(hedged.get(name)?.wanted === true && hedged.get(name)!.unhedged === why), wanted)
    const few = ({ hedged }: Played) => Number(hedged.get(name)?.unhedged === "few-calls")
    return {
      wanted: asked(name) === 0 ? 0 : wanted / asked(name),
      unhedged: { budget: because("budget"), once: because("once"), deadline: because("deadline") },
      fewCalls: ratio(few, asked(name))
    }
  }
  return {
    aggregations: answers.length,
    complete: share(({ ending }) => ending === "complete"),
    partial: share(({ ending }) => ending === "partial"),
    answered: share(({ ending }) => ending === "complete" || ending === "partial"),
    failed: share(({ ending }) => ending === "failed"),
    late: share(({ ending }) => ending === "late"),
    p50: p50.value,
    p95: p95.value,
    p99: p99.value,
    intervals: { p50: bounds(p50), p95: bounds(p95), p99: bounds(p99) },
    extraLoad: Object.fromEntries(
      hedges.map((name) => [name, ratio(({ hedged }) => hedged.get(name)?.sent ?? 0, asked(name))])
    ),
    secondCalls: Object.fromEntries(hedges.map((name) => [name, secondCalls(name)])),
    criticalPath: Object.fromEntries(sources.map((name) => [name, ratio(({ last }) => Number(last === name))])),
    unknown: ratio(({ unknown }) => Number(unknown))
  }
}

/**
 * A time of each answer, the shortest first.
 *
 * @since 0.1.0
 * @category getters
 */
export const sorted = (answers: ReadonlyArray<Played>, time: (answer: Played) => number) =>
  answers
    .map((answer) => ({ value: time(answer), weight: answer.weight }))
    .sort((a, b) => (a.value === b.value ? 0 : a.value - b.value))
