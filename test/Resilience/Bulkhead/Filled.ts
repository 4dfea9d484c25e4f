import { Effect } from "effect"
import type * as Bulkhead from "../../../src/Resilience/Bulkhead.ts"
import { hangs } from "../../../src/Testkit.ts"

/** Puts so many calls into a bulkhead that never end; the one who holds the first place is given back. */
export const filled = (bulkhead: Bulkhead.Bulkhead, calls: number) =>
  Effect.gen(function* () {
    const [first] = yield* Effect.all(Array.from({ length: calls }, () => Effect.fork(bulkhead.with()(hangs()))))
    yield* Effect.sleep(0)
    return first!
  })
