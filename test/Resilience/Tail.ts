/** A source of which 2 % of the calls take a hundred times as long as the others, and what a hedge makes of it. */
import { Clock, Effect, Random } from "effect"
import type { Hedge } from "../../src/Resilience/Hedge.ts"
import * as Machine from "../../src/Testkit/Machine.ts"

/** The 99th percentile in milliseconds, and how many calls were made for each one asked for. */
export const tail = (hedge: Hedge, calls: number) => {
  let made = 0
  const took: Array<number> = []
  const call = Effect.gen(function* () {
    made += 1
    const slow = (yield* Random.next) < 0.02
    yield* Effect.sleep((yield* Random.nextRange(5, 15)) * (slow ? 100 : 1))
  })
  const asked = Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    yield* hedge(call)
    took.push((yield* Clock.currentTimeMillis) - began)
  })
  const program = Effect.gen(function* () {
    for (let n = 0; n < calls; n++) {
      yield* Effect.forkDaemon(asked)
      yield* Effect.sleep(5)
    }
  })
  Machine.run(Effect.withRandom(program, Random.make("tail")))
  took.sort((a, b) => a - b)
  return { p99: took[Math.ceil(took.length * 0.99) - 1]!, load: made / took.length, answered: took.length }
}
