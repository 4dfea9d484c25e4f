/**
 * What it costs to ask sources that answer at once: all that is left is the asking.
 *
 * Each way has a process of its own, as it has in the program of who uses it: in one for all, the garbage collections of one
 * throw away the compiled code of another, and those with much code lose most.
 */
import { fileURLToPath } from "node:url"
import * as Go from "./Go.ts"
import { large, variants } from "./InProcess/Variants.ts"
import { median, over } from "./Median.ts"
import { atLeast, atMost, type Part, type Target } from "./Part.ts"
import * as Program from "./Program.ts"
import { type Measured, measure, ratio, type Variant } from "./Rounds.ts"
import { flags } from "./Servers/Process.ts"

const sizes = [2, 10, 100, 1_000]
const promises = "muster, promises"

const goals: Readonly<Record<number, (measured: ReadonlyArray<Measured>) => ReadonlyArray<Target>>> = {
  2: (measured) => versusHand(measured, 2, 0.9),
  10: (measured) => [
    ...versusEffect(measured, 10, "promises", 15),
    ...versusEffect(measured, 10, "effects", 9),
    ...versusHand(measured, 10, 1.5),
    ...instrumented(measured, 10, 2.2)
  ],
  100: (measured) => [
    ...versusEffect(measured, 100, "promises", 80),
    ...versusHand(measured, 100, 8),
    ...instrumented(measured, 100, 4)
  ],
  1_000: (measured) => [...versusHand(measured, 1_000, 20), ...versusGo(measured, 1_000)],
  [large]: (measured) => versusGo(measured, large)
}

const versusEffect = (measured: ReadonlyArray<Measured>, n: number, kind: string, goal: number) =>
  atLeast(
    `N=${n}: Effect.all + timeout / muster, ${kind}`,
    goal,
    ratio(measured, "Effect.all + timeout", `muster, ${kind}`)
  )

const versusHand = (measured: ReadonlyArray<Measured>, n: number, goal: number) =>
  atLeast(`N=${n}: hand-written / ${promises}`, goal, ratio(measured, "hand-written, same features", promises))

const versusGo = (measured: ReadonlyArray<Measured>, n: number) =>
  atLeast(`N=${n}: Go errgroup / ${promises}`, 1, ratio(measured, "Go errgroup", promises))

const instrumented = (measured: ReadonlyArray<Measured>, n: number, goal: number) =>
  atMost(`N=${n}: spans and log / bare`, goal, "x", ratio(measured, `${promises}, spans and log`, promises))

const child = fileURLToPath(new URL("InProcess/Child.js", import.meta.url))

/** Those of this language, and that of Go. */
const begin = async (n: number, go: Program.Asked | undefined) => {
  const programs = variants(n).map(({ name }) => ({
    name,
    program: Program.start(process.execPath, [...flags, child, String(n), name])
  }))
  // None is measured while another one loads its modules.
  await Promise.all(programs.map(({ program }) => program.ask("1")))
  const all: ReadonlyArray<Variant> = [
    ...programs.map(({ name, program }) => asked(name, program, String)),
    ...(go === undefined ? [] : [asked("Go errgroup", go, (times) => `gather ${n} ${times}`)])
  ]
  return { all, stop: () => programs.forEach(({ program }) => program.stop()) }
}

const asked = (name: string, { ask }: Program.Asked, line: (times: number) => string): Variant => ({
  name,
  cost: async (times) => Number(await ask(line(times)))
})

export const measureAll = async (rounds: number): Promise<Part> => {
  const go = Go.start()
  const columns: Array<ReadonlyArray<Measured>> = []
  const targets: Array<Target> = []
  for (const n of [...sizes, large]) {
    const { all, stop } = await begin(n, go)
    const measured = await measure(all, { rounds: n === large ? Math.min(rounds, 6) : rounds })
    stop()
    columns.push(measured)
    targets.push(...(goals[n]?.(measured) ?? []))
  }
  go?.stop()
  const rows = columns[0]!.map(({ name }) => [
    name,
    ...columns.map((measured, at) => {
      const found = measured.find((one) => one.name === name)
      if (found === undefined) return "not run"
      return over(median(found.rounds), at < sizes.length ? 1 : 1_000)
    })
  ])
  return {
    title: "In process: N sources that answer at once",
    head: ["CPU for one aggregation, median (95 %)", ...sizes.map((n) => `N=${n}, us`), `N=${large}, ms`],
    rows,
    targets,
    notes: [
      "each in a process of its own, asked in turn",
      "spans: a tracer that keeps them; log: a line of JSON for each aggregation; metrics are always on",
      `not run: with ${large} sources it takes minutes; of the hand-written ones, with one signal for all`,
      Go.note("GOMAXPROCS=2, errgroup with a deadline and the answers in a map")
    ]
  }
}
