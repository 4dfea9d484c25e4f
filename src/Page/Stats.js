/**
 * Who is slow and who fails: a table of the sources, over the receipts that there are. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 * @typedef {import("../Receipt.ts").SourceReceipt["outcome"]} Status
 */
import { element, marks, shape, time } from "./Waterfall.js"

/** In this order in a bar. */
const statuses = /** @type {const} */ (["succeeded", "failed", "timed-out", "cancelled", "not-started"])

/** More would be no table that anybody reads. */
const most = 50

/**
 * How the sources of each endpoint did, those first that failed or were late most often.
 *
 * @param {Iterable<Receipt>} receipts
 */
export const stats = (receipts) => {
  /** @type {Map<string, { endpoint: string, source: string, counts: Record<Status, number>, times: Array<number> }>} */
  const rows = new Map()
  let [first, last] = [Infinity, 0]
  for (const { aggregation, sources, startedAt } of receipts) {
    first = Math.min(first, startedAt)
    last = Math.max(last, startedAt)
    for (const { end, name, outcome, start } of sources) {
      const key = JSON.stringify([aggregation, name])
      const none = { succeeded: 0, failed: 0, "timed-out": 0, cancelled: 0, "not-started": 0 }
      const row = rows.get(key) ?? { endpoint: aggregation, source: name, counts: none, times: [] }
      rows.set(key, row)
      row.counts[outcome] += 1
      // One that was stopped has not shown how long it takes.
      if (outcome !== "cancelled" && start !== null && end !== null) row.times.push(end - start)
    }
  }
  const bad = Array.from(rows.values(), (row) => ({ ...row, bad: row.counts.failed + row.counts["timed-out"] }))
  bad.sort((a, b) => b.bad - a.bad || quantile(b.times, 0.95) - quantile(a.times, 0.95))
  const span = last > first ? `, over ${time(last - first)}` : ""
  const columns = ["Endpoint", "Source", "Asked", "Outcomes", "Failed or late", "p50", "p95", "p99"]
  return element(
    "table",
    { class: "stats" },
    element("caption", {}, `The sources of the aggregations that are shown${span}; those in trouble first`),
    element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...bad.slice(0, most).map(line))
  )
}

/** @param {{ endpoint: string, source: string, counts: Record<Status, number>, times: Array<number>, bad: number }} row */
const line = ({ bad, counts, endpoint, source, times }) => {
  const asked = statuses.reduce((sum, status) => sum + counts[status], 0)
  const words = statuses.flatMap((status) => (counts[status] === 0 ? [] : [`${counts[status]} ${marks[status]}`]))
  const values = [0.5, 0.95, 0.99].map((share) => (times.length === 0 ? "–" : time(quantile(times, share))))
  return element(
    "tr",
    {},
    element("td", {}, endpoint),
    element("th", { scope: "row" }, source),
    element("td", { class: "number" }, String(asked)),
    element("td", { class: "bar", title: words.join(", ") }, shares(counts, asked)),
    element("td", { class: bad > 0 ? "number failed" : "number" }, `${Math.round((100 * bad) / asked)} %`),
    ...values.map((value) => element("td", { class: "number" }, value))
  )
}

/** @param {Record<Status, number>} counts @param {number} asked */
const shares = (counts, asked) => {
  let x = 0
  const parts = statuses.map((status) => {
    const width = (1_000 * counts[status]) / asked
    x += width
    return shape("rect", { class: `bar-${status}`, x: x - width, y: 2, width, height: 12 })
  })
  return shape("svg", { viewBox: "0 0 1000 16", preserveAspectRatio: "none", "aria-hidden": "true" }, ...parts)
}

/** @param {Array<number>} times @param {number} share */
const quantile = (times, share) => {
  if (times.length === 0) return 0
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
}
