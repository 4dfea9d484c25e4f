import { assert, describe, it } from "vitest"
import type { Receipt } from "../../src/Receipt.ts"
import type { Gauge } from "../../src/Server/Gauges.ts"
import { error, receipt, source } from "../Cli/Receipts.ts"

interface Span {
  readonly from: number
  readonly to: number
  readonly step: number
}

interface Tally {
  readonly counts: Readonly<Record<string, number>>
  readonly times: Array<number>
}

interface Series extends Tally {
  readonly endpoint: string
  readonly source: string | null
  readonly bits: ReadonlyArray<Tally | undefined>
  readonly inFlight: number
}

/** A script of the page, which has no declarations: what it is said to be here, `tsconfig.page.json` checks there. */
const path: string = new URL("../../src/Page/Minutes.js", import.meta.url).href
const { quantile, seriesOf, spanOf, trouble } = (await import(path)) as {
  readonly spanOf: (receipts: Iterable<Receipt>, now: number | undefined) => Span
  readonly seriesOf: (receipts: Iterable<Receipt>, span: Span, gauges: ReadonlyArray<Gauge>) => ReadonlyArray<Series>
  readonly quantile: (tally: Tally, share: number) => number | undefined
  readonly trouble: (tally: Tally) => number
}

const now = 1_700_000_000_000
const minute = 60_000

/** An aggregation that was answered this long ago. */
const answered = (ago: number, more: Partial<Receipt> = {}, ...sources: Receipt["sources"]) =>
  receipt(sources, { startedAt: now - ago - 100, elapsed: 100, ...more })

const named = (series: ReadonlyArray<Series>) => series.map(({ endpoint, source }) => [endpoint, source])

describe("the last minutes", () => {
  it("are the last five of what is live, and all of what was recorded, in about thirty bits", () => {
    const some = [answered(60 * minute), answered(4 * minute), answered(0)]
    const live = spanOf(some, now)
    const recorded = spanOf(some, undefined)
    const length = ({ from, step, to }: Span) => (to - from) / step

    assert.isTrue(live.from <= now - 5 * minute && live.from > now - 5 * minute - live.step)
    assert.isTrue(recorded.from <= now - 60 * minute && recorded.from > now - 60 * minute - recorded.step)
    for (const span of [live, recorded]) assert.isTrue(span.to > now && length(span) > 15 && length(span) <= 32)
  })

  it("begin with the first answer, and have one bit for one answer, or for none", () => {
    assert.isAtLeast(spanOf([answered(7_000)], now).from, now - 8_000)
    for (const span of [spanOf([answered(0)], undefined), spanOf([], undefined), spanOf([], now)])
      assert.strictEqual((span.to - span.from) / span.step, 1)
  })

  it("leave out what was answered before them", () => {
    const some = [answered(60 * minute, {}, source("old", 5)), answered(minute, {}, source("new", 5))]
    assert.deepStrictEqual(named(seriesOf(some, spanOf(some, now), [])), [
      ["dashboard", null],
      ["dashboard", "new"]
    ])
  })

  it("hold an answer where it was given, not where it was asked for: else the last bits would lack what is slow", () => {
    const some = [answered(20_000), receipt([source("slow", 9_000)], { startedAt: now - 9_500, elapsed: 9_000 })]
    const span = spanOf(some, now)
    const slow = seriesOf(some, span, []).find(({ source }) => source === "slow")!
    const bit = slow.bits.findIndex((tally) => tally !== undefined)

    assert.strictEqual(span.from + bit * span.step, now - 1_000)
  })

  it("count how each ended; one that was stopped has not shown how long it takes", () => {
    const some = [10, 20, 30, 40].map((took) => answered(1_000, {}, source("profile", took)))
    const stopped = answered(1_000, { outcome: "cancelled" }, source("profile", 500, { outcome: "cancelled" }))
    const failed = answered(1_000, { outcome: "failed" }, source("profile", 50, { outcome: "failed", error }))
    const all = [...some, stopped, failed]
    const [answers, profile] = seriesOf(all, spanOf(all, now), [])

    assert.deepStrictEqual(profile!.counts, { succeeded: 4, cancelled: 1, failed: 1 })
    assert.deepStrictEqual(answers!.counts, { succeeded: 4, cancelled: 1, failed: 1 })
    assert.deepStrictEqual(
      [0.5, 0.95].map((share) => quantile(profile!, share)),
      [30, 50]
    )
    assert.approximately(trouble(profile!), 1 / 6, 1e-9)
    assert.deepStrictEqual(profile!.bits.find((tally) => tally !== undefined)!.counts, profile!.counts)
    assert.isUndefined(quantile({ counts: {}, times: [] }, 0.5))
  })

  it("show those in trouble first, an endpoint before its sources, and items as one", () => {
    const late = source("late", 50, { outcome: "timed-out" })
    const all = [
      answered(0, { aggregation: "well" }, source("a", 5), source("b", 50)),
      answered(0, { aggregation: "ill", outcome: "partial" }, source("fine", 5), late),
      answered(0, { aggregation: "many", policy: "collectEach" }, source("0", 5), source("1", 6))
    ]
    assert.deepStrictEqual(named(seriesOf(all, spanOf(all, now), [])), [
      ["ill", null],
      ["ill", "late"],
      ["ill", "fine"],
      ["well", null],
      ["well", "b"],
      ["well", "a"],
      ["many", null],
      ["many", "item"]
    ])
  })

  it("say what is in flight, also of what has not answered yet", () => {
    const gauge = (metric: string, value: number, labels: Gauge["labels"]): Gauge => ({ metric, value, labels })
    const series = seriesOf([], spanOf([], now), [
      gauge("muster_aggregations_in_flight", 2, { aggregation: "new", policy: "collect" }),
      gauge("muster_aggregations_in_flight", 1, { aggregation: "new", policy: "failFast" }),
      gauge("muster_sources_in_flight", 4, { aggregation: "new", source: "one" }),
      gauge("muster_bulkhead_in_flight", 9, { bulkhead: "none of them" })
    ])

    assert.deepStrictEqual(
      series.map(({ endpoint, inFlight, source }) => [endpoint, source, inFlight]),
      [
        ["new", null, 3],
        ["new", "one", 4]
      ]
    )
  })
})
