/**
 * Estimates as tables of text.
 *
 * @since 0.1.0
 */
import type { Estimate, Interval, Observations, Quantile, Share } from "../../Testkit/WhatIf.ts"
import { printable } from "../Screen.ts"
import * as Assumptions from "./Assumptions.ts"
import type { Candidate } from "./Settings.ts"

/**
 * What was found of one setting.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tried extends Candidate {
  readonly estimate: Estimate
  /** The deadlines that the wanted share of the answers needs. */
  readonly needs: { readonly complete: Quantile; readonly answered: Quantile }
}

/**
 * What was found of one aggregation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Explained {
  readonly aggregation: string
  readonly observations: Observations
  readonly tried: ReadonlyArray<Tried>
  readonly wanted: number
  /** What was asked for and is not tried on it, and why. */
  readonly leftOut: ReadonlyArray<string>
}

/**
 * The lines about one aggregation: a row for each setting, in three tables that fit a terminal.
 *
 * @since 0.1.0
 * @category rendering
 */
export const render = ({ aggregation, leftOut, observations, tried, wanted }: Explained): ReadonlyArray<string> => {
  const unsure = tried.some(({ estimate }) => estimate.unknown > 0)
  const by = `${percent(wanted)}%`
  const lines = [
    title(aggregation, observations),
    "",
    ...table(
      ["setting", "complete", "partial", "failed", "late", ...(unsure ? ["unknown"] : [])],
      tried.map(({ estimate, label }) => [
        label,
        ...[estimate.complete, estimate.partial, estimate.failed, estimate.late].map(share),
        ...(unsure ? [`${percent(estimate.unknown)}%`] : [])
      ])
    ),
    "",
    ...table(
      ["setting", "p50", "p95", "p99", `${by} complete by`, `${by} answered by`],
      tried.map(({ estimate, label, needs }) => [
        label,
        ...(["p50", "p95", "p99"] as const).map((p) => duration({ value: estimate[p], ...estimate.intervals[p] })),
        deadline(needs.complete),
        deadline(needs.answered)
      ])
    ),
    "",
    ...table(
      ["setting", "extra load", "waited last for"],
      tried.map(({ estimate, label }) => [label, load(estimate), path(estimate)])
    ),
    ""
  ]
  return [
    ...lines,
    `±: where it lies with ${percent(observations.confidence)}% confidence${sampled(observations)}`,
    ...(lines.join().includes("±?") ? ["±?: too few aggregations to say"] : []),
    ...(unsure ? ["unknown: cut off after longer than any that was seen to end; played as never ending"] : []),
    ...Assumptions.of(observations, tried).map(printable),
    ...leftOut.map((what) => `not tried: ${printable(what)}`)
  ]
}

const title = (aggregation: string, observations: Observations): string => {
  const optional = new Set(observations.optional)
  const names = observations.sources.map((name) => shown(name) + (optional.has(name) ? " (optional)" : ""))
  const sources = names.length > mostNames ? [...names.slice(0, mostNames), `${names.length - mostNames} more`] : names
  const { high, low } = observations.deadlines
  const range = high === low ? time(low) : `${time(low)} to ${high === Infinity ? "none" : time(high)}`
  const deadline = low === Infinity ? "no deadline" : `deadline ${range}`
  const all = sources.join(", ") || "no source"
  return `${shown(aggregation)}: ${counted(observations.whole, "aggregation")} of ${all}; ${deadline}`
}

const sampled = ({ count, sampled, whole }: Observations): string =>
  sampled < count || count < whole ? `, from a fair sample of ${counted(sampled, "receipt")}` : ""

const mostNames = 8
const widestName = 40
const widestLabel = 60
const shown = (name: string, widest = widestName) => {
  const text = printable(name)
  return text.length > widest ? `${text.slice(0, widest - 1)}…` : text
}

/** Left aligned where it is text, right aligned where it is numbers: all but the first column, and lists. */
const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const lines = [head, ...rows.map(([label = "", ...cells]) => [shown(label, widestLabel), ...cells])]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const isList = (column: number) => column === 0 || head[column] === "waited last for"
  return lines.map((line) =>
    line
      .map((cell, column) => (isList(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd()
  )
}

/**
 * A number with its thousands apart, and what it counts.
 *
 * @since 0.1.0
 * @category rendering
 */
export const counted = (number: number, what: string): string =>
  `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`

/**
 * A share as a number of per cent, with at most two digits behind the point.
 *
 * @since 0.1.0
 * @category rendering
 */
export const percent = (share: number) => String(Number((share * 100).toFixed(2)))

const share = ({ high, low, share }: Share): string => {
  const spread = Math.max(high - share, share - low) * 100
  const digits = spread < 0.25 ? 2 : 1
  const up = Math.ceil(spread * 10 ** digits) / 10 ** digits
  return `${share === 0 || share === 1 ? share * 100 : (share * 100).toFixed(digits)}% ±${up.toFixed(digits)}`
}

/**
 * A time as people write it.
 *
 * @since 0.1.0
 * @category rendering
 */
export const time = (millis: number): string => {
  const [unit, digits] = scale(millis)
  return `${Number((millis / (unit === "s" ? 1_000 : 1)).toFixed(digits))}${unit}`
}

const scale = (millis: number): readonly [unit: "s" | "ms", digits: number] => {
  if (millis >= 999.5) return ["s", millis < 9_995 ? 2 : 1]
  return ["ms", millis < 9.95 ? 1 : 0]
}

const duration = ({ high, low, value }: Quantile): string =>
  value === Infinity ? "unknown" : `${time(value)} ${spread(value, { high, low })}`

/** In the unit of the value, so that it is not repeated. */
const spread = (value: number, { high, low }: Interval): string => {
  const most = Math.max(high - value, value - low)
  if (most === Infinity) return "±?"
  const [unit, digits] = scale(value)
  return `±${Number((most / (unit === "s" ? 1_000 : 1)).toFixed(digits))}`
}

/** To be typed again after `--deadline`; rounded up, so that it is not too short. */
const deadline = ({ value, ...interval }: Quantile): string => {
  if (value === Infinity) return "never"
  if (value === 0) return "any"
  const [unit, digits] = scale(value)
  const step = (unit === "s" ? 1_000 : 1) / 10 ** digits
  return `${time((Math.floor(value / step) + 1) * step)} ${spread(value, interval)}`
}

const load = ({ extraLoad }: Estimate): string => {
  const all = Object.entries(extraLoad).map(([name, share]) => `${shown(name)} +${percent(share)}%`)
  return all.length === 0 ? "-" : all.join(", ")
}

const mostOnPath = 4

const path = ({ criticalPath }: Estimate): string => {
  const all = Object.entries(criticalPath)
    .filter(([, share]) => share > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([name, share]) => `${shown(name)} ${Number((share * 100).toFixed(1))}%`)
  return all.length > mostOnPath
    ? `${all.slice(0, mostOnPath).join(", ")}, ${all.length - mostOnPath} more`
    : all.join(", ")
}
