import { assert, describe, it } from "@effect/vitest"
import type { Attempt, Guards, Receipt } from "../../../src/Receipt.ts"
import { type Estimate, type Hedging, Observations, type Setting } from "../../../src/Testkit/WhatIf.ts"
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

  const failing = (tag: string) => receipt([source("a", 10, { outcome: "failed", error: { ...error, tag } })])
  const fast = Array.from({ length: 40 }, () => receipt([source("a", 10)]))

  it("sends a second call after a failure that another call may mend, as a hedge does", () => {
    for (const [tag, second] of [
      ["SourceUnavailable", true],
      ["SourceTimedOut", true],
      ["SourceRejected", false],
      ["BreakerOpen", false],
      ["OutOfStock", false]
    ] as const) {
      const { complete, extraLoad } = seen(...fast, failing(tag)).estimate({ hedges: { a: 20 } })
      assert.deepStrictEqual([complete.share === 1, extraLoad["a"]! > 0], [second, second], tag)
    }
  })

  const guards = (attempts: ReadonlyArray<Attempt>, more: Partial<Guards> = {}): Guards => ({
    calls: attempts.length,
    attempts,
    queued: 0,
    served: null,
    refused: null,
    ...more
  })

  it("plays the call that a recorded hedge has overtaken without its hedge", () => {
    const overtaken = receipt([
      source("a", 60, {
        guards: guards([
          { kind: "first", start: 0, end: 60, outcome: "cancelled" },
          { kind: "hedge", start: 50, end: 60, outcome: "succeeded" }
        ])
      })
    ])
    const slow = receipt([source("a", 500)])
    // It took longer than 60 ms: the only call that did took 500 ms. Its second call is sent after 100 ms, and takes 10 ms.
    const { extraLoad, p99 } = seen(...fast, overtaken, slow).estimate({
      hedges: { a: { after: 100, budget: { ratio: 1, burst: 10 } } }
    })
    assert.deepStrictEqual([extraLoad["a"], p99], [2 / 42, 110])
  })

  it("makes the retries that were recorded, each with its second call, until a call succeeds", () => {
    const unavailable = { tag: "SourceUnavailable", message: "" }
    const retried = receipt([
      source("a", 230, {
        guards: guards([
          { kind: "first", start: 0, end: 10, outcome: "failed", error: unavailable },
          { kind: "retry", start: 30, end: 230, outcome: "succeeded" }
        ])
      })
    ])
    const times = (setting: Setting) => seen(retried).estimate(setting)

    // Alone, the other call that there is: it succeeds after 200 ms, and so the retry is not made.
    assert.deepStrictEqual([times({}).p50, times({ hedges: { a: 1_000 } }).p50], [230, 210])
    const rejected = { tag: "SourceRejected", message: "" }
    const other = receipt([
      source("a", 230, {
        guards: guards([
          { kind: "first", start: 0, end: 10, outcome: "failed", error: rejected },
          { kind: "retry", start: 30, end: 230, outcome: "succeeded" }
        ])
      })
    ])
    // What is not worth a second call is retried when it was.
    assert.deepStrictEqual(seen(other).estimate({ hedges: { a: 1_000 } }).p50, 230)
  })

  it("sends no second call of what must not be made twice, of what came from a cache, and after too few calls", () => {
    const slow = (more: Partial<Guards>) => receipt([source("a", 500, { guards: guards([], more) })])
    const of = (one: Receipt, hedge: number | Hedging = 100) =>
      seen(...fast, one).estimate({ hedges: { a: hedge } }).secondCalls["a"]!

    assert.deepStrictEqual(of(slow({ unhedged: "once" })).unhedged, { budget: 0, once: 1, deadline: 0 })
    assert.strictEqual(of(slow({ served: "stale" })).wanted, 0)
    assert.strictEqual(of(slow({})).wanted, 1 / 41)
    // 19 of the first 20 calls, and the one that is slow, of the 41.
    assert.strictEqual(of(slow({}), { after: { percentile: 0.95 } }).fewCalls, 20 / 41)
  })

  it("draws a second call from those around it, so that an outage is one for second calls as well", () => {
    const at = (one: Receipt, n: number): Receipt => ({ ...one, startedAt: one.startedAt + n * 10 })
    const outage = Array.from({ length: 300 }, (_, n) =>
      at(n >= 100 && n < 200 ? failing("SourceUnavailable") : fast[0]!, n)
    )
    const { complete } = seen(...outage).estimate({ hedges: { a: { after: 20, budget: { ratio: 1, burst: 1 } } } })
    // But for those at its edges: drawn from all, two of three would be saved.
    assert.isBelow(complete.share, 0.7)
    assert.isAtLeast(complete.share, 2 / 3)
  })

  it("counts each receipt as often as it stands for others, and their second calls likewise", () => {
    const heavy = fast.map((one) => ({ ...one, weight: 20 }))
    const { complete, extraLoad, secondCalls } = seen(...heavy, failing("SourceUnavailable")).estimate({
      hedges: { a: 20 }
    })
    assert.deepStrictEqual([complete.share, extraLoad["a"], secondCalls["a"]!.wanted], [1, 1 / 801, 1 / 801])
    assert.strictEqual(seen(...heavy, failing("SourceRejected")).estimate({}).complete.share, 800 / 801)

    // All are slow, of 2,010 calls: the budget has second calls for 10 and one in 20.
    const slow = Array.from({ length: 100 }, (_, n) => ({
      ...receipt([source("a", 500)]),
      startedAt: n * 1_000,
      weight: 20
    }))
    const light = Array.from({ length: 10 }, (_, n) => ({
      ...receipt([source("a", 500)]),
      startedAt: 500 + n * 10_000
    }))
    const { unhedged } = seen(...slow, ...light).estimate({ hedges: { a: 100 } }).secondCalls["a"]!
    assert.approximately(unhedged.budget, 1 - 110 / 2_010, 0.06)
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
