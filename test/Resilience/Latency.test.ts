import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import * as fc from "fast-check"
import { SourceTimedOut } from "../../src/Outcome.ts"
import * as Latency from "../../src/Resilience/Latency.ts"
import * as Window from "../../src/Resilience/Window.ts"
import { refuses } from "./Calls.ts"

describe("Latency", () => {
  it("gives percentiles that are up to a tenth too long, and never too short", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 1_000_000, noNaN: true }), { minLength: 20, maxLength: 300 }),
        fc.constantFrom(0.5, 0.9, 0.95),
        (all, share) => {
          const latency = Latency.make("test")
          for (const millis of all) latency.observe(millis, 0)
          const sorted = [...all].sort((a, b) => a - b)
          const exact = sorted[Math.ceil(share * all.length) - 1]!
          const estimate = latency.percentile(share, 0)!

          assert.isAtLeast(estimate, exact * (1 - 1e-9))
          assert.isAtMost(estimate, exact * 1.1)
        }
      ),
      { numRuns: 200 }
    )
  })

  it("says nothing before it has seen 20 calls, and enough that one may lie beyond", () => {
    const latency = Latency.make("test")
    const seen = (calls: number) => {
      for (let n = 0; n < calls; n++) latency.observe(10, 0)
      return [0.5, 0.95, 0.99].map((share) => latency.percentile(share, 0) !== undefined)
    }

    assert.deepStrictEqual(seen(19), [false, false, false])
    assert.deepStrictEqual(seen(1), [true, true, false])
    assert.deepStrictEqual(seen(80), [true, true, true])
  })

  it("forgets what is older than its window", () => {
    const latency = Latency.make("test", "10 seconds")
    for (let n = 0; n < 100; n++) latency.observe(1_000, 0)
    for (let n = 0; n < 50; n++) latency.observe(1, 5_000)

    assert.isAbove(latency.percentile(0.5, 8_999)!, 999)
    assert.isBelow(latency.percentile(0.5, 10_000)!, 2)
    assert.isUndefined(latency.percentile(0.5, 15_000))
  })

  it("holds instants of any length, from nothing to days", () => {
    const latency = Latency.make("test")
    for (const millis of [0, 1e-9, 1e12]) for (let n = 0; n < 20; n++) latency.observe(millis, 0)

    assert.isBelow(latency.percentile(0.5, 0)!, 0.1)
    assert.isAbove(latency.percentile(0.9, 0)!, 3_600_000)
  })

  it("counts successes and calls that ran out of their time, and no other failure", () => {
    const latency = Latency.make("test")
    const seen = (exit: Exit.Exit<unknown, unknown>) => {
      for (let n = 0; n < 20; n++) latency.ended(exit, 10, 0)
      return latency.percentile(0.5, 0) !== undefined
    }

    assert.isFalse(seen(Exit.fail("no")))
    assert.isFalse(seen(Exit.die("bug")))
    assert.isTrue(seen(Exit.fail(new SourceTimedOut({ source: "orders", limit: 10 }))))
    assert.isTrue(seen(Exit.succeed(1)))
  })
})

describe("Window", () => {
  it("counts what was added in the last nine to ten tenths of its length, whatever was added before", () => {
    const event = fc.record({ wait: fc.integer({ min: 0, max: 400 }), counter: fc.nat(1) })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 100 }), fc.integer({ min: 0, max: 2e12 }), (events, start) => {
        const window = Window.make(2, "test", 1_000)
        const added: Array<readonly [at: number, counter: number]> = []
        let now = start
        for (const { counter, wait } of events) {
          now += wait
          window.add(counter, now)
          added.push([now, counter])
          // It moves on by tenths: what is left is from the tenth that began nine tenths before this one did.
          const from = Math.floor(now / 100) * 100 - 900
          const expected = [0, 1].map((which) => added.filter(([at, one]) => one === which && at >= from).length)

          assert.deepStrictEqual(Array.from(window.totals(now)), expected)
        }
      }),
      { numRuns: 200 }
    )
  })

  it("of no length is refused by its name", () => {
    refuses({
      "test window": () => Window.make(1, "test", 0),
      "test window #2": () => Window.make(1, "test", Infinity),
      "test window #3": () => Latency.make("test", NaN)
    })
  })
})
