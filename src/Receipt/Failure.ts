/**
 * The answer of an aggregation that failed.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type { Entry, Recorder } from "./Recorder.ts"

/**
 * The answer is the failure of the source that decided it, as it was; a defect with the name of the source.
 *
 * @since 0.1.0
 * @category getters
 */
export const failWith = <A, E>(recorder: Recorder, entry: Entry<A, E>): Effect.Effect<never, E> => {
  recorder.finished("failed", entry)
  const { cause, result } = entry
  if (result._tag === "Failed" && entry.died) return Effect.die(result.error)
  return cause !== undefined
    ? Effect.failCause(cause)
    : Effect.die(new Error(`"${entry.name}" decided the answer without failing`))
}
