import { assert, describe, it } from "@effect/vitest"
import type { Receipt } from "../../../src/Receipt.ts"
import { type Estimate, Observations, type Setting } from "../../../src/Testkit/WhatIf.ts"
import { error, receipt, source } from "../../Cli/Receipts.ts"

const seen = (...receipts: ReadonlyArray<Receipt>) => {
  const observations = new Observations()
  receipts.forEach((receipt) => observations.add(receipt))
  return observations
}

const shares = ({ complete, failed, late, partial }: Estimate) =>
  [complete, partial, failed, late].map((it) => it.share)
const play = (setting: Setting, ...receipts: ReadonlyArray<Receipt>) => shares(seen(...receipts).estimate(setting))

const complete = [1, 0, 0, 0]
const partial = [0, 1, 0, 0]
const failed = [0, 0, 1, 0]
const late = [0, 0, 0, 1]

describe("an aggregation, played again", () => {
  it("has the deadline that it had, unless told otherwise", () => {
    const timedOut = receipt([source("a", 100, { outcome: "timed-out" })], { deadline: 100 })
    const ended = receipt([source("a", 300)], { deadline: null })

    assert.deepStrictEqual(play({}, timedOut), late)
    assert.deepStrictEqual(play({}, ended), complete)
    assert.deepStrictEqual(play({}, timedOut, ended), [0.5, 0, 0, 0.5])
    assert.deepStrictEqual(play({ deadline: 300 }, ended), late)
    assert.deepStrictEqual(play({ deadline: 301 }, ended), complete)
    // What took longer than 100 ms took 300 ms.
    assert.deepStrictEqual(play({ deadline: Infinity }, timedOut, ended), complete)
  })

  it("does without the sources that it could do without, and those that are named", () => {
    const one = receipt([source("a", 10), source("b", 20, { outcome: "failed", error, required: false })])

    assert.deepStrictEqual(play({}, one), partial)
    assert.deepStrictEqual(play({ optional: ["a"] }, one), partial)
    const other = receipt([source("a", 10, { outcome: "failed", error }), source("b", 20)])
    assert.deepStrictEqual(play({}, other), failed)
    assert.deepStrictEqual(play({ optional: ["a"] }, other), partial)
    assert.deepStrictEqual(play({ optional: ["b"], deadline: 5 }, other), late)
  })

  it("fails when a source dies, optional or not, but not where every failure is an outcome", () => {
    const died = source("a", 10, {
      outcome: "failed",
      required: false,
      error: { tag: "SourceDied", message: "a bug" }
    })
    assert.deepStrictEqual(play({ optional: ["a"] }, receipt([died])), failed)
    assert.deepStrictEqual(play({ optional: ["a"] }, receipt([died], { policy: "collect" })), partial)
  })

  it("asks its sources when they were asked", () => {
    const queued = receipt([source("a", 100), source("b", 200, { start: 100 })])
    const { criticalPath, p50 } = seen(queued).estimate({})

    assert.deepStrictEqual([p50, criticalPath], [200, { a: 0, b: 1 }])
    assert.deepStrictEqual(play({ deadline: 150 }, queued), late)
    // The second call is sent 60 ms after the first, at 160 ms, and takes 100 ms as well.
    const { extraLoad, p50: hedged } = seen(queued).estimate({ hedges: { b: 60 } })
    assert.deepStrictEqual([hedged, extraLoad], [200, { b: 1 }])
    assert.deepStrictEqual(seen(queued).estimate({ hedges: { b: 60 }, deadline: 155 }).extraLoad, { b: 0 })

    const never = receipt([
      source("a", 100, { outcome: "failed", error }),
      source("b", 0, { start: null, end: null, outcome: "not-started" })
    ])
    assert.deepStrictEqual(
      play({ optional: ["a"] }, never, receipt([source("a", 5), source("b", 30)])),
      [0.5, 0.5, 0, 0]
    )
  })

  it("takes a timer that goes off a moment early for the deadline", () => {
    const early = receipt([source("a", 99.6, { outcome: "timed-out" })], { deadline: 100 })
    const other = receipt([source("a", 99.8)], { deadline: 100 })

    assert.deepStrictEqual(play({}, early, other), [0.5, 0, 0, 0.5])
    assert.strictEqual(seen(early).estimate({}).unknown, 0)
  })

  it("sends no second call once the answer has left", () => {
    const one = receipt([source("a", 10, { outcome: "failed", error }), source("b", 10, { outcome: "cancelled" })])
    const two = receipt([source("a", 5), source("b", 500)])

    assert.deepStrictEqual(seen(one, two).estimate({ hedges: { b: 20 } }).extraLoad, { b: 0.5 })
    assert.deepStrictEqual(seen(one, two, receipt([source("a", 5)])).estimate({ hedges: { b: 20 } }).extraLoad, {
      b: 0.5
    })
  })

  it("is unknown only where what was cut off could matter", () => {
    const cut = source("b", 50, { outcome: "cancelled" })
    const one = receipt([source("a", 50, { outcome: "failed", error }), cut])

    assert.strictEqual(seen(one).estimate({}).unknown, 0)
    assert.strictEqual(seen(one).estimate({ deadline: 40 }).unknown, 0)
    assert.strictEqual(seen(one).estimate({ optional: ["a"] }).unknown, 1)
    assert.deepStrictEqual(play({ optional: ["a"] }, one), late)
  })

  it("needs a longer deadline to be complete than to be an answer", () => {
    const some = [10, 20, 30, 40].map((took) => receipt([source("a", took), source("b", took * 10)]))
    const { answered, complete } = seen(...some).deadlinesFor(0.75, { optional: ["b"] })

    assert.deepStrictEqual([answered.value, complete.value], [30, 300])
    assert.strictEqual(seen(...some).deadlinesFor(0.75, {}).answered.value, 300)
    const without = receipt([source("a", 10), source("b", 0, { outcome: "failed", error, required: false })])
    const never = seen(...some, without).deadlinesFor(0.9, {})
    assert.deepStrictEqual([never.complete.value, never.answered.value], [Infinity, 400])
  })

  it("has the percentiles of a source's successes, and none without", () => {
    const observations = seen(
      ...[10, 20, 30, 40].map((took) => receipt([source("a", took)])),
      receipt([source("a", 99, { outcome: "cancelled" }), source("b", 5, { outcome: "failed", error })])
    )
    assert.deepStrictEqual([observations.percentile("a", 0.5), observations.percentile("a", 0.95)], [20, 40])
    assert.deepStrictEqual(
      [observations.percentile("b", 0.5), observations.percentile("c", 0.5)],
      [undefined, undefined]
    )
  })

  it("keeps fewer aggregations the more sources they have, all with the same chance", () => {
    const observations = new Observations(3)
    for (let n = 0; n < 8_000; n++) {
      const names = n < 6_000 ? 10 : 50
      observations.add(receipt([source("a", n), ...Array.from({ length: names - 1 }, (_, i) => source(`s${i}`, 0))]))
    }
    assert.deepStrictEqual([observations.count, observations.sampled, observations.width], [8_000, 4_000, 50])
    // The median of a fair sample of 4,000 of them has a standard error of 8,000 / 2 / sqrt(4,000) = 63.
    assert.approximately(observations.percentile("a", 0.5)!, 4_000, 4 * 63)
  })
})
