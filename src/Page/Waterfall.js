/**
 * Draws a receipt: a row for each source, its bar from left to right as time went by. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 * @typedef {import("../Receipt.ts").SourceReceipt} SourceReceipt
 */
import { element, marks, shape, time } from "./Element.js"

/**
 * What began it all, in words.
 *
 * @param {Receipt} receipt
 */
export const cause = ({ firstCause }) => {
  if (firstCause === null) return ""
  const { at, kind, message, source } = firstCause
  if (source === null) return message
  if (kind === "deadline") return `the deadline passed while ${source} was awaited`
  const what = kind === "defect" ? "died" : kind === "limit" ? "ran out of its own limit" : "failed"
  return `${source} ${what} at ${time(at)}`
}

const high = 20

/**
 * The table of a receipt.
 *
 * @param {Receipt} receipt
 */
export const waterfall = (receipt) => {
  const ends = receipt.sources.map(({ cleaned, end }) => Math.max(end ?? 0, cleaned ?? 0))
  const last = Math.max(receipt.elapsed, 0.001, ...ends)
  const { deadline } = receipt
  const scale = deadline !== null && deadline > last && deadline <= last * 1.5 ? deadline : last
  const shown = shownOf(receipt)
  const all = receipt.sources.length
  const some = shown.length < all ? `; ${shown.length} of ${all}, those first that did not succeed` : ""
  const columns = ["Source", `0 to ${time(scale)}`, "Outcome", "Times"]
  return element(
    "table",
    { class: "waterfall" },
    element("caption", {}, `The sources of ${receipt.aggregation}, as they were asked and as they ended${some}`),
    element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...shown.flatMap((source) => rows(receipt, source, scale)))
  )
}

/** More would be nothing that anybody reads, and take the browser minutes. */
const most = 500

/** @param {Receipt} receipt */
const shownOf = ({ firstCause, sources }) => {
  if (sources.length <= most) return sources
  const rank = (/** @type {SourceReceipt} */ { name, outcome }) =>
    name === firstCause?.source ? 0 : outcome === "succeeded" ? 2 : 1
  return sources.toSorted((a, b) => rank(a) - rank(b)).slice(0, most)
}

/**
 * @param {Receipt} receipt
 * @param {SourceReceipt} source
 * @param {number} scale
 */
const rows = (receipt, source, scale) => {
  const isCause = receipt.firstCause?.source === source.name
  const badges = [
    ...(isCause ? [element("span", { class: "badge cause" }, "first cause")] : []),
    ...(receipt.victims.includes(source.name)
      ? [element("span", { class: "badge" }, `stopped by ${receipt.firstCause?.source ?? receipt.firstCause?.kind}`)]
      : []),
    ...(receipt.criticalPath.includes(source.name) ? [element("span", { class: "badge" }, "critical path")] : []),
    ...(source.required ? [] : [element("span", { class: "badge" }, "optional")])
  ]
  const name = element("th", { scope: "row" }, element("span", { class: "name" }, source.name), ...badges)
  const cells = [
    element("td", { class: "bar" }, bar(source, receipt.deadline, scale)),
    element("td", { class: source.outcome }, marks[source.outcome]),
    element("td", { class: "times" }, times(source))
  ]
  const notes = notesOf(source)
  return [
    element("tr", isCause ? { class: "first-cause" } : {}, name, ...cells),
    ...(notes.length === 0
      ? []
      : [
          element(
            "tr",
            {},
            element("td", { colspan: 4, class: "notes" }, ...notes.map((note) => element("p", {}, note)))
          )
        ])
  ]
}

/** @param {SourceReceipt} source */
const times = ({ end, start }) => (start === null ? "never asked" : `${time(start)} – ${end === null ? "" : time(end)}`)

/**
 * What there is to say of a source besides its bar.
 *
 * @param {SourceReceipt} source
 */
const notesOf = ({ cleaned, cleanup, end, error, fallback, guards, progress }) => {
  const calls = guards?.attempts
    .map(
      ({ error, kind, outcome }) => `${kind} ${outcome ?? "running"}${error === undefined ? "" : ` (${error.message})`}`
    )
    .join(", ")
  return [
    ...(error === null ? [] : [`${error.tag}: ${error.message}`]),
    ...(progress === null ? [] : [`it had got as far as: ${progress}`]),
    ...(fallback ? ["its fallback took its place"] : []),
    ...(calls === undefined || calls === "" ? [] : [`${guards?.calls} calls: ${calls}`]),
    ...(guards !== undefined && guards.queued > 0 ? [`waited ${time(guards.queued)} for its turn`] : []),
    ...(guards?.served == null ? [] : [`served from ${guards.served}`]),
    ...(guards?.refused == null ? [] : [`refused by ${guards.refused}`]),
    ...(cleanup === "done" ? [] : [`its cleanup: ${cleanup}`]),
    ...(end !== null && cleaned !== null && cleaned > end ? [`cleaned up for ${time(cleaned - end)}`] : [])
  ]
}

/**
 * @param {SourceReceipt} source
 * @param {number | null} deadline
 * @param {number} scale
 */
const bar = ({ cleaned, end, guards, outcome, start }, deadline, scale) => {
  /** In percent: a picture that is stretched would stretch the patterns. @param {number} instant */
  const at = (instant) => Math.min(100, (100 * instant) / scale)
  /** @type {Array<SVGElement>} */
  const shapes = []
  /** @param {string} kind @param {number} from @param {number} to @param {number} [top] @param {number} [height] */
  const add = (kind, from, to, top = 2, height = high - 4) => {
    // Also the shortest is to be seen.
    const width = Math.max(0.4, at(to) - at(from))
    const x = `${Math.min(at(from), 100 - width)}%`
    shapes.push(shape("rect", { class: kind, x, y: top, width: `${width}%`, height }))
  }
  if (start !== null) {
    const ended = end ?? scale
    if ((cleaned ?? 0) > ended) add("cleaning", ended, cleaned ?? ended)
    add(`bar-${outcome}`, start, ended)
    if (guards !== undefined && guards.queued > 0) add("queued", start, Math.min(ended, start + guards.queued))
    const attempts = guards?.attempts ?? []
    if (attempts.length > 1)
      for (const [index, attempt] of attempts.entries()) {
        const height = (high - 8) / attempts.length
        add(`attempt ${attempt.outcome ?? ""}`, attempt.start, attempt.end ?? ended, 4 + index * height, height - 1)
      }
  }
  if (deadline !== null && deadline <= scale) {
    const x = `${at(deadline)}%`
    shapes.push(shape("line", { class: "deadline", x1: x, x2: x, y1: 0, y2: high }))
  }
  return shape("svg", { "aria-hidden": "true" }, ...shapes)
}
