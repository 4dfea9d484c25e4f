/**
 * One recorded aggregation, played under another setting.
 *
 * @since 0.1.0
 */
import type { Receipt } from "../../Receipt.ts"
import type { Draw, Latencies } from "./Latencies.ts"

/**
 * How one source ended in one aggregation: `cut` is one that was stopped, so that only a lower bound is known.
 *
 * @since 0.1.0
 * @category models
 */
export interface Seen {
  /** When it was asked; for one that never was, when the answer left. */
  readonly start: number
  readonly took: number
  readonly ending: "ok" | "failed" | "cut"
  /** `always`: it died, which no outcome policy makes up for. */
  readonly required: boolean | "always"
}

/**
 * What is kept of an aggregation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row {
  readonly deadline: number
  readonly sources: ReadonlyMap<string, Seen>
}

/**
 * Reads a receipt.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rowOf = ({ deadline, elapsed, policy, sources }: Receipt): Row => ({
  deadline: deadline ?? Infinity,
  sources: new Map(sources.map((source) => [source.name, seenOf(source, deadline ?? Infinity, elapsed, policy)]))
})

const seenOf = (
  { end, error, outcome, required, start }: Receipt["sources"][number],
  deadline: number,
  elapsed: number,
  policy: string
): Seen => {
  const died = error?.tag === "SourceDied" && policy === "failFast"
  const cut = outcome !== "succeeded" && error === null
  const took = start === null || end === null ? 0 : end - start
  return {
    start: start ?? elapsed,
    // A timer may go off a moment early: one that the deadline has cut off was not done before it.
    took: cut && outcome === "timed-out" ? Math.max(took, deadline - (start ?? elapsed)) : took,
    // One with an error has failed, as far as the answer is concerned, also by its own limit.
    ending: outcome === "succeeded" ? "ok" : cut ? "cut" : "failed",
    required: died ? "always" : required
  }
}

/**
 * A setting, ready to be played; without a deadline each aggregation has its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  readonly deadline: number | undefined
  readonly optional: ReadonlySet<string>
  readonly hedges: ReadonlyMap<string, number>
}

/**
 * What came of an aggregation. Times are milliseconds after its start.
 *
 * @since 0.1.0
 * @category models
 */
export interface Played {
  readonly ending: "complete" | "partial" | "failed" | "late"
  /** When the answer left. */
  readonly at: number
  /** The source that it waited for. */
  readonly last: string | undefined
  readonly hedged: ReadonlyArray<string>
  /** The recording cannot tell when a source that was cut off then would have ended. */
  readonly unknown: boolean
  /** From which deadline on nothing is missing, and from which on there is an answer. */
  readonly completeBy: number
  readonly answeredBy: number
}

interface End {
  readonly name: string
  readonly at: number
  readonly ok: boolean
  readonly required: boolean
  readonly hedgedAt: number
  /** From when on the recording cannot tell of it. */
  readonly unknownFrom: number
}

/**
 * The same aggregation under another setting. What would have been asked at another time is asked when it was.
 *
 * @since 0.1.0
 * @category playing
 */
export const play = (row: Row, plan: Plan, latencies: ReadonlyMap<string, Latencies>, draw: () => number): Played => {
  const deadline = plan.deadline ?? row.deadline
  const ends = Array.from(row.sources, ([name, seen]): End => {
    const left = deadline - seen.start
    const all = latencies.get(name)!
    const first = completed(seen, all, left, draw)
    const delay = plan.hedges.get(name)
    const from = delay === undefined || (first.ok && first.took <= delay) ? Infinity : Math.min(delay, first.took)
    const { ok, took } = from < left ? sooner(first, from, all.draw(draw())) : first
    const required = seen.required === "always" || (seen.required && !plan.optional.has(name))
    return {
      name,
      at: seen.start + took,
      ok,
      required,
      hedgedAt: from < left ? seen.start + from : Infinity,
      unknownFrom: took === Infinity && seen.took < left ? seen.start + seen.took : Infinity
    }
  })
  const { at, ending, last } = answer(ends, deadline)
  const required = ends.filter((end) => end.required)
  return {
    ending,
    at,
    last: last?.name,
    // Once the answer has left, no second call is sent.
    hedged: ends.filter(({ hedgedAt }) => hedgedAt < at).map(({ name }) => name),
    unknown: ends.some(({ unknownFrom }) => unknownFrom < at),
    completeBy: latest(ends),
    answeredBy: latest(required)
  }
}

const answer = (ends: ReadonlyArray<End>, deadline: number): Pick<Played, "ending" | "at"> & { last?: End } => {
  const required = ends.filter((end) => end.required)
  const [failure] = required.filter(({ at, ok }) => !ok && at < deadline).sort((a, b) => a.at - b.at)
  if (failure !== undefined) return { ending: "failed", at: failure.at, last: failure }
  const late = required.find(({ at }) => at >= deadline)
  if (late !== undefined) return { ending: "late", at: deadline, last: late }
  const last = slowest(ends)
  if (last === undefined) return { ending: "complete", at: 0 }
  const complete = ends.every(({ at, ok }) => ok && at < deadline)
  return { ending: complete ? "complete" : "partial", at: Math.min(deadline, last.at), last }
}

const slowest = (ends: ReadonlyArray<End>) =>
  ends.reduce<End | undefined>((a, b) => (a === undefined || b.at > a.at ? b : a), undefined)

/** When the last of them has succeeded. */
const latest = (ends: ReadonlyArray<End>): number => (ends.every(({ ok }) => ok) ? (slowest(ends)?.at ?? 0) : Infinity)

/** How a call would have ended had it not been cut off; what is later than `left` need not be known. */
const completed = (seen: Seen, latencies: Latencies, left: number, draw: () => number): Draw => {
  if (seen.ending !== "cut") return { took: seen.took, ok: seen.ending === "ok" }
  return seen.took >= left ? { took: Infinity, ok: false } : latencies.drawBeyond(seen.took, draw())
}

/** The first success of two calls, the second started at `from`; when both fail, the later failure. */
const sooner = (first: Draw, from: number, second: Draw): Draw => {
  const took = from + second.took
  if (first.ok && second.ok) return { took: Math.min(first.took, took), ok: true }
  if (first.ok || second.ok) return { took: first.ok ? first.took : took, ok: true }
  return { took: Math.max(first.took, took), ok: false }
}
