import type { Effect } from "effect"
import * as Calling from "../../src/Gather/Calling.ts"

/** The same effect, asked as a call. */
export const byCall = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Calling.make((where, done) => Calling.start(effect, where, done))
