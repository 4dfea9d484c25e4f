/**
 * What hedges would have done to recorded aggregations: all of them in the order of time, since they share a budget and what
 * was seen of how long calls take.
 *
 * @since 0.1.0
 */
import type { Unhedged } from "../../Receipt.ts"
import * as Budget from "../../Resilience/Budget.ts"
import * as Latency from "../../Resilience/Latency.ts"
import { Agenda } from "./Agenda.ts"
import type { Draw, Latencies } from "./Latencies.ts"
import type { Call, Row, Seen } from "./Row.ts"

/**
 * A hedge to try: after how many milliseconds it makes its second call, or after which share of the calls of the last minute,
 * 0.95 for the slowest 5 %, as `Hedge.after` and `Hedge.percentile` do.
 *
 * @since 0.1.0
 * @category models
 */
export interface HedgeSetting {
  readonly after: number | { readonly percentile: number }
  readonly budget: Budget.BudgetOptions
}

/**
 * How a source ended with its hedge.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hedged {
  /** Since it was asked. `Infinity`: not before the answer had left, or beyond all that was recorded. */
  readonly took: number
  readonly ok: boolean
  /** Its second calls. */
  readonly sent: number
  /** Why it got none, for the last of its calls that was slow or had failed. */
  readonly unhedged: Unhedged | undefined
  /** Some call was slow or had failed: it wanted a second one. */
  readonly wanted: boolean
}

/**
 * The recording, prepared for playing hedges.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stage {
  readonly hedges: ReadonlyMap<string, HedgeSetting>
  /** Of the single calls of a source. */
  readonly latencies: ReadonlyMap<string, Latencies>
  /** When the answer leaves as far as the sources without a hedge say, in milliseconds after the start. */
  readonly leaves: (row: Row) => number
  readonly deadline: (row: Row) => number
  readonly isRequired: (name: string, seen: Seen) => boolean
  readonly draw: () => number
}

/** So many ordinary calls are worth observing for one that stands for many: percentiles need 20, or 100, in a minute. */
const mostCopies = 100

/** Copies of all rows together, at most. */
const mostEvents = 200_000

/** A second call takes as long as one of so many before it, or after it. */
const neighbours = 10

/**
 * Plays the hedges. Gives how each hedged source of each row ended.
 *
 * @since 0.1.0
 * @category playing
 */
export const hedge = (rows: ReadonlyArray<Row>, stage: Stage): ReadonlyMap<Row, ReadonlyMap<string, Hedged>> => {
  const played = new Map<Row, Map<string, Hedged>>()
  if (stage.hedges.size === 0) return played
  const ordered = inOrder(rows)
  const agenda = new Agenda()
  const copies = copying(ordered, stage.draw)
  const sources = Array.from(
    stage.hedges,
    ([name, setting]) => new Source(name, setting, ordered, stage, agenda, copies)
  )
  for (const timed of ordered) {
    const ended = new Map<string, Hedged>()
    played.set(timed.row, ended)
    const answer: Answer = { at: timed.at, leaves: stage.leaves(timed.row), deadline: stage.deadline(timed.row) }
    for (const source of sources) {
      const seen = timed.row.sources.get(source.name)
      if (seen !== undefined) source.plan(timed.row, seen, answer, ended)
    }
  }
  agenda.run()
  return played
}

interface TimedRow {
  readonly row: Row
  /** When it began. */
  readonly at: number
}

/** Receipts that all began at once were made by hand, or each in a virtual time of its own: a tenth of a second apart. */
const inOrder = (rows: ReadonlyArray<Row>): ReadonlyArray<TimedRow> => {
  const isTimed = rows.some(({ startedAt }) => startedAt !== rows[0]!.startedAt)
  return rows
    .map((row, index) => ({ row, at: isTimed ? row.startedAt : row.startedAt + index * 100 }))
    .sort((a, b) => a.at - b.at)
}

/** How a row that stands for several aggregations is made into several. */
interface Copying {
  /** How many calls one of a row stands for, in the load that is played. */
  readonly of: (row: Row) => number
  /** When a copy of what happens now happens: the others lie spread over what a hundred rows stand for. */
  readonly later: (now: number) => number
}

/**
 * A load of which each call was recorded with the same chance can be played as if it were all of it: that is the same load,
 * slower. Only what stands for more than others needs copies.
 */
const copying = (rows: ReadonlyArray<TimedRow>, draw: () => number): Copying => {
  const weights = rows.map(({ row }) => row.weight)
  const least = weights.reduce((a, b) => Math.min(a, b), Infinity)
  const all = weights.reduce((a, b) => a + b, 0)
  const unit = Math.max(least, all / Math.max(rows.length, mostEvents))
  const span = (rows.at(-1)?.at ?? 0) - (rows[0]?.at ?? 0)
  return {
    of: ({ weight }) => Math.max(1, Math.floor(weight / unit + (weight === unit ? 0 : draw()))),
    later: (now) => now + draw() * Math.min(span, (100 * span) / Math.max(1, rows.length))
  }
}

/** When the answer of a row leaves; a failure that a hedge did not prevent makes it earlier. */
interface Answer {
  readonly at: number
  leaves: number
  readonly deadline: number
}

interface Started {
  readonly at: number
  readonly call: Call
  readonly weight: number
}

const repeatable = new Set<string | undefined>(["SourceUnavailable", "SourceTimedOut"])
const refusals = new Set<string | undefined>(["BreakerOpen", "BulkheadFull", "RateLimited"])

/** A source and its hedge. */
class Source {
  private readonly latency = Latency.make("explain")
  private readonly budget: Budget.Budget
  private readonly started: ReadonlyArray<Started>
  private readonly heaviest: number

  constructor(
    readonly name: string,
    private readonly setting: HedgeSetting,
    rows: ReadonlyArray<TimedRow>,
    private readonly stage: Stage,
    private readonly agenda: Agenda,
    private readonly copies: Copying
  ) {
    this.budget = Budget.make(setting.budget)
    this.started = rows.flatMap(({ at, row }) => {
      const { calls = [], start = 0 } = row.sources.get(name) ?? {}
      return calls.map((call) => ({ at: at + start, call, weight: row.weight }))
    })
    this.heaviest = this.started.reduce((most, { weight }) => Math.max(most, weight), 0)
  }

  /** Plans the calls of one aggregation. */
  plan(row: Row, seen: Seen, answer: Answer, ended: Map<string, Hedged>): void {
    if (seen.calls.length === 0) return
    const isRequired = this.stage.isRequired(this.name, seen)
    const asked = new Asking(row, seen, answer, isRequired, (hedged) => ended.set(this.name, hedged))
    this.start(asked, 0, 0)
  }

  /** The call with this index, whose turn comes when the one before it has ended; times are since the source was asked. */
  private start(asked: Asking, index: number, ended: number): void {
    const began = ended + asked.seen.calls[index]!.wait
    this.agenda.add(asked.at(began), (now) => this.call(asked, index, began, now))
  }

  private call(asked: Asking, index: number, began: number, now: number): void {
    if (asked.isOver(began)) return asked.ended(Infinity, false)
    const call = asked.seen.calls[index]!
    this.count(asked.row, now, () => this.budget.called())
    const first = this.completed(call)
    const { after } = this.setting
    const delay = typeof after === "number" ? after : (this.latency.percentile(after.percentile, now) ?? Infinity)
    if (delay === Infinity) asked.unhedged = "few-calls"
    if (first.took <= delay && (first.ok || !repeatable.has(first.error)))
      return this.end(asked, index, began, first, first)
    const from = Math.min(delay, first.took)
    // It never becomes slow, nor ends.
    if (from === Infinity) return asked.ended(Infinity, false)
    this.agenda.add(asked.at(began + from), (now) => {
      // Once the answer has left, no second call is sent.
      if (asked.isOver(began + from)) return asked.ended(Infinity, false)
      asked.wanted = true
      asked.unhedged = this.refusal(asked, now)
      if (asked.unhedged !== undefined) return this.end(asked, index, began, first, first)
      asked.sent += 1
      this.end(asked, index, began, first, sooner(first, from, this.second(call, asked.at(began))))
    })
  }

  /** The call ends with this result, that of the first call or of the second. */
  private end(asked: Asking, index: number, began: number, first: Draw, result: Draw): void {
    const ended = began + result.took
    if (ended === Infinity) return asked.ended(Infinity, false)
    this.agenda.add(asked.at(ended), (now) => {
      if (asked.isOver(ended)) return asked.ended(Infinity, false)
      // As a hedge does: failures are often faster than answers, and a call that was overtaken took at least as long.
      if (first.took > result.took || first.ok || first.error === "SourceTimedOut")
        this.observe(asked.row, Math.min(first.took, result.took), now)
      if (result.ok) return asked.ended(ended + asked.seen.tail, true)
      if (index + 1 < asked.seen.calls.length && !refusals.has(result.error)) return this.start(asked, index + 1, ended)
      asked.ended(ended + asked.seen.tail, false)
    })
  }

  /** Why there is no second call. */
  private refusal({ answer, row, seen }: Asking, now: number): Unhedged | undefined {
    if (seen.once) return "once"
    if (answer.deadline !== Infinity && !(answer.at + answer.deadline - now - this.half(now) > 0)) return "deadline"
    let isRefused = false
    this.count(row, now, (isCopy) => {
      const taken = this.budget.take(now) !== undefined
      if (!isCopy) isRefused = !taken
    })
    return isRefused ? "budget" : undefined
  }

  private half(now: number): number {
    return this.latency.percentile(0.5, now) ?? 0
  }

  private observe({ weight }: Row, millis: number, now: number): void {
    const times = Math.min(mostCopies, Math.max(1, Math.round(weight)))
    for (let n = 0; n < times; n++) this.latency.observe(millis, now)
  }

  /** Does something for a row now, and for its copies later. */
  private count(row: Row, now: number, what: (isCopy: boolean) => void): void {
    what(false)
    for (let left = this.copies.of(row) - 1; left > 0; left--) this.agenda.add(this.copies.later(now), () => what(true))
  }

  /** How a call would have ended had it not been cut off. */
  private completed({ ending, error, took }: Call): Draw {
    if (ending !== "cut") return { took, ok: ending === "ok", error }
    return this.stage.latencies.get(this.name)!.drawBeyond(took, this.stage.draw())
  }

  /** A second call: one of those around it, so that what is slow or down for a time is so for second calls as well. */
  private second(own: Call, began: number): Draw {
    const { heaviest, stage, started } = this
    const place = firstAfter(started, began)
    const low = Math.max(0, Math.min(place - neighbours, started.length - 2 * neighbours - 1))
    const some = Math.min(started.length - low, 2 * neighbours + 1)
    if (some < 2) return stage.latencies.get(this.name)!.draw(stage.draw())
    for (;;) {
      const other = started[low + Math.floor(stage.draw() * some)]!
      if (other.call !== own && (other.weight === heaviest || stage.draw() * heaviest < other.weight))
        return this.completed(other.call)
    }
  }
}

/** One source of one aggregation, as it is played. Times are milliseconds since it was asked. */
class Asking {
  sent = 0
  wanted = false
  unhedged: Unhedged | undefined = undefined

  constructor(
    readonly row: Row,
    readonly seen: Seen,
    readonly answer: Answer,
    private readonly isRequired: boolean,
    private readonly end: (hedged: Hedged) => void
  ) {}

  /** The time for all aggregations. */
  at(time: number): number {
    return this.answer.at + this.seen.start + time
  }

  /** The answer has left. */
  isOver(time: number): boolean {
    return this.seen.start + time >= Math.min(this.answer.leaves, this.answer.deadline)
  }

  ended(took: number, ok: boolean): void {
    const { answer, isRequired, seen, sent, unhedged, wanted } = this
    if (isRequired && !ok) answer.leaves = Math.min(answer.leaves, seen.start + took)
    this.end({ took, ok, sent, unhedged, wanted })
  }
}

/**
 * What two calls come to, the second started at `from`: the first that succeeds, or fails with what no other call mends, is
 * the answer; else the last. A refused call decides nothing.
 */
const sooner = (first: Draw, from: number, second: Draw): Draw => {
  if (refusals.has(second.error)) return first
  const other = { ...second, took: from + second.took }
  const [one, two] = other.took < first.took ? [other, first] : [first, other]
  return one.ok || !repeatable.has(one.error) ? one : two
}

const firstAfter = (started: ReadonlyArray<Started>, at: number): number => {
  let low = 0
  let high = started.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (started[middle]!.at >= at) high = middle
    else low = middle + 1
  }
  return low
}
