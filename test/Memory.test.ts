import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { totalmem } from "node:os"
import * as Memory from "../src/Memory.ts"

describe("Memory.Budget", () => {
  it("lends what there is, refuses and counts the rest, and has all back when the accounts are closed", () => {
    const budget = new Memory.Budget(100)
    const [one, two] = [budget.account(), budget.account()]

    assert.deepStrictEqual([one.take(60), two.take(40), two.take(1), budget.refused], [true, true, false, 1])
    one.give(20)
    assert.deepStrictEqual([two.take(20), budget.used], [true, 100])
    assert.deepStrictEqual([two.replace(101), budget.used], [false, 40])
    assert.deepStrictEqual([two.replace(60), budget.used], [true, 100])
    one.close()
    one.close()
    two.close()
    assert.deepStrictEqual([one.take(1_000), budget.used], [true, 0])
  })

  it("never lends more than its limit, and nothing is left over, whatever is done in whichever order", () => {
    const step = fc.record({
      account: fc.nat({ max: 4 }),
      do: fc.constantFrom("take" as const, "replace" as const, "close" as const),
      bytes: fc.nat({ max: 60 })
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new Memory.Budget(100)
        const accounts = Array.from({ length: 5 }, () => budget.account())
        for (const { account, bytes, ...step } of steps) {
          accounts[account]![step.do](bytes)
          assert.isAtMost(budget.used, budget.limit)
          assert.isAtLeast(budget.used, 0)
        }
        for (const account of accounts) account.close()
        assert.strictEqual(budget.used, 0)
      })
    )
  })

  it("has a default that the machine can hold", () => {
    assert.isAtLeast(Memory.defaultLimit(), 1_000_000)
    assert.isAtMost(Memory.defaultLimit(), totalmem() / 4)
  })
})
