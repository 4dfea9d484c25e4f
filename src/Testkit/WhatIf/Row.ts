/**
 * What is kept of a recorded aggregation.
 *
 * @since 0.1.0
 */
import type { Receipt, SourceReceipt } from "../../Receipt.ts"

/**
 * How a call, or a source, ended: `cut` is one that was stopped, so that only a lower bound of its time is known.
 *
 * @since 0.1.0
 * @category models
 */
export type Ending = "ok" | "failed" | "cut"

/**
 * One call of a source: the first, or a retry. Second calls of a recorded hedge are left out: they are played anew.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  /** Milliseconds after the call before it had ended; of the first: after the source was asked. */
  readonly wait: number
  readonly took: number
  readonly ending: Ending
  /** The tag of its error. */
  readonly error: string | undefined
}

/**
 * How one source ended in one aggregation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Seen {
  /** When it was asked; for one that never was, when the answer left. */
  readonly start: number
  readonly took: number
  readonly ending: Ending
  /** `always`: it died, which no outcome policy makes up for. */
  readonly required: boolean | "always"
  /** In the order in which they were made; empty when its value needed none, or it never was asked. */
  readonly calls: ReadonlyArray<Call>
  /** From the end of the last call to the end of the source. */
  readonly tail: number
  /** Its calls must not be made twice, as a recorded hedge has found. */
  readonly once: boolean
  /** It waited for a place or a turn, or got none. */
  readonly limited: boolean
  /** A breaker refused it. */
  readonly broken: boolean
}

/**
 * What is kept of an aggregation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row {
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly deadline: number
  /** How many aggregations it stands for. */
  readonly weight: number
  readonly sources: ReadonlyMap<string, Seen>
}

/**
 * Reads a receipt.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rowOf = ({ deadline, elapsed, policy, sources, startedAt, weight = 1 }: Receipt): Row => ({
  startedAt,
  deadline: deadline ?? Infinity,
  weight,
  sources: new Map(sources.map((source) => [source.name, seenOf(source, deadline ?? Infinity, elapsed, policy)]))
})

const seenOf = (source: SourceReceipt, deadline: number, elapsed: number, policy: string): Seen => {
  const { end, error, guards, outcome, required, start } = source
  const died = error?.tag === "SourceDied" && policy === "failFast"
  const cut = outcome !== "succeeded" && error === null
  const time = start === null || end === null ? 0 : end - start
  const seen = {
    start: start ?? elapsed,
    // A timer may go off a moment early: one that the deadline has cut off was not done before it.
    took: cut && outcome === "timed-out" ? Math.max(time, deadline - (start ?? elapsed)) : time,
    // One with an error has failed, as far as the answer is concerned, also by its own limit.
    ending: outcome === "succeeded" ? "ok" : cut ? "cut" : "failed"
  } as const
  const whole: Call = { wait: 0, took: seen.took, ending: seen.ending, error: error?.tag }
  return {
    ...seen,
    required: died ? "always" : required,
    ...(start === null || (guards?.served ?? null) !== null
      ? none
      : (callsOf(source, start) ?? { calls: [whole], tail: 0 })),
    once: guards?.unhedged === "once",
    limited: (guards?.queued ?? 0) > 0 || guards?.refused === "bulkhead" || guards?.refused === "rate-limit",
    broken: guards?.refused === "breaker"
  }
}

const none: Pick<Seen, "calls" | "tail"> = { calls: [], tail: 0 }

/** What guards say of its calls; `undefined` where the source as a whole says as much, or they are not all listed. */
const callsOf = ({ end, error, guards }: SourceReceipt, start: number): Pick<Seen, "calls" | "tail"> | undefined => {
  const attempts = guards?.attempts ?? []
  if (guards === undefined || end === null || attempts.length < 2 || guards.calls > attempts.length) return undefined
  const calls: Array<Call> = []
  // When the calls so far had ended.
  let ended = start
  for (const attempt of attempts) {
    const until = attempt.end ?? end
    if (attempt.kind !== "hedge") {
      // A retry inside a hedge: which call it repeats is not listed.
      if (attempt.start < ended) return undefined
      const ending = attempt.outcome === "succeeded" ? "ok" : attempt.outcome === "failed" ? "failed" : "cut"
      const tag = ending === "failed" ? (attempt.error ?? error)?.tag : undefined
      calls.push({ wait: attempt.start - ended, took: until - attempt.start, ending, error: tag })
    }
    ended = Math.max(ended, until)
  }
  return { calls, tail: Math.max(0, end - ended) }
}
