/** How soon a failure is the answer, and how soon nothing of the others is left. */
import { Effect, Logger, ManagedRuntime } from "effect"
import { setMaxListeners } from "node:events"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Source from "../../src/Source.ts"
import { median, type Part, shown, type Target } from "./Rounds.ts"

const sizes = [10, 1_000, 100_000]
const failAfter = 20

const runtime = ManagedRuntime.make(Aggregator.layer({ logger: Logger.none, closeTimeout: "60 seconds" }))

/** Milliseconds from the failure to the answer, and to the last of the others being told. */
interface Times {
  readonly back: number
  readonly clean: number
}

/** One for all: to make an error takes longer than all that is measured here. */
const aborted = new Error("aborted")

/** Sources that hang until their signal is aborted, and one that fails; says when it did, and when all had heard. */
const scene = (n: number) => {
  let [failed, left, clean] = [0, n - 1, 0]
  const ask = (signal: AbortSignal) =>
    new Promise<number>((_, reject) =>
      signal.addEventListener("abort", () => {
        if (--left === 0) clean = performance.now()
        reject(aborted)
      })
    )
  const fail = () =>
    new Promise<number>((_, reject) =>
      setTimeout(() => {
        failed = performance.now()
        reject(new Error("no"))
      }, failAfter)
    )
  return { ask, fail, times: (back: number): Times => ({ back: back - failed, clean: clean - failed }) }
}

const muster = async (n: number, make: typeof Source.promise): Promise<Times> => {
  const { ask, fail, times } = scene(n)
  const sources = [make(fail), ...Array.from({ length: n - 1 }, () => make(ask))]
  const program = Effect.withTracerEnabled(Effect.exit(Aggregator.gather("bench", sources)), false)
  await runtime.runPromise(program)
  const back = performance.now()
  await runtime.runPromise(Aggregator.settled)
  return times(back)
}

const promiseAll = async (n: number): Promise<Times> => {
  const { ask, fail, times } = scene(n)
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  await Promise.all([fail(), ...Array.from({ length: n - 1 }, () => ask(controller.signal))]).catch(() =>
    controller.abort()
  )
  return times(performance.now())
}

const effectAll = async (n: number): Promise<Times> => {
  const { ask, fail, times } = scene(n)
  const effects = [Effect.tryPromise(fail), ...Array.from({ length: n - 1 }, () => Effect.tryPromise(ask))]
  await Effect.runPromise(Effect.exit(Effect.all(effects, { concurrency: "unbounded" })))
  return times(performance.now())
}

const variants: ReadonlyArray<{
  readonly name: string
  readonly run: (n: number) => Promise<Times>
  /** Adding a listener to one signal takes longer the more it has: with 100,000 this takes minutes. */
  readonly most: number
}> = [
  { name: "muster, promises", run: (n) => muster(n, Source.promise), most: Infinity },
  { name: "muster, effects", run: (n) => muster(n, Effect.tryPromise), most: Infinity },
  { name: "Effect.all", run: effectAll, most: Infinity },
  { name: "Promise.all, one signal", run: promiseAll, most: 1_000 }
]

export const measureAll = async (rounds: number): Promise<Part> => {
  const rows: Array<ReadonlyArray<string>> = []
  const targets: Array<Target> = []
  const limits: Readonly<Record<number, number>> = { 1_000: 3, 100_000: 300 }
  for (const { most, name, run } of variants) {
    const cells: Array<string> = []
    for (const n of sizes) {
      if (n > most) {
        cells.push("not run")
        continue
      }
      const all: Array<Times> = []
      for (let round = 0; round < (n > 10_000 ? Math.min(rounds, 5) : rounds); round++) {
        globalThis.gc?.()
        all.push(await run(n))
      }
      const back = median(all.map((one) => one.back))
      cells.push(`${shown(back)}, ${median(all.map((one) => one.clean)).median.toFixed(1)}`)
      const limit = limits[n]
      if (limit !== undefined && name === "muster, promises") {
        const value = `${shown(back)} ms`
        targets.push({ name: `N=${n}: failure to return`, goal: `<= ${limit} ms`, value, pass: back.high <= limit })
      }
    }
    rows.push([name, ...cells])
  }
  const head = ["ms from the failure to the answer, median (95 %), and to all aborted", ...sizes.map((n) => `N=${n}`)]
  return { title: "Fail-fast: one of N fails, the others hang", head, rows, targets }
}
