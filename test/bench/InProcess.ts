/** What it costs to ask sources that answer at once: all that is left is the asking. */
import { Effect, Logger, ManagedRuntime } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"
import * as Plain from "../../src/Plain.ts"
import * as Source from "../../src/Source.ts"
import { keeping } from "../Tracing.ts"
import * as Peers from "./Peers.ts"
import {
  atLeast,
  atMost,
  type Measured,
  measure,
  median,
  type Part,
  promise,
  ratio,
  shown,
  type Target,
  type Variant
} from "./Rounds.ts"

const sizes = [2, 10, 100, 1_000]

/** Every variant gets the same functions; each looks at its signal, as a source would. */
const asks = (n: number): Peers.Asks =>
  Object.fromEntries(
    Array.from({ length: n }, (_, index) => [
      `s${index}`,
      (signal: AbortSignal) => (signal.aborted ? Promise.reject(signal.reason) : Promise.resolve(index))
    ])
  )

const options = { deadline: "10 seconds" } as const
const bare = ManagedRuntime.make(Aggregator.layer({ ...options, logger: Logger.none }))

/** Writes its lines, to nobody. */
let written = 0
const counting = Logger.map(Logger.jsonLogger, (line) => void (written += line.length))
const full = ManagedRuntime.make(Aggregator.layer({ ...options, logger: counting }))

/** Runs within one fiber, as in a program of Effect. */
const effect = (name: string, runtime: typeof bare, once: Effect.Effect<unknown, unknown, Aggregator>): Variant => ({
  name,
  run: (times) => runtime.runPromise(times === 1 ? once : Effect.repeatN(once, times - 1))
})

const variantsOf = (n: number): ReadonlyArray<Variant> => {
  const all = asks(n)
  const entries = Object.entries(all)
  const promises = Object.fromEntries(entries.map(([name, ask]) => [name, Source.promise(ask)]))
  const effects = Object.fromEntries(entries.map(([name, ask]) => [name, Effect.tryPromise(ask)]))
  const gather = (sources: typeof effects) => Aggregator.gather("bench", sources)
  const untraced = Effect.withTracerEnabled(false)
  return [
    promise("Promise.all", () => Peers.promiseAll(all)),
    promise("hand-written, same features", () => Peers.handWritten(all)),
    promise("p-map", () => Peers.viaPMap(all)),
    promise("p-limit, 10", () => Peers.viaPLimit(all)),
    promise("cockatiel timeout", () => Peers.viaCockatiel(all)),
    effect("Effect.all + timeout", bare, Peers.effectAll(all)),
    effect("muster, promises", bare, untraced(gather(promises))),
    effect("muster, effects", bare, untraced(gather(effects))),
    effect("muster, promises, instrumented", full, Effect.withTracer(gather(promises), keeping)),
    effect("Gather (the reference)", bare, Gather.failFast(effects, options)),
    promise("Plain", () => Plain.gather(all, { deadline: 10_000 }))
  ]
}

const goals: Readonly<Record<number, (measured: ReadonlyArray<Measured>) => ReadonlyArray<Target>>> = {
  2: (measured) => [...versusHand(measured, 2, 0.9)],
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
  1_000: (measured) => [...versusHand(measured, 1_000, 20)]
}

const versusEffect = (measured: ReadonlyArray<Measured>, n: number, kind: string, goal: number) =>
  atLeast(
    `N=${n}: Effect.all + timeout / muster, ${kind}`,
    goal,
    ratio(measured, "Effect.all + timeout", `muster, ${kind}`)
  )

const versusHand = (measured: ReadonlyArray<Measured>, n: number, goal: number) =>
  atLeast(`N=${n}: hand-written / muster`, goal, ratio(measured, "hand-written, same features", "muster, promises"))

const instrumented = (measured: ReadonlyArray<Measured>, n: number, goal: number) =>
  atMost(`N=${n}: instrumented / bare`, goal, ratio(measured, "muster, promises, instrumented", "muster, promises"))

export const measureAll = async (rounds: number): Promise<Part> => {
  const columns: Array<ReadonlyArray<Measured>> = []
  const targets: Array<Target> = []
  for (const n of sizes) {
    const measured = await measure(variantsOf(n), { rounds, millis: 25 })
    columns.push(measured)
    targets.push(...(goals[n]?.(measured) ?? []))
  }
  const rows = columns[0]!.map(({ name }, index) => [
    name,
    ...columns.map((measured) => shown(median(measured[index]!.rounds)))
  ])
  const head = ["us of CPU for one aggregation, median (95 %)", ...sizes.map((n) => `N=${n}`)]
  return { title: "In process: sources that answer at once", head, rows, targets }
}
