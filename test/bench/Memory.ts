/** The live heap that a source in flight takes: each variant in a process of its own. */
import { Effect, Fiber, Logger, ManagedRuntime } from "effect"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Source from "../../src/Source.ts"
import { median, type Part, shown, type Target } from "./Rounds.ts"

const n = 100_000
/** What must not be collected. */
const kept: Array<unknown> = []
const pending = new Promise<number>(() => {})
const never = () => pending

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

const muster = (make: typeof Source.promise) => {
  const runtime = ManagedRuntime.make(Aggregator.layer({ logger: Logger.none }))
  // The same source each time: its own size is not ours.
  const source = make((signal) => (signal.aborted ? Promise.reject(signal.reason) : never()))
  const program = Effect.withTracerEnabled(Aggregator.gather("bench", new Array<typeof source>(n).fill(source)), false)
  const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
  return () => void fibers.push(runtime.runFork(program))
}

const variants: Readonly<Record<string, { readonly goal?: number; readonly start: () => () => void }>> = {
  "Promise.all": {
    start: () => () => {
      const controller = new AbortController()
      const ask = (signal: AbortSignal) => (signal.aborted ? Promise.reject(signal.reason) : never())
      kept.push(Promise.all(Array.from({ length: n }, () => ask(controller.signal))))
    }
  },
  "muster, promises": { goal: 500, start: () => muster(Source.promise) },
  "muster, effects": { goal: 2_300, start: () => muster(Effect.tryPromise) },
  "Effect.all": {
    start: () => {
      const source = Effect.tryPromise((signal) => (signal.aborted ? Promise.reject(signal.reason) : never()))
      return () =>
        void Effect.runFork(Effect.all(new Array<typeof source>(n).fill(source), { concurrency: "unbounded" }))
    }
  }
}

const file = fileURLToPath(import.meta.url)

export const measureAll = async (rounds: number): Promise<Part> => {
  const rows: Array<ReadonlyArray<string>> = []
  const targets: Array<Target> = []
  for (const [name, { goal }] of Object.entries(variants)) {
    const bytes = median(
      Array.from({ length: Math.min(rounds, 3) }, () =>
        Number(execFileSync(process.execPath, ["--expose-gc", file, name], { encoding: "utf8" }))
      )
    )
    rows.push([name, shown(bytes)])
    if (goal !== undefined)
      targets.push({
        name: `${name}: heap for a source in flight`,
        goal: `<= ${goal} B`,
        value: `${shown(bytes)} B`,
        pass: bytes.high <= goal
      })
  }
  return { title: `Memory: ${n} sources in flight`, head: ["bytes of live heap for each", "median"], rows, targets }
}

if (process.argv[1] === file) {
  console.log(await held(variants[process.argv[2]!]!.start()))
  process.exit(0)
}
