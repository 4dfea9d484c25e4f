/**
 * What an answer over HTTP means.
 *
 * @since 0.1.0
 */
import { type Clock, Either } from "effect"
import { type SourceError, SourceMalformed, SourceRejected, SourceUnavailable } from "../../Source.ts"
import * as Content from "../../Content.ts"
import type * as Memory from "../../Memory.ts"
import * as Fault from "../Fault.ts"
import { type Broken, headerOf, noMemory, type Reply } from "./Direct.ts"

const transient = new Set([408, 425, 429])

/**
 * The error for a status that is no success, with how long to wait if the answer says so; else `undefined`.
 *
 * @since 0.1.0
 * @category errors
 */
export const refusal = (
  source: string,
  asked: () => string,
  reply: Reply,
  clock: Clock.Clock
): SourceRejected | SourceUnavailable | undefined => {
  const { status } = reply
  if (status >= 200 && status < 300) return undefined
  const reason = `${asked()} answered ${status}`
  if (status < 500 && !transient.has(status)) return new SourceRejected({ source, reason, status })
  const retryAfter = readRetryAfter(headerOf(reply, "retry-after"), clock.unsafeCurrentTimeMillis())
  return new SourceUnavailable({ source, reason, status, ...(retryAfter === undefined ? {} : { retryAfter }) })
}

/** `Retry-After`, in seconds or as a date, as milliseconds from now; what cannot be read is passed over. */
const readRetryAfter = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const date = text.endsWith("GMT") ? Date.parse(text) : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/**
 * The JSON of a body and its text; `null` where there is no body; or why it is no JSON.
 *
 * @since 0.1.0
 * @category getters
 */
export const parsed = (
  reply: Reply,
  parse: (text: string) => Either.Either<unknown, string>,
  maxBytes: number,
  memory: Memory.Account
): Read | { readonly malformed: string } | { readonly broken: Broken } | null => {
  const { body } = reply
  if (typeof body === "string") return { malformed: `the body is longer than ${maxBytes} bytes` }
  if (body.length === 0) return null
  const encoding = headerOf(reply, "content-encoding")
  if (encoding === undefined) return read(reply, body, parse)
  if (reply.mayBeDecoded === true && Content.refusal(encoding) === undefined) {
    const plain = read(reply, body, parse)
    if ("json" in plain) return plain
  }
  const content = Content.decode(body, encoding, maxBytes)
  if (Either.isLeft(content)) return { malformed: `the body ${content.left.reason}` }
  if (content.right.length === 0) return null
  // As much as came has been taken already.
  if (!memory.take(Math.max(0, content.right.length - body.length))) return { broken: { cause: noMemory } }
  return read(reply, content.right, parse)
}

interface Read {
  readonly json: unknown
  readonly text: string
  /** The text in UTF-8, if that is what came. */
  readonly bytes: Uint8Array | undefined
}

const read = (
  reply: Reply,
  content: Uint8Array,
  parse: (text: string) => Either.Either<unknown, string>
): Read | { readonly malformed: string } => {
  const type = headerOf(reply, "content-type")
  const text = Content.text(content, type)
  if (Either.isLeft(text)) return { malformed: `the body ${text.left.reason}${named(reply)}` }
  const json = parse(text.right)
  return Either.isRight(json)
    ? { json: json.right, text: text.right, bytes: Content.isUtf8(type) ? content : undefined }
    : { malformed: `the body ${json.left}${named(reply)}` }
}

const named = (reply: Reply) => {
  const type = /^[\w.+-]{1,40}\/[\w.+-]{1,60}/.exec(headerOf(reply, "content-type") ?? "")
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
  if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH")
    return new SourceMalformed(fault("the body is not as long as its content-length says"))
  return new SourceUnavailable(fault())
}
