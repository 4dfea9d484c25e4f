/** The ways of this language to ask N sources, all with the same functions; each looks at its signal, as a source would. */
import { Effect, Logger, ManagedRuntime } from "effect"
import { Aggregator } from "../../../src/Aggregator.ts"
import * as Gather from "../../../src/Gather.ts"
import * as Plain from "../../../src/Plain.ts"
import * as Source from "../../../src/Source.ts"
import { keeping } from "../../Tracing.ts"
import * as Peers from "../Peers.ts"
import { here, promise, type Variant } from "../Rounds.ts"

const asks = (n: number): Peers.Asks =>
  Object.fromEntries(
    Array.from({ length: n }, (_, index) => [
      `s${index}`,
      (signal: AbortSignal) => (signal.aborted ? Promise.reject(signal.reason) : Promise.resolve(index))
    ])
  )

const options = { deadline: "10 seconds" } as const
const silent = ManagedRuntime.make(Aggregator.layer({ ...options, logger: Logger.none }))

/** Writes its lines, to nobody. */
let written = 0
const counting = Logger.map(Logger.jsonLogger, (line) => void (written += line.length))
const logging = ManagedRuntime.make(Aggregator.layer({ ...options, logger: counting }))

export const large = 100_000

type Once = Effect.Effect<unknown, unknown, Aggregator>

/** Runs within one fiber, as in a program of Effect. */
const effect = (name: string, runtime: typeof silent, once: Once, around = (all: Once) => all): Variant =>
  here(name, (times) => runtime.runPromise(around(times === 1 ? once : Effect.repeatN(once, times - 1))))

const untraced = Effect.withTracerEnabled(false)
const traced = Effect.withTracer(keeping)

/** Those that are done with 100,000 sources within seconds; of fewer, all of them. */
export const variants = (n: number): ReadonlyArray<Variant> => {
  const all = asks(n)
  const entries = Object.entries(all)
  const promises = Object.fromEntries(entries.map(([name, ask]) => [name, Source.promise(ask)]))
  const effects = Object.fromEntries(entries.map(([name, ask]) => [name, Effect.tryPromise(ask)]))
  const ofPromises = Aggregator.gather("bench", promises)
  const ofEffects = Aggregator.gather("bench", effects)
  const both = [
    promise("Promise.all", () => Peers.promiseAll(all)),
    effect("muster, promises", silent, ofPromises, untraced),
    effect("muster, effects", silent, ofEffects, untraced),
    promise("p-map", () => Peers.viaPMap(all)),
    promise("p-limit, 10", () => Peers.viaPLimit(all)),
    promise("hand-written, a set of controllers", () => Peers.handWritten(all, Peers.setOfControllers()))
  ]
  if (n >= large) return both
  return [
    ...both,
    effect("muster, promises, spans", silent, ofPromises, traced),
    effect("muster, promises, log", logging, ofPromises, untraced),
    effect("muster, promises, spans and log", logging, ofPromises, traced),
    effect("muster, effects, spans and log", logging, ofEffects, traced),
    effect("Gather (the reference)", silent, Gather.failFast(effects, options)),
    promise("Plain", () => Plain.gather(all, { deadline: 10_000 })),
    promise("hand-written, same features", () => Peers.handWritten(all)),
    promise("cockatiel timeout", () => Peers.viaCockatiel(all)),
    promise("a fiber for each effect, no more", () => Peers.aFiberForEach(all)),
    effect("Effect.all + timeout", silent, Peers.effectAll(all))
  ]
}
