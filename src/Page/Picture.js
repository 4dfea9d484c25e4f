/**
 * A picture of a series: its lines, or its bars. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("./Minutes.js").Series} Series
 * @typedef {import("./Minutes.js").Span} Span
 * @typedef {{ readonly node: HTMLElement, readonly paint: (series: Series, span: Span) => void, readonly drop: () => void }} Picture
 */
import uPlot from "uplot"
import { element, marks, time } from "./Element.js"
import { asked, quantile, statuses } from "./Minutes.js"
import { axis, colour, fillOf, zoom } from "./Paint.js"

/** The lines, each with a dash of its own. */
export const lines = /** @type {const} */ ([
  { share: 0.5, name: "p50", stroke: "text", dash: [] },
  { share: 0.95, name: "p95", stroke: "link", dash: [7, 4] },
  { share: 0.99, name: "p99", stroke: "stopped", dash: [2, 3] }
])

/** How long it took, bit by bit. */
export const timesPicture = () => make(timeOptions, timesOf)

/** How it ended, bit by bit. */
export const sharesPicture = () => make(shareOptions, sharesOf)

/**
 * @param {(width: number) => uPlot.Options} options
 * @param {(series: Series, span: Span) => uPlot.AlignedData} dataOf
 * @returns {Picture}
 */
const make = (options, dataOf) => {
  const node = element("div", { class: "picture", role: "img" })
  /** @type {uPlot | undefined} */
  let plot
  return {
    node,
    paint: (series, span) => {
      const width = node.clientWidth
      // It is not to be seen.
      if (width === 0) return
      plot ??= new uPlot(options(width), [[]], node)
      if (plot.width !== width) plot.setSize({ width, height: plot.height })
      plot.setData(dataOf(series, span), false)
      plot.setScale("x", { min: span.from / 1_000, max: span.to / 1_000 })
    },
    drop: () => plot?.destroy()
  }
}

/** When each bit begins, in seconds since 1970. @param {Span} span */
export const instants = ({ from, step, to }) =>
  Array.from({ length: Math.round((to - from) / step) }, (_, bit) => (from + bit * step) / 1_000)

/** @param {Series} series @param {Span} span @returns {uPlot.AlignedData} */
const timesOf = ({ bits }, span) => {
  const at = instants(span)
  return [
    at.map((instant) => instant + span.step / 2_000),
    ...lines.map(({ share }) =>
      at.map((_, bit) => (bits[bit] === undefined ? null : (quantile(bits[bit], share) ?? null)))
    )
  ]
}

/** In each the share of its ending and of all before it, the last first: what is painted later covers what it is not. */
const sharesOf = (/** @type {Series} */ { bits }, /** @type {Span} */ span) => {
  const at = instants(span)
  const sums = statuses.map((_, index) =>
    at.map((_, bit) => {
      const tally = bits[bit]
      if (tally === undefined) return null
      const sum = statuses.slice(0, index + 1).reduce((sum, status) => sum + (tally.counts[status] ?? 0), 0)
      return (100 * sum) / asked(tally)
    })
  )
  return /** @type {uPlot.AlignedData} */ ([at, ...sums.reverse()])
}

const left = 50

/** @param {number} width @returns {uPlot.Options} */
const timeOptions = (width) => ({
  ...frame(width, 98),
  scales: { x: {}, y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] } },
  axes: [axis(clock, { size: 22, space: 54 }), axis(time, { size: left, space: 17 })],
  series: [
    {},
    ...lines.map(({ dash, name, stroke }) => ({
      label: name,
      stroke: () => colour(stroke),
      dash: [...dash],
      width: 2,
      points: { filter: alone }
    }))
  ]
})

const bars = uPlot.paths.bars?.({ size: [1], align: 1 })

/** @param {number} width @returns {uPlot.Options} */
const shareOptions = (width) => ({
  ...frame(width, 64),
  scales: { x: {}, y: { range: [0, 100] } },
  axes: [axis(clock, { size: 22, space: 54 }), axis((share) => `${share} %`, { size: left, space: 30 })],
  series: [
    {},
    ...statuses.toReversed().map((status) => ({
      label: marks[status],
      fill: () => fillOf(status),
      width: 0,
      ...(bars === undefined ? {} : { paths: bars }),
      points: { show: false }
    }))
  ]
})

/** @param {number} width @param {number} height */
const frame = (width, height) => ({
  width,
  height: height * zoom(),
  padding: /** @type {[number, number, number, number]} */ ([8, 24, 0, 0]),
  cursor: { show: false },
  legend: { show: false }
})

/** @param {number} instant */
export const clock = (instant) => new Date(instant * 1_000).toLocaleTimeString([], { hour12: false })

/** A line needs two of them: where one stands alone it is a point. @type {uPlot.Series.Points.Filter} */
const alone = (plot, index) => {
  const values = Array.from(plot.data[index] ?? [])
  return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []))
}
