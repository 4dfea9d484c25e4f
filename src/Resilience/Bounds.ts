/**
 * The bounds that the options of guards have in common.
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"
import * as Options from "../Options.ts"

/**
 * Reads a share: a number from 0 to 1, both allowed.
 *
 * @since 0.1.0
 * @category checks
 */
export const share = (where: string, option: string, value: number): number =>
  value >= 0 && value <= 1 ? value : Options.refuse(where, option, value, "a number from 0 to 1")

/**
 * Reads a percentile: a number between 0 and 1, neither allowed.
 *
 * @since 0.1.0
 * @category checks
 */
export const percentile = (where: string, option: string, value: number): number =>
  value > 0 && value < 1 ? value : Options.refuse(where, option, value, "a number between 0 and 1, like 0.95")

/**
 * Reads a stretch of time as milliseconds: longer than zero, and not for ever.
 *
 * @since 0.1.0
 * @category checks
 */
export const span = (where: string, option: string, value: Duration.DurationInput): number => {
  const millis = Options.duration(where, option, value)
  return millis > 0 && millis < Infinity
    ? millis
    : Options.refuse(where, option, value, `a duration of more than zero, like "10 seconds"`)
}

/**
 * Reads a wait as milliseconds: zero or longer, and not for ever.
 *
 * @since 0.1.0
 * @category checks
 */
export const wait = (where: string, option: string, value: Duration.DurationInput): number => {
  const millis = Options.duration(where, option, value)
  return millis < Infinity ? millis : Options.refuse(where, option, value, "a duration that comes to an end")
}
