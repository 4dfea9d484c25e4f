import { assert, describe, it } from "@effect/vitest"
import * as Hedge from "../../src/Resilience/Hedge.ts"
import { tail } from "./Tail.ts"

describe("a hedge over 20,000 calls, of which 2 % take a hundred times as long", () => {
  const calls = 20_000
  const without = tail(Hedge.none, calls)

  for (const [name, hedge] of Object.entries({
    "Hedge.percentile(0.95)": Hedge.percentile(0.95),
    'Hedge.after("20 millis")': Hedge.after("20 millis")
  })) {
    it(`${name} improves p99 at least fivefold, for at most 5 % more calls`, () => {
      const { answered, load, p99 } = tail(hedge, calls)
      const extra = (100 * (load - 1)).toFixed(1)
      console.log(`${name}: p99 ${without.p99.toFixed(0)} ms -> ${p99.toFixed(0)} ms, ${extra} % more calls`)

      assert.strictEqual(answered, calls)
      assert.isAtMost(p99 * 5, without.p99)
      assert.isAtMost(load, 1.05)
    })
  }
})
