/**
 * The gather policies over named tasks: what `Gather` and `Aggregator` have in common.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import { DeadlineExceeded } from "../Deadline.ts"
import * as Options from "../Options.ts"
import * as Outcome from "../Outcome.ts"
import { Receipt } from "../Receipt.ts"
import { type Entry, failWith, type Recorder } from "../Receipt/Recorder.ts"
import { type Ended, run, type RunOptions, type Spec, type Task } from "./Run.ts"

class QuorumNotReachedBase extends Schema.TaggedError<QuorumNotReachedBase>("effect-muster/Gather/QuorumNotReached")(
  "QuorumNotReached",
  {
    /** How many successes were needed. */
    required: Schema.Number,
    /** The sources that succeeded. */
    succeeded: Schema.Array(Schema.String),
    /** The sources that did not, in input order, with what they failed with. */
    failures: Schema.Array(Schema.Struct({ source: Schema.String, error: Schema.Unknown })),
    receipt: Schema.optional(Receipt)
  }
) {
  override get message() {
    const failed = this.failures.slice(0, 5).map(({ error, source }) => `"${source}" (${text(error)})`)
    const more = this.failures.length > 5 ? ` and ${this.failures.length - 5} more` : ""
    return (
      `${this.required} successes were needed and only ${this.succeeded.length} are left to reach: ` +
      `failed were ${failed.join(", ") || "none"}${more}`
    )
  }
}

const text = (error: unknown) => (error instanceof Error ? error.message : String(error))

/**
 * So many sources failed that the successes asked for cannot be had any more; `first` asks for one.
 *
 * @since 0.1.0
 * @category errors
 */
export class QuorumNotReached<E> extends QuorumNotReachedBase {
  declare readonly failures: ReadonlyArray<{ readonly source: string; readonly error: E | Outcome.SourceDied }>
}

/**
 * What a policy over tasks needs besides the tasks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Context {
  readonly where: string
  readonly recorder: Recorder
  readonly options: RunOptions | undefined
  /** How the tasks are asked; default: {@link reference}. */
  readonly ask?: Asker | undefined
}

/**
 * Asks for each task, at most `concurrency` at a time, until all have ended, the answer is decided, or the deadline strikes.
 *
 * @since 0.1.0
 * @category models
 */
export type Asker = <A, E, R>(
  spec: Spec<A, E>,
  entries: ReadonlyArray<Entry<A, E>>,
  tasks: ReadonlyArray<Task<A, E, R>>
) => Effect.Effect<Ended<A, E>, never, R>

/**
 * All values in input order, or the first failure, the rest interrupted. A task with a fallback does not fail the
 * answer, neither by failing nor by being late; a defect always does.
 *
 * @since 0.1.0
 * @category policies
 */
export const failFast = <A, E, R>(
  { ask = reference, options, recorder, where }: Context,
  tasks: ReadonlyArray<Task<A, E, R>>
): Effect.Effect<ReadonlyArray<A>, E | DeadlineExceeded, R> =>
  Effect.gen(function* () {
    const entries = enter<A, E, R>(recorder, tasks, options)
    entries.forEach((entry, index) => (entry.required = tasks[index]!.fallback === undefined))
    const fallsBack = (entry: Entry<A, E>) => !entry.required && !Outcome.isDefect(entry.result)
    const { decidedBy, struck } = yield* ask(
      {
        where,
        recorder,
        options,
        decides: (entry) => entry.outcome?._tag !== "Succeeded" && !fallsBack(entry),
        allOrNothing: true
      },
      entries,
      tasks
    )
    if (decidedBy !== undefined) return yield* failWith(recorder, decidedBy)
    const pending = entries.filter((entry) => entry.result._tag !== "Succeeded" && !fallsBack(entry))
    if (struck && pending.length > 0) return yield* late(recorder, pending)
    const values = entries.map((entry, index) => {
      const outcome = entry.result
      if (outcome._tag === "Succeeded") return outcome.value
      entry.fallback = true
      // Only a task with a fallback gets here without a value: the others have decided the answer or are pending.
      return tasks[index]!.fallback!()
    })
    recorder.finished(entries.some((entry) => entry.fallback) ? "partial" : "succeeded", recorder.lastEnded())
    return values
  })

/**
 * An outcome for each task, in input order; never fails. What has finished when the deadline strikes is kept.
 *
 * @since 0.1.0
 * @category policies
 */
export const collect = <A, E, R>(
  { ask = reference, options, recorder, where }: Context,
  tasks: ReadonlyArray<Task<A, E, R>>
): Effect.Effect<ReadonlyArray<Outcome.Outcome<A, E>>, never, R> =>
  Effect.gen(function* () {
    const entries = enter<A, E, R>(recorder, tasks, options)
    yield* ask({ where, recorder, options, decides: () => false }, entries, tasks)
    collected(recorder, entries)
    return entries.map((entry) => entry.result)
  })

/**
 * Closes the receipt of a policy that answers whatever happened.
 *
 * @since 0.1.0
 * @category policies
 */
export const collected = (recorder: Recorder, entries: ReadonlyArray<Entry<unknown, unknown>>): void => {
  const complete = entries.every((entry) => entry.result._tag === "Succeeded")
  const late = entries.find((entry) => entry.result._tag === "TimedOut")
  recorder.finished(complete ? "succeeded" : "partial", late ?? recorder.lastEnded(), "deadline")
}

/**
 * The first `k` tasks to succeed, in input order with their names; the rest is interrupted. Fails as soon as `k` cannot
 * be reached, at once when there are fewer than `k` tasks. A task that dies has failed; its defect is logged.
 *
 * @since 0.1.0
 * @category policies
 */
export const quorum = <A, E, R>(
  { ask = reference, options, recorder, where }: Context,
  tasks: ReadonlyArray<Task<A, E, R>>,
  k: number
): Effect.Effect<ReadonlyArray<readonly [name: string, value: A]>, QuorumNotReached<E> | DeadlineExceeded, R> =>
  Effect.gen(function* () {
    Options.count(where, "k", k)
    const entries = enter<A, E, R>(recorder, tasks, options)
    const winners = new Set<Entry<A, E>>()
    let failures = 0
    const decides = (entry: Entry<A, E>) => {
      if (entry.outcome?._tag === "Succeeded") return winners.add(entry).size === k
      return ++failures > tasks.length - k
    }
    const { decidedBy } =
      tasks.length < k ? { decidedBy: undefined } : yield* ask({ where, recorder, options, decides }, entries, tasks)
    yield* logDefects(entries)
    if (winners.size === k) {
      recorder.finished("succeeded", decidedBy ?? null)
      return entries.flatMap((entry) =>
        winners.has(entry) && entry.result._tag === "Succeeded" ? [[entry.name, entry.result.value] as const] : []
      )
    }
    if (decidedBy === undefined && tasks.length >= k) return yield* late(recorder, entries.filter(isUnfinished))
    recorder.finished("failed", decidedBy ?? null)
    return yield* new QuorumNotReached<E>(
      {
        required: k,
        succeeded: entries.filter((entry) => entry.result._tag === "Succeeded").map((entry) => entry.name),
        failures: entries.flatMap((entry) => failureOf(entry)),
        receipt: recorder.receipt()
      },
      unchecked
    )
  })

/**
 * Adds an entry for each task before the first is asked, so that the receipt also has those that never were.
 *
 * @since 0.1.0
 * @category running
 */
export const enter = <A, E, R>(
  recorder: Recorder,
  tasks: ReadonlyArray<Task<A, E, R>>,
  options: RunOptions | undefined
) => {
  recorder.bounded = typeof options?.concurrency === "number" && options.concurrency < tasks.length
  return tasks.map((task) => recorder.entry<A, E>(task.name))
}

/**
 * The reference: with the combinators of Effect.
 *
 * @since 0.1.0
 * @category running
 */
export const reference: Asker = <A, E, R>(
  spec: Spec<A, E>,
  entries: ReadonlyArray<Entry<A, E>>,
  tasks: ReadonlyArray<Task<A, E, R>>
) =>
  run<A, E, R>(spec, (ask, concurrency) =>
    Effect.forEach(tasks, (task, index) => ask(entries[index]!, task.effect), { concurrency, discard: true })
  )

/**
 * The answer is late: names those that were awaited, sources or `others`.
 *
 * @since 0.1.0
 * @category policies
 */
export const late = (
  recorder: Recorder,
  pending: ReadonlyArray<Entry<unknown, unknown>>,
  others: ReadonlyArray<string> = []
): Effect.Effect<never, DeadlineExceeded> => {
  recorder.finished("timed-out", pending[0] ?? null, "deadline")
  const names = [...pending.map((entry) => entry.name), ...others]
  return new DeadlineExceeded({ deadline: recorder.deadline, pending: names, receipt: recorder.receipt() }, unchecked)
}

/** To check a receipt of ours of 1,000 sources takes 3 ms, while the answer is waited for. */
const unchecked = { disableValidation: true }

const failureOf = <E>({ exit, name, result }: Entry<unknown, E>) => {
  if (result._tag === "Failed") return [{ source: name, error: result.error }]
  // A source that ran out of its own limit has failed with that error; it stands in its exit.
  if (result._tag !== "TimedOut" || exit?._tag !== "Failure" || exit.cause._tag !== "Fail") return []
  return [{ source: name, error: exit.cause.error }]
}

const isUnfinished = (entry: Entry<unknown, unknown>) =>
  entry.result._tag === "NotStarted" || entry.result._tag === "Cancelled" || isLate(entry.result)

const isLate = (outcome: Outcome.Outcome<unknown, unknown>) => outcome._tag === "TimedOut" && outcome.by === "deadline"

const logDefects = (entries: ReadonlyArray<Entry<unknown, unknown>>) =>
  Effect.forEach(
    entries,
    ({ name, result }) =>
      result._tag === "Failed" && Outcome.isDefect(result)
        ? Effect.annotateLogs(Effect.logError(`"${name}" died`, result.cause), { source: name })
        : Effect.void,
    { discard: true }
  )
