/** How soon a failure is the answer, and how soon nothing of the others is left. */
import { Effect, Logger, ManagedRuntime } from "effect"
import { setMaxListeners } from "node:events"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Source from "../../src/Source.ts"
import * as Go from "./Go.ts"
import type * as Program from "./Program.ts"
import { type Median, median } from "./Median.ts"
import { atMost, type Cell, type Part } from "./Part.ts"
import * as Peers from "./Peers.ts"
import { inTurn } from "./Rounds.ts"

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
  const all = [fail, ...new Array<Peers.Ask>(n - 1).fill(ask)]
  return { all, times: (back: number): Times => ({ back: back - failed, clean: clean - failed }) }
}

const muster = async (n: number, make: typeof Source.promise): Promise<Times> => {
  const { all, times } = scene(n)
  const program = Aggregator.gather(
    "bench",
    all.map((ask) => make(ask))
  )
  await runtime.runPromise(Effect.withTracerEnabled(Effect.exit(program), false))
  const back = performance.now()
  await runtime.runPromise(Aggregator.settled)
  return times(back)
}

const promiseAll = async (n: number): Promise<Times> => {
  const { all, times } = scene(n)
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  await Promise.all(all.map((ask) => ask(controller.signal))).catch(() => controller.abort())
  return times(performance.now())
}

const handWritten = async (n: number, fate?: ReturnType<typeof Peers.oneSignal>): Promise<Times> => {
  const { all, times } = scene(n)
  await Peers.handWritten(Object.fromEntries(all.map((ask, index) => [`s${index}`, ask])), fate).catch(() => {})
  return times(performance.now())
}

const effectAll = async (n: number): Promise<Times> => {
  const { all, times } = scene(n)
  const effects = all.map((ask) => Effect.tryPromise(ask))
  await Effect.runPromise(Effect.exit(Effect.all(effects, { concurrency: "unbounded" })))
  return times(performance.now())
}

interface Variant {
  readonly name: string
  readonly run: (n: number) => Promise<Times>
  /** Adding a listener to one signal takes longer the more it has: with 100,000 this takes minutes. */
  readonly most: number
}

const inGo = ({ ask }: Program.Asked): Variant => ({
  name: "Go errgroup",
  run: async (n) => {
    const [back, clean] = (await ask(`failfast ${n} 1`)).split(" ").map(Number)
    return { back: back!, clean: clean! }
  },
  most: Infinity
})

const promises = "muster, promises"

const variants: ReadonlyArray<Variant> = [
  { name: promises, run: (n) => muster(n, Source.promise), most: Infinity },
  { name: "muster, effects", run: (n) => muster(n, Effect.tryPromise), most: Infinity },
  { name: "Effect.all", run: effectAll, most: Infinity },
  { name: "Promise.all, one signal", run: promiseAll, most: 1_000 },
  { name: "hand-written, same features", run: (n) => handWritten(n), most: 1_000 },
  { name: "hand-written, a set of controllers", run: (n) => handWritten(n, Peers.setOfControllers()), most: Infinity }
]

const measure = async (all: ReadonlyArray<Variant>, n: number, rounds: number) => {
  const times = new Map<Variant, Array<Times>>(all.filter(({ most }) => n <= most).map((one) => [one, []]))
  for (let round = 0; round < (n > 10_000 ? Math.min(rounds, 6) : rounds); round++)
    for (const [variant, sofar] of inTurn([...times], round)) sofar.push(await variant.run(n))
  return all.map((variant): { readonly back: Median; readonly clean: Median } | undefined => {
    const all = times.get(variant)
    return all && { back: median(all.map(({ back }) => back)), clean: median(all.map(({ clean }) => clean)) }
  })
}

export const measureAll = async (rounds: number): Promise<Part> => {
  const go = Go.start()
  const all = go === undefined ? variants : [...variants, inGo(go)]
  const columns: Array<Awaited<ReturnType<typeof measure>>> = []
  for (const n of sizes) columns.push(await measure(all, n, rounds))
  go?.stop()
  const cells = (at: number): ReadonlyArray<Cell> =>
    columns.flatMap((column): ReadonlyArray<Cell> => {
      const found = column[at]
      return found === undefined ? ["not run", "not run"] : [found.back, found.clean]
    })
  const limit = (n: number, millis: number) =>
    atMost(`N=${n}: failure to return, ${promises}`, millis, " ms", columns[sizes.indexOf(n)]![0]?.back)
  return {
    title: "Fail-fast: one of N fails, the others hang",
    head: ["ms from the failure, median (95 %)", ...sizes.flatMap((n) => [`N=${n}: answer`, `N=${n}: all told`])],
    rows: all.map(({ name }, at) => [name, ...cells(at)]),
    targets: [...limit(1_000, 3), ...limit(100_000, 300)],
    notes: [
      "answer: until the caller has the failure; all told: until the last of the others was told to stop",
      "not run: with one signal for all it takes minutes to begin",
      Go.note("GOMAXPROCS=2; its answer waits for the others to end")
    ]
  }
}
