/**
 * Who is slow and who fails: a table of the endpoints and their sources. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("./Minutes.js").Series} Series
 * @typedef {import("./Minutes.js").Tally} Tally
 */
import { element, marks, shape, time } from "./Element.js"
import { asked, quantile, statuses, trouble } from "./Minutes.js"

/** More would be no table that anybody reads. */
const most = 50

/**
 * The table; what is in flight only stands in it where that is known.
 *
 * @param {ReadonlyArray<Series>} series
 * @param {{ readonly caption: string, readonly isLive: boolean }} what
 */
export const stats = (series, { caption, isLive }) => {
  const columns = ["Endpoint and its sources", "Outcomes", "Failed, late, partial", "p50", "p95", "p99", "Asked"]
  const more = series.length > most ? `; ${series.length - most} more are not shown` : ""
  return element(
    "table",
    { class: "stats" },
    element("caption", {}, caption + more),
    element("thead", {}, element("tr", {}, ...[...columns, ...(isLive ? ["In flight"] : [])].map(head))),
    element("tbody", {}, ...series.slice(0, most).map((one) => line(one, isLive)))
  )
}

/** @param {string} text */
const head = (text) => element("th", { scope: "col" }, text)

/** @param {string} text */
const cell = (text) => element("td", { class: "number" }, text)

/** @param {Series} series @param {boolean} isLive */
const line = (series, isLive) => {
  const { counts, endpoint, inFlight, source } = series
  const bad = trouble(series)
  const whose = source === null ? [] : [element("span", { class: "unseen" }, ` of ${endpoint}`)]
  return element(
    "tr",
    { class: source === null ? "answers" : "source" },
    element("th", { scope: "row" }, source ?? endpoint, ...whose),
    element("td", { class: "bar" }, shares(counts, asked(series)), element("span", { class: "unseen" }, words(counts))),
    element("td", { class: bad > 0 ? "number failed" : "number" }, `${Math.round(100 * bad)} %`),
    ...[...percentiles(series), String(asked(series)), ...(isLive ? [String(inFlight)] : [])].map(cell)
  )
}

/**
 * The 50th, the 95th and the 99th percentile, in words.
 *
 * @param {Tally} tally
 */
export const percentiles = (tally) =>
  [0.5, 0.95, 0.99].map((share) => {
    const value = quantile(tally, share)
    return value === undefined ? "–" : time(value)
  })

/**
 * How many ended how.
 *
 * @param {Readonly<Record<string, number>>} counts
 */
export const words = (counts) =>
  statuses.flatMap((status) => (counts[status] ? [`${counts[status]} ${marks[status]}`] : [])).join(", ")

/** @param {Readonly<Record<string, number>>} counts @param {number} all */
const shares = (counts, all) => {
  let x = 0
  const parts = statuses.flatMap((status) => {
    const width = (100 * (counts[status] ?? 0)) / Math.max(1, all)
    x += width
    const place = { x: `${x - width}%`, y: 2, width: `${width}%`, height: 12 }
    return width === 0 ? [] : [shape("rect", { class: `bar-${status}`, ...place })]
  })
  return shape("svg", { "aria-hidden": "true" }, ...parts)
}
