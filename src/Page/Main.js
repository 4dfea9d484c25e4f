/**
 * The page: the list of aggregations, what is looked for among them, and the one that is open. Runs in a browser.
 *
 * Live, it reads `receipts` as a stream of events from where it came from; a report carries its receipts in itself.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 */
import { follow } from "./Live.js"
import { stats } from "./Stats.js"
import { cause, element, marks, patterns, time, waterfall } from "./Waterfall.js"

const most = 1_000

/** The receipts by id, the oldest first. @type {Map<string, Receipt>} */
const receipts = new Map()
/** The rows of those that were drawn. @type {Map<string, HTMLElement>} */
const drawn = new Map()
/** Those that came while the page was paused. @type {Array<Receipt>} */
const held = []
/** @type {Set<string>} */
const undrawn = new Set()
let paused = false

/**
 * @template {HTMLElement} A
 * @param {string} id
 * @returns {A}
 */
const byId = (id) => /** @type {A} */ (document.getElementById(id))

/** @param {Receipt} receipt */
const keep = (receipt) => {
  if (paused) {
    held.push(receipt)
    if (held.length > most) held.shift()
    return say()
  }
  receipts.delete(receipt.id)
  receipts.set(receipt.id, receipt)
  undrawn.add(receipt.id)
  if (receipts.size > most) forget(receipts.keys().next().value ?? "")
  later(draw)
}

/** @param {string} id */
const forget = (id) => {
  receipts.delete(id)
  undrawn.delete(id)
  drawn.get(id)?.remove()
  drawn.delete(id)
}

/** @type {Set<() => void>} */
const waiting = new Set()

/** Does it once before the next picture, however often it is asked for. @param {() => void} work */
const later = (work) => {
  if (waiting.has(work)) return
  waiting.add(work)
  requestAnimationFrame(() => {
    waiting.delete(work)
    work()
  })
}

/** Draws a few at a time, so that a picture is never long in coming: 40 rows take 10 ms where 1,000 take 250. */
const draw = () => {
  let left = 40
  for (const id of undrawn) {
    if (left-- === 0) return later(draw)
    undrawn.delete(id)
    const receipt = receipts.get(id)
    if (receipt === undefined) continue
    const fresh = row(receipt)
    drawn.get(id)?.remove()
    drawn.set(id, fresh)
    fresh.hidden = !isWanted(receipt)
    byId("list").prepend(fresh)
    offer(receipt)
    if (location.hash === `#${id}`) open()
  }
  say()
}

/** @param {Receipt} receipt */
const row = (receipt) => {
  const { aggregation, elapsed, id, outcome, startedAt } = receipt
  const at = new Date(startedAt)
  const clock = element("time", { datetime: at.toISOString() }, at.toLocaleTimeString([], { hour12: false }))
  const link = element(
    "a",
    { href: `#${id}` },
    element("strong", {}, aggregation),
    element("span", { class: "elapsed" }, time(elapsed)),
    element("span", { class: outcome }, marks[outcome]),
    clock
  )
  const why = cause(receipt)
  return element("li", {}, link, ...(why === "" ? [] : [element("p", { class: "why" }, why)]))
}

/** @param {string} id */
const valueOf = (id) => /** @type {HTMLInputElement} */ (byId(id)).value

/** @param {Receipt} receipt */
const isWanted = (receipt) => {
  const [endpoint, outcome, source] = [valueOf("endpoint"), valueOf("outcome"), valueOf("source")]
  const text = valueOf("text").trim().toLowerCase()
  return (
    (endpoint === "" || receipt.aggregation === endpoint) &&
    (outcome === "" || receipt.outcome === outcome) &&
    (source === "" || receipt.sources.some(({ name }) => name === source)) &&
    receipt.elapsed >= Number(valueOf("duration")) &&
    (text === "" || JSON.stringify(receipt).toLowerCase().includes(text))
  )
}

/** Names that came up can be chosen. @param {Receipt} receipt */
const offer = ({ aggregation, sources }) => {
  add("endpoint", aggregation)
  for (const { name } of sources) add("source", name)
}

/** @type {Set<string>} */
const offered = new Set()

/** @param {string} list @param {string} name */
const add = (list, name) => {
  if (offered.size >= most || offered.has(`${list} ${name}`)) return
  offered.add(`${list} ${name}`)
  byId(list).append(element("option", { value: name }, name))
}

let isSummed = false

/** Once in half a second at most: it reads all receipts that are shown. */
const sum = () => {
  if (isSummed) return
  isSummed = true
  setTimeout(() => {
    isSummed = false
    const shown = Array.from(receipts.values()).filter(({ id }) => drawn.get(id)?.hidden === false)
    byId("sums").replaceChildren(...(shown.length === 0 ? [] : [stats(shown)]))
  }, 500)
}

/** How many there are, and how many are shown. */
const say = () => {
  const shown = Array.from(drawn.values()).filter(({ hidden }) => !hidden).length
  const more = held.length === 0 ? "" : `, ${held.length} more since the pause`
  byId("count").textContent = `${shown} of ${receipts.size} aggregations${more}`
  sum()
  byId("none").hidden = receipts.size > 0
  byId("receipt").hidden = receipts.size === 0
}

/** Shows the receipt that the address names. */
const open = () => {
  const receipt = receipts.get(location.hash.slice(1))
  byId("receipt").replaceChildren(...(receipt === undefined ? [element("p", {}, hint())] : detail(receipt)))
  for (const [id, one] of drawn)
    if (id === receipt?.id) one.firstElementChild?.setAttribute("aria-current", "true")
    else one.firstElementChild?.removeAttribute("aria-current")
}

const hint = () => (location.hash === "" ? "Pick one to see its waterfall." : "There is no such receipt here any more.")

/** @param {Receipt} receipt */
const detail = (receipt) => {
  const { aggregation, deadline, elapsed, id, outcome, policy, startedAt, traceId } = receipt
  /** @type {ReadonlyArray<readonly [string, string]>} */
  const facts = [
    ["Outcome", marks[outcome]],
    ["Answered after", time(elapsed)],
    ["Deadline", deadline === null ? "none" : time(deadline)],
    ["First cause", cause(receipt) || "none"],
    ["Policy", policy],
    ["Began", new Date(startedAt).toISOString()],
    ["Receipt", id],
    ["Trace", traceId ?? "none"]
  ]
  const file = new Blob([`${JSON.stringify(receipt)}\n`], { type: "application/x-ndjson" })
  const link = element("a", { href: URL.createObjectURL(file), download: `${id}.ndjson` }, "Download the receipt")
  link.addEventListener("click", () => setTimeout(() => URL.revokeObjectURL(link.getAttribute("href") ?? ""), 60_000))
  return [
    element("h2", { tabindex: -1 }, aggregation),
    element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
    element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Waterfall" }, waterfall(receipt)),
    element("p", {}, link)
  ]
}

const filter = () => {
  for (const [id, one] of drawn) {
    const receipt = receipts.get(id)
    if (receipt !== undefined) one.hidden = !isWanted(receipt)
  }
  say()
}

const pause = () => {
  paused = !paused
  byId("pause").setAttribute("aria-pressed", String(paused))
  if (!paused) held.splice(0).forEach(keep)
  say()
}

const connect = () =>
  void follow(keep, (state, wantsToken) => {
    byId("state").textContent = state
    byId("login").hidden = !wantsToken
  })

byId("filters").addEventListener("input", () => later(filter))
byId("filters").addEventListener("submit", (event) => event.preventDefault())
byId("pause").addEventListener("click", pause)
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

const carried = document.getElementById("receipts")
byId("pause").hidden = carried !== null
if (carried === null) connect()
else JSON.parse(carried.textContent ?? "[]").forEach(keep)
open()
say()
