import { assert, describe, it } from "@effect/vitest"
import { Sampler } from "../../../src/Aggregator/Recorder/Sampler.ts"
import type { Receipt } from "../../../src/Receipt.ts"
import { Observations } from "../../../src/Testkit/WhatIf.ts"
import { random } from "../../../src/Testkit/WhatIf/Reservoir.ts"
import { error, receipt, source } from "../../Cli/Receipts.ts"

const fast = receipt([source("a", 10)])
const slow = receipt([source("a", 500)])
const failed = receipt([source("a", 10, { outcome: "failed", error })], { outcome: "failed" })

const sampler = (rate: number, most: number) => new Sampler({ rate, most, random: random(3) })
const weights = (receipts: ReadonlyArray<Receipt>) => receipts.reduce((sum, { weight = 1 }) => sum + weight, 0)

describe("what a recording keeps", () => {
  it("is every failure and every slow answer, and a share of the others, which weigh as many as they stand for", () => {
    const some = sampler(0.05, 10_000)
    for (let n = 0; n < 10_000; n++) some.add(n % 100 === 7 ? failed : n % 50 === 21 ? slow : fast, n)
    const kept = some.take()
    const of = (one: Receipt) =>
      kept.filter(({ elapsed, outcome }) => elapsed === one.elapsed && outcome === one.outcome)

    assert.deepStrictEqual([of(failed).length, weights(of(failed))], [100, 100])
    // The first one came when 20 answers had been seen, and a failure, which does not count.
    assert.deepStrictEqual([of(slow).length, weights(of(slow))], [200, 200])
    // 9,700 with a standard deviation of 20 * sqrt(9,700 * 0.05 * 0.95) = 429.
    assert.approximately(weights(of(fast)), 9_700, 3 * 429)
    assert.isTrue(of(fast).every(({ weight }) => weight === 20))
    assert.deepStrictEqual(some.take(), [])
  })

  it("is no more than the bound of either kind, and weighs as much as all", () => {
    const some = sampler(1, 10)
    for (let n = 0; n < 1_000; n++) some.add(n % 2 === 0 ? failed : fast, n)
    const kept = some.take()

    assert.strictEqual(kept.length, 20)
    assert.deepStrictEqual(new Set(kept.map(({ weight }) => weight)), new Set([50]))
    some.add(failed, 1_000)
    assert.deepStrictEqual(some.take(), [failed])
  })

  it("is fewer of those with many sources: at most 100,000 sources of either kind, or one receipt", () => {
    const wide = receipt(Array.from({ length: 30_000 }, (_, n) => source(`${n}`, 1)))
    const some = sampler(1, 100)
    for (let n = 0; n < 50; n++) some.add(wide, n)
    const kept = some.take()

    assert.strictEqual(kept.length, 3)
    assert.approximately(weights(kept), 50, 1e-9)
  })

  it("is in the order in which it began, and hands on no weight of one", () => {
    const some = sampler(1, 100)
    const at = (startedAt: number, one: Receipt): Receipt => ({ ...one, startedAt })
    const all = [at(1, fast), at(2, failed), at(3, fast)]
    for (const one of [all[2]!, all[1]!, all[0]!]) some.add(one, 0)

    assert.deepStrictEqual(some.take(), all)
  })

  it("gives the same estimates as all of it, within their error", () => {
    const uniform = random(9)
    const [whole, sampled] = [new Observations(1, 0.99), new Observations(1, 0.99)]
    const some = sampler(0.05, 50)
    for (let n = 0; n < 20_000; n++) {
      const took = uniform() < 0.06 ? 300 + 300 * uniform() : 10 + 40 * uniform()
      const fails = uniform() < 0.03
      const { outcome, ...one } = receipt([source("a", took, fails ? { outcome: "failed", error } : {})])
      const all = { ...one, outcome: fails ? "failed" : outcome, startedAt: n * 10 } as const
      whole.add(all)
      some.add(all, n * 10)
      if (n % 100 === 99) some.take().forEach((one) => sampled.add(one))
    }
    assert.isBelow(sampled.sampled, 4_000)
    for (const setting of [
      {},
      { deadline: 200 },
      { hedges: { a: 60 } },
      { hedges: { a: { after: { percentile: 0.95 } } }, deadline: 200 }
    ]) {
      const [truth, guess] = [whole.estimate(setting), sampled.estimate(setting)]
      const { high, low } = guess.complete
      const what = `${JSON.stringify(setting)}: ${truth.complete.share} in [${low}, ${high}]`
      assert.isTrue(low <= truth.complete.share && truth.complete.share <= high, what)
      assert.approximately(guess.extraLoad["a"] ?? 0, truth.extraLoad["a"] ?? 0, 0.01, what)
    }
  })
})
