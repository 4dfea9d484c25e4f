/**
 * Measures variants of the same work beside each other: in rounds, each variant once a round and in another order each
 * time, so that what disturbs the machine disturbs all of them.
 *
 * The figure is CPU time (user and system, with the threads of the garbage collector): it moves less than the clock on
 * the wall when the machine is busy with other things.
 */
import { cpus, totalmem } from "node:os"

/** One way to do the work, so many times, one after the other. */
export interface Variant {
  readonly name: string
  readonly run: (times: number) => Promise<unknown>
}

/** A way that gives a promise. */
export const promise = (name: string, once: () => PromiseLike<unknown>): Variant => ({
  name,
  run: async (times) => {
    for (let n = 0; n < times; n++) await once()
  }
})

/** What was measured of one variant: microseconds of CPU for one run, a round each. */
export interface Measured {
  readonly name: string
  readonly rounds: ReadonlyArray<number>
}

/** A median with the interval in which it lies with a confidence of 95 %. */
export interface Median {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface Target {
  readonly name: string
  readonly goal: string
  readonly value: string
  readonly pass: boolean
}

/** What one part of the bench has to say. */
export interface Part {
  readonly title: string
  readonly head: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly targets: ReadonlyArray<Target>
}

/** What it was measured on; the first line of every table. */
export const machine = (): string => {
  const all = cpus()
  return `${all.length} x ${all[0]?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, node ${process.versions.node}`
}

/** The median and its interval by order statistics, which assumes nothing of how the figures are spread. */
export const median = (figures: ReadonlyArray<number>): Median => {
  const sorted = [...figures].sort((a, b) => a - b)
  const n = sorted.length
  const spare = Math.ceil(0.98 * Math.sqrt(n))
  const at = (index: number) => sorted[Math.min(n - 1, Math.max(0, index))]!
  const middle = n % 2 === 1 ? at((n - 1) / 2) : (at(n / 2 - 1) + at(n / 2)) / 2
  return { median: middle, low: at(Math.floor(n / 2) - spare), high: at(Math.ceil(n / 2) - 1 + spare) }
}

/** How many times as much the first costs as the second: the median of the ratios of each round. */
export const ratio = (measured: ReadonlyArray<Measured>, over: string, under: string): Median | undefined => {
  const [a, b] = [over, under].map((name) => measured.find((one) => one.name === name)?.rounds)
  return a === undefined || b === undefined ? undefined : median(a.map((figure, round) => figure / b[round]!))
}

const spent = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}

const repeat = async ({ run }: Variant, times: number) => {
  const before = spent()
  await run(times)
  return (spent() - before) / times
}

/** Runs each variant for about `millis` a round. */
export const measure = async (
  variants: ReadonlyArray<Variant>,
  { millis = 40, rounds = 20 }: { readonly rounds?: number; readonly millis?: number } = {}
): Promise<ReadonlyArray<Measured>> => {
  const times = new Map<Variant, number>()
  for (const variant of variants) {
    // Until it is warm; what the last runs took says how many make a round.
    let runs = 1
    for (const until = performance.now() + 4 * millis; ;) {
      const micros = await repeat(variant, runs)
      if (performance.now() > until) break
      runs = Math.max(1, Math.min(2 * runs, Math.round((1_000 * millis) / micros)))
    }
    times.set(variant, runs)
  }
  const figures = new Map(variants.map((variant) => [variant, [] as Array<number>]))
  for (let round = 0; round < rounds; round++) {
    const order = variants.map((_, index) => variants[(index + round) % variants.length]!)
    for (const variant of round % 2 === 0 ? order : order.reverse()) {
      globalThis.gc?.()
      figures.get(variant)!.push(await repeat(variant, times.get(variant)!))
    }
  }
  return variants.map((variant) => ({ name: variant.name, rounds: figures.get(variant)! }))
}

/** Whether the ratio reaches the goal; the whole interval must. */
export const atLeast = (name: string, goal: number, got: Median | undefined): ReadonlyArray<Target> =>
  got === undefined ? [] : [{ name, goal: `>= ${goal}x`, value: `${shown(got)}x`, pass: got.low >= goal }]

/** Whether the ratio stays below the goal; the whole interval must. */
export const atMost = (name: string, goal: number, got: Median | undefined): ReadonlyArray<Target> =>
  got === undefined ? [] : [{ name, goal: `<= ${goal}x`, value: `${shown(got)}x`, pass: got.high <= goal }]

const digits = (figure: number) =>
  figure >= 100 ? figure.toFixed(0) : figure >= 10 ? figure.toFixed(1) : figure.toFixed(2)

export const shown = ({ high, low, median }: Median): string => `${digits(median)} (${digits(low)}-${digits(high)})`

/** Lines of a table, the first column to the left and the others to the right. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): ReadonlyArray<string> => {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  return [head, ...rows].map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
      .join("  ")
      .trimEnd()
  )
}
