/**
 * A named plan: what comes in, which sources are asked, how their answers become one, and what goes out. It is called,
 * served over HTTP, or run as a batch.
 *
 * @since 0.1.0
 */
import { Effect, Either, ParseResult, Schema, type Stream } from "effect"
import { Aggregator } from "./Aggregator.ts"
import type { Answers, Effects, Failed, Needs, Sources } from "./Aggregator/Shape.ts"
import type { DeadlineExceeded } from "./Deadline.ts"
import type * as Gather from "./Gather.ts"
import { isKnown } from "./Gather/Calling.ts"
import type { Member, Outcomes } from "./Gather/Shape.ts"
import { isJsonNumber } from "./Json.ts"
import type * as Source from "./Source.ts"

/**
 * What an input is not, by the path of the field.
 *
 * @since 0.1.0
 * @category errors
 */
export class InputRejected extends Schema.TaggedError<InputRejected>("effect-muster/Aggregation/InputRejected")(
  "InputRejected",
  {
    aggregation: Schema.String,
    /** The path of the field, such as `id` or `items.0.name`; empty for the input as a whole. */
    field: Schema.String,
    reason: Schema.String
  }
) {
  override get message() {
    const where = this.field === "" ? "the input" : `"${this.field}"`
    return `${where} of "${this.aggregation}" was rejected: ${this.reason}`
  }
}

/**
 * What was merged does not fit the output: a bug in the plan, and so a defect.
 *
 * @since 0.1.0
 * @category errors
 */
export class OutputMismatch extends Schema.TaggedError<OutputMismatch>("effect-muster/Aggregation/OutputMismatch")(
  "OutputMismatch",
  { aggregation: Schema.String, field: Schema.String, reason: Schema.String }
) {
  override get message() {
    const where = this.field === "" ? "the output" : `"${this.field}" of the output`
    return `${where} of "${this.aggregation}" does not fit: ${this.reason}`
  }
}

/**
 * What a plan is made of. `I` is the decoded input, `A` the decoded output.
 *
 * @since 0.1.0
 * @category models
 */
export interface Plan<I, A, S extends Sources, IEncoded = I, AEncoded = A> {
  readonly input: Schema.Schema<I, IEncoded>
  readonly output: Schema.Schema<A, AEncoded>
  /** Whom to ask for an input. */
  readonly sources: (input: I) => S
  /** How the answers become the output. */
  readonly merge: (answers: Answers<S>, input: I) => A
  /**
   * How what there is becomes an output where a caller asks for a partial one. Without it, nobody can.
   */
  readonly partial?: ((outcomes: Outcomes<Effects<S>>, input: I) => A) | undefined
  readonly options?: Gather.Options | undefined
}

/**
 * A plan with a name. Call it with an input.
 *
 * @since 0.1.0
 * @category models
 */
export interface Aggregation<I, A, S extends Sources, IEncoded = I, AEncoded = A> extends Plan<
  I,
  A,
  S,
  IEncoded,
  AEncoded
> {
  /** The merged answers; fails as `Aggregator.gather` does. */
  (input: I): Effect.Effect<A, Failed<Source.Failure<Member<S>>> | DeadlineExceeded, Aggregator | Needs<S>>
  /** Its name in receipts, logs, spans, metrics, and in the URL it is served at. */
  readonly aggregation: string
  /** What there is at the deadline, as `partial` has it; never fails. `undefined` for a plan without `partial`. */
  readonly lenient: ((input: I) => Effect.Effect<A, never, Aggregator | Needs<S>>) | undefined
  /** `[name, outcome]` for each source as it arrives. */
  readonly stream: (input: I) => Stream.Stream<Gather.Arrival<Effects<S>>, never, Aggregator | Needs<S>>
  /** Reads an input from outside. Fails with `InputRejected`, which names the first field that is wrong. */
  readonly decode: (input: unknown) => Effect.Effect<I, InputRejected>
  /** Writes an output for the outside. One that does not fit is a bug in the plan: it dies with `OutputMismatch`. */
  readonly encode: (output: A) => Effect.Effect<AEncoded>
}

/**
 * Gives a plan a name.
 *
 * @example
 * ```ts
 * const Dashboard = Aggregation.make("dashboard", {
 *   input: Schema.Struct({ id: Schema.String }),
 *   output: Schema.Struct({ name: Schema.String, orders: Schema.Number }),
 *   sources: ({ id }) => ({ profile: findProfile(id), orders: Source.orElse(findOrders(id), []) }),
 *   merge: ({ profile, orders }) => ({ name: profile.name, orders: orders.length })
 * })
 *
 * const answer = Dashboard({ id: "42" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <I, A, const S extends Sources, IEncoded = I, AEncoded = A>(
  name: string,
  plan: Plan<I, A, S, IEncoded, AEncoded>
): Aggregation<I, A, S, IEncoded, AEncoded> => {
  const { input, merge, options, output, partial, sources } = plan
  const decodeInput = Schema.decodeUnknown(input)
  const encodeOutput = Schema.encode(output)
  const call = (value: I) =>
    Effect.map(Aggregator.gather(name, sources(value), options), (answers) => merge(answers, value))
  return Object.assign(call, {
    ...plan,
    aggregation: name,
    lenient:
      partial &&
      ((value: I) =>
        Effect.map(Aggregator.collect(name, sources(value), options), (outcomes) => partial(outcomes, value))),
    stream: (value: I) => Aggregator.stream(name, sources(value), options),
    decode: (value: unknown) =>
      orElse(decodeInput(value, strictly), (error) =>
        Either.left(new InputRejected({ aggregation: name, ...inexactIssue(value, firstIssue(error)) }))
      ),
    encode: (value: A) =>
      orElse(encodeOutput(value), (error) =>
        Effect.die(new OutputMismatch({ aggregation: name, ...firstIssue(error) }))
      )
  })
}

const strictly = { onExcessProperty: "error" } as const

/** Most schemas give an `Either`, which needs no effect to be read. */
const orElse = <A, E, F>(
  result: Effect.Effect<A, E>,
  otherwise: (error: E) => Effect.Effect<never, F>
): Effect.Effect<A, F> => {
  if (!isKnown(result)) return Effect.catchAll(result, otherwise)
  return Either.isRight(result) ? Either.right(result.right) : otherwise(result.left)
}

interface Issue {
  readonly path: ReadonlyArray<PropertyKey>
  readonly field: string
  readonly reason: string
}

const firstIssue = (error: ParseResult.ParseError): Issue => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  return issueAt(issue?.path ?? [], issue?.message ?? "it does not fit")
}

const issueAt = (path: Issue["path"], reason: string): Issue => ({ path, field: path.map(String).join("."), reason })

/** To a schema, a `JsonNumber` is an object with members of its own, and to a reader a number that is refused as none. */
const inexactIssue = (value: unknown, issue: Issue): Issue => {
  let at = value
  for (let depth = 0; depth <= issue.path.length; depth++) {
    if (isJsonNumber(at)) {
      const isTold = depth === issue.path.length && !issue.reason.startsWith("Expected number")
      return isTold
        ? issue
        : issueAt(
            issue.path.slice(0, depth),
            `${at.text.slice(0, 100)} is a number that JavaScript cannot hold exactly`
          )
    }
    if (typeof at !== "object" || at === null || depth === issue.path.length) return issue
    // It has this member or it has none.
    at = (at as Readonly<Record<PropertyKey, unknown>>)[issue.path[depth]!]
  }
  return issue
}
