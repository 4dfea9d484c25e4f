/**
 * What made an answer leave as it did.
 *
 * @since 0.1.0
 */
import { Cause } from "effect"
import { describe, type Ending, type FirstCause } from "../Receipt.ts"
import type { Entry } from "./Entry.ts"
import { rounded } from "./Instant.ts"

/**
 * Why an answer left, where it was not the end of a source: the deadline, a caller who went away, or the stream of items that
 * broke at this instant.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason = "deadline" | "caller" | { readonly broken: Cause.Cause<unknown>; readonly at: number }

/**
 * The first cause of an answer that left at this instant. `last` is the source that it waited for; of a partial answer the one
 * to blame is the one that failed first.
 *
 * @since 0.1.0
 * @category getters
 */
export const firstCause = (
  entries: ReadonlyArray<Entry<unknown, unknown>>,
  ending: Ending,
  last: Entry<unknown, unknown> | null,
  reason: Reason | undefined,
  at: number
): FirstCause | null => {
  if (ending === "succeeded") return null
  if (reason === "caller") return { kind: reason, source: null, message: "the caller went away", at: rounded(at) }
  if (typeof reason === "object") return inputCause(reason.broken, reason.at)
  const entry = ending === "partial" ? firstFailed(entries) : last
  if (entry === null) return reason === "deadline" ? deadlineCause(null, at) : null
  const outcome = entry.result
  if (outcome._tag === "Failed" && ending !== "timed-out") {
    const message = describe(outcome.error).message
    return { kind: entry.died ? "defect" : "failure", source: entry.name, message, at: rounded(entry.end ?? at) }
  }
  if (outcome._tag === "TimedOut" && outcome.by === "limit") return limitCause(entry)
  // Where all sources that were asked had ended, it was the stream of items that was awaited.
  return deadlineCause(entry.tag === "Succeeded" ? null : entry, at)
}

const firstFailed = (entries: ReadonlyArray<Entry<unknown, unknown>>): Entry<unknown, unknown> | null => {
  let first: Entry<unknown, unknown> | null = null
  for (const entry of entries) {
    if (entry.tag !== "Failed" && entry.tag !== "TimedOut") continue
    if (first === null || (entry.end ?? 0) < (first.end ?? 0)) first = entry
  }
  return first
}

const inputCause = (cause: Cause.Cause<unknown>, at: number): FirstCause => ({
  kind: Cause.failureOption(cause)._tag === "Some" ? "failure" : "defect",
  source: null,
  message: `the stream of items failed: ${describe(Cause.squash(cause)).message}`,
  at: rounded(at)
})

const deadlineCause = (entry: Entry<unknown, unknown> | null, at: number): FirstCause => ({
  kind: "deadline",
  source: entry?.name ?? null,
  message: "the deadline passed",
  at: rounded(at)
})

const limitCause = (entry: Entry<unknown, unknown>): FirstCause => ({
  kind: "limit",
  source: entry.name,
  message: "it ran out of its own time limit",
  at: rounded(entry.end ?? 0)
})
