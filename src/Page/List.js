/**
 * The list of aggregations, and what is looked for among them. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 */
import { element, later, marks, time } from "./Element.js"
import { cause } from "./Waterfall.js"

/** The rows of those that were drawn, with what they show. @type {Map<string, { readonly receipt: Receipt, readonly row: HTMLElement }>} */
const drawn = new Map()
/** @type {Map<string, Receipt>} */
const undrawn = new Map()

/**
 * The element of this name, which the page has.
 *
 * @template {HTMLElement} A
 * @param {string} id
 * @returns {A}
 */
export const byId = (id) => /** @type {A} */ (document.getElementById(id))

/** @param {string} id */
export const valueOf = (id) => /** @type {HTMLInputElement} */ (byId(id)).value

/** Who is told when rows have come, gone, or been filtered. @type {Set<(ids: ReadonlyArray<string>) => void>} */
export const listeners = new Set()

/** @param {ReadonlyArray<string>} ids */
const tell = (ids) => listeners.forEach((listener) => listener(ids))

/** Puts one at the top, before the next picture. @param {Receipt} receipt */
export const add = (receipt) => {
  undrawn.delete(receipt.id)
  undrawn.set(receipt.id, receipt)
  later(draw)
}

/** @param {string} id */
export const remove = (id) => {
  undrawn.delete(id)
  drawn.get(id)?.row.remove()
  drawn.delete(id)
}

/** Those that are shown, the oldest first. @returns {ReadonlyArray<Receipt>} */
export const shown = () => Array.from(drawn.values()).flatMap(({ receipt, row }) => (row.hidden ? [] : [receipt]))

/** Draws a few at a time, so that no picture is long in coming: 30 rows take 8 ms where 1,000 take 250. */
const draw = () => {
  const some = Array.from(undrawn.values()).slice(0, 30)
  for (const receipt of some) {
    undrawn.delete(receipt.id)
    const row = rowOf(receipt)
    row.hidden = !isWanted(receipt)
    remove(receipt.id)
    drawn.set(receipt.id, { receipt, row })
    byId("list").prepend(row)
    offer(receipt)
  }
  if (undrawn.size > 0) later(draw)
  tell(some.map(({ id }) => id))
}

/** Marks the one that is open. @param {string | undefined} id */
export const mark = (id) => {
  byId("list").querySelector("[aria-current]")?.removeAttribute("aria-current")
  if (id !== undefined) drawn.get(id)?.row.firstElementChild?.setAttribute("aria-current", "true")
}

/** @param {Receipt} receipt */
const rowOf = (receipt) => {
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

/** Those that are to be looked at again, since something else is looked for. @type {Array<string>} */
let unfiltered = []

/** Looks which of them are wanted, some at a time: to read a thousand takes long. */
const filter = () => {
  for (const id of unfiltered.splice(0, 30)) {
    const one = drawn.get(id)
    if (one !== undefined) one.row.hidden = !isWanted(one.receipt)
  }
  if (unfiltered.length > 0) later(filter)
  tell([])
}

byId("filters").addEventListener("input", () => {
  unfiltered = Array.from(drawn.keys()).reverse()
  later(filter)
})
byId("filters").addEventListener("submit", (event) => event.preventDefault())

/** Names that came up can be chosen. @param {Receipt} receipt */
const offer = ({ aggregation, sources }) => {
  option("endpoint", aggregation)
  for (const { name } of sources) option("source", name)
}

const mostOptions = 1_000
/** @type {Set<string>} */
const offered = new Set()

/** @param {string} list @param {string} name */
const option = (list, name) => {
  if (offered.size >= mostOptions || offered.has(`${list} ${name}`)) return
  offered.add(`${list} ${name}`)
  byId(list).append(element("option", { value: name }, name))
}
