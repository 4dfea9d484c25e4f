/**
 * What settings would do: how long their answers take against how many are whole, each with the bounds within which it is
 * to be believed. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Page.ts").Explained} Explained
 * @typedef {import("../Page.ts").Setting} Setting
 * @typedef {{ readonly setting: Setting, readonly number: number, readonly x: Bounds, readonly y: Bounds }} Point
 * @typedef {{ readonly value: number, readonly low: number, readonly high: number }} Bounds
 */
import uPlot from "uplot"
import { element, later, time } from "./Element.js"
import { axis, colour, onTurn, zoom } from "./Paint.js"

/** @param {string} id */
const chosen = (id) => /** @type {HTMLSelectElement | null} */ (document.getElementById(id))?.value ?? ""

/** @param {Setting} setting @param {number} index @returns {Point | undefined} */
const pointOf = (setting, index) => {
  const took = setting.times[/** @type {"p50" | "p95" | "p99"} */ (chosen("latency"))]
  const done = setting.shares[/** @type {"complete" | "answered"} */ (chosen("success"))]
  if (took.value === null) return undefined
  // Bounds that are not known go on to the edge.
  const x = { value: took.value, low: took.low ?? 0, high: took.high ?? Infinity }
  const y = { value: 100 * done.value, low: 100 * done.low, high: 100 * done.high }
  return { setting, number: index + 1, x, y }
}

/** A little more than what is to be seen. @param {ReadonlyArray<Point>} points @returns {{ readonly x: [number, number], readonly y: [number, number] }} */
const rangeOf = (points) => {
  const least = Math.min(...points.map(({ x }) => x.low))
  const most = Math.max(...points.map(({ x }) => (x.high === Infinity ? x.value : x.high)))
  const more = 0.08 * (most - least || most || 1)
  const low = Math.min(...points.map(({ y }) => y.low))
  return { x: [Math.max(0, least - more), most + more], y: [Math.max(0, low - 2 - 0.1 * (100 - low)), 101] }
}

/** @param {ReadonlyArray<Point>} points @param {number} width @param {HTMLElement} place */
const plotted = (points, width, place) => {
  const sorted = points.toSorted((a, b) => a.x.value - b.x.value)
  const { x, y } = rangeOf(points)
  const height = Math.max(260, Math.min(420, width / 2)) * zoom()
  const success = chosen("success") === "complete" ? "complete answers" : "answers, complete or partial"
  const share = {
    ...axis((share) => (share > 100 ? "" : `${share} %`), { size: 50, space: 30 }),
    incrs: [1, 2, 5, 10, 20]
  }
  const options = {
    width,
    height,
    padding: /** @type {[number, number, number, number]} */ ([12, 16, 0, 0]),
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { time: false, range: () => x },
      y: { range: () => y }
    },
    axes: [
      {
        ...axis(time, { size: 24, space: 70 }),
        label: `${chosen("latency")} of the time to the answer`,
        labelSize: 20
      },
      { ...share, label: success, labelSize: 20 }
    ].map((axis) => ({ ...axis, labelFont: axis.font, labelGap: 2 })),
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: { draw: [(/** @type {uPlot} */ plot) => marked(plot, sorted)] }
  }
  return new uPlot(options, [sorted.map(({ x }) => x.value), sorted.map(({ y }) => y.value)], place)
}

/** Draws a mark for each setting, with its bounds, and the number that it has in the table. @param {uPlot} plot @param {ReadonlyArray<Point>} points */
const marked = (plot, points) => {
  const { bbox, ctx: context } = plot
  const scale = devicePixelRatio
  /** @param {number} value @param {"x" | "y"} along */
  const at = (value, along) => plot.valToPos(value, along, true)
  /** @type {Array<{ readonly x: number, readonly y: number, readonly numbers: Array<number> }>} */
  const labels = []
  context.save()
  context.beginPath()
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  context.clip()
  for (const { number, setting, x, y } of points) {
    const [left, top] = [at(x.value, "x"), at(y.value, "y")]
    context.strokeStyle = colour("soft")
    context.lineWidth = scale
    context.setLineDash([3 * scale, 2 * scale])
    context.beginPath()
    context.moveTo(at(x.low, "x"), top)
    context.lineTo(x.high === Infinity ? bbox.left + bbox.width : at(x.high, "x"), top)
    context.moveTo(left, at(y.low, "y"))
    context.lineTo(left, at(y.high, "y"))
    context.stroke()
    context.setLineDash([])
    context.fillStyle = context.strokeStyle = colour(setting.isRecorded ? "text" : "link")
    context.beginPath()
    const size = 5 * scale
    if (setting.isRecorded) {
      context.lineWidth = 2 * scale
      context.rect(left - 1.6 * size, top - 1.6 * size, 3.2 * size, 3.2 * size)
      context.stroke()
    } else {
      context.arc(left, top, size, 0, 2 * Math.PI)
      context.fill()
    }
    const near = labels.find((label) => Math.abs(label.x - left) < 3 * size && Math.abs(label.y - top) < 3 * size)
    if (near === undefined) labels.push({ x: left, y: top, numbers: [number] })
    else near.numbers.push(number)
  }
  context.restore()
  context.fillStyle = colour("text")
  context.font = `${Math.round(12 * scale * zoom())}px system-ui, sans-serif`
  for (const { numbers, x, y } of labels) {
    const text = numbers.toSorted((a, b) => a - b).join(", ")
    const isLate = x + context.measureText(text).width + 8 * scale > bbox.left + bbox.width
    context.textAlign = isLate ? "right" : "left"
    context.textBaseline = "bottom"
    context.fillText(text, x + (isLate ? -8 : 8) * scale, y - 3 * scale)
  }
}

/** @param {Explained} explained */
const tableOf = ({ settings }) => {
  const columns = ["No.", "Setting", "Complete", "Complete or partial", "p50", "p95", "p99"]
  const rows = settings.map(({ label, shares, times }, index) => {
    const cells = [...[shares.complete, shares.answered].map(percent), ...[times.p50, times.p95, times.p99].map(millis)]
    return element(
      "tr",
      {},
      element("td", { class: "number" }, String(index + 1)),
      element("th", { scope: "row" }, label),
      ...cells.map((cell) => element("td", { class: "number" }, cell))
    )
  })
  return element(
    "table",
    { class: "stats" },
    element("caption", {}, "The same as figures; in brackets where it lies with 95 % confidence"),
    element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows)
  )
}

/** @param {Bounds} share */
const percent = ({ high, low, value }) => {
  const [a, b, c] = [value, low, high].map((share) => (100 * share).toFixed(1))
  return `${a} % (${b} to ${c})`
}

/** @param {Setting["times"]["p50"]} quantile */
const millis = ({ high, low, value }) =>
  value === null ? "unknown" : `${time(value)} (${time(low ?? 0)} to ${high === null ? "?" : time(high)})`

/** @type {ReadonlyArray<Explained>} */
const all = JSON.parse(document.getElementById("explained")?.textContent ?? "[]")

const sections = all.map((explained) => {
  const picture = element("div", { class: "picture", role: "img" })
  const note = element("p", { class: "note" })
  const name = `Figures of ${explained.title}`
  const table = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, tableOf(explained))
  const text = element("pre", {}, explained.lines.join("\n"))
  const pre = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${name} as text` }, text)
  const printed = element("details", {}, element("summary", {}, "As muster explain prints it"), pre)
  const heading = element("h2", {}, explained.title)
  document.getElementById("settings")?.append(element("section", {}, heading, picture, note, table, printed))
  return { explained, note, picture }
})

const draw = () => {
  for (const { explained, note, picture } of sections) {
    const points = explained.settings.flatMap((setting, index) => pointOf(setting, index) ?? [])
    const missing = explained.settings.length - points.length
    picture.replaceChildren()
    if (points.length > 0) plotted(points, picture.clientWidth, picture)
    picture.setAttribute(
      "aria-label",
      `${explained.title}: ${points.length} settings; the table below has their figures`
    )
    note.textContent = [
      "Better is up and to the left. The square is what was recorded; dashed lines show where each lies with 95 % confidence.",
      ...(missing > 0 ? [`Not shown, as their time is unknown: ${missing}.`] : [])
    ].join(" ")
  }
}

for (const id of ["latency", "success"]) document.getElementById(id)?.addEventListener("change", draw)
document.getElementById("filters")?.addEventListener("submit", (event) => event.preventDefault())
addEventListener("resize", () => later(draw))
onTurn(draw)
draw()
