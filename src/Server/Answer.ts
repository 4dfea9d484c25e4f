/**
 * Answers as responses, and what their headers say of them.
 *
 * @since 0.1.0
 */
import type { Receipt, SourceReceipt } from "../Receipt.ts"
import * as Reply from "./Reply.ts"

/**
 * An answer in JSON; with a receipt, both in one object: `{ "answer", "receipt" }`.
 *
 * @since 0.1.0
 * @category responses
 */
export const respond = (
  answer: unknown,
  receipt: Receipt | undefined,
  headers: Readonly<Record<string, string>>
): Reply.Reply => Reply.json(receipt === undefined ? answer : { answer, receipt }, { headers })

/**
 * What the headers say of how an answer came about: `Server-Timing` has every source, `Muster-Complete` says whether any
 * part is missing, `Muster-Receipt` is the id of its receipt in logs and on the admin port.
 *
 * @since 0.1.0
 * @category headers
 */
export const headersOf = (receipt: Receipt): Readonly<Record<string, string>> => ({
  "server-timing": timing(receipt),
  "muster-complete": String(receipt.outcome === "succeeded"),
  "muster-receipt": receipt.id
})

/** Clients take headers of 8 to 16 kB, all of them together. */
const longest = 6_000

/**
 * The `Server-Timing` header: how many milliseconds each source took, how it ended unless well, how long the request
 * waited in the server before its sources were asked (`queue`), and the whole since it arrived.
 *
 * @see https://www.w3.org/TR/server-timing/
 * @since 0.1.0
 * @category headers
 */
export const timing = ({ elapsed, sources, waited = 0 }: Receipt): string => {
  const queue = waited === 0 ? "" : `queue;dur=${rounded(waited)}, `
  const total = `${queue}total;dur=${rounded(waited + elapsed)}`
  let metrics = ""
  for (let index = 0; index < sources.length; index++) {
    const metric = metricOf(sources[index]!)
    if (metrics.length + metric.length + 2 + total.length > longest)
      return `${metrics}more;desc="${sources.length - index} sources", ${total}`
    metrics += `${metric}, `
  }
  return metrics + total
}

const isToken = /^[!#$%&'*+.^_`|~\w-]{1,100}$/

const metricOf = ({ end, name, outcome, start }: SourceReceipt): string => {
  const token = isToken.test(name) ? name : name.replace(/[^!#$%&'*+.^_`|~\w-]/g, "_").slice(0, 100) || "_"
  const duration = start === null || end === null ? "" : `;dur=${rounded(end - start)}`
  return `${token}${duration}${outcome === "succeeded" ? "" : `;desc=${outcome}`}`
}

const rounded = (millis: number) => Math.round(millis * 10) / 10
