/**
 * What the server is doing now: what is in flight, and how its guards stand. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Server/Gauges.ts").Gauge} Gauge
 */
import { element } from "./Element.js"

/** Of each kind of guard: the label that names it, and how its gauges are said. */
const kinds = [
  { kind: "breaker", label: "breaker", metrics: ["muster_breakers"] },
  { kind: "bulkhead", label: "bulkhead", metrics: ["muster_bulkhead_in_flight", "muster_bulkhead_waiting"] },
  { kind: "rate limit", label: "limit", metrics: ["muster_rate_limit_waiting"] }
]

/**
 * How much is in flight, in words.
 *
 * @param {ReadonlyArray<Gauge>} gauges
 */
export const inFlight = (gauges) => {
  /** @param {string} metric */
  const sum = (metric) => gauges.reduce((sum, gauge) => (gauge.metric === metric ? sum + gauge.value : sum), 0)
  const parts = [
    [sum("muster_http_requests_in_flight"), "request"],
    [sum("muster_aggregations_in_flight"), "aggregation"],
    [sum("muster_sources_in_flight"), "source"]
  ]
  return `in flight: ${parts.map(([count, what]) => `${count} ${what}${count === 1 ? "" : "s"}`).join(", ")}`
}

/**
 * Whether anything is being asked.
 *
 * @param {ReadonlyArray<Gauge>} gauges
 */
export const isBusy = (gauges) => gauges.some(({ metric }) => metric === "muster_aggregations_in_flight")

/**
 * A table of the guards, a line for each; nothing where there is none.
 *
 * @param {ReadonlyArray<Gauge>} gauges
 */
export const guards = (gauges) => {
  const rows = kinds.flatMap(({ kind, label, metrics }) => {
    /** @type {Map<string, Array<Gauge>>} */
    const byName = new Map()
    for (const gauge of gauges)
      if (metrics.includes(gauge.metric)) {
        const name = gauge.labels[label] ?? ""
        byName.set(name, [...(byName.get(name) ?? []), gauge])
      }
    return Array.from(byName, ([name, its]) => {
      const { bad, text } = kind === "breaker" ? circuits(its) : places(its)
      return element(
        "tr",
        {},
        element("td", {}, kind),
        element("th", { scope: "row" }, name),
        element("td", { class: bad ? "failed" : "" }, text)
      )
    })
  })
  if (rows.length === 0) return undefined
  return element(
    "table",
    { class: "stats" },
    element("caption", {}, "The guards that have been used, as they stand now"),
    element(
      "thead",
      {},
      element("tr", {}, ...["Guard", "Name", "State"].map((text) => element("th", { scope: "col" }, text)))
    ),
    element("tbody", {}, ...rows)
  )
}

/** @param {ReadonlyArray<Gauge>} gauges */
const circuits = (gauges) => {
  const of = Object.fromEntries(gauges.map(({ labels, value }) => [labels["state"] ?? "", value]))
  const { closed = 0, "half-open": half = 0, open = 0 } = of
  const parts = [
    { count: open, text: "✗ open" },
    { count: half, text: "◐ half-open" },
    { count: closed, text: "✓ closed" }
  ].filter(({ count }) => count > 0)
  const all = closed + half + open
  return {
    bad: open > 0,
    text: parts.map(({ count, text }) => (all === 1 ? text : `${count} ${text}`)).join(", ") || "–"
  }
}

/** @param {ReadonlyArray<Gauge>} gauges */
const places = (gauges) => {
  const waiting = gauges.find(({ metric }) => metric.endsWith("_waiting"))?.value ?? 0
  const used = gauges.find(({ metric }) => metric.endsWith("_in_flight"))
  return { bad: waiting > 0, text: `${used === undefined ? "" : `${used.value} in use, `}${waiting} waiting` }
}
