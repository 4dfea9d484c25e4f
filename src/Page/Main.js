/**
 * The page: what it holds, and what follows from it. Runs in a browser.
 *
 * Live, it reads `receipts` as a stream of events from where it came from; a report carries its receipts in itself.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 * @typedef {import("../Server/Gauges.ts").Gauges} Gauges
 */
import { detail } from "./Detail.js"
import { element, patterns, time } from "./Element.js"
import { add, byId, listeners, mark, remove, shown, valueOf } from "./List.js"
import { follow } from "./Live.js"
import { seriesOf, spanOf } from "./Minutes.js"
import { guards, inFlight, isBusy } from "./Now.js"
import { legend, plot } from "./Plot.js"
import { stats } from "./Stats.js"

const most = 1_000

/** A receipt of a hundred thousand items is as large as a thousand of a hundred. */
const mostSources = 100_000

/** The receipts by id, the oldest first. @type {Map<string, Receipt>} */
const receipts = new Map()
let sources = 0
/** Those that came while the page was paused. @type {Array<Receipt>} */
const held = []
/** When it was paused, by the clock of the server. @type {number | undefined} */
let pausedAt

/** @type {Gauges | undefined} */
let gauges
/** How far the clock of the server is ahead of ours. */
let ahead = 0

const carried = document.getElementById("receipts")
const isLive = carried === null

/** @param {Receipt} receipt */
const keep = (receipt) => {
  if (pausedAt !== undefined) {
    held.push(receipt)
    if (held.length > most) held.shift()
    return say()
  }
  forget(receipt.id)
  receipts.set(receipt.id, receipt)
  sources += receipt.sources.length
  add(receipt)
  for (const id of receipts.keys()) {
    if (receipts.size <= most && (sources <= mostSources || receipts.size === 1)) break
    forget(id)
  }
}

/** @param {string} id */
const forget = (id) => {
  sources -= receipts.get(id)?.sources.length ?? 0
  receipts.delete(id)
  remove(id)
}

/** How many there are, and how many are shown. */
const say = () => {
  const more = held.length === 0 ? "" : `, ${held.length} more since the pause`
  byId("count").textContent = `${shown().length} of ${receipts.size} aggregations${more}`
  const isAsked = receipts.size > 0 || isBusy(gauges?.gauges ?? [])
  byId("none").hidden = isAsked
  byId("some").hidden = !isAsked
  sum()
}

let isDue = false
let delay = 100

/** Soon at first, then once a second at most: it reads all receipts that are shown. */
const sum = () => {
  if (isDue) return
  isDue = true
  setTimeout(() => {
    isDue = false
    delay = 1_000
    const all = shown()
    const span = spanOf(all, isLive ? (pausedAt ?? Date.now() + ahead) : undefined)
    const source = valueOf("source")
    const series = seriesOf(all, span, gauges?.gauges ?? []).filter(
      (one) => source === "" || one.source === null || one.source === source
    )
    const minutes = Math.round((span.to - span.from) / 60_000)
    const over = `${isLive ? "in the last" : "over"} ${time(minutes > 2 ? minutes * 60_000 : span.to - span.from)}`
    byId("sums").replaceChildren(stats(series, { isLive, caption: `Who was asked ${over}; those in trouble first` }))
    if (byId("plots").hasAttribute("open")) plot(byId("figures"), series, span)
  }, delay)
}

/** What the server is doing now. */
const tellNow = () => {
  if (gauges === undefined || pausedAt !== undefined) return
  byId("now").textContent = inFlight(gauges.gauges)
  const table = guards(gauges.gauges)
  byId("guards").hidden = table === undefined
  byId("standing").replaceChildren(...(table === undefined ? [] : [table]))
  say()
}

/** Shows the receipt that the address names. */
const open = () => {
  const receipt = receipts.get(location.hash.slice(1))
  byId("receipt").replaceChildren(...(receipt === undefined ? [element("p", {}, hint())] : detail(receipt)))
  mark(receipt?.id)
}

const hint = () => (location.hash === "" ? "Pick one to see its waterfall." : "There is no such receipt here any more.")

const pause = () => {
  pausedAt = pausedAt === undefined ? Date.now() + ahead : undefined
  byId("pause").setAttribute("aria-pressed", String(pausedAt !== undefined))
  if (pausedAt === undefined) held.splice(0).forEach(keep)
  say()
  tellNow()
}

const connect = () =>
  void follow(
    {
      receipt: keep,
      gauges: (now) => {
        gauges = now
        ahead = now.at - Date.now()
        tellNow()
      }
    },
    (state, wantsToken) => {
      byId("state").textContent = state
      byId("login").hidden = !wantsToken
    }
  )

listeners.add((ids) => {
  say()
  if (ids.includes(location.hash.slice(1))) open()
})
byId("pause").addEventListener("click", pause)
byId("plots").addEventListener("toggle", sum)
byId("login").addEventListener("submit", (event) => {
  event.preventDefault()
  sessionStorage.setItem("token", valueOf("token"))
  connect()
})
addEventListener("hashchange", () => {
  open()
  byId("receipt").querySelector("h2")?.focus()
})
document.body.append(patterns())
byId("figures").before(legend())

byId("pause").hidden = !isLive
// On a narrow screen they stand above the list, which they would push away.
if (matchMedia("(max-width: 56rem)").matches) byId("plots").removeAttribute("open")
if (carried === null) {
  connect()
  setInterval(sum, 2_000)
} else JSON.parse(carried.textContent ?? "[]").forEach(keep)
open()
say()
