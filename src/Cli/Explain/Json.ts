/**
 * Estimates as JSON. Times are milliseconds, shares lie between 0 and 1, and `null` stands for what has no end.
 *
 * @since 0.1.0
 */
import type { Estimate, Interval, Quantile, SecondCalls, Share } from "../../Testkit/WhatIf.ts"
import type { Read } from "./Reading.ts"
import type { Explained, Tried } from "./Table.ts"

/**
 * What was found, as a value for `JSON.stringify`.
 *
 * @since 0.1.0
 * @category rendering
 */
export const toJson = (read: Read, explained: ReadonlyArray<Explained>) => ({
  aggregations: explained.map(aggregation),
  skipped: read.skipped,
  leftOut: Object.fromEntries(read.leftOut)
})

const aggregation = ({ aggregation, leftOut, observations, tried, wanted }: Explained) => ({
  aggregation,
  receipts: observations.count,
  standFor: observations.whole,
  sampled: observations.sampled,
  sources: observations.sources,
  optional: observations.optional,
  deadlines: bounds(observations.deadlines),
  wanted,
  confidence: observations.confidence,
  settings: tried.map(setting),
  notTried: leftOut
})

const setting = ({ estimate, label, needs, setting }: Tried) => ({
  setting: label,
  deadline: setting.deadline ?? "as recorded",
  optional: setting.optional ?? [],
  hedges: setting.hedges ?? {},
  complete: share(estimate.complete),
  partial: share(estimate.partial),
  answered: share(estimate.answered),
  failed: share(estimate.failed),
  late: share(estimate.late),
  unknown: rounded(estimate.unknown),
  p50: percentile(estimate, "p50"),
  p95: percentile(estimate, "p95"),
  p99: percentile(estimate, "p99"),
  extraLoad: shares(estimate.extraLoad),
  secondCalls: Object.fromEntries(Object.entries(estimate.secondCalls).map(([name, calls]) => [name, second(calls)])),
  criticalPath: shares(estimate.criticalPath),
  needs: { complete: quantile(needs.complete), answered: quantile(needs.answered) }
})

const second = ({ fewCalls, unhedged, wanted }: SecondCalls) => ({
  wanted: rounded(wanted),
  unhedged: shares(unhedged),
  fewCalls: rounded(fewCalls)
})

const percentile = (estimate: Estimate, p: "p50" | "p95" | "p99") =>
  quantile({ value: estimate[p], ...estimate.intervals[p] })

const quantile = ({ value, ...interval }: Quantile) => ({ value: micros(value), ...bounds(interval) })

const bounds = ({ high, low }: Interval) => ({ low: micros(low), high: micros(high) })

/** To the microsecond, as receipts are. `Infinity` becomes `null` when it is written. */
const micros = (value: number) => Math.round(value * 1_000) / 1_000

/** To a millionth: no recording says more. */
const rounded = (share: number) => Math.round(share * 1e6) / 1e6

const share = ({ high, low, share }: Share) => ({ share: rounded(share), low: rounded(low), high: rounded(high) })

const shares = (all: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(all).map(([name, share]) => [name, rounded(share)]))
