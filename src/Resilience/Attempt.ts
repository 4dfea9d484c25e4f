/**
 * How guards that call more than once tell the receipt of each call.
 *
 * @since 0.1.0
 */
import { Cause, type Exit } from "effect"
import { type Attempt as Listed, describe } from "../Receipt.ts"
import { type Asked, within } from "../Receipt/Asking.ts"

/**
 * One call of a guard, as it happens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attempt {
  /** What the call is given as the source that is being asked. */
  readonly asked: Asked
  /** Records how the call ended; the first record holds. */
  readonly ended: (exit: Exit.Exit<unknown, unknown>) => void
  /** Records that it was told to stop. */
  readonly cancelled: () => void
}

/**
 * A guard makes a call now.
 *
 * Where guards stand inside each other, the first call of the inner one is this call, and not another: it is listed once,
 * and the inner guard says how it ended.
 *
 * @since 0.1.0
 * @category recording
 */
export const begin = (asking: Asked, kind: Listed["kind"]): Attempt => {
  const listed = asking.attempt(kind)
  let ended = false
  const end: typeof listed = (outcome, error) => {
    if (ended) return
    ended = true
    listed(outcome, error)
  }
  let handedOn = false
  const asked = within(asking, {
    attempt: (inner) => {
      if (handedOn || inner !== "first") return asking.attempt(inner)
      handedOn = true
      return end
    }
  })
  return {
    asked,
    ended: (exit) => end(outcomeOf(exit), exit._tag === "Failure" ? errorOf(exit.cause) : undefined),
    cancelled: () => end("cancelled")
  }
}

const errorOf = (cause: Cause.Cause<unknown>) =>
  Cause.isInterruptedOnly(cause) ? undefined : describe(Cause.squash(cause))

/**
 * The word for how a call ended.
 *
 * @since 0.1.0
 * @category getters
 */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): NonNullable<Listed["outcome"]> => {
  if (exit._tag === "Success") return "succeeded"
  return Cause.isInterruptedOnly(exit.cause) ? "cancelled" : "failed"
}
