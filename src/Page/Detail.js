/**
 * The aggregation that is open: what is to be said of it, and its waterfall. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 */
import { element, marks, time } from "./Element.js"
import { cause, waterfall } from "./Waterfall.js"

/** @param {Receipt} receipt */
export const detail = (receipt) => {
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
