import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Memory } from "../../../src/Resilience/RateLimit/Memory.ts"
import { most, type Rule, slidingWindow, tokenBucket } from "../../../src/Resilience/RateLimit/Rule.ts"

/** Takes one turn after another, each as soon as it comes, and says when. */
const turns = (rule: Rule, count: number, from = 0) => {
  const memory = new Memory(rule)
  let now = from
  return Array.from({ length: count }, () => {
    now += memory.waitOf(undefined, 1, now)
    assert.strictEqual(memory.take(undefined, 1, 1, now).count, 1)
    return now
  })
}

describe("Memory: the turns of a rate limit in one process", () => {
  it("a token bucket gives a burst, and then turns at a steady rate", () => {
    assert.deepStrictEqual(turns(tokenBucket({ limit: 50, burst: 3 }), 8), [0, 0, 0, 20, 40, 60, 80, 100])
    assert.deepStrictEqual(turns(tokenBucket({ limit: 2, per: "1 minute", burst: 1 }), 3), [0, 30_000, 60_000])
  })

  it("a token bucket saves a tenth of its limit if nothing else is said", () => {
    assert.deepStrictEqual([tokenBucket({ limit: 50 }), tokenBucket({ limit: 3 })].map(most), [5, 1])
  })

  it("a third of a second is kept to, though it is no whole number of milliseconds", () => {
    const at = turns(tokenBucket({ limit: 3, burst: 1 }), 301, 1_700_000_000_000)
    assert.closeTo(at.at(-1)! - at[0]!, 100_000, 0.1)
  })

  it("a sliding window gives all at once, and each again when it has left the window", () => {
    assert.deepStrictEqual(turns(slidingWindow({ limit: 3, per: 100 }), 7), [0, 0, 0, 100, 100, 100, 200])
    const memory = new Memory(slidingWindow({ limit: 2, per: 100 }))
    assert.deepStrictEqual(memory.take("a", 1, 1, 0), { count: 1, at: 0, wait: 0 })
    assert.deepStrictEqual(memory.take("a", 1, 1, 70), { count: 1, at: 70, wait: 0 })
    assert.deepStrictEqual(memory.take("a", 1, 1, 90), { count: 0, at: 90, wait: 10 })
    assert.deepStrictEqual(memory.take("a", 2, 2, 100), { count: 0, at: 100, wait: 70 })
    assert.deepStrictEqual(memory.take("b", 2, 5, 100), { count: 2, at: 100, wait: 0 })
  })

  const rules = fc.oneof(
    fc
      .record({
        limit: fc.integer({ min: 1, max: 12 }),
        per: fc.integer({ min: 1, max: 300 }),
        burst: fc.integer({ min: 1, max: 5 })
      })
      .map(tokenBucket),
    fc.record({ limit: fc.integer({ min: 1, max: 12 }), per: fc.integer({ min: 1, max: 300 }) }).map(slidingWindow)
  )
  const steps = fc.record({
    after: fc.integer({ min: 0, max: 120 }),
    do: fc.constantFrom("take" as const, "take" as const, "take" as const, "giveBack" as const, "pause" as const),
    count: fc.integer({ min: 1, max: 12 })
  })

  it("in no stretch of time are there more than the rule allows, and what is given back was never taken", () => {
    fc.assert(
      fc.property(rules, fc.array(steps, { maxLength: 60, size: "max" }), (rule, all) => {
        const memory = new Memory(rule)
        const taken: Array<number> = []
        let now = 1_000
        let pausedUntil = 0
        for (const step of all) {
          now += step.after
          const count = Math.min(step.count, most(rule))
          if (step.do === "pause") {
            memory.pause(undefined, step.count * 10, now)
            pausedUntil = Math.max(pausedUntil, now + step.count * 10)
          } else if (step.do === "giveBack") {
            const at = taken.pop()
            if (at !== undefined) memory.giveBack(undefined, 1, at)
          } else {
            const wait = memory.waitOf(undefined, count, now)
            const answer = memory.take(undefined, count, count, now)
            assert.strictEqual(answer.count, wait <= 1e-3 ? count : 0)
            if (answer.count > 0) assert.isAtLeast(now, pausedUntil)
            else assert.closeTo(answer.wait, wait, 1e-6)
            for (let turn = 0; turn < answer.count; turn++) taken.push(now)
          }
        }
        const allowed = rule.kind === "token-bucket" ? rule.limit + rule.burst : rule.limit
        for (const from of taken) {
          const inside = taken.filter((at) => at >= from && at < from + rule.per - 1e-3).length
          assert.isAtMost(inside, allowed)
        }
      }),
      { numRuns: 500 }
    )
  })

  it("says when so many turns have come, as it then turns out", () => {
    fc.assert(
      fc.property(rules, fc.array(steps, { maxLength: 20 }), fc.integer({ min: 1, max: 40 }), (rule, all, ahead) => {
        const memory = new Memory(rule)
        let now = 1_000
        for (const step of all) {
          now += step.after
          if (step.do === "pause") memory.pause(undefined, step.count * 10, now)
          else memory.take(undefined, 1, step.count, now)
        }
        const said = memory.waitOf(undefined, ahead, now)
        let later = now
        for (let turn = 0; turn < ahead; turn++) {
          later += memory.waitOf(undefined, 1, later)
          assert.strictEqual(memory.take(undefined, 1, 1, later).count, 1)
        }
        assert.closeTo(said, later - now, 0.1)
      }),
      { numRuns: 500 }
    )
  })

  it("takes as many as there are, at least so many, and none if there are fewer", () => {
    const memory = new Memory(tokenBucket({ limit: 10, burst: 4 }))
    assert.strictEqual(memory.take("a", 1, 3, 0).count, 3)
    assert.deepStrictEqual(memory.take("a", 2, 3, 0), { count: 0, at: 0, wait: 100 })
    assert.strictEqual(memory.take("a", 1, 3, 0).count, 1)
    assert.strictEqual(memory.take("b", 1, 9, 0).count, 4)
  })

  it("after a pause gives the first turn at its end, and no burst", () => {
    const bucket = new Memory(tokenBucket({ limit: 10, burst: 4 }))
    bucket.pause("a", 1_000, 0)
    assert.deepStrictEqual(
      [1, 2, 3].map((count) => bucket.waitOf("a", count, 0)),
      [1_000, 1_100, 1_200]
    )
    assert.strictEqual(bucket.waitOf("b", 1, 0), 0)
    const window = new Memory(slidingWindow({ limit: 2, per: 100 }))
    window.pause("a", 1_000, 0)
    assert.deepStrictEqual(
      [1, 2, 3].map((count) => window.waitOf("a", count, 0)),
      [1_000, 1_000, 1_100]
    )
  })

  it("keeps nothing of keys that are idle", () => {
    for (const rule of [tokenBucket({ limit: 10 }), slidingWindow({ limit: 10 })]) {
      const memory = new Memory(rule)
      for (let key = 0; key < 10_000; key++) memory.take(String(key), 1, 1, key * 100)
      assert.isBelow(memory.size, 1_100)
      memory.pause("paused", 1e9, 0)
      for (let key = 0; key < 5_000; key++) memory.take(`next ${key}`, 1, 1, 2e6 + key * 100)
      assert.isAbove(memory.waitOf("paused", 1, 2e6), 1e8)
    }
  })

  it("costs the same for each turn, however large the window is", () => {
    const cpu = (limit: number) => {
      const memory = new Memory(slidingWindow({ limit }))
      const before = process.cpuUsage()
      for (let turn = 0; turn < 100_000; turn++) memory.take(undefined, 1, 1, (turn * 1_000) / limit)
      const { system, user } = process.cpuUsage(before)
      return user + system
    }
    cpu(100)
    const small = Math.min(cpu(100), cpu(100))
    assert.isBelow(cpu(10_000) / small, 20)
  })
})
