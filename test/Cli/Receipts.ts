import type { Receipt, SourceReceipt } from "../../src/Receipt.ts"

export const source = (name: string, end: number, more: Partial<SourceReceipt> = {}): SourceReceipt => ({
  name,
  outcome: "succeeded",
  required: true,
  fallback: false,
  cleanup: "done",
  start: 0,
  end,
  cleaned: end,
  progress: null,
  error: null,
  ...more
})

export const error = { tag: "SourceUnavailable", message: "it is down" }

export const receipt = (sources: ReadonlyArray<SourceReceipt>, more: Partial<Receipt> = {}): Receipt => {
  const elapsed = Math.max(0, ...sources.map(({ end }) => end ?? 0))
  return {
    version: 1,
    id: "b8e9bffb-7f2a-4a95-8ddb-6a64974ad6d8",
    aggregation: "dashboard",
    policy: "failFast",
    outcome: "succeeded",
    startedAt: 1_700_000_000_000,
    elapsed,
    settled: elapsed,
    deadline: 1_000,
    remaining: 1_000 - elapsed,
    traceId: null,
    firstCause: null,
    victims: [],
    criticalPath: [],
    sources,
    ...more
  }
}

/**
 * A hundred dashboards with a deadline of a second: the profile takes 10 ms, 20 ms, … 1,000 ms, the orders 205 ms. The
 * second and the fourth fail, for the orders are down; the last is late.
 */
export const hundred: ReadonlyArray<Receipt> = Array.from({ length: 100 }, (_, index) => {
  const profile = (index + 1) * 10
  if (index === 99) {
    const sources = [source("profile", 1_000, { outcome: "timed-out" }), source("orders", 205)]
    return receipt(sources, { outcome: "timed-out" })
  }
  if (index !== 1 && index !== 3) return receipt([source("profile", profile), source("orders", 205)])
  return receipt([source("profile", profile), source("orders", 205, { outcome: "failed", error })], {
    outcome: "failed"
  })
})
