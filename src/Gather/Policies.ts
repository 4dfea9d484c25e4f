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
  /** Runs an effect as a part of the aggregation: below its span, its cleanup with the same owner. Default: as it is. */
  readonly within?: Within | undefined
}

type Within = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * What {@link Context} has for `within` by default.
 *
 * @since 0.1.0
 * @category running
 */
export const asItIs: Within = (effect) => effect

/**
 * Asks for each task, at most `concurrency` at a time, until all have ended, the answer is decided, or the deadline strikes;
 * `answer` makes the answer of that.
 *
 * @since 0.1.0
 * @category models
 */
export type Asker = <A, E, R, B, E2>(
  spec: Spec<A, E>,
  entries: ReadonlyArray<Entry<A, E>>,
  tasks: ReadonlyArray<Task<A, E, R>>,
  answer: (ended: Ended<A, E>) => Effect.Effect<B, E2>
) => Effect.Effect<B, E2, R>

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
): Effect.Effect<ReadonlyArray<A>, E | DeadlineExceeded, R> => {
  const entries = enter<A, E, R>(recorder, tasks, options)
  // Nothing here keeps the tasks: they may go once they have been asked.
  const fallbacks = new Map<Entry<A, E>, () => A>()
  tasks.forEach(({ fallback }, index) => {
    if (fallback === undefined) entries[index]!.required = true
    else fallbacks.set(entries[index]!, fallback)
  })
  const hasAnswer = (entry: Entry<A, E>) => entry.tag === "Succeeded" || (!entry.required && !entry.died)
  const decides = (entry: Entry<A, E>) => !hasAnswer(entry)
  const answer = ({ decidedBy, struck }: Ended<A, E>): Effect.Effect<ReadonlyArray<A>, E | DeadlineExceeded> => {
    if (decidedBy !== undefined) return failWith(recorder, decidedBy)
    const pending = struck ? entries.filter(decides) : []
    if (pending.length > 0) return late(recorder, pending)
    const values = entries.map((entry) => {
      if (entry.tag === "Succeeded") return entry.value
      entry.fellBack()
      // Only a task with a fallback gets here without a value: the others have decided the answer or are pending.
      return fallbacks.get(entry)!()
    })
    recorder.finished(entries.some((entry) => entry.fallback) ? "partial" : "succeeded", recorder.lastEnded())
    return Effect.succeed(values)
  }
  return ask({ where, recorder, options, decides, allOrNothing: true }, entries, tasks, answer)
}

/**
 * An outcome for each task, in input order; never fails. What has finished when the deadline strikes is kept.
 *
 * @since 0.1.0
 * @category policies
 */
export const collect = <A, E, R>(
  { ask = reference, options, recorder, where }: Context,
  tasks: ReadonlyArray<Task<A, E, R>>
): Effect.Effect<ReadonlyArray<Outcome.Outcome<A, E>>, never, R> => {
  const entries = enter<A, E, R>(recorder, tasks, options)
  return ask({ where, recorder, options, decides: () => false }, entries, tasks, () => {
    collected(recorder, entries)
    return Effect.succeed(entries.map((entry) => entry.result))
  })
}

/**
 * Closes the receipt of a policy that answers whatever happened.
 *
 * @since 0.1.0
 * @category policies
 */
export const collected = (recorder: Recorder, entries: ReadonlyArray<Entry<unknown, unknown>>): void => {
  const complete = entries.every((entry) => entry.tag === "Succeeded")
  const late = entries.find((entry) => entry.tag === "TimedOut")
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
  { ask = reference, options, recorder, where, within = asItIs }: Context,
  tasks: ReadonlyArray<Task<A, E, R>>,
  k: number
): Effect.Effect<Winners<A>, Lost<E>, R> => {
  Options.count(where, "k", k)
  const entries = enter<A, E, R>(recorder, tasks, options)
  const winners = new Set<Entry<A, E>>()
  let failures = 0
  const decides = (entry: Entry<A, E>) => {
    if (entry.tag === "Succeeded") return winners.add(entry).size === k
    return ++failures > tasks.length - k
  }
  const answer = ({ decidedBy }: Pick<Ended<A, E>, "decidedBy">): Effect.Effect<Winners<A>, Lost<E>> => {
    if (winners.size === k) {
      recorder.finished("succeeded", decidedBy ?? null)
      return Effect.succeed(
        entries.flatMap((entry) => (winners.has(entry) ? [[entry.name, entry.value] as const] : []))
      )
    }
    if (decidedBy === undefined && tasks.length >= k) return late(recorder, entries.filter(isUnfinished))
    recorder.finished("failed", decidedBy ?? null)
    return new QuorumNotReached<E>(
      {
        required: k,
        succeeded: entries.filter((entry) => entry.tag === "Succeeded").map((entry) => entry.name),
        failures: entries.flatMap(failureOf),
        receipt: recorder.receipt()
      },
      unchecked
    )
  }
  if (tasks.length < k) return answer({ decidedBy: undefined })
  return ask({ where, recorder, options, decides }, entries, tasks, (ended) => {
    const died = entries.filter((entry) => entry.died)
    return died.length === 0 ? answer(ended) : Effect.flatMap(within(logDefects(died)), () => answer(ended))
  })
}

type Winners<A> = ReadonlyArray<readonly [name: string, value: A]>

type Lost<E> = QuorumNotReached<E> | DeadlineExceeded

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
export const reference: Asker = <A, E, R, B, E2>(
  spec: Spec<A, E>,
  entries: ReadonlyArray<Entry<A, E>>,
  tasks: ReadonlyArray<Task<A, E, R>>,
  answer: (ended: Ended<A, E>) => Effect.Effect<B, E2>
) =>
  Effect.flatMap(
    run<A, E, R>(spec, (ask, concurrency) =>
      Effect.forEach(tasks, (task, index) => ask(entries[index]!, task.effect), { concurrency, discard: true })
    ),
    answer
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

const failureOf = <E>({ cause, name, result }: Entry<unknown, E>) => {
  if (result._tag === "Failed") return [{ source: name, error: result.error }]
  // A source that ran out of its own limit has failed with that error; it stands in its cause.
  return result._tag === "TimedOut" && cause?._tag === "Fail" ? [{ source: name, error: cause.error }] : []
}

const isUnfinished = ({ result, state }: Entry<unknown, unknown>) =>
  state === "NotStarted" || state === "Cancelled" || isLate(result)

const isLate = (outcome: Outcome.Outcome<unknown, unknown>) => outcome._tag === "TimedOut" && outcome.by === "deadline"

const logDefects = (died: ReadonlyArray<Entry<unknown, unknown>>) =>
  Effect.forEach(
    died,
    ({ cause, name }) => Effect.annotateLogs(Effect.logError(`"${name}" died`, cause), { source: name }),
    { discard: true }
  )
