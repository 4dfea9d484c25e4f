/**
 * Which of the media types that can be given a request would rather have.
 *
 * @since 0.1.0
 */

/**
 * What an answer can be.
 *
 * @since 0.1.0
 * @category models
 */
export const types = {
  json: "application/json",
  sse: "text/event-stream",
  ndjson: "application/x-ndjson"
} as const

/** @since 0.1.0 */
export type Form = keyof typeof types

/**
 * Reads an `Accept` header: the form with the highest quality, of those that have the same the one that is named rather
 * than meant by a `*`, then JSON; `undefined` when none is accepted. Without a header, JSON.
 *
 * @since 0.1.0
 * @category parsing
 */
export const choose = (header: string | undefined): Form | undefined => {
  if (header === undefined || header.trim() === "") return "json"
  const ranges = header.split(",").map(readRange)
  let chosen: Form | undefined
  let best = 0
  for (const form of ["json", "ndjson", "sse"] as const) {
    const score = scoreOf(types[form], ranges)
    if (score > best) [chosen, best] = [form, score]
  }
  return chosen
}

interface Range {
  readonly type: string
  readonly quality: number
}

const readRange = (text: string): Range => {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase())
  const quality = parameters.map((parameter) => /^q\s*=\s*([01](?:\.\d{0,3})?)$/.exec(parameter)?.[1]).find(Boolean)
  return { type: type === "application/ndjson" ? types.ndjson : type, quality: Number(quality ?? 1) }
}

/** Its quality, as the most specific range that matches says it; the more specific, the higher among equals. */
const scoreOf = (type: string, ranges: ReadonlyArray<Range>): number => {
  for (const [index, range] of [type, type.replace(/\/.*/, "/*"), "*/*"].entries()) {
    const found = ranges.find((one) => one.type === range)
    if (found !== undefined) return found.quality === 0 ? 0 : found.quality - index / 10_000
  }
  return 0
}
