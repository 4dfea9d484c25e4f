/**
 * What the page is built of: elements, marks and words. Runs in a browser.
 *
 * Everything that comes from a receipt is set as text, never as HTML.
 *
 * @since 0.1.0
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
  if (millis >= 120_000) {
    const [unit, name] = units.find(([unit]) => millis >= 2 * unit) ?? [1_000, "s"]
    return `${Number((millis / unit).toFixed(1))} ${name}`
  }
  if (millis < 9.95) return `${Number(millis.toFixed(1))} ms`
  return millis < 999.5 ? `${Math.round(millis)} ms` : `${Number((millis / 1_000).toFixed(millis < 9_995 ? 2 : 1))} s`
}

const units = /** @type {const} */ ([
  [86_400_000, "days"],
  [3_600_000, "h"],
  [60_000, "min"]
])

/**
 * Does something before one of the next pictures, once however often it is asked for; one thing for each picture, so that
 * none is long in coming.
 *
 * @param {() => unknown} work
 */
export const later = (work) => {
  soon.add(work)
  request()
}

/**
 * The same, when there is nothing else to be done.
 *
 * @param {() => unknown} work
 */
export const atLast = (work) => {
  patient.add(work)
  request()
}

/** @type {Set<() => unknown>} */
const soon = new Set()
/** @type {Set<() => unknown>} */
const patient = new Set()
let isRequested = false

const request = () => {
  if (!isRequested) requestAnimationFrame(next)
  isRequested = true
}

const next = () => {
  isRequested = false
  const [work] = [...soon, ...patient]
  if (work === undefined) return
  soon.delete(work)
  patient.delete(work)
  if (soon.size + patient.size > 0) request()
  work()
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
    pattern("crossed", back(), shape("path", { d: "M0,0 l8,8 M0,8 l8,-8", class: "ink" })),
    pattern("striped", back(), shape("path", { d: "M0,4 h8", class: "ink" }))
  )
}
