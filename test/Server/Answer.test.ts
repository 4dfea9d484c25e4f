import { assert, describe, it } from "@effect/vitest"
import type { Receipt, SourceReceipt } from "../../src/Receipt.ts"
import * as Answer from "../../src/Server/Answer.ts"

const source = (name: string, more: Partial<SourceReceipt> = {}): SourceReceipt => ({
  name,
  outcome: "succeeded",
  required: true,
  fallback: false,
  cleanup: "done",
  start: 0.1,
  end: 12.36,
  cleaned: 12.36,
  progress: null,
  error: null,
  ...more
})

const receipt = (sources: ReadonlyArray<SourceReceipt>): Receipt => ({
  version: 1,
  id: "r",
  aggregation: "a",
  policy: "failFast",
  outcome: "succeeded",
  startedAt: 0,
  elapsed: 12.5,
  settled: 12.5,
  deadline: null,
  remaining: null,
  traceId: null,
  firstCause: null,
  victims: [],
  criticalPath: [],
  sources
})

describe("Server-Timing", () => {
  it("has every source with its time, how it ended unless well, and the whole", () => {
    const sources = [
      source("profile"),
      source("orders", { outcome: "timed-out" }),
      source("late", { outcome: "not-started", start: null, end: null })
    ]
    assert.strictEqual(
      Answer.timing(receipt(sources)),
      "profile;dur=12.3, orders;dur=12.3;desc=timed-out, late;desc=not-started, total;dur=12.5"
    )
  })

  it("counts from the arrival of the request, with its wait in the server", () => {
    const waited = { ...receipt([source("profile")]), waited: 842.04 }
    assert.strictEqual(Answer.timing(waited), "profile;dur=12.3, queue;dur=842, total;dur=854.5")
  })

  it("makes a token of any name", () => {
    const header = Answer.timing(receipt([source('a b,"c";\r\nx: ü'), source("")]))
    assert.strictEqual(header, "a_b__c____x___;dur=12.3, _;dur=12.3, total;dur=12.5")
  })

  it("stays so short that clients take it, and says how many are left out", () => {
    const header = Answer.timing(receipt(Array.from({ length: 2_000 }, (_, index) => source(`source-${index}`))))
    assert.isBelow(header.length, 6_100)
    const [, left] = /more;desc="(\d+) sources", total;dur=12.5$/.exec(header)!
    assert.strictEqual(header.split("source-").length - 1 + Number(left), 2_000)
  })
})

describe("an answer", () => {
  it("is JSON whatever it is, and no cache keeps it", () => {
    const { body, headers } = Answer.respond(undefined, undefined, { "muster-complete": "true" })
    assert.strictEqual(body, "null")
    assert.deepStrictEqual(
      [headers["content-type"], headers["cache-control"], headers["muster-complete"]],
      ["application/json", "no-store", "true"]
    )
  })

  it("is complete only when no part of it is missing", () => {
    assert.strictEqual(Answer.headersOf(receipt([]))["muster-complete"], "true")
    assert.strictEqual(Answer.headersOf({ ...receipt([]), outcome: "partial" })["muster-complete"], "false")
  })
})
