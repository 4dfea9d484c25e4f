/** A load on a world of sources, run by muster itself in virtual time: what `explain` predicts can be seen to happen. */
import { Effect, Exit, Logger, LogLevel, Random } from "effect"
import { Aggregator } from "../../../src/Aggregator.ts"
import type { Receipt } from "../../../src/Receipt.ts"
import * as Source from "../../../src/Source.ts"
import * as Machine from "../../../src/Testkit/Machine.ts"
import { random } from "../../../src/Testkit/WhatIf/Reservoir.ts"

/** How one call goes: milliseconds, and the tag of its error. */
export interface Call {
  readonly took: number
  readonly error?: "SourceUnavailable" | "SourceRejected" | undefined
}

export interface World {
  readonly seed: number
  /** How many dashboards, and how many milliseconds lie between two of them on average. */
  readonly count: number
  readonly gap: number
  /** What a call does that goes out at this time, by a sequence of random numbers of its own. */
  readonly sources: Readonly<Record<string, (draw: () => number, now: number) => Call>>
}

type Guard = <A>(call: Effect.Effect<A, unknown>) => Effect.Effect<A, unknown>

/** The settings of a run. */
export interface Running {
  readonly deadline: number
  readonly optional?: ReadonlyArray<string>
  readonly guards?: Readonly<Record<string, Guard>>
}

export const exponential = (draw: () => number, mean: number) => -mean * Math.log(1 - draw())

const hash = (...parts: ReadonlyArray<number>) => parts.reduce((sum, part) => Math.imul(sum ^ part, 0x9e3779b1), 7)

/** The receipts of the load. The n-th call of a source in a dashboard is the same, whatever the settings are. */
export const run = (
  { count, gap, seed, sources }: World,
  { deadline, guards = {}, optional = [] }: Running
): ReadonlyArray<Receipt> => {
  const receipts: Array<Receipt> = []
  const names = Object.keys(sources)

  const call = (n: number, name: string) => {
    let calls = 0
    return Effect.flatMap(Effect.clock, (clock) => {
      const draw = random(hash(seed, n, names.indexOf(name), ++calls))
      // The first few numbers of neighbouring seeds are alike.
      draw()
      draw()
      const { error, took } = sources[name]!(draw, clock.unsafeCurrentTimeMillis())
      const ended =
        error === undefined
          ? Effect.succeed(name)
          : Effect.fail(
              error === "SourceRejected"
                ? new Source.SourceRejected({ source: name, reason: "no" })
                : new Source.SourceUnavailable({ source: name, reason: "down" })
            )
      return Effect.zipRight(Effect.sleep(took), ended)
    })
  }

  const dashboard = (n: number) =>
    Aggregator.gather(
      "dashboard",
      Object.fromEntries(
        names.map((name) => {
          const guarded = (guards[name] ?? ((effect) => effect))(call(n, name))
          return [name, optional.includes(name) ? Source.optional(guarded) : Source.required(guarded)]
        })
      ),
      { deadline }
    )

  const program = Effect.gen(function* () {
    const aggregator = yield* Aggregator
    aggregator.listen((receipt) => receipts.push(receipt))
    const arrivals = random(seed)
    for (let n = 0; n < count; n++) {
      yield* Effect.forkDaemon(dashboard(n))
      yield* Effect.sleep(exponential(arrivals, gap))
    }
    yield* Effect.sleep(deadline + 60_000)
  })
  const { exit } = Machine.run(
    program.pipe(
      Effect.provide(Aggregator.layer({ logger: Logger.none })),
      Logger.withMinimumLogLevel(LogLevel.None),
      // Retries wait for a random time.
      Effect.withRandom(Random.make(seed)),
      Effect.scoped
    )
  )
  if (exit._tag === "None" || Exit.isFailure(exit.value)) throw new Error(`the load did not end: ${exit}`)
  return receipts
}
