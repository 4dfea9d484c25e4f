/**
 * The last minutes as pictures: for each endpoint and each source how long it took, and how it ended. Runs in a browser.
 *
 * Each picture has its figures beside it as text, and as a table that can be opened.
 *
 * @since 0.1.0
 * @typedef {import("./Minutes.js").Series} Series
 * @typedef {import("./Minutes.js").Span} Span
 * @typedef {{ readonly node: HTMLElement, readonly show: (series: Series, span: Span) => void, readonly paint: () => void,
 *   readonly drop: () => void }} Figure
 */
import { atLast, element, marks, shape, time } from "./Element.js"
import { asked, statuses } from "./Minutes.js"
import { onTurn } from "./Paint.js"
import { clock, instants, lines, sharesPicture, timesPicture } from "./Picture.js"
import { percentiles, words } from "./Stats.js"

/** More would be more than anybody looks at. */
const most = 12

/** The figures that there are, by what they show. @type {Map<string, Figure>} */
const figures = new Map()

/**
 * Shows these series in a place, those in trouble first.
 *
 * @param {HTMLElement} place
 * @param {ReadonlyArray<Series>} series
 * @param {Span} span
 */
export const plot = (place, series, span) => {
  const shown = series.filter((one) => asked(one) > 0).slice(0, most)
  const keys = shown.map(({ endpoint, source }) => JSON.stringify([endpoint, source]))
  for (const [key, { drop, node }] of figures) {
    if (keys.includes(key)) continue
    node.remove()
    drop()
    figures.delete(key)
  }
  shown.forEach((one, index) => {
    const key = keys[index] ?? ""
    const figure = figures.get(key) ?? make(one)
    figures.set(key, figure)
    figure.show(one, span)
    // What stands where it should is left alone: moving it would close nothing, but take the focus away.
    if (place.children[index] !== figure.node) place.insertBefore(figure.node, place.children[index] ?? null)
    figure.paint()
  })
}

const again = () => figures.forEach(({ paint }) => paint())
onTurn(again)
addEventListener("resize", again)

/** @param {Series} series @returns {Figure} */
const make = ({ endpoint, source }) => {
  const title = source === null ? endpoint : `${source} of ${endpoint}`
  const [times, shares] = [timesPicture(), sharesPicture()]
  const [took, ended] = [element("p"), element("p")]
  const table = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Figures of ${title}` })
  const open = element("details", {}, element("summary", { "aria-label": `Figures of ${title}` }, "Figures"), table)
  const heading = source === null ? element("strong", {}, endpoint) : element("strong", {}, source)
  const part = source === null ? "all answers" : `a source of ${endpoint}`
  const caption = element("figcaption", {}, heading, " ", element("span", {}, part))
  const node = element("figure", {}, caption, times.node, took, shares.node, ended, open)
  /** @type {{ readonly series: Series, readonly span: Span } | undefined} */
  let shown
  const paintTimes = () => shown !== undefined && times.paint(shown.series, shown.span)
  const paintShares = () => shown !== undefined && shares.paint(shown.series, shown.span)
  const write = () => {
    if (shown !== undefined && open.hasAttribute("open")) table.replaceChildren(figuresOf(shown.series, shown.span))
  }
  open.addEventListener("toggle", write)
  return {
    node,
    show: (series, span) => {
      shown = { series, span }
      const [p50, p95, p99] = percentiles(series)
      took.textContent = `p50 ${p50}, p95 ${p95}, p99 ${p99}`
      ended.textContent = words(series.counts)
      times.node.setAttribute("aria-label", `${title}, how long it took: ${took.textContent}`)
      shares.node.setAttribute("aria-label", `${title}, how it ended: ${ended.textContent}`)
      write()
    },
    paint: () => {
      atLast(paintTimes)
      atLast(paintShares)
    },
    drop: () => {
      times.drop()
      shares.drop()
    }
  }
}

/** @param {Series} series @param {Span} span */
const figuresOf = ({ bits }, span) => {
  const columns = ["From", "Asked", ...lines.map(({ name }) => name), "Outcomes"]
  const rows = instants(span).flatMap((instant, bit) => {
    const tally = bits[bit]
    if (tally === undefined) return []
    const cells = [String(asked(tally)), ...percentiles(tally), words(tally.counts)]
    return [
      element(
        "tr",
        {},
        element("th", { scope: "row" }, clock(instant)),
        ...cells.map((cell) => element("td", { class: "number" }, cell))
      )
    ]
  })
  return element(
    "table",
    { class: "figures" },
    element("caption", {}, `For every ${time(span.step)}`),
    element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows)
  )
}

/** What the dashes and the patterns stand for. */
export const legend = () => {
  const dashes = lines.map(({ dash, name, stroke }) => {
    const line = { x1: 0, x2: 28, y1: 6, y2: 6, class: `line-${stroke}`, "stroke-dasharray": dash.join(" ") || "none" }
    return element("li", {}, shape("svg", { width: 28, height: 12, "aria-hidden": "true" }, shape("line", line)), name)
  })
  const fills = statuses.map((status) => {
    const box = shape("rect", { width: 28, height: 12, class: `bar-${status}` })
    return element("li", {}, shape("svg", { width: 28, height: 12, "aria-hidden": "true" }, box), marks[status])
  })
  return element("ul", { class: "legend", "aria-label": "Legend" }, ...dashes, ...fills)
}
