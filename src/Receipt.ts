/**
 * What happened in one aggregation, as one schema for HTTP, logs, metrics, traces, the page and the batch manifest.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as Outcome from "./Outcome.ts"

export {
  /** @since 0.1.0 */
  progress
} from "./Receipt/Asking.ts"

/**
 * How many milliseconds after the start of the aggregation; `null` when it has not happened.
 *
 * @since 0.1.0
 * @category models
 */
export const Instant = Schema.NullOr(Schema.Number)

/**
 * What is known of the cleanup of a cancelled source: it has ended (`done`, also when there was nothing to clean up),
 * goes on (`running`), or its owner no longer waits for it (`gave-up`).
 *
 * @since 0.1.0
 * @category models
 */
export const CleanupState = Schema.Literal("done", "running", "gave-up")

/** @since 0.1.0 */
export type CleanupState = typeof CleanupState.Type

/**
 * An error as a tag, a message, and its HTTP status, if it has one.
 *
 * @since 0.1.0
 * @category models
 */
export const Described = Schema.Struct({
  tag: Schema.String,
  message: Schema.String,
  status: Schema.optionalWith(Schema.Number, { exact: true })
})

/**
 * One call that a guard made: the first, again after a failure, or beside one that is slow; or without a guard, over a new
 * connection (`reconnect`), because the server had closed the old one while it was idle. `outcome` is `null` while it runs.
 *
 * @since 0.1.0
 * @category models
 */
export const Attempt = Schema.Struct({
  kind: Schema.Literal("first", "retry", "hedge", "reconnect"),
  start: Schema.Number,
  end: Instant,
  outcome: Schema.NullOr(Schema.Literal("succeeded", "failed", "cancelled")),
  /** What it failed with. */
  error: Schema.optionalWith(Described, { exact: true })
})

/** @since 0.1.0 */
export type Attempt = typeof Attempt.Type

/**
 * Where a value came from that needed no call: a cache, a cache past its time, or the call of somebody else in flight.
 *
 * @since 0.1.0
 * @category models
 */
export const Served = Schema.Literal("cache", "stale", "flight")

/** @since 0.1.0 */
export type Served = typeof Served.Type

/**
 * Which guard refused to make a call.
 *
 * @since 0.1.0
 * @category models
 */
export const Refused = Schema.Literal("breaker", "bulkhead", "rate-limit", "retry-budget")

/** @since 0.1.0 */
export type Refused = typeof Refused.Type

/**
 * Why a call that was slow or had failed got no second one: the hedge's budget was used up (`budget`), the call must not
 * be made twice (`once`), half of the calls take longer than the time that remained (`deadline`), or too few calls had been
 * seen to tell what is slow (`few-calls`).
 *
 * @since 0.1.0
 * @category models
 */
export const Unhedged = Schema.Literal("budget", "once", "deadline", "few-calls")

/** @since 0.1.0 */
export type Unhedged = typeof Unhedged.Type

/**
 * What the guards around a source did.
 *
 * @since 0.1.0
 * @category models
 */
export const Guards = Schema.Struct({
  /** How many calls were made, retries, hedges and reconnects with them; zero where there was nothing to count. */
  calls: Schema.Number,
  /** The first hundred of them. */
  attempts: Schema.Array(Attempt),
  /** Milliseconds that it waited for a place or a turn. */
  queued: Schema.Number,
  served: Schema.NullOr(Served),
  refused: Schema.NullOr(Refused),
  /** Only where a hedge would have made a second call, and did not. */
  unhedged: Schema.optionalWith(Unhedged, { exact: true })
})

/** @since 0.1.0 */
export type Guards = typeof Guards.Type

/**
 * What happened to one source.
 *
 * @since 0.1.0
 * @category models
 */
export const SourceReceipt = Schema.Struct({
  name: Schema.String,
  outcome: Outcome.Status,
  /** True when its failure fails the answer. */
  required: Schema.Boolean,
  /** True when its place in the answer was taken by `Option.none` or by a fallback value. */
  fallback: Schema.Boolean,
  cleanup: CleanupState,
  /** When it was asked. */
  start: Instant,
  /** When it ended, or was told to stop. */
  end: Instant,
  /** When its cleanup had ended: later than `end` only for a source that was told to stop. */
  cleaned: Instant,
  /** The last that it said of how far it had got, with {@link progress}. */
  progress: Schema.NullOr(Schema.String),
  error: Schema.NullOr(Described),
  /** Only where a guard had something to say. */
  guards: Schema.optionalWith(Guards, { exact: true })
})

/** @since 0.1.0 */
export type SourceReceipt = typeof SourceReceipt.Type

/**
 * Why an answer failed or has a part missing: the first thing that went wrong.
 *
 * `source` is the one that failed; for `deadline` the first that was still awaited; `null` for `caller`, who went away, and
 * for a stream of items that failed, or was awaited.
 *
 * @since 0.1.0
 * @category models
 */
export const FirstCause = Schema.Struct({
  kind: Schema.Literal("failure", "defect", "limit", "deadline", "caller"),
  source: Schema.NullOr(Schema.String),
  message: Schema.String,
  at: Schema.Number
})

/** @since 0.1.0 */
export type FirstCause = typeof FirstCause.Type

/**
 * How the aggregation as a whole ended: `partial` is an answer with a part missing.
 *
 * @since 0.1.0
 * @category models
 */
export const Ending = Schema.Literal("succeeded", "partial", "failed", "timed-out", "cancelled")

/** @since 0.1.0 */
export type Ending = typeof Ending.Type

/**
 * What happened in one aggregation. All durations and instants are milliseconds after its start, except `startedAt`.
 *
 * @since 0.1.0
 * @category models
 */
export const Receipt = Schema.Struct({
  version: Schema.Literal(1),
  id: Schema.String,
  aggregation: Schema.String,
  /** Which gather policy: `failFast`, `collect`, `quorum`, `first`, `forEach`, `collectEach`, `stream`, `group`. */
  policy: Schema.String,
  outcome: Ending,
  /** Milliseconds since 1970. */
  startedAt: Schema.Number,
  /** How long the request that it answers had waited in the server before the start, where that was a millisecond or more. */
  waited: Schema.optionalWith(Schema.Number, { exact: true }),
  /** When the answer left. */
  elapsed: Schema.Number,
  /** When the last cleanup had ended, `null` while one runs. */
  settled: Instant,
  /** When the answer had to leave; `null` without a deadline. */
  deadline: Instant,
  /** `deadline - elapsed`: what was left when the answer left; `null` without a deadline. */
  remaining: Instant,
  traceId: Schema.NullOr(Schema.String),
  firstCause: Schema.NullOr(FirstCause),
  /** The sources that were stopped, or never asked, because of the first cause. */
  victims: Schema.Array(Schema.String),
  /** The sources that the answer waited for, in order: shorten one of these to answer sooner. */
  criticalPath: Schema.Array(Schema.String),
  /** In the order in which they were given. */
  sources: Schema.Array(SourceReceipt),
  /** In a sampled recording: how many receipts this one stands for. */
  weight: Schema.optionalWith(Schema.Number.pipe(Schema.finite(), Schema.greaterThanOrEqualTo(1)), { exact: true })
})

/** @since 0.1.0 */
export type Receipt = typeof Receipt.Type

const maxMessage = 2_000

/**
 * Reads an error of any kind as a tag, a message (at most 2,000 characters) and its HTTP status, if it has one.
 *
 * @since 0.1.0
 * @category getters
 */
export const describe = (
  error: unknown
): { readonly tag: string; readonly message: string; readonly status?: number } => {
  if (typeof error !== "object" || error === null) return { tag: typeof error, message: cut(String(error)) }
  try {
    const tag = "_tag" in error ? String(error._tag) : error instanceof Error ? error.name : "Object"
    const message = "message" in error && typeof error.message === "string" ? error.message : ""
    const hasStatus = "status" in error && typeof error.status === "number" && Number.isFinite(error.status)
    const status = hasStatus ? { status: error.status as number } : {} // The cast: it was just looked at.
    return { tag, message: cut(message !== "" ? message : (asJson(error) ?? tag)), ...status }
  } catch {
    // One of its getters throws. What is wrong with the error must not take the place of the error.
    return { tag: "Object", message: "an error that cannot be read" }
  }
}

// Half a surrogate pair at the cut would be no text that a database takes.
const cut = (text: string): string =>
  text.length > maxMessage ? `${text.slice(0, maxMessage - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : text

const asJson = (error: object): string | undefined => {
  try {
    const text: string | undefined = JSON.stringify(error)
    return error instanceof Error || text === "{}" ? undefined : text
  } catch {
    return undefined
  }
}
