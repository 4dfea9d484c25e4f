/**
 * What receipts say of the last minutes: how each endpoint and each of its sources did, as a whole and bit by bit. It
 * knows nothing of a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 * @typedef {import("../Server/Gauges.ts").Gauge} Gauge
 * @typedef {{ readonly from: number, readonly to: number, readonly step: number }} Span
 * @typedef {{ readonly counts: Record<string, number>, readonly times: Array<number> }} Tally
 * @typedef {Tally & { readonly endpoint: string, readonly source: string | null, readonly bits: Array<Tally | undefined>,
 *   inFlight: number }} Series
 */

/** How things end, in the order in which they stand in a bar. */
export const statuses = /** @type {const} */ ([
  "succeeded",
  "partial",
  "failed",
  "timed-out",
  "cancelled",
  "not-started"
])

const minute = 60_000
const longest = 5 * minute
const mostBits = 30
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400].map(
  (s) => s * 1_000
)

/**
 * The time that is looked at, in milliseconds since 1970, in at most about thirty bits: of what is live the last five
 * minutes, of what was recorded all.
 *
 * @param {Iterable<Receipt>} receipts
 * @param {number | undefined} now
 * @returns {Span}
 */
export const spanOf = (receipts, now) => {
  let [first, last] = [Infinity, -Infinity]
  for (const receipt of receipts) {
    first = Math.min(first, endOf(receipt))
    last = Math.max(last, endOf(receipt))
  }
  const end = now ?? (last === -Infinity ? 0 : last)
  const begin = Math.min(end, now === undefined ? first : Math.max(first, now - longest))
  const step = steps.find((step) => (end - begin) / step <= mostBits) ?? Math.ceil((end - begin) / mostBits)
  return { from: Math.floor(begin / step) * step, to: (Math.floor(end / step) + 1) * step, step }
}

/** The instant of the answer: one that took long would be missing for long from the time at which it began. */
const endOf = (/** @type {Receipt} */ { elapsed, startedAt }) => startedAt + elapsed

/**
 * A series for each endpoint and for each source of it, those in trouble first, an endpoint before its sources.
 *
 * @param {Iterable<Receipt>} receipts
 * @param {Span} span
 * @param {ReadonlyArray<Gauge>} gauges
 * @returns {ReadonlyArray<Series>}
 */
export const seriesOf = (receipts, span, gauges) => {
  /** @type {Map<string, Map<string | null, Series>>} */
  const endpoints = new Map()
  /** @param {string} endpoint @param {string | null} source */
  const series = (endpoint, source) => {
    const all = endpoints.get(endpoint) ?? new Map()
    endpoints.set(endpoint, all)
    const found = all.get(source) ?? { endpoint, source, counts: {}, times: [], bits: [], inFlight: 0 }
    all.set(source, found)
    return found
  }
  for (const receipt of receipts) {
    const bit = Math.floor((endOf(receipt) - span.from) / span.step)
    if (bit < 0 || endOf(receipt) >= span.to) continue
    const { aggregation, elapsed, outcome, policy, sources } = receipt
    count(series(aggregation, null), bit, outcome, elapsed)
    for (const { end, name, outcome, start } of sources) {
      // Of items there are any number, each with a name of its own.
      const one = series(aggregation, policy.endsWith("Each") ? "item" : name)
      count(one, bit, outcome, start === null || end === null ? undefined : end - start)
    }
  }
  for (const { labels, metric, value } of gauges) {
    const { aggregation, source } = labels
    if (aggregation === undefined) continue
    if (metric === "muster_aggregations_in_flight") series(aggregation, null).inFlight += value
    if (metric === "muster_sources_in_flight") series(aggregation, source ?? null).inFlight += value
  }
  const groups = Array.from(endpoints.values(), (all) => Array.from(all.values()).sort(byTrouble))
  return groups.sort(byWorst).flat()
}

/** One that was stopped has not shown how long it takes. @param {Series} series @param {number} bit @param {string} outcome @param {number | undefined} took */
const count = (series, bit, outcome, took) => {
  const part = (series.bits[bit] ??= { counts: {}, times: [] })
  for (const tally of [series, part]) {
    tally.counts[outcome] = (tally.counts[outcome] ?? 0) + 1
    if (took !== undefined && outcome !== "cancelled") tally.times.push(took)
  }
}

/** How many there are. @param {Tally} tally */
export const asked = ({ counts }) => Object.values(counts).reduce((sum, number) => sum + number, 0)

/** How many of them were not what they should be, as a share. @param {Tally} tally */
export const trouble = (tally) => {
  const { failed = 0, partial = 0, "timed-out": late = 0 } = tally.counts
  return (failed + partial + late) / Math.max(1, asked(tally))
}

/** @param {Series} a @param {Series} b */
const byTrouble = (a, b) =>
  Number(b.source === null) - Number(a.source === null) ||
  trouble(b) - trouble(a) ||
  (quantile(b, 0.95) ?? 0) - (quantile(a, 0.95) ?? 0)

/** @param {ReadonlyArray<Series>} a @param {ReadonlyArray<Series>} b */
const byWorst = (a, b) => Math.max(...b.map(trouble)) - Math.max(...a.map(trouble))

/**
 * The time that this share of the calls took at most, in milliseconds.
 *
 * @param {Tally} tally
 * @param {number} share
 * @returns {number | undefined}
 */
export const quantile = ({ times }, share) => {
  times.sort((a, b) => a - b)
  return times[Math.min(times.length - 1, Math.ceil(share * times.length) - 1)]
}
