/**
 * A receipt as a picture in text: a line for each source, from left to right as time went by.
 *
 * @since 0.1.0
 */
import type { Ending, Receipt, SourceReceipt } from "../Receipt.ts"
import { printable } from "./Screen.ts"

/**
 * What the picture has to fit.
 *
 * @since 0.1.0
 * @category models
 */
export interface WaterfallOptions {
  /** No line is longer. */
  readonly columns: number
  readonly color: boolean
}

const marks = {
  succeeded: ["✓", 32],
  failed: ["✗", 31],
  "timed-out": ["⧖", 33],
  cancelled: ["○", 35],
  "not-started": ["·", 2]
} as const satisfies Record<SourceReceipt["outcome"], readonly [string, number]>

const words = {
  succeeded: "answered",
  partial: "answered in part",
  failed: "failed",
  "timed-out": "ran out of time",
  cancelled: "was cancelled"
} as const satisfies Record<Ending, string>

const mostRows = 40
const mostColumns = 120

/**
 * The lines of the picture. `█` is the time a source took, `░` the time it cleaned up after it was told to stop, `│` the
 * deadline where it is near enough to be shown. An arrow marks the first cause.
 *
 * @since 0.1.0
 * @category rendering
 */
export const render = (receipt: Receipt, options: WaterfallOptions): ReadonlyArray<string> => {
  const columns = Math.min(options.columns, mostColumns)
  const shown = receipt.sources.slice(0, mostRows)
  const rows = shown.map((source) => row(receipt, source))
  const widest = (part: "name" | "outcome" | "times") => Math.max(0, ...rows.map((row) => row[part].length))
  const width = { name: Math.min(widest("name"), columns >> 2), outcome: widest("outcome"), times: widest("times") }
  const left = columns - width.name - width.outcome - width.times - gaps
  const bar = left < leastBar ? 0 : left
  const scale = scaleOf(receipt, shown)
  const paint = (code: number, text: string) =>
    options.color && text !== "" ? `\u001b[${code}m${text}\u001b[0m` : text

  const lines = rows.map(({ code, margin, mark, name, outcome, source, times }) => {
    const [head = "", colored = "", tail = ""] = clipped(columns, [
      `${margin} ${fit(name, width.name).padEnd(width.name)}  `,
      `${bar === 0 ? "" : `${drawn(source, receipt.deadline, scale, bar)}  `}${mark} ${outcome.padEnd(width.outcome)}`,
      `  ${times.padStart(width.times)}`
    ])
    return head + paint(code, colored) + tail
  })
  const more = receipt.sources.length - shown.length
  return [
    fit(title(receipt), columns),
    ...lines,
    ...(more > 0 ? [fit(`  … and ${more} more`, columns)] : []),
    ...(receipt.firstCause === null ? [] : [fit(`→ first cause: ${cause(receipt.firstCause)}`, columns)])
  ]
}

/** Below this many columns a bar says nothing. */
const leastBar = 8
/** The columns of a line besides name, bar, outcome and times. */
const gaps = 10

const title = ({ aggregation, deadline, elapsed, outcome }: Receipt): string =>
  `${printable(aggregation)} ${words[outcome]} after ${time(elapsed)}${deadline === null ? "" : `, deadline ${time(deadline)}`}`

const cause = ({ at, kind, message, source }: NonNullable<Receipt["firstCause"]>): string => {
  if (source === null) return printable(message)
  const name = printable(source)
  if (kind === "deadline") return `the deadline passed while ${name} was awaited`
  return `${name} ${kind === "defect" ? "died" : kind === "limit" ? "ran out of its own limit" : "failed"} at ${time(at)}`
}

const row = ({ firstCause }: Receipt, source: SourceReceipt) => {
  const [mark, code] = marks[source.outcome]
  const more = source.fallback ? " (fallback)" : source.cleanup === "done" ? "" : ` (cleanup ${source.cleanup})`
  const end = source.end === null ? "" : time(source.end)
  return {
    source,
    mark,
    code,
    margin: firstCause !== null && firstCause.source === source.name ? "→" : " ",
    name: printable(source.name),
    outcome: `${source.outcome}${more}`,
    times: source.start === null ? "" : `${time(source.start)} – ${end}`
  }
}

/** How many milliseconds the whole width stands for. The deadline belongs to it unless it would dwarf the rest. */
const scaleOf = ({ deadline, elapsed }: Receipt, sources: ReadonlyArray<SourceReceipt>): number => {
  const ends = sources.map(({ cleaned, end }) => Math.max(end ?? 0, cleaned ?? 0))
  const last = Math.max(elapsed, ...ends)
  return deadline !== null && deadline > last && deadline <= last * 1.5 ? deadline : Math.max(last, Number.MIN_VALUE)
}

const drawn = (source: SourceReceipt, deadline: number | null, scale: number, width: number): string => {
  const at = (instant: number) => Math.min(width, Math.round((instant / scale) * width))
  const cells = Array.from({ length: width }, () => " ")
  if (source.start !== null) {
    const [start, end] = [Math.min(at(source.start), width - 1), at(source.end ?? scale)]
    cells.fill("░", end, at(source.cleaned ?? source.end ?? scale))
    // Also the shortest is to be seen.
    cells.fill("█", start, Math.max(end, start + 1))
  }
  const mark = deadline === null || deadline > scale ? -1 : Math.min(at(deadline), width - 1)
  if (mark >= 0) cells[mark] = "│"
  return cells.join("")
}

const time = (millis: number): string => {
  if (millis < 9.95) return `${Number(millis.toFixed(1))} ms`
  return millis < 999.5 ? `${Math.round(millis)} ms` : `${Number((millis / 1_000).toFixed(millis < 9_995 ? 2 : 1))} s`
}

const fit = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`

/** Cuts the parts of a line so that together they fit. */
const clipped = (width: number, parts: ReadonlyArray<string>): ReadonlyArray<string> => {
  let left = width
  return parts.map((part) => {
    const cut = part.slice(0, left)
    left -= cut.length
    return cut
  })
}
