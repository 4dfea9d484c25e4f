/**
 * The policy that needs only some of its tasks.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Schema } from "effect"
import type { DeadlineExceeded } from "../Deadline.ts"
import * as Options from "../Options.ts"
import { causedBy, type SourceDied } from "../Outcome.ts"
import type * as Outcome from "../Outcome.ts"
import { describe, Receipt } from "../Receipt.ts"
import { causeOf } from "./Failures.ts"
import type { Entry } from "../Receipt/Recorder.ts"
import { asItIs, type Context, enter, late, reference, unchecked } from "./Policies.ts"
import type { Ended, Task } from "./Run.ts"

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
  constructor(fields: QuorumFields, options?: Schema.MakeOptions) {
    super(fields, options)
    causedBy(this, causeOf(fields.failures))
  }

  override get message() {
    const { failures, receipt, required } = this
    const total = receipt?.sources.length
    if (failures.length === 0) return `${successes(required)} needed, but ${asMany(total)}`
    const [shown, more] = [failures.slice(0, 5), failures.length - 5]
    const failed = shown.map(({ error, source }) => `"${source}" (${describe(error).message})`).join(", ")
    const list = more > 0 ? `${failed} and ${more} more` : failed
    if (total === 1) return `The only source failed: ${list}`
    const all = failures.length === total
    return total === undefined
      ? `${successes(required)} needed, but ${failures.length} failed: ${list}`
      : `${required} of ${total} sources had to succeed, but ${all ? "all" : failures.length} failed: ${list}`
  }
}

interface QuorumFields {
  readonly required: number
  readonly succeeded: ReadonlyArray<string>
  readonly failures: ReadonlyArray<{ readonly source: string; readonly error: unknown }>
  readonly receipt?: Receipt | undefined
}

const successes = (count: number) => (count === 1 ? "1 success was" : `${count} successes were`)

/** There were too few sources to begin with. */
const asMany = (total = 0) =>
  total === 0 ? "there are no sources" : total === 1 ? "there is only 1 source" : `there are only ${total} sources`

/**
 * So many sources failed that the successes asked for cannot be had any more; `first` asks for one.
 *
 * @since 0.1.0
 * @category errors
 */
export class QuorumNotReached<E> extends QuorumNotReachedBase {
  declare readonly failures: ReadonlyArray<{ readonly source: string; readonly error: E | SourceDied }>
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
    if (decidedBy === undefined && tasks.length >= k)
      return Exit.mapError(late(recorder, entries.filter(isUnfinished)), (error) => {
        causedBy(error, causeOf(entries.flatMap(failureOf)))
        return error
      })
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
  // Too few to begin with: none is asked, but the options are read all the same.
  const asked = tasks.length < k ? 0 : tasks.length
  return ask({ where, recorder, options, decides }, entries.slice(0, asked), tasks.slice(0, asked), (ended) => {
    const died = entries.filter((entry) => entry.died)
    return died.length === 0 ? answer(ended) : Effect.flatMap(within(logDefects(died)), () => answer(ended))
  })
}

type Winners<A> = ReadonlyArray<readonly [name: string, value: A]>

type Lost<E> = QuorumNotReached<E> | DeadlineExceeded

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
