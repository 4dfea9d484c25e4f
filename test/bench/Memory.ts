/** The live heap that a source in flight takes: each variant in a process of its own. */
import { Effect, Fiber, Logger, ManagedRuntime } from "effect"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Source from "../../src/Source.ts"
import { keeping } from "../Tracing.ts"
import * as Go from "./Go.ts"
import { median } from "./Median.ts"
import { atMost, type Cell, type Part, type Target } from "./Part.ts"
import * as Peers from "./Peers.ts"

const n = 100_000
/** What must not be collected. */
const kept: Array<unknown> = []
const pending = new Promise<number>(() => {})

/** The same source each time: its own size is not what is measured. */
const ask: Peers.Ask = (signal) => (signal.aborted ? Promise.reject(signal.reason) : pending)

const held = async (start: () => void): Promise<number> => {
  const heap = () => {
    globalThis.gc!()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  start()
  await new Promise((resolve) => setTimeout(resolve, 200))
  return (heap() - before) / n
}

/** The names are made before: they are part of the question. */
const peer = (gather: (asks: Peers.Asks) => Promise<unknown>) => {
  const asks = Object.fromEntries(Array.from({ length: n }, (_, index) => [`s${index}`, ask]))
  return () => void kept.push(gather(asks))
}

const running = (program: Effect.Effect<unknown, unknown, Aggregator>, logger: Logger.Logger<unknown, unknown>) => {
  const runtime = ManagedRuntime.make(Aggregator.layer({ logger }))
  const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
  return () => void fibers.push(runtime.runFork(program))
}

const muster = (make: typeof Source.promise) => {
  const source = make(ask)
  return Aggregator.gather("bench", new Array<typeof source>(n).fill(source))
}

const bare = (make: typeof Source.promise) => running(Effect.withTracerEnabled(muster(make), false), Logger.none)
const instrumented = (make: typeof Source.promise) =>
  running(Effect.withTracer(muster(make), keeping), Logger.jsonLogger)

interface Variant {
  readonly name: string
  readonly goal?: number
  readonly start: () => () => void
}

const variants: ReadonlyArray<Variant> = [
  { name: "Promise.all", start: () => peer(Peers.promiseAll) },
  { name: "muster, promises", goal: 500, start: () => bare(Source.promise) },
  { name: "muster, promises, spans and log", goal: 1_100, start: () => instrumented(Source.promise) },
  { name: "muster, effects", goal: 2_300, start: () => bare(Effect.tryPromise) },
  { name: "muster, effects, spans and log", start: () => instrumented(Effect.tryPromise) },
  { name: "p-map", start: () => peer(Peers.viaPMap) },
  {
    name: "hand-written, a set of controllers",
    start: () => peer((asks) => Peers.handWritten(asks, Peers.setOfControllers()))
  },
  { name: "a fiber for each effect, no more", start: () => peer(Peers.aFiberForEach) },
  { name: "Effect.all + timeout", start: () => peer((asks) => Effect.runPromise(Peers.effectAll(asks))) }
]

const file = fileURLToPath(import.meta.url)

const inProcess = (name: string) =>
  Number(execFileSync(process.execPath, ["--expose-gc", file, name], { encoding: "utf8" }))

const inGo = async () => {
  const go = Go.start()
  if (go === undefined) return []
  const bytes = Number(await go.ask(`memory ${n} 1`))
  go.stop()
  return [bytes]
}

export const measureAll = async (rounds: number): Promise<Part> => {
  const rows: Array<ReadonlyArray<Cell>> = []
  const targets: Array<Target> = []
  const often = Array.from({ length: Math.min(rounds, 3) })
  for (const { goal, name } of variants) {
    const bytes = median(often.map(() => inProcess(name)))
    rows.push([name, bytes])
    if (goal !== undefined) targets.push(...atMost(`${name}: heap for a source in flight`, goal, " B", bytes))
  }
  const go = (await Promise.all(often.map(inGo))).flat()
  if (go.length > 0) rows.push(["Go errgroup", median(go)])
  return {
    title: `Memory: ${n} sources in flight`,
    head: ["bytes of live heap for each source", "median (lowest-highest)"],
    rows,
    targets,
    notes: [
      "an effect is an Effect.tryPromise with a signal; a fiber for each: Effect.runPromise, without names or a deadline",
      "spans: of a tracer that keeps them, with their attributes",
      Go.note("with the stacks of its goroutines")
    ]
  }
}

if (process.argv[1] === file) {
  const { start } = variants.find(({ name }) => name === process.argv[2])!
  console.log(await held(start()))
  process.exit(0)
}
