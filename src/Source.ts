/**
 * A source and its outcome policy: one named thing to ask, and what its failure means for the answer.
 *
 * @since 0.1.0
 */
import { type Cause, Context, Effect, Option, Predicate, type Redacted, Schema, type Scope } from "effect"
import { dual } from "effect/Function"
import * as Promising from "./Gather/Promising.ts"
import type { Numeric } from "./Json.ts"

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
export {
  /** @since 0.1.0 */
  timeLimit
} from "./Resilience/TimeLimit.ts"
export {
  /** @since 0.1.0 */
  isTransient
} from "./Resilience/Transient.ts"

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
} = Promising.tryPromise

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
    /** Its HTTP status, if it answered with one. */
    status: Schema.optional(Schema.Number),
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
 * How a service is reached; times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceSettings {
  /** Of a database in a file: its path. */
  readonly url: Redacted.Redacted
  readonly connectTimeout?: number | undefined
  /** At most so many connections to a database. */
  readonly maxConnections?: number | undefined
  /** The longest answer, in bytes. */
  readonly maxBytes?: number | undefined
}

/**
 * A statement in pieces, with a parameter between any two of them; parameters are bound, never spliced.
 *
 * @since 0.1.0
 * @category models
 */
export interface SqlQuestion {
  readonly text: ReadonlyArray<string>
  readonly params: ReadonlyArray<string | Numeric | boolean | null>
}

/**
 * What the kinds of services are asked. Whatever is in a question that came from outside is encoded already.
 *
 * @since 0.1.0
 * @category models
 */
export interface Questions {
  readonly http: {
    readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
    /** What is appended to the URL: it begins with a slash, and may have a query. */
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    /** Sent as JSON, unless it is `undefined`. */
    readonly body: unknown
    /** Gives the answer as a `JsonText`: whoever asks passes it on unread. Default `false`. */
    readonly unread?: boolean | undefined
  }
  readonly postgres: SqlQuestion
  readonly mysql: SqlQuestion
  readonly sqlite: SqlQuestion
  /** The JSON at a key, or what a command gives. */
  readonly redis:
    { readonly key: string } | { readonly command: readonly [name: string, ...args: ReadonlyArray<string | Numeric>] }
  readonly mongo: {
    readonly collection: string
    readonly read:
      | {
          readonly find: Readonly<Record<string, unknown>>
          readonly sort?: Readonly<Record<string, unknown>> | undefined
          readonly project?: Readonly<Record<string, unknown>> | undefined
          readonly limit?: number | undefined
        }
      | { readonly pipeline: ReadonlyArray<Readonly<Record<string, unknown>>> }
  }
}

/**
 * Makes what asks the services of a file, by the kind of service: it asks one question at a time or many at once, and gives
 * JSON; rows and documents as a list of objects. Connections end with the scope, and none is made before the first question.
 *
 * It fails, with the reason in its message, where the driver is not installed. Settings that are wrong are an
 * `InvalidOption`.
 *
 * The core imports no driver: `main` provides them.
 *
 * @since 0.1.0
 * @category services
 */
export class Drivers extends Context.Tag("effect-muster/Source/Drivers")<
  Drivers,
  {
    readonly [K in keyof Questions]: (
      settings: ServiceSettings
    ) => Effect.Effect<
      (question: Questions[K]) => Effect.Effect<unknown, SourceError>,
      { readonly _tag: string; readonly message: string },
      Scope.Scope
    >
  }
>() {}
