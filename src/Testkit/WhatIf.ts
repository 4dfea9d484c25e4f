/**
 * What if the deadline were shorter, a source optional, another hedged? Answered from recorded receipts.
 *
 * @since 0.1.0
 */
import type { Receipt } from "../Receipt.ts"
import { type Draw, Latencies, percentile } from "./WhatIf/Latencies.ts"
import { random, Reservoir } from "./WhatIf/Reservoir.ts"

/**
 * A setting to try.
 *
 * @since 0.1.0
 * @category models
 */
export interface Setting {
  /** Milliseconds; default: as long as it takes. */
  readonly deadline?: number | undefined
  /** Sources that the answer can do without. */
  readonly optional?: ReadonlyArray<string> | undefined
  /** Sources that get a second call when the first has taken this long, in milliseconds, or has failed. */
  readonly hedges?: Readonly<Record<string, number>> | undefined
}

/**
 * A share of the aggregations, between 0 and 1, with the interval in which it lies with 95 % confidence.
 *
 * @since 0.1.0
 * @category models
 */
export interface Share {
  readonly share: number
  readonly low: number
  readonly high: number
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
  /** Second calls, as a share of the calls of that source. */
  readonly extraLoad: Readonly<Record<string, number>>
  /** How often the answer waited for this source last. */
  readonly criticalPath: Readonly<Record<string, number>>
  /** The share of aggregations for which the recording cannot tell: all their sources that were cut off then, are later now. */
  readonly unknown: number
}

/** How one source ended in one aggregation: `cut` is one that was stopped, so that only a lower bound is known. */
interface Seen {
  readonly took: number
  readonly ending: "ok" | "failed" | "cut"
}

const most = 20_000

/**
 * What receipts tell of their sources. Memory is constant: of more than 20,000 receipts it keeps a fair sample. Whole
 * aggregations are kept, so that sources that are slow together stay so.
 *
 * @since 0.1.0
 * @category models
 */
export class Observations {
  private readonly kept: Reservoir<Readonly<Record<string, Seen>>>
  private readonly names = new Set<string>()
  private latencies: Readonly<Record<string, Latencies>> | undefined

  constructor(readonly seed = 1) {
    this.kept = new Reservoir(most, seed)
  }

  /** How many receipts have been added. */
  get count(): number {
    return this.kept.count
  }

  /** The sources seen, in the order in which they came up. */
  get sources(): ReadonlyArray<string> {
    return Array.from(this.names)
  }

  add(receipt: Receipt): void {
    this.latencies = undefined
    const row: Record<string, Seen> = {}
    for (const { end, error, name, outcome, start } of receipt.sources) {
      this.names.add(name)
      const took = start === null || end === null ? 0 : end - start
      // One with an error has failed, as far as the answer is concerned, also by its own limit.
      row[name] = { took, ending: outcome === "succeeded" ? "ok" : error === null ? "cut" : "failed" }
    }
    this.kept.add(row)
  }

  /** The latency below which this share of a source's successful calls lies. */
  percentile(source: string, share: number): number {
    const took = this.kept.items.flatMap((row) => (row[source]?.ending === "ok" ? [row[source].took] : []))
    return percentile(
      took.sort((a, b) => a - b),
      share
    )
  }

  /** Plays every aggregation kept under another setting. */
  estimate(setting: Setting): Estimate {
    const latencies = (this.latencies ??= this.survey())
    const draw = random(this.seed)
    return summary(
      this.kept.items.map((row) => play(row, setting, latencies, draw)),
      this.sources,
      setting
    )
  }

  /** The shortest deadline under which this share of the answers is complete; `Infinity` when none is long enough. */
  deadlineFor(share: number, setting: Omit<Setting, "deadline">): number {
    const latencies = (this.latencies ??= this.survey())
    const draw = random(this.seed)
    const answers = this.kept.items.map((row) => play(row, setting, latencies, draw))
    const times = answers.map((answer) => (answer.ending === "complete" ? answer.at : Infinity)).sort((a, b) => a - b)
    return percentile(times, share)
  }

  private survey() {
    return Object.fromEntries(
      this.sources.map((name) => [
        name,
        new Latencies(this.kept.items.flatMap((row) => (row[name] ? [row[name]] : [])))
      ])
    )
  }
}

interface Played {
  readonly ending: "complete" | "partial" | "failed" | "late"
  readonly at: number
  readonly last: string | undefined
  readonly hedged: ReadonlyArray<string>
  readonly unknown: boolean
}

/** The same aggregation under another setting. */
const play = (
  row: Readonly<Record<string, Seen>>,
  { deadline = Infinity, hedges = {}, optional = [] }: Setting,
  latencies: Readonly<Record<string, Latencies>>,
  draw: () => number
): Played => {
  const hedged: Array<string> = []
  let unknown = false
  const ends = Object.entries(row).map(([name, seen]) => {
    const first = completed(seen, latencies[name]!, deadline, draw)
    unknown ||= first.took === Infinity && seen.took < deadline
    const delay = hedges[name]
    if (delay === undefined || (first.ok && first.took <= delay)) return { name, ...first }
    const from = Math.min(delay, first.took)
    if (from >= deadline) return { name, ...first }
    hedged.push(name)
    return { name, ...sooner(first, from, latencies[name]!.draw(draw())) }
  })

  const required = ends.filter(({ name }) => !optional.includes(name))
  const failures = required.filter(({ ok, took }) => !ok && took < deadline)
  const late = required.filter(({ took }) => took >= deadline)
  const answer = (ending: Played["ending"], at: number, last: { readonly name: string } | undefined) => ({
    ending,
    at,
    last: last?.name,
    hedged,
    unknown
  })
  if (failures.length > 0) {
    const first = failures.reduce((a, b) => (b.took < a.took ? b : a))
    return answer("failed", first.took, first)
  }
  if (late.length > 0) return answer("late", deadline, late[0])
  const slowest = ends.reduce<(typeof ends)[number] | undefined>(
    (a, b) => (a === undefined || b.took > a.took ? b : a),
    undefined
  )
  const complete = ends.every(({ ok, took }) => ok && took < deadline)
  return answer(complete ? "complete" : "partial", Math.min(deadline, slowest?.took ?? 0), slowest)
}

/** How a call would have ended had it not been cut off; what is later than the deadline need not be known. */
const completed = (seen: Seen, latencies: Latencies, deadline: number, draw: () => number): Draw => {
  if (seen.ending !== "cut") return { took: seen.took, ok: seen.ending === "ok" }
  return seen.took >= deadline ? { took: Infinity, ok: false } : latencies.drawBeyond(seen.took, draw())
}

/** The first success of two calls, the second started at `from`; when both fail, the later failure. */
const sooner = (first: Draw, from: number, second: Draw): Draw => {
  const took = from + second.took
  if (first.ok && second.ok) return { took: Math.min(first.took, took), ok: true }
  if (first.ok || second.ok) return { took: first.ok ? first.took : took, ok: true }
  return { took: Math.max(first.took, took), ok: false }
}

const summary = (
  answers: ReadonlyArray<Played>,
  sources: ReadonlyArray<string>,
  { hedges = {} }: Setting
): Estimate => {
  const count = answers.length
  const share = (test: (answer: Played) => boolean) => (count === 0 ? 0 : answers.filter(test).length / count)
  const ending = (is: Played["ending"]) =>
    wilson(
      share((answer) => answer.ending === is),
      count
    )
  const times = answers.map((answer) => answer.at).sort((a, b) => a - b)
  return {
    aggregations: count,
    complete: ending("complete"),
    partial: ending("partial"),
    failed: ending("failed"),
    late: ending("late"),
    p50: percentile(times, 0.5),
    p95: percentile(times, 0.95),
    p99: percentile(times, 0.99),
    extraLoad: Object.fromEntries(
      Object.keys(hedges).map((name) => [name, share(({ hedged }) => hedged.includes(name))])
    ),
    criticalPath: Object.fromEntries(sources.map((name) => [name, share(({ last }) => last === name)])),
    unknown: share((answer) => answer.unknown)
  }
}

/**
 * The interval in which a share lies with 95 % confidence.
 *
 * @see E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927
 * @since 0.1.0
 * @category statistics
 */
export const wilson = (share: number, count: number): Share => {
  if (count === 0) return { share, low: 0, high: 1 }
  const z = 1.96
  const middle = share + (z * z) / (2 * count)
  const spread = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count))
  const scale = 1 + (z * z) / count
  return { share, low: Math.max(0, (middle - spread) / scale), high: Math.min(1, (middle + spread) / scale) }
}
