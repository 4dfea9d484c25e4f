/**
 * What the end of a call says of the source.
 *
 * @since 0.1.0
 */
import { Cause, type Exit, Predicate } from "effect"
import * as Transient from "../Transient.ts"

/**
 * The source works, it does not, or the call says nothing of it.
 *
 * @since 0.1.0
 * @category models
 */
export type Verdict = "succeeded" | "failed" | "ignored"

const verdicts: Readonly<Record<string, Verdict>> = {
  SourceRejected: "succeeded",
  StoreUnavailable: "ignored",
  DeadlineExceeded: "ignored"
}

/**
 * What an error says: that it does not work. But `SourceRejected` is an answer, and what other guards refuse, or
 * `DeadlineExceeded`, says nothing of the source.
 *
 * @since 0.1.0
 * @category getters
 */
export const ofError = (error: unknown): Verdict => {
  if (Transient.isRefusal(error)) return "ignored"
  return (Predicate.hasProperty(error, "_tag") ? verdicts[String(error._tag)] : undefined) ?? "failed"
}

/**
 * What an exit says: a defect that it does not work, an interruption nothing.
 *
 * @since 0.1.0
 * @category getters
 */
export const ofExit = (exit: Exit.Exit<unknown, unknown>, classify: (error: unknown) => Verdict): Verdict => {
  if (exit._tag === "Success") return "succeeded"
  if (Cause.isInterruptedOnly(exit.cause)) return "ignored"
  const error = Transient.errorOf(exit)
  return error._tag === "None" ? "failed" : classify(error.value)
}
