/**
 * Why a request has no answer, as RFC 9457 has it: `application/problem+json`.
 *
 * @since 0.1.0
 */
import { Cause } from "effect"
import type { InputRejected } from "../Aggregation.ts"
import { SourceFailed } from "../Aggregator.ts"
import { DeadlineExceeded } from "../Deadline.ts"
import { describe, type Receipt } from "../Receipt.ts"
import * as Source from "../Source.ts"
import { types } from "./Accept.ts"
import { ReferenceUnusable } from "./Config/Template.ts"
import * as Reply from "./Reply.ts"

/**
 * The kinds of problems, with their statuses and titles. The type of a problem is its place on the docs page.
 *
 * @since 0.1.0
 * @category models
 */
export const kinds = {
  "invalid-input": [400, "The input was rejected"],
  unauthorized: [401, "A key is needed"],
  "not-found": [404, "There is nothing here"],
  "method-not-allowed": [405, "This is not done here with that method"],
  "not-acceptable": [406, "None of the accepted media types can be given"],
  "request-timeout": [408, "The body did not arrive in time"],
  "body-too-large": [413, "The body is too large"],
  "unsupported-media-type": [415, "The body is in a form that is not read"],
  misdirected: [421, "This host is not served here"],
  "internal-error": [500, "There is a bug in the server"],
  "answer-unwritable": [500, "The answer cannot be written as JSON"],
  "source-failed": [502, "A source failed"],
  "source-refused": [503, "A source is not asked for now"],
  overloaded: [503, "There are too many requests in flight"],
  draining: [503, "The server is shutting down"],
  "source-timed-out": [504, "A source ran out of its own time"],
  "deadline-exceeded": [504, "The deadline passed"]
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>

/** @since 0.1.0 */
export type Kind = keyof typeof kinds

/**
 * Why a request has no answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Problem {
  readonly _tag: "Problem"
  readonly kind: Kind
  readonly detail: string
  /** What else the body says: `field`, `source`, `pending`, and so on. */
  readonly more: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Makes a problem.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  kind: Kind,
  detail: string,
  more: Problem["more"] = {},
  headers: Problem["headers"] = {}
): Problem => ({ _tag: "Problem", kind, detail, more, headers })

/**
 * The caller has given no key, or none of the endpoint's.
 *
 * @since 0.1.0
 * @category problems
 */
export const unauthorized: Problem = make(
  "unauthorized",
  "Send it as authorization: Bearer KEY, or as x-api-key: KEY",
  {},
  { "www-authenticate": `Bearer realm="muster"` }
)

/**
 * None of what the caller accepts can be given.
 *
 * @since 0.1.0
 * @category problems
 */
export const notAcceptable: Problem = make("not-acceptable", `There is ${Object.values(types).join(", ")}`, {
  available: Object.values(types)
})

/**
 * The caller waits no longer, and nothing was asked.
 *
 * @since 0.1.0
 * @category problems
 */
export const tooLate: Problem = make("deadline-exceeded", "It had passed before anything was asked", { deadline: 0 })

/**
 * The server shuts down.
 *
 * @since 0.1.0
 * @category problems
 */
export const draining: Problem = make(
  "draining",
  "Ask another instance, or again later",
  {},
  { "retry-after": "1", connection: "close" }
)

/**
 * The path is there, but not for that method.
 *
 * @since 0.1.0
 * @category constructors
 */
export const notAllowed = (allow: string): Problem => make("method-not-allowed", `There is ${allow}`, {}, { allow })

/**
 * The input was rejected.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rejected = ({
  aggregation,
  field,
  reason
}: Pick<InputRejected, "aggregation" | "field" | "reason">): Problem =>
  make("invalid-input", field === "" ? `The input of ${aggregation}: ${reason}` : `${field}: ${reason}`, {
    field,
    reason
  })

/**
 * A refusal that will not last: come again after so many milliseconds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const later = (kind: Kind, detail: string, after: number, more: Problem["more"] = {}): Problem =>
  make(kind, detail, more, { "retry-after": String(Math.max(1, Math.ceil(after / 1_000))) })

/**
 * Why there is no answer. `open` tells whether the messages of errors may be shown, with the addresses in them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unanswered = (error: SourceFailed<unknown> | DeadlineExceeded, open: boolean): Problem => {
  if (error instanceof DeadlineExceeded) return late(error)
  const { receipt, source } = error
  const { message, tag } = describe(error.error)
  const more = { source, error: tag, ...(open ? { reason: reasonOf(error.error) ?? message } : {}) }
  const refused = receipt.sources.find(({ name }) => name === source)?.guards?.refused ?? null
  if (refused !== null && refused !== "retry-budget")
    return later("source-refused", `${source} is not asked for now`, retryAfterOf(error.error), { ...more, refused })
  if (error.error instanceof Source.SourceTimedOut)
    return make("source-timed-out", `${source} did not answer within ${error.error.limit} ms`, more)
  if (error.error instanceof DeadlineExceeded) return make("deadline-exceeded", `${source} ran out of time`, more)
  return make("source-failed", `${source} ${verb(error.error)}`, more)
}

const late = ({ deadline, pending }: DeadlineExceeded): Problem => {
  if (deadline <= 0) return tooLate
  const shown = pending.slice(0, 5).join(", ") + (pending.length > 5 ? ` and ${pending.length - 5} more` : "")
  return make("deadline-exceeded", `${shown} did not answer in time`, { pending, deadline: Math.round(deadline) })
}

/** What an error of a source says besides the name of the source. */
const reasonOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "reason" in error && typeof error.reason === "string"
    ? error.reason
    : undefined

const verb = (error: unknown): string => {
  if (error instanceof Source.SourceUnavailable) return "is unavailable"
  if (error instanceof Source.SourceRejected) return "rejected the request"
  if (error instanceof ReferenceUnusable) return "was not asked"
  return error instanceof Source.SourceMalformed ? "gave a malformed answer" : "failed"
}

/** What guards say of when to come again, in milliseconds. */
const retryAfterOf = (error: unknown): number =>
  typeof error === "object" && error !== null && "retryAfter" in error && typeof error.retryAfter === "number"
    ? error.retryAfter
    : 1_000

/**
 * A bug: whoever asks learns the name of the source it is in, or why the answer cannot be written; the log has all the rest.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bug = (receipt: Receipt | undefined, cause: Cause.Cause<unknown>): Problem => {
  const defect = Cause.squash(cause)
  if (defect instanceof Reply.Unwritable) return make("answer-unwritable", `It ${defect.reason}`)
  const source = receipt?.firstCause?.source ?? null
  return source === null
    ? make("internal-error", "The log of the server says more")
    : make("internal-error", `${source} died; the log of the server says more`, { source })
}

/**
 * The body of a problem.
 *
 * @since 0.1.0
 * @category getters
 */
export const body = ({ detail, kind, more }: Problem): Readonly<Record<string, unknown>> => {
  const [status, title] = kinds[kind]
  return { type: `/docs#${kind}`, title, status, detail, ...more }
}

/**
 * A problem as a response.
 *
 * @since 0.1.0
 * @category responses
 */
export const respond = (problem: Problem): Reply.Reply =>
  Reply.json(body(problem), {
    status: kinds[problem.kind][0],
    type: "application/problem+json",
    headers: problem.headers
  })
