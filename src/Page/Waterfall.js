/**
 * Draws a receipt: a row for each source, its bar from left to right as time went by. Runs in a browser.
 *
 * Everything that comes from a receipt is set as text, never as HTML.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 * @typedef {import("../Receipt.ts").SourceReceipt} SourceReceipt
 */

/**
 * An element with its attributes and children; text is text.
 *
 * @param {string} name
 * @param {Readonly<Record<string, string | number | undefined>>} [attributes]
 * @param {...(Node | string)} children
 */
export const element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children)

/**
 * The same for a picture.
 *
 * @param {string} name
 * @param {Readonly<Record<string, string | number | undefined>>} attributes
 * @param {...(Node | string)} children
 */
export const shape = (name, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children)

/**
 * @template {Element} A
 * @param {A} node
 * @param {Readonly<Record<string, string | number | undefined>>} attributes
 * @param {ReadonlyArray<Node | string>} children
 */
const fill = (node, attributes, children) => {
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(key, String(value))
  node.append(...children)
  return node
}

/** A mark and words for each ending, so that nothing rests on colour alone. */
export const marks = /** @type {const} */ ({
  succeeded: "✓ succeeded",
  partial: "◐ partial",
  failed: "✗ failed",
  "timed-out": "◔ timed out",
  cancelled: "○ cancelled",
  "not-started": "· not started"
})

/**
 * Milliseconds, as a person says them.
 *
 * @param {number} millis
 */
export const time = (millis) => {
  if (millis < 9.95) return `${Number(millis.toFixed(1))} ms`
  return millis < 999.5 ? `${Math.round(millis)} ms` : `${Number((millis / 1_000).toFixed(millis < 9_995 ? 2 : 1))} s`
}

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

const wide = 1_000
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
  const columns = ["Source", `0 to ${time(scale)}`, "Outcome", "Times"]
  return element(
    "table",
    { class: "waterfall" },
    element("caption", {}, `The sources of ${receipt.aggregation}, as they were asked and as they ended`),
    element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...receipt.sources.flatMap((source) => rows(receipt, source, scale)))
  )
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
  const calls = guards?.attempts.map(({ kind, outcome }) => `${kind} ${outcome ?? "running"}`).join(", ")
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
  /** @param {number} instant */
  const at = (instant) => Math.min(wide, (instant / scale) * wide)
  /** @type {Array<SVGElement>} */
  const shapes = []
  /** @param {string} kind @param {number} from @param {number} to @param {number} [top] @param {number} [height] */
  const add = (kind, from, to, top = 2, height = high - 4) => {
    // Also the shortest is to be seen.
    const width = Math.max(4, at(to) - at(from))
    shapes.push(shape("rect", { class: kind, x: Math.min(at(from), wide - width), y: top, width, height }))
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
  if (deadline !== null && deadline <= scale)
    shapes.push(shape("line", { class: "deadline", x1: at(deadline), x2: at(deadline), y1: 0, y2: high }))
  const box = `0 0 ${wide} ${high}`
  return shape("svg", { viewBox: box, preserveAspectRatio: "none", "aria-hidden": "true" }, ...shapes)
}

/** The patterns that the bars are filled with; once on a page. */
export const patterns = () => {
  /** @param {string} id @param {...SVGElement} children */
  const pattern = (id, ...children) =>
    shape("pattern", { id, width: 8, height: 8, patternUnits: "userSpaceOnUse" }, ...children)
  const back = () => shape("rect", { width: 8, height: 8, class: "back" })
  return shape(
    "svg",
    { width: 0, height: 0, "aria-hidden": "true", class: "patterns" },
    pattern("hatched", back(), shape("path", { d: "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4", class: "ink" })),
    pattern("dotted", back(), shape("circle", { cx: 4, cy: 4, r: 1.8, class: "ink" })),
    pattern("striped", back(), shape("path", { d: "M0,4 h8", class: "ink" }))
  )
}
