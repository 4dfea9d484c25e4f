/**
 * A source and its outcome policy: one named thing to ask, and what its failure means for the answer.
 *
 * @since 0.1.0
 */
import { type Cause, Duration, Effect, type Exit, Option, Predicate, Schema } from "effect"
import { dual } from "effect/Function"
import * as Cleanup from "./Cleanup.ts"
import * as Deadline from "./Deadline.ts"
import * as Options from "./Options.ts"
import { SourceTimedOut } from "./Outcome.ts"
import { Asking } from "./Receipt/Asking.ts"

export {
  /** @since 0.1.0 */
  SourceDied,
  /** @since 0.1.0 */
  SourceTimedOut
} from "./Outcome.ts"
export {
  /** @since 0.1.0 */
  progress
} from "./Receipt/Asking.ts"

/** @since 0.1.0 */
export const TypeId: unique symbol = Symbol.for("effect-muster/Source")

/** @since 0.1.0 */
export type TypeId = typeof TypeId

/**
 * An effect with an outcome policy. It gives an `A`, which stands in the answer as a `V`, and fails with an `E`, of which
 * the answer can fail with `F`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Source<out A, out E, out R, out V = A, out F = E> {
  readonly [TypeId]: (_: never) => F
  readonly policy: "required" | "optional" | "orElse"
  readonly effect: Effect.Effect<A, E, R>
  /** How its value stands in the answer. */
  readonly present: (value: never) => V
  /** What stands in the answer when it has failed or is late. */
  readonly absent: (() => V) | undefined
}

/**
 * Any source; a bare effect is a required one.
 *
 * @since 0.1.0
 * @category models
 */
export type AnySource = Source<unknown, unknown, unknown, unknown, unknown> | Effect.Effect<unknown, unknown, unknown>

/**
 * What stands in the answer for a source.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer<S> =
  S extends Source<infer _A, infer _E, infer _R, infer V, infer _F>
    ? V
    : S extends Effect.Effect<infer A, infer _E, infer _R>
      ? A
      : never

/**
 * The errors of a source that fail the answer.
 *
 * @since 0.1.0
 * @category models
 */
export type Failure<S> =
  S extends Source<infer _A, infer _E, infer _R, infer _V, infer F>
    ? F
    : S extends Effect.Effect<infer _A, infer E, infer _R>
      ? E
      : never

/**
 * The effect of a source.
 *
 * @since 0.1.0
 * @category models
 */
export type EffectOf<S> =
  S extends Source<infer A, infer E, infer R, infer _V, infer _F>
    ? Effect.Effect<A, E, R>
    : S extends Effect.Effect<infer A, infer E, infer R>
      ? Effect.Effect<A, E, R>
      : never

/** @since 0.1.0 */
export const isSource = (u: unknown): u is Source<unknown, unknown, unknown, unknown, unknown> =>
  Predicate.hasProperty(u, TypeId)

/**
 * Its failure is the answer's failure. A bare effect means the same.
 *
 * @since 0.1.0
 * @category outcome policies
 */
export const required = <A, E, R>(effect: Effect.Effect<A, E, R>): Source<A, E, R> => ({
  [TypeId]: () => absurd(),
  policy: "required",
  effect,
  present: (value: A) => value,
  absent: undefined
})

/**
 * It stands in the answer as `Option.some`, and as `Option.none` when it has failed or is late. A defect in it still fails
 * the answer: a bug is not an absence.
 *
 * @since 0.1.0
 * @category outcome policies
 */
export const optional = <A, E, R>(effect: Effect.Effect<A, E, R>): Source<A, E, R, Option.Option<A>, never> => ({
  [TypeId]: () => absurd(),
  policy: "optional",
  effect,
  present: (value: A) => Option.some(value),
  absent: Option.none
})

/**
 * Another value takes its place in the answer when it has failed or is late. A defect in it still fails the answer.
 *
 * @since 0.1.0
 * @category outcome policies
 */
export const orElse: {
  <B>(value: B): <A, E, R>(effect: Effect.Effect<A, E, R>) => Source<A, E, R, A | B, never>
  <A, E, R, B>(effect: Effect.Effect<A, E, R>, value: B): Source<A, E, R, A | B, never>
} = dual(2, <A, E, R, B>(effect: Effect.Effect<A, E, R>, value: B): Source<A, E, R, A | B, never> => ({
  [TypeId]: () => absurd(),
  policy: "orElse",
  effect,
  present: (present: A) => present,
  absent: () => value
}))

// The phantom is only there for its type.
const absurd = (): never => {
  throw new Error("unreachable")
}

/**
 * A function of an AbortSignal as an effect. When the source is no longer wanted, the signal is aborted.
 *
 * Like `Effect.tryPromise`: a rejection or a throw is an `UnknownException`, or what `catch` makes of it.
 *
 * @example
 * ```ts
 * const profile = Source.promise((signal) => fetch("http://profile.internal/42", { signal }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const promise: {
  <A>(run: (signal: AbortSignal) => PromiseLike<A>): Effect.Effect<A, Cause.UnknownException>
  <A, E>(options: {
    readonly try: (signal: AbortSignal) => PromiseLike<A>
    readonly catch: (error: unknown) => E
  }): Effect.Effect<A, E>
} = Effect.tryPromise

/**
 * Gives a source its own limit inside the deadline: it fails with `SourceTimedOut` at the limit, whatever the effect does,
 * and the ambient deadline inside it is shortened.
 *
 * `Effect.timeout` in its place would wait for the effect's cleanup.
 *
 * @since 0.1.0
 * @category limits
 */
export const timeLimit: {
  (limit: Duration.DurationInput): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SourceTimedOut, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, limit: Duration.DurationInput): Effect.Effect<A, E | SourceTimedOut, R>
} = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, limit: Duration.DurationInput): Effect.Effect<A, E | SourceTimedOut, R> =>
    Effect.flatMap(Asking, (asking) => {
      const millis = Options.duration("Source.timeLimit", "limit", limit)
      return Cleanup.detach(Deadline.within(millis)(effect), asking.inner()).pipe(
        Effect.flatMap((exit: Exit.Exit<A, E>) => exit),
        Effect.timeoutFail({
          duration: millis,
          onTimeout: () => new SourceTimedOut({ source: asking.name, limit: millis })
        })
      )
    })
)

const named = { source: Schema.String, reason: Schema.String, cause: Schema.optional(Schema.Defect) }

/**
 * A source could not be reached, refused for now, or broke off: asking again may help.
 *
 * @since 0.1.0
 * @category errors
 */
export class SourceUnavailable extends Schema.TaggedError<SourceUnavailable>("effect-muster/Source/SourceUnavailable")(
  "SourceUnavailable",
  {
    ...named,
    /** How many milliseconds it asked to be left alone, if it said so (`Retry-After`). */
    retryAfter: Schema.optional(Schema.Number)
  }
) {
  override get message() {
    return `Source "${this.source}" is unavailable: ${this.reason}`
  }
}

/**
 * A source understood and said no: asking again will not help.
 *
 * @since 0.1.0
 * @category errors
 */
export class SourceRejected extends Schema.TaggedError<SourceRejected>("effect-muster/Source/SourceRejected")(
  "SourceRejected",
  {
    ...named,
    /** Its HTTP status, if it has one. */
    status: Schema.optional(Schema.Number)
  }
) {
  override get message() {
    return `Source "${this.source}" rejected the request: ${this.reason}`
  }
}

/**
 * A source answered with something else than was agreed on; the reason names the field.
 *
 * @since 0.1.0
 * @category errors
 */
export class SourceMalformed extends Schema.TaggedError<SourceMalformed>("effect-muster/Source/SourceMalformed")(
  "SourceMalformed",
  named
) {
  override get message() {
    return `Source "${this.source}" gave a malformed answer: ${this.reason}`
  }
}

/**
 * What can go wrong with a source behind an adapter.
 *
 * @since 0.1.0
 * @category errors
 */
export const SourceError = Schema.Union(SourceUnavailable, SourceRejected, SourceMalformed)

/** @since 0.1.0 */
export type SourceError = typeof SourceError.Type

/**
 * True when asking again may help: for `SourceUnavailable` and `SourceTimedOut`.
 *
 * @since 0.1.0
 * @category getters
 */
export const isTransient = (error: unknown): boolean =>
  error instanceof SourceUnavailable || error instanceof SourceTimedOut
