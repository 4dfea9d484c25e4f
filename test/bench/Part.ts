/** What one part of the bench has to say, as a table for eyes and as rows for programs. */
import { type Median, shown } from "./Median.ts"

export type Cell = string | number | Median

export interface Target {
  readonly name: string
  readonly goal: string
  readonly value: string
  readonly pass: boolean
}

export interface Part {
  readonly title: string
  /** The first says what the figures are; each is the name of a column. */
  readonly head: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<Cell>>
  readonly targets: ReadonlyArray<Target>
  /** What was left out, and what else one must know to read the figures. */
  readonly notes: ReadonlyArray<string>
}

/** Whether the ratio reaches the goal; the whole interval must. No target where one of the two was not measured. */
export const atLeast = (name: string, goal: number, got: Median | undefined): ReadonlyArray<Target> =>
  got === undefined ? [] : [{ name, goal: `>= ${goal}x`, value: `${shown(got)}x`, pass: got.low >= goal }]

/** Whether it stays below the goal; the whole interval must. */
export const atMost = (name: string, goal: number, unit: string, got: Median | undefined): ReadonlyArray<Target> =>
  got === undefined ? [] : [{ name, goal: `<= ${goal}${unit}`, value: `${shown(got)}${unit}`, pass: got.high <= goal }]

/** The rows as objects: of which part, what the figures are, whose they are, and the other columns by their names. */
export const records = ({ head: [of, ...names], rows, title }: Part): ReadonlyArray<Readonly<Record<string, Cell>>> =>
  rows.map(([name, ...cells]) => ({
    part: title,
    of: of!,
    name: name!,
    ...Object.fromEntries(cells.map((cell, at) => [names[at]!, cell]))
  }))

const text = (cell: Cell) => (typeof cell === "object" ? shown(cell) : String(cell))

/** Lines of a table, the first column to the left and the others to the right. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<Cell>>): ReadonlyArray<string> => {
  const lines = [head, ...rows.map((row) => row.map(text))]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines.map((line) =>
    line
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
      .join("  ")
      .trimEnd()
  )
}
