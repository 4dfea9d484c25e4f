/**
 * The gather policies over named tasks: what `Gather` and `Aggregator` have in common.
 *
 * @since 0.1.0
 */
import { Effect, Exit } from "effect"
import { DeadlineExceeded } from "../Deadline.ts"
import type * as Outcome from "../Outcome.ts"
import { failWith } from "../Receipt/Failure.ts"
import type { Entry, Recorder } from "../Receipt/Recorder.ts"
import { type Ended, run, type RunOptions, type Spec, type Task } from "./Run.ts"

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
    closed(recorder, struck, entries.some((entry) => entry.fallback) ? "partial" : "succeeded")
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
  return ask({ where, recorder, options, decides: () => false }, entries, tasks, ({ struck }) => {
    collected(recorder, entries, struck)
    return Effect.succeed(entries.map((entry) => entry.result))
  })
}

/**
 * Closes the receipt of a policy that answers whatever happened.
 *
 * @since 0.1.0
 * @category policies
 */
export const collected = (
  recorder: Recorder,
  entries: ReadonlyArray<Entry<unknown, unknown>>,
  struck: boolean,
  last?: Entry<unknown, unknown> | null
): void => closed(recorder, struck, entries.every((entry) => entry.tag === "Succeeded") ? "succeeded" : "partial", last)

/** Closes the receipt of an answer that has left with what there was. */
const closed = (
  recorder: Recorder,
  struck: boolean,
  ending: "succeeded" | "partial",
  last: Entry<unknown, unknown> | null = recorder.lastEnded()
): void => {
  if (struck) recorder.finished(ending, recorder.awaited([]), "deadline")
  else recorder.finished(ending, last)
}

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
  if (typeof options?.concurrency === "number") recorder.concurrency = options.concurrency
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
  others: ReadonlyArray<string> = [],
  last: Entry<unknown, unknown> | null = recorder.awaited(pending)
): Exit.Exit<never, DeadlineExceeded> => {
  recorder.finished("timed-out", last, "deadline")
  const names = [...pending.map((entry) => entry.name), ...others]
  const receipt = recorder.receipt()
  return Exit.fail(new DeadlineExceeded({ deadline: recorder.deadline, pending: names, receipt }, unchecked))
}

/**
 * How our errors are made: to check a receipt of ours of 1,000 sources takes 3 ms, while the answer is waited for.
 *
 * @since 0.1.0
 * @category errors
 */
export const unchecked = { disableValidation: true }
