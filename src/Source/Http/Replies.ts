/**
 * What an answer over HTTP means.
 *
 * @since 0.1.0
 */
import { Clock, Effect } from "effect"
import { type SourceError, SourceMalformed, SourceRejected, SourceUnavailable } from "../../Source.ts"
import * as Fault from "../Fault.ts"
import type { Broken, Reply } from "./Direct.ts"

const transient = new Set([408, 425, 429])

/**
 * Fails unless the status is a success; with how long to wait, if the answer says so.
 *
 * @since 0.1.0
 * @category errors
 */
export const accepted = (source: string, asked: string, { headers, status }: Reply) => {
  if (status >= 200 && status < 300) return Effect.void
  const reason = `${asked} answered ${status}`
  if (status < 500 && !transient.has(status)) return new SourceRejected({ source, reason, status })
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const retryAfter = readRetryAfter(headers["retry-after"], now)
    return new SourceUnavailable({ source, reason, ...(retryAfter === undefined ? {} : { retryAfter }) })
  })
}

/** `Retry-After`, in seconds or as a date, as milliseconds from now; what cannot be read is passed over. */
const readRetryAfter = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const date = text.endsWith("GMT") ? Date.parse(text) : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/**
 * The JSON of a body.
 *
 * @since 0.1.0
 * @category getters
 */
export const parsed = (
  { body, headers }: Reply,
  maxBytes: number,
  malformed: (reason: string) => SourceMalformed
): Effect.Effect<unknown, SourceMalformed> =>
  Effect.try({
    try: (): unknown => {
      if (typeof body === "string") throw new Error(body)
      return JSON.parse(decoder.decode(body))
    },
    // The message of the parser quotes the body.
    catch: () => {
      if (body === "too long") return malformed(`the body is longer than ${maxBytes} bytes`)
      return malformed(body.length === 0 ? "the body is empty" : `the body is no JSON${named(headers)}`)
    }
  })

const decoder = new TextDecoder("utf-8", { fatal: true })

const named = (headers: Reply["headers"]) => {
  const type = /^[\w.+-]{1,40}\/[\w.+-]{1,60}/.exec(headers["content-type"] ?? "")
  return type === null || type[0] === "application/json" ? "" : `, it is ${type[0]}`
}

/**
 * Why there is no answer.
 *
 * @since 0.1.0
 * @category errors
 */
export const transportError = (source: string, asked: string, error: Broken): SourceError => {
  const code = Fault.codeOf(error.cause)
  const fault = (reason = Fault.describe(code, "the request failed")) => ({ source, reason: `${asked}: ${reason}` })
  if (error._tag === "RequestError" && error.reason !== "Transport") return new SourceRejected(fault())
  if (code !== undefined && (Fault.isTls(code) || code === "UND_ERR_INVALID_ARG")) return new SourceRejected(fault())
  if (code !== undefined && /^HPE_|^HTTPParserError$/.test(code))
    return new SourceMalformed(fault("the answer is no HTTP"))
  return new SourceUnavailable(fault())
}
