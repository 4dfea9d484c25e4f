/**
 * The colours and patterns of the style, as a canvas takes them. Runs in a browser.
 *
 * @since 0.1.0
 */

const dark = matchMedia("(prefers-color-scheme: dark)")

/** What was resolved, until light turns to dark. @type {Map<string, string | CanvasPattern>} */
const resolved = new Map()
dark.addEventListener("change", () => resolved.clear())

/**
 * Calls when light turns to dark, or the other way.
 *
 * @param {() => void} work
 */
export const onTurn = (work) => dark.addEventListener("change", work)

/**
 * A colour of the style by its name.
 *
 * @param {string} name
 */
export const colour = (name) => {
  const found = resolved.get(name)
  if (typeof found === "string") return found
  const probe = document.createElement("i")
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  resolved.set(name, color)
  return color
}

/** What each ending is filled with: its colour, and how the pattern is drawn over the ground. */
const fills = /** @type {const} */ ({
  succeeded: ["succeeded", "whole"],
  partial: ["late", "M0,0 l8,8 M0,8 l8,-8"],
  failed: ["failed", "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4"],
  "timed-out": ["late", "M2,4 a2,2 0 1,0 4,0 a2,2 0 1,0 -4,0"],
  cancelled: ["stopped", "M0,4 h8"],
  "not-started": ["line", "whole"]
})

/**
 * The same fill that a bar of this outcome has elsewhere on the page.
 *
 * @param {keyof typeof fills} outcome
 */
export const fillOf = (outcome) => {
  const found = resolved.get(`fill ${outcome}`)
  if (found !== undefined) return found
  const fill = paint(outcome)
  resolved.set(`fill ${outcome}`, fill)
  return fill
}

/** @param {keyof typeof fills} outcome */
const paint = (outcome) => {
  const [name, path] = fills[outcome]
  if (path === "whole") return colour(name)
  const scale = devicePixelRatio
  const tile = document.createElement("canvas")
  tile.width = tile.height = 8 * scale
  const context = tile.getContext("2d")
  if (context === null) return colour(name)
  context.scale(scale, scale)
  context.fillStyle = colour("back")
  context.fillRect(0, 0, 8, 8)
  context.lineWidth = 2.5
  context.strokeStyle = context.fillStyle = colour(name)
  if (outcome === "timed-out") context.fill(new Path2D(path))
  else context.stroke(new Path2D(path))
  return context.createPattern(tile, "repeat") ?? colour(name)
}

/** How much larger than usual the text of the page is. */
export const zoom = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16

/**
 * What every axis has.
 *
 * @param {(value: number) => string} words
 * @param {{ readonly size: number, readonly space?: number }} place
 */
export const axis = (words, { size, space = 40 }) => ({
  size: size * zoom(),
  space: space * zoom(),
  gap: 5,
  font: `${Math.round(11 * zoom())}px system-ui, sans-serif`,
  stroke: () => colour("soft"),
  grid: { stroke: () => colour("line"), width: 1 },
  ticks: { show: false },
  /** @param {unknown} _ @param {ReadonlyArray<number>} splits */
  values: (_, splits) => splits.map(words)
})
