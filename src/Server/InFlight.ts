/**
 * How many requests may be worked on at once; beyond that they are refused at once, so that those within are answered.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
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
  /**
   * Takes a place, or refuses at once. What it gives frees the place; calling that again does nothing.
   */
  readonly enter: () => Either.Either<() => void, Problem>
}

/**
 * Makes a bound.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (limit: number): InFlight => {
  Options.count("Server.layer", "maxInFlight", limit)
  let count = 0
  return {
    limit,
    count: () => count,
    enter: () => {
      if (count >= limit) return Either.left(later("overloaded", `At most ${limit} are answered at once`, 1_000))
      count += 1
      let left = false
      return Either.right(() => {
        if (!left) count -= 1
        left = true
      })
    }
  }
}
