/**
 * What made an answer leave as it did.
 *
 * @since 0.1.0
 */
import { describe, type Ending, type FirstCause } from "../Receipt.ts"
import type { Entry } from "./Entry.ts"
import { rounded } from "./Instant.ts"

/**
 * The first cause of an answer that left at this instant. `decidedBy` is the source whose end made it leave; of a partial
 * answer it is the one that failed first.
 *
 * @since 0.1.0
 * @category getters
 */
export const firstCause = (
  entries: ReadonlyArray<Entry<unknown, unknown>>,
  ending: Ending,
  decidedBy: Entry<unknown, unknown> | null,
  kind: "deadline" | "caller" | undefined,
  at: number
): FirstCause | null => {
  if (kind === "caller") return { kind, source: null, message: "the caller went away", at: rounded(at) }
  const entry =
    ending === "failed" || ending === "timed-out" ? decidedBy : ending === "partial" ? firstFailed(entries) : null
  if (entry === null) return kind === "deadline" && ending !== "succeeded" ? deadlineCause(null, at) : null
  const outcome = entry.result
  if (outcome._tag !== "Failed")
    return outcome._tag === "TimedOut" && outcome.by === "limit" ? limitCause(entry) : deadlineCause(entry, at)
  return {
    kind: entry.died ? "defect" : "failure",
    source: entry.name,
    message: describe(outcome.error).message,
    at: rounded(entry.end ?? at)
  }
}

const firstFailed = (entries: ReadonlyArray<Entry<unknown, unknown>>): Entry<unknown, unknown> | null => {
  let first: Entry<unknown, unknown> | null = null
  for (const entry of entries) {
    if (entry.tag !== "Failed" && entry.tag !== "TimedOut") continue
    if (first === null || (entry.end ?? 0) < (first.end ?? 0)) first = entry
  }
  return first
}

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
