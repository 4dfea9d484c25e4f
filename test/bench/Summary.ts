/** The figures that the README of the project shows, of all that were measured. */
import { readFileSync, writeFileSync } from "node:fs"
import type { Median } from "./Median.ts"
import type { Part } from "./Part.ts"
import { names } from "./Servers.ts"

const head = "| Microseconds of CPU for one answer |"

const shown = [
  {
    what: "of 10 promises",
    column: "N=10, us",
    whose: ["muster, promises", "hand-written, same features", "Effect.all + timeout"]
  },
  {
    what: "of 1,000 promises",
    column: "N=1000, us",
    whose: ["muster, promises", "hand-written, same features", "Effect.all + timeout"]
  },
  {
    what: "of two services, over HTTP",
    column: "us of CPU, median (95 %)",
    whose: [names.muster, names.raw, names.platform].map((name) => `2 upstreams: ${name}`)
  }
] as const

const find = (parts: ReadonlyArray<Part>, column: string, whose: string): Median | undefined => {
  for (const { head, rows } of parts) {
    const at = head.indexOf(column)
    const cell = at < 0 ? undefined : rows.find(([name]) => name === whose)?.[at]
    if (typeof cell === "object") return cell
  }
  return undefined
}

const lines = (parts: ReadonlyArray<Part>): ReadonlyArray<string> | undefined => {
  const figures = shown.map(
    ({ column, what, whose }) => [what, whose.map((name) => find(parts, column, name))] as const
  )
  if (figures.some(([, of]) => of.includes(undefined))) return undefined
  const rows = figures.map(([what, of]) => [what, ...of.map((one) => Math.round(one!.median).toLocaleString("en"))])
  const all = [
    ["Microseconds of CPU for one answer", "muster", "By hand: `Promise.all`, undici", "Effect, its platform"]
  ]
  const widths = all[0]!.map((cell, at) => Math.max(cell.length, ...rows.map((row) => row[at]!.length)))
  const line = (cells: ReadonlyArray<string>) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`
  return [line(all[0]!), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)]
}

/** Puts them in place of those that stand there; none, unless all were measured. */
export const write = (file: string, parts: ReadonlyArray<Part>): void => {
  const table = lines(parts)
  if (table === undefined) return
  const text = readFileSync(file, "utf8").split("\n")
  const from = text.findIndex((line) => line.startsWith(head))
  if (from < 0) throw new Error(`${file} has no table that begins with "${head}"`)
  const to = text.findIndex((line, at) => at > from && !line.startsWith("|"))
  writeFileSync(file, [...text.slice(0, from), ...table, ...text.slice(to)].join("\n"))
}
