/**
 * Estimates as a page.
 *
 * @since 0.1.0
 */
import * as Page from "../../Page.ts"
import type { Estimate, Interval, Share } from "../../Testkit/WhatIf.ts"
import * as Table from "./Table.ts"

/**
 * The page of what was found.
 *
 * @since 0.1.0
 * @category rendering
 */
export const toPage = (explained: ReadonlyArray<Table.Explained>, file: string): string =>
  Page.explained(
    explained.map((one) => ({
      title: one.aggregation,
      settings: one.tried.map(({ estimate, label, setting }) => ({
        label,
        isRecorded: Object.keys(setting).length === 0,
        shares: { complete: share(estimate.complete), answered: share(estimate.answered) },
        times: { p50: time(estimate, "p50"), p95: time(estimate, "p95"), p99: time(estimate, "p99") }
      })),
      lines: Table.render(one)
    })),
    `muster explain: ${file}`
  )

const share = ({ share, ...interval }: Share): Page.Estimated<number> => ({ value: share, ...interval })

const time = (estimate: Estimate, percentile: "p50" | "p95" | "p99"): Page.Estimated<number | null> => {
  const { high, low }: Interval = estimate.intervals[percentile]
  return { value: known(estimate[percentile]), low: known(low), high: known(high) }
}

/** JSON has no number for what has no end. */
const known = (millis: number) => (millis === Infinity ? null : millis)
