/**
 * What must be true of every program on every schedule.
 *
 * @since 0.1.0
 */
import type { Receipt, SourceReceipt } from "../Receipt.ts"
import type { Explored, Invariant } from "./Explored.ts"
import { maxSteps } from "./Machine.ts"
import type { Schedule } from "./Schedule.ts"
import type { Seen } from "./Scripted.ts"

/**
 * The program returns. Where a source hangs it may wait for that.
 *
 * @since 0.1.0
 * @category invariants
 */
export const itReturns: Invariant = {
  name: "the program returns, unless a source hangs",
  check: ({ exit, hanging, outside, rested }) => {
    if (!rested)
      return `it never came to rest: after ${maxSteps} steps it was still busy. It runs in a loop without end`
    if (exit._tag === "Some" || hanging.length > 0) return undefined
    const waits =
      outside.length > 0
        ? `${outside.join("; ")}. ${onlyVirtualTime}`
        : "something that nothing completes: a Deferred, a queue, a latch or a permit"
    return `no source hangs, and it never returned. It waits for ${waits}`
  }
}

/**
 * The program waits for nothing that happens in real time, and leaves nothing that does.
 *
 * @since 0.1.0
 * @category invariants
 */
export const onlyVirtualTimePasses: Invariant = {
  name: "only virtual time passes",
  check: ({ outside }) =>
    outside.length === 0 ? undefined : `beside the virtual clock there was ${outside.join("; ")}. ${onlyVirtualTime}`
}

const onlyVirtualTime =
  "The explorer waits for no real timer or request: use Effect.sleep, and a scripted source in place of what answers"

/**
 * Nothing is alive after the program has returned and what it left has cleaned up.
 *
 * @since 0.1.0
 * @category invariants
 */
export const nothingIsAlive: Invariant = {
  name: "nothing is alive after return and cleanup",
  check: ({ elapsed, fibers, receipts, seen, settled }) => {
    if (fibers > 0) return `${fibers} ${fibers === 1 ? "fiber is" : "fibers are"} alive`
    const rested = Math.max(
      Number.isFinite(elapsed) ? elapsed : 0,
      ...Object.values(seen).flatMap(({ cleaned, ended }) => [...cleaned, ...ended]),
      ...receipts.map((receipt) => receipt.startedAt + (receipt.settled ?? 0))
    )
    return settled <= rested ? undefined : `a fiber or timer went on until ${settled}, all else had ended at ${rested}`
  }
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
 * The victims of a failed answer are the sources that were stopped or never asked, in the order in which they were given;
 * an answer that did not fail has none.
 *
 * @since 0.1.0
 * @category invariants
 */
export const victimsAreNamed: Invariant = {
  name: "the victims are those that were stopped or never asked",
  check: (run) =>
    firstOf(ofTheSources(run), ({ outcome, sources, victims }) => {
      const failed = outcome !== "succeeded" && outcome !== "partial"
      const stopped = sources.filter(({ outcome }) => outcome === "cancelled" || outcome === "not-started")
      const expected = failed ? stopped.map(({ name }) => name) : []
      return victims.join() === expected.join()
        ? undefined
        : `the victims are [${victims.join(", ")}], and should be [${expected.join(", ")}]`
    })
}

/**
 * The critical path leads to the answer: to the source that made it fail, or else to the last that ended. Each before it had
 * ended by itself when the next was asked.
 *
 * @since 0.1.0
 * @category invariants
 */
export const criticalPathLeadsToTheAnswer: Invariant = {
  name: "the critical path leads to the answer",
  check: (run) =>
    firstOf(ofTheSources(run), ({ criticalPath, firstCause, outcome, sources }) => {
      const byName = new Map(sources.map((source) => [source.name, source]))
      const last = criticalPath.at(-1)
      if (outcome === "failed" || outcome === "timed-out") {
        const source = firstCause?.source ?? undefined
        // Without one it was the stream of items: the path leads to what that had waited for.
        if (source !== undefined && last !== source) return `it leads to "${last}", but the first cause is "${source}"`
      } else if (outcome !== "cancelled") {
        const reached = byName.get(last ?? "")?.end ?? 0
        const end = Math.max(0, ...sources.map((source) => (ends.has(source.outcome) ? (source.end ?? 0) : 0)))
        if (reached !== end) return `it leads to "${last}" at ${reached}, but the last to end did at ${end}`
      }
      return firstOf(criticalPath.slice(0, -1).entries(), ([place, name]) => {
        const source = byName.get(name)
        const next = byName.get(criticalPath[place + 1]!)
        if (source === undefined || !ends.has(source.outcome)) return `it has "${name}", which is ${source?.outcome}`
        return before(next?.start ?? null, source.end) ? `"${next?.name}" was asked before "${name}" ended` : undefined
      })
    })
}

const ends: ReadonlySet<SourceReceipt["outcome"]> = new Set(["succeeded", "failed", "timed-out"])

/**
 * All of them.
 *
 * @since 0.1.0
 * @category invariants
 */
export const all: ReadonlyArray<Invariant> = [
  itReturns,
  onlyVirtualTimePasses,
  nothingIsAlive,
  everySourceIsStopped,
  losersAreStopped,
  receiptsAreSettled,
  deadlinesHold,
  receiptsAgree,
  whatFinishedIsKept,
  firstFailureIsReported,
  victimsAreNamed,
  criticalPathLeadsToTheAnswer
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
