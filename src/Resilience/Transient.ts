/**
 * Which errors asking again may help: the one predicate that guards go by.
 *
 * @since 0.1.0
 */
import { Cause, type Exit, Option, Predicate } from "effect"
import { SourceTimedOut } from "../Outcome.ts"

/**
 * True when asking again may help: for `SourceUnavailable`, `SourceTimedOut`, and every error that says when to ask again
 * in a `retryAfter`, such as that of a guard which refuses a call.
 *
 * It goes by the shape of an error, so one of your own that has `_tag: "SourceUnavailable"` or a `retryAfter` is transient.
 * Retries and hedges go by {@link isWorthRepeating}, which leaves refusals out.
 *
 * @since 0.1.0
 * @category getters
 */
export const isTransient = (error: unknown): boolean =>
  error instanceof SourceTimedOut || Predicate.isTagged(error, "SourceUnavailable") || retryAfter(error) !== undefined

const refusals: ReadonlySet<unknown> = new Set(["BreakerOpen", "BulkheadFull", "RateLimited"])

/**
 * True for the error of a guard that made no call: `BreakerOpen`, `BulkheadFull`, `RateLimited`.
 *
 * @since 0.1.0
 * @category getters
 */
export const isRefusal = (error: unknown): boolean => Predicate.hasProperty(error, "_tag") && refusals.has(error._tag)

/**
 * True for a transient error of the source itself. A refusal is not repeated: a guard refuses so that a caller fails at once, and
 * a retry that waited for it would turn that into a late answer.
 *
 * @since 0.1.0
 * @category getters
 */
export const isWorthRepeating = (error: unknown): boolean => isTransient(error) && !isRefusal(error)

/**
 * How many milliseconds an error asks to be left alone, if it says so in a `retryAfter`.
 *
 * @since 0.1.0
 * @category getters
 */
export const retryAfter = (error: unknown): number | undefined =>
  Predicate.hasProperty(error, "retryAfter") && typeof error.retryAfter === "number" && error.retryAfter >= 0
    ? error.retryAfter
    : undefined

/**
 * The error of a failure that is nothing worse: a defect is a bug, which another call does not mend.
 *
 * @since 0.1.0
 * @category getters
 */
export const errorOf = <A, E>(exit: Exit.Exit<A, E>): Option.Option<E> =>
  exit._tag === "Failure" && !Cause.isDie(exit.cause) ? Cause.failureOption(exit.cause) : Option.none()
