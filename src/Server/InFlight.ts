/**
 * How many requests may be worked on at once; beyond that they are refused at once, so that those within are answered.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import type * as Memory from "../Memory.ts"
import * as Options from "../Options.ts"
import { later, type Problem } from "./Problem.ts"

/**
 * A bound on the requests in flight.
 *
 * @since 0.1.0
 * @category models
 */
export interface InFlight {
  readonly limit: number
  readonly count: () => number
  /** Why no more are taken, in words; `undefined` while they are. */
  readonly refuses: () => string | undefined
  /**
   * Takes a place, or refuses at once. What it gives frees the place; calling that again does nothing.
   */
  readonly enter: () => Either.Either<() => void, Problem>
}

/**
 * Makes a bound: on how many are in flight, and on the memory that they hold.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (limit: number, memory: Memory.Budget): InFlight => {
  Options.count("Server.layer", "maxInFlight", limit)
  let count = 0
  const refuses = () => {
    if (count >= limit) return `At most ${limit} are answered at once`
    return memory.used >= memory.limit ? "The memory for requests and answers is used up" : undefined
  }
  return {
    limit,
    count: () => count,
    refuses,
    enter: () => {
      const reason = refuses()
      if (reason !== undefined) return Either.left(later("overloaded", reason, 1_000))
      count += 1
      let left = false
      return Either.right(() => {
        if (!left) count -= 1
        left = true
      })
    }
  }
}
