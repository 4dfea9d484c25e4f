import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Budget from "../../src/Resilience/Budget.ts"

describe("Budget", () => {
  it("lets one extra call be taken for so many calls, besides those of each second", () => {
    const budget = Budget.make({ ratio: 0.2, perSecond: 2 })
    const taken = (now: number) => [1, 2, 3].filter(() => budget.take(now) !== undefined).length

    assert.strictEqual(taken(0), 2)
    assert.strictEqual(taken(999), 0)
    assert.strictEqual(taken(1_000), 2)
    for (let n = 0; n < 5; n++) budget.called()
    assert.strictEqual(taken(1_500), 1)
    assert.strictEqual(taken(1_999), 0)
  })

  it("without any for each second, starts with what can be saved up", () => {
    const budget = Budget.make({ ratio: 0.05, burst: 3 })
    const taken = () => [1, 2, 3, 4].filter(() => budget.take(0) !== undefined).length

    assert.strictEqual(taken(), 3)
    for (let n = 0; n < 19; n++) budget.called()
    assert.strictEqual(taken(), 0)
    budget.called()
    assert.strictEqual(taken(), 1)
    for (let n = 0; n < 1_000; n++) budget.called()
    assert.strictEqual(taken(), 3)
  })

  it("with a ratio of zero and none for each second there is nothing to take", () => {
    const budget = Budget.make({ ratio: 0 })
    for (let n = 0; n < 100; n++) budget.called()

    assert.isUndefined(budget.take(0))
  })

  it("takes back what was not used, whichever part it came from", () => {
    const budget = Budget.make({ ratio: 0.5, perSecond: 1 })
    budget.called()
    budget.called()
    const both = [budget.take(0)!, budget.take(0)!]
    assert.isUndefined(budget.take(0))
    for (const giveBack of both) giveBack()

    assert.isDefined(budget.take(0))
    assert.isDefined(budget.take(0))
    assert.isUndefined(budget.take(0))
  })

  it("in any stretch of time no more is taken than the calls in it, the seconds and the burst allow", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("call" as const), times: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ do: fc.constant("take" as const), times: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ do: fc.constant("wait" as const), times: fc.integer({ min: 1, max: 1_500 }) })
    )
    fc.assert(
      fc.property(
        fc.constantFrom(0, 0.05, 0.2, 0.3, 1),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 60 }),
        (ratio, perSecond, burst, steps) => {
          const budget = Budget.make({ ratio, perSecond, burst })
          const events: Array<{ readonly at: number; readonly kind: "call" | "take" }> = []
          let now = 0
          for (const { do: kind, times } of steps) {
            if (kind === "wait") now += times
            for (let n = 0; n < times && kind !== "wait"; n++) {
              if (kind === "call") budget.called()
              if (kind === "call" || budget.take(now) !== undefined) events.push({ at: now, kind })
            }
          }
          for (const [from, { at: start }] of events.entries()) {
            let calls = 0
            let taken = 0
            for (const { at, kind } of events.slice(from)) {
              if (kind === "call") calls += 1
              else taken += 1
              const seconds = Math.floor((at - start) / 1_000) + 1
              assert.isAtMost(taken, calls * ratio + burst + seconds * perSecond + 1e-9)
            }
          }
        }
      ),
      { numRuns: 200 }
    )
  })
})
