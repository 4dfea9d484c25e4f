/**
 * How one source ended.
 *
 * @since 0.1.0
 */
import { Cause, Data, type Exit, Inspectable, Option, Schema } from "effect"

/**
 * How one source ended, as a value: what `collect` answers with for each source.
 *
 * - `Succeeded`: it gave a `value`.
 * - `Failed`: it gave an `error`, or a defect, which arrives as a {@link SourceDied}; `cause` is all that is known.
 * - `TimedOut`: it ran out of time, its own (`by: "limit"`) or everybody's (`by: "deadline"`), after so many
 *   milliseconds of running.
 * - `Cancelled`: it was stopped because its answer was no longer wanted.
 * - `NotStarted`: it was never asked.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome<A, E = never> = Data.TaggedEnum<{
  Succeeded: { readonly value: A }
  Failed: { readonly error: E | SourceDied; readonly cause: Cause.Cause<E> }
  TimedOut: { readonly by: "deadline" | "limit"; readonly after: number }
  Cancelled: {}
  NotStarted: {}
}>

interface OutcomeDefinition extends Data.TaggedEnum.WithGenerics<2> {
  readonly taggedEnum: Outcome<this["A"], this["B"]>
}

/**
 * Constructors, guards (`$is`) and matching (`$match`) for outcomes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match, Cancelled, Failed, NotStarted, Succeeded, TimedOut } = Data.taggedEnum<OutcomeDefinition>()

/**
 * The word for an outcome wherever it leaves the program: receipts, logs, metrics, pages.
 *
 * @since 0.1.0
 * @category models
 */
export const Status = Schema.Literal("succeeded", "failed", "timed-out", "cancelled", "not-started")

/** @since 0.1.0 */
export type Status = typeof Status.Type

const words = {
  Succeeded: "succeeded",
  Failed: "failed",
  TimedOut: "timed-out",
  Cancelled: "cancelled",
  NotStarted: "not-started"
} as const satisfies Record<Outcome<unknown, unknown>["_tag"], Status>

/**
 * The word for this outcome.
 *
 * @since 0.1.0
 * @category getters
 */
export const status = ({ _tag }: Pick<Outcome<unknown, unknown>, "_tag">): Status => words[_tag]

/**
 * The value, if there is one.
 *
 * @since 0.1.0
 * @category getters
 */
export const value = <O extends Outcome<unknown, unknown>>(outcome: O): Option.Option<ValueOf<O>> =>
  // TypeScript does not narrow a type parameter by its tag.
  outcome._tag === "Succeeded" ? Option.some(outcome.value as ValueOf<O>) : Option.none()

/**
 * The error it failed with, if it failed.
 *
 * @since 0.1.0
 * @category getters
 */
export const error = <O extends Outcome<unknown, unknown>>(outcome: O): Option.Option<ErrorOf<O>> =>
  // As above.
  outcome._tag === "Failed" ? Option.some(outcome.error as ErrorOf<O>) : Option.none()

/**
 * Why there is no value, in words; none for a success.
 *
 * @since 0.1.0
 * @category getters
 */
export const message = (outcome: Outcome<unknown, unknown>): Option.Option<string> => {
  switch (outcome._tag) {
    case "Succeeded":
      return Option.none()
    case "Failed":
      return Option.some(textOf(outcome.error))
    case "TimedOut": {
      const limit = outcome.by === "limit" ? "its own limit" : "the deadline"
      return Option.some(`no answer within ${limit}, after ${Math.round(outcome.after)} ms`)
    }
    case "Cancelled":
      return Option.some("cancelled")
    case "NotStarted":
      return Option.some("not started")
  }
}

/**
 * Parts outcomes into what worked, and what did not, both by name in input order. Takes what `collect` and `collectEach`
 * answer with: a struct, a list (the names are positions), or a map.
 *
 * @since 0.1.0
 * @category getters
 */
export const partition = <O extends Outcome<unknown, unknown>>(
  outcomes: ReadonlyMap<string, O> | ReadonlyArray<O> | { readonly [name: string]: O }
): {
  readonly values: ReadonlyMap<string, ValueOf<O>>
  readonly failures: ReadonlyMap<string, Exclude<O, { readonly _tag: "Succeeded" }>>
} => {
  const values = new Map<string, ValueOf<O>>()
  const failures = new Map<string, Exclude<O, { readonly _tag: "Succeeded" }>>()
  for (const [name, outcome] of isMap(outcomes) ? outcomes : Object.entries<O>(outcomes)) {
    // TypeScript does not narrow a type parameter by its tag.
    if (outcome._tag === "Succeeded") values.set(name, outcome.value as ValueOf<O>)
    else failures.set(name, outcome as Exclude<O, { readonly _tag: "Succeeded" }>)
  }
  return { values, failures }
}

type ValueOf<O> = O extends { readonly _tag: "Succeeded"; readonly value: infer A } ? A : never

type ErrorOf<O> = O extends { readonly _tag: "Failed"; readonly error: infer E } ? E : never

const isMap = <O>(outcomes: ReadonlyMap<string, O> | object): outcomes is ReadonlyMap<string, O> =>
  outcomes instanceof Map

/**
 * Reads the exit of a source that ended by itself.
 *
 * A source that interrupted itself has given no answer and nobody asked it to stop: that is a {@link SourceDied}. One
 * that ran into its own `Source.timeLimit` is `TimedOut`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromExit = <A, E>(source: string, exit: Exit.Exit<A, E>, after: number): Outcome<A, E> => {
  if (exit._tag === "Success") return Succeeded({ value: exit.value })
  const failure = Cause.failureOption(exit.cause)
  if (failure._tag === "None") return Failed({ error: SourceDied.fromCause(source, exit.cause), cause: exit.cause })
  if (failure.value instanceof SourceTimedOut) return TimedOut({ by: "limit", after })
  return Failed({ error: failure.value, cause: exit.cause })
}

/**
 * A source threw, or raised a defect, or interrupted itself: a bug in it, not an answer.
 *
 * In fail-fast policies it is raised as a defect, in `collect` it is a value.
 *
 * @since 0.1.0
 * @category errors
 */
export class SourceDied extends Schema.TaggedError<SourceDied>("effect-muster/Outcome/SourceDied")("SourceDied", {
  source: Schema.String,
  /** What was thrown. */
  defect: Schema.Defect
}) {
  constructor(fields: { readonly source: string; readonly defect: unknown }, options?: Schema.MakeOptions) {
    super(fields, options)
    causedBy(this, fields.defect)
  }

  override get message() {
    const { defect } = this
    const text = textOf(defect)
    const kind = defect instanceof Error && text !== defect.name ? `${defect.name}: ` : ""
    return `Source "${this.source}" died: ${kind}${text}`
  }

  /** Names the source of a cause that holds no failure. */
  static fromCause(source: string, cause: Cause.Cause<unknown>): SourceDied {
    const defect = Option.getOrElse(
      Cause.dieOption(cause),
      () => new Cause.InterruptedException("it interrupted itself")
    )
    return new SourceDied({ source, defect })
  }
}

/**
 * Sets the `cause` of an error (ES2022), which consoles, error trackers and `NodeRuntime.runMain` print with its stack. It is
 * not enumerable, as a native one: it does not stand in JSON, where it would be said twice.
 *
 * @since 0.1.0
 * @category setters
 */
export const causedBy = (error: Error, cause: unknown): void => {
  if (cause !== undefined) Object.defineProperty(error, "cause", { value: cause, configurable: true, writable: true })
}

/** What can be said of anything that can be thrown. */
const textOf = (error: unknown): string => {
  try {
    return error instanceof Error ? error.message || error.name : Inspectable.toStringUnknown(error, 0)
  } catch {
    return "something that cannot be shown"
  }
}

/**
 * True for a source that threw, or raised a defect, or interrupted itself.
 *
 * @since 0.1.0
 * @category getters
 */
export const isDefect = <A, E>(outcome: Outcome<A, E>): boolean =>
  outcome._tag === "Failed" && Option.isNone(Cause.failureOption(outcome.cause))

/**
 * A source took longer than its own limit, given with `Source.timeLimit`.
 *
 * @since 0.1.0
 * @category errors
 */
export class SourceTimedOut extends Schema.TaggedError<SourceTimedOut>("effect-muster/Outcome/SourceTimedOut")(
  "SourceTimedOut",
  {
    source: Schema.String,
    /** The limit, in milliseconds. */
    limit: Schema.Number
  }
) {
  override get message() {
    return `Source "${this.source}" did not answer within its limit of ${this.limit} ms`
  }
}
