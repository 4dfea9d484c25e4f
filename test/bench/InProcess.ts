/** What it costs to ask sources that answer at once: all that is left is the asking. */
import { Effect, Logger, ManagedRuntime } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"
import * as Plain from "../../src/Plain.ts"
import * as Source from "../../src/Source.ts"
import * as Peers from "./Peers.ts"
import { measure, median, promise, ratio, shown, type Variant } from "./Rounds.ts"

const asks = (n: number): Peers.Asks =>
  Object.fromEntries(
    Array.from({ length: n }, (_, index) => [
      `s${index}`,
      (signal: AbortSignal) => (signal.aborted ? Promise.reject(signal.reason) : Promise.resolve(index))
    ])
  )

const runtime = ManagedRuntime.make(Aggregator.layer({ deadline: "10 seconds", logger: Logger.none }))

/** Runs within one fiber, as in a program of Effect. */
const effect = (name: string, once: Effect.Effect<unknown, unknown, Aggregator>): Variant => ({
  name,
  run: (times) => runtime.runPromise(times === 1 ? once : Effect.repeatN(once, times - 1))
})

const variantsOf = (n: number): ReadonlyArray<Variant> => {
  const all = asks(n)
  const entries = Object.entries(all)
  const promises = Object.fromEntries(entries.map(([name, ask]) => [name, Source.promise(ask)]))
  const effects = Object.fromEntries(entries.map(([name, ask]) => [name, Effect.tryPromise(ask)]))
  const bare = Effect.withTracerEnabled(false)
  return [
    promise("Promise.all", () => Peers.promiseAll(all)),
    promise("hand-written", () => Peers.handWritten(all)),
    promise("p-map", () => Peers.viaPMap(all)),
    promise("p-limit 10", () => Peers.viaPLimit(all)),
    promise("cockatiel", () => Peers.viaCockatiel(all)),
    effect("Effect.all", Peers.effectAll(all)),
    effect("Gather", Gather.failFast(effects, { deadline: "10 seconds" })),
    effect("muster, effects", bare(Aggregator.gather("bench", effects))),
    effect("muster, promises", bare(Aggregator.gather("bench", promises))),
    promise("Plain", () => Plain.gather(all))
  ]
}
const only = process.argv[2]
for (const n of (only ?? "2,10,100,1000").split(",").map(Number)) {
  const measured = await measure(variantsOf(n), { rounds: Number(process.argv[3] ?? 8), millis: 40 })
  console.log(`N = ${n}`)
  for (const { name, rounds } of measured) console.log(name.padEnd(20), shown(median(rounds)))
  console.log("Effect.all / muster promises", shown(ratio(measured, "Effect.all", "muster, promises")!))
  console.log("hand / muster promises", shown(ratio(measured, "hand-written", "muster, promises")!))
}
