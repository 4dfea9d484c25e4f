/**
 * What must be true of every program on every schedule.
 *
 * @since 0.1.0
 */
import type { Receipt, SourceReceipt } from "../Receipt.ts"
import type { Explored, Invariant } from "./Explorer.ts"
import type { Schedule } from "./Schedule.ts"
import type { Seen } from "./Scripted.ts"

/**
 * Nothing is alive after the program has returned and what it left has cleaned up.
 *
 * @since 0.1.0
 * @category invariants
 */
export const nothingIsAlive: Invariant = {
  name: "nothing is alive after return and cleanup",
  check: ({ fibers }) => (fibers === 0 ? undefined : `${fibers} fibers are alive`)
}

/**
 * Every source that was asked has ended, or was interrupted and has cleaned up.
 *
 * @since 0.1.0
 * @category invariants
 */
export const everySourceIsStopped: Invariant = {
  name: "every source that was asked has ended or was stopped",
  check: ({ seen }) =>
    firstOf(Object.entries(seen), ([name, { asked, cleaned, ended }]) =>
      asked.length > ended.length + cleaned.length ? `"${name}" still runs` : undefined
    )
}

/**
 * No source works on for longer than its program, unless it cannot be interrupted.
 *
 * @since 0.1.0
 * @category invariants
 */
export const losersAreStopped: Invariant = {
  name: "what is not needed any more is stopped when the program returns",
  check: ({ elapsed, schedule, seen }) =>
    firstOf(Object.entries(seen), ([name, { ended }]) => {
      const late = ended.find((at) => at > elapsed)
      return late === undefined || schedule.sources[name]?.uninterruptible
        ? undefined
        : `"${name}" went on until ${late}, the answer had left at ${elapsed}`
    })
}

/**
 * The cleanup of every receipt has come to an end.
 *
 * @since 0.1.0
 * @category invariants
 */
export const receiptsAreSettled: Invariant = {
  name: "every receipt is settled",
  check: ({ receipts }) =>
    firstOf(receipts, ({ aggregation, settled, sources }) =>
      settled === null || sources.some((source) => source.cleanup === "running")
        ? `the receipt of "${aggregation}" is not`
        : undefined
    )
}

/**
 * No gather, group or aggregation answers after its deadline.
 *
 * @since 0.1.0
 * @category invariants
 */
export const deadlinesHold: Invariant = {
  name: "nothing returns after its deadline",
  check: ({ receipts }) =>
    firstOf(receipts, ({ aggregation, deadline, elapsed }) =>
      deadline !== null && elapsed > deadline
        ? `"${aggregation}" answered at ${elapsed}, its deadline was ${deadline}`
        : undefined
    )
}

/**
 * What a receipt says of a source is what the source saw.
 *
 * @since 0.1.0
 * @category invariants
 */
export const receiptsAgree: Invariant = {
  name: "the receipt agrees with what the sources saw",
  check: (run) => eachSource(run, (source, seen, receipt) => disagreement(source, seen, receipt))
}

/**
 * What had finished before the answer left is in the receipt as finished.
 *
 * @since 0.1.0
 * @category invariants
 */
export const whatFinishedIsKept: Invariant = {
  name: "what finished is kept",
  check: (run) =>
    eachSource(run, (source, { ended }, { elapsed, startedAt }) =>
      ended.some((at) => at < startedAt + elapsed) && source.outcome !== "succeeded" && source.outcome !== "failed"
        ? `"${source.name}" ended at ${ended[0]}, and is ${source.outcome}`
        : undefined
    )
}

/**
 * The first failure is the one that a failed answer reports.
 *
 * @since 0.1.0
 * @category invariants
 */
export const firstFailureIsReported: Invariant = {
  name: "the first failure is the one reported",
  check: (run) =>
    firstOf(ofTheSources(run), ({ firstCause, outcome, sources }) => {
      const reported = sources.find((source) => source.name === firstCause?.source)
      if (outcome !== "failed" || reported === undefined) return undefined
      const earlier = sources.find(
        (source) => source.outcome === "failed" && source.required && before(source.end, reported.end)
      )
      return earlier && `"${earlier.name}" failed at ${earlier.end}, reported is "${reported.name}" at ${reported.end}`
    })
}

/**
 * All of them.
 *
 * @since 0.1.0
 * @category invariants
 */
export const all: ReadonlyArray<Invariant> = [
  nothingIsAlive,
  everySourceIsStopped,
  losersAreStopped,
  receiptsAreSettled,
  deadlinesHold,
  receiptsAgree,
  whatFinishedIsKept,
  firstFailureIsReported
]

const firstOf = <A>(all: Iterable<A>, check: (one: A) => string | undefined): string | undefined => {
  for (const one of all) {
    const detail = check(one)
    if (detail !== undefined) return detail
  }
  return undefined
}

/** The receipts whose sources are those of the schedule. */
const ofTheSources = ({ receipts, schedule }: { receipts: ReadonlyArray<Receipt>; schedule: Schedule }) =>
  receipts.filter(({ sources }) => sources.length > 0 && sources.every(({ name }) => name in schedule.sources))

const eachSource = (
  run: Explored,
  check: (source: SourceReceipt, seen: Seen, receipt: Receipt) => string | undefined
): string | undefined =>
  firstOf(ofTheSources(run), (receipt) =>
    firstOf(receipt.sources, (source) => {
      const seen = run.seen[source.name]
      // A source that is asked more than once has no one place in one receipt.
      return seen === undefined || seen.asked.length > 1 ? undefined : check(source, seen, receipt)
    })
  )

const disagreement = (source: SourceReceipt, seen: Seen, { startedAt }: Receipt): string | undefined => {
  const says = `the receipt says that "${source.name}" is ${source.outcome}`
  const at = (instant: number | null) => (instant === null ? null : startedAt + instant)
  switch (source.outcome) {
    case "not-started":
      return seen.asked.length > 0 ? `${says}, but it was asked at ${seen.asked[0]}` : undefined
    case "succeeded":
    case "failed":
      return seen.ended[0] === at(source.end)
        ? undefined
        : `${says} at ${at(source.end)}, but it ended at ${seen.ended[0]}`
    case "cancelled":
    case "timed-out": {
      // One that cannot be interrupted may fail, and then it has seen no interruption.
      const rested = seen.cleaned[0] ?? seen.ended[0]
      return rested === at(source.cleaned)
        ? undefined
        : `${says} and at rest at ${at(source.cleaned)}, but it was at rest at ${rested}`
    }
  }
}

const before = (a: number | null, b: number | null) => a !== null && b !== null && a < b
