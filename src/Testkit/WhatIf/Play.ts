/**
 * Recorded aggregations, played under another setting.
 *
 * @since 0.1.0
 */
import { hedge, type Hedged, type HedgeSetting } from "./Hedging.ts"
import type { Draw, Latencies } from "./Latencies.ts"
import type { Row, Seen } from "./Row.ts"

/**
 * A setting, ready to be played; without a deadline each aggregation has its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  readonly deadline: number | undefined
  readonly optional: ReadonlySet<string>
  readonly hedges: ReadonlyMap<string, HedgeSetting>
}

/**
 * How long sources take, by name, and how long their single calls do.
 *
 * @since 0.1.0
 * @category models
 */
export interface Survey {
  readonly sources: ReadonlyMap<string, Latencies>
  readonly calls: ReadonlyMap<string, Latencies>
}

/**
 * What came of an aggregation. Times are milliseconds after its start.
 *
 * @since 0.1.0
 * @category models
 */
export interface Played {
  readonly weight: number
  readonly ending: "complete" | "partial" | "failed" | "late"
  /** When the answer left. */
  readonly at: number
  /** The source that it waited for. */
  readonly last: string | undefined
  /** The sources that had a hedge. */
  readonly hedged: ReadonlyMap<string, Hedged>
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
  /** From when on the recording cannot tell of it. */
  readonly unknownFrom: number
}

/**
 * The same aggregations under another setting. What would have been asked at another time is asked when it was.
 *
 * @since 0.1.0
 * @category playing
 */
export const play = (
  rows: ReadonlyArray<Row>,
  plan: Plan,
  survey: Survey,
  draw: () => number
): ReadonlyArray<Played> => {
  const deadline = (row: Row) => plan.deadline ?? row.deadline
  const isRequired = (name: string, seen: Seen) =>
    seen.required === "always" || (seen.required && !plan.optional.has(name))
  const endsOf = (row: Row) =>
    new Map(
      Array.from(row.sources).flatMap(([name, seen]): ReadonlyArray<[string, End]> => {
        if (plan.hedges.has(name) && seen.calls.length > 0) return []
        const call = completed(seen, survey.sources.get(name)!, deadline(row) - seen.start, draw)
        return [[name, endOf(name, seen, isRequired(name, seen), call, deadline(row))]]
      })
    )
  const unhedged = new Map(rows.map((row) => [row, endsOf(row)]))
  const leaves = (row: Row) => {
    let first = Infinity
    for (const { at, ok, required } of unhedged.get(row)!.values()) if (required && !ok) first = Math.min(first, at)
    return first
  }
  const hedged = hedge(rows, { hedges: plan.hedges, latencies: survey.calls, leaves, deadline, isRequired, draw })

  return rows.map((row) => {
    const second = hedged.get(row) ?? none
    const ends = Array.from(row.sources, ([name, seen]) => {
      const call = second.get(name)
      if (call === undefined) return unhedged.get(row)!.get(name)!
      return endOf(name, seen, isRequired(name, seen), call, deadline(row))
    })
    return playedOf(row, ends, second, deadline(row))
  })
}

const none: ReadonlyMap<string, Hedged> = new Map()

const playedOf = (
  row: Row,
  ends: ReadonlyArray<End>,
  hedged: ReadonlyMap<string, Hedged>,
  deadline: number
): Played => {
  const { at, ending, last } = answer(ends, deadline)
  return {
    weight: row.weight,
    ending,
    at,
    last: last?.name,
    hedged,
    unknown: ends.some(({ unknownFrom }) => unknownFrom < at),
    completeBy: latest(ends),
    answeredBy: latest(ends.filter((end) => end.required))
  }
}

const endOf = (name: string, seen: Seen, required: boolean, { ok, took }: Draw, deadline: number): End => ({
  name,
  at: seen.start + took,
  ok,
  required,
  unknownFrom:
    took === Infinity && seen.ending === "cut" && seen.took < deadline - seen.start ? seen.start + seen.took : Infinity
})

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

/** How a source would have ended had it not been cut off; what is later than `left` need not be known. */
const completed = (seen: Seen, latencies: Latencies, left: number, draw: () => number): Draw => {
  if (seen.ending !== "cut") return { took: seen.took, ok: seen.ending === "ok" }
  return seen.took >= left ? { took: Infinity, ok: false } : latencies.drawBeyond(seen.took, draw())
}
