/**
 * Checks the options that a caller gives, and names the wrong one.
 *
 * @since 0.1.0
 */
import { Duration, Inspectable, Schema } from "effect"

/**
 * An option has a value that cannot be meant: a negative deadline, a limit of zero, a weight over the limit.
 *
 * It is a mistake in the program, not something to recover from, so it is raised as a defect when the thing is made or
 * the effect is started, before anything was asked.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("effect-muster/Options/InvalidOption")(
  "InvalidOption",
  {
    /** Where it was given: `"Gather.quorum"`. */
    where: Schema.String,
    option: Schema.String,
    /** The value as it was given, as text. */
    value: Schema.String,
    expected: Schema.String
  }
) {
  override get message() {
    return `${this.where}: ${this.option} must be ${this.expected}, but it is ${this.value}`
  }
}

/**
 * Raises an {@link InvalidOption}.
 *
 * @since 0.1.0
 * @category checks
 */
export const refuse = (where: string, option: string, value: unknown, expected: string): never => {
  throw new InvalidOption({ where, option, value: textOf(value), expected })
}

const textOf = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  return typeof value === "object" && !Duration.isDuration(value)
    ? Inspectable.toStringUnknown(value, 0)
    : String(value)
}

/**
 * Reads a duration as milliseconds; zero and `Infinity` are allowed.
 *
 * `Duration.decode` turns `NaN` and negative numbers into zero, also inside a `[seconds, nanos]`, which would be a deadline
 * that has already passed.
 *
 * @since 0.1.0
 * @category checks
 */
export const duration = (where: string, option: string, value: Duration.DurationInput): number => {
  const decoded = isNegative(value) ? undefined : decode(value)
  return decoded ?? refuse(where, option, value, `a duration of zero or more, like "500 millis" or "2 seconds"`)
}

const isNegative = (value: Duration.DurationInput): boolean => {
  if (typeof value === "string") return value.startsWith("-")
  const parts: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
  return parts.some((part) => (typeof part === "number" || typeof part === "bigint") && !(part >= 0))
}

const decode = (value: Duration.DurationInput): number | undefined => {
  try {
    return Duration.toMillis(value)
  } catch {
    return undefined
  }
}

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Reads a duration that a person wrote, as milliseconds: `500ms`, `1.5s`, `2m`, and the long forms of `Duration`, such as
 * `2 seconds`. `undefined` for anything else; a number without a unit could be milliseconds or seconds, so it is not one,
 * and neither is one too large to be counted in milliseconds.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseDuration = (text: string): number | undefined => {
  const trimmed = text.trim()
  const short = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(trimmed)
  // The cast: `decode` reads any text, and gives `undefined` for what is no duration.
  const input = short === null ? (trimmed as Duration.DurationInput) : Number(short[1]) * units[short[2]!]!
  const millis = trimmed.startsWith("-") ? undefined : decode(input)
  return millis !== undefined && millis <= Number.MAX_SAFE_INTEGER ? millis : undefined
}

/**
 * What to say was expected where {@link parseDuration} reads nothing.
 *
 * @since 0.1.0
 * @category parsing
 */
export const expectedDuration = `a duration like "500ms", "2s" or "2 seconds"`

const scales: Record<string, number> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 }

/**
 * Reads a size that a person wrote, as bytes: `500MB`, `1.5 GiB`, `100000`. `undefined` for anything else.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseBytes = (text: string): number | undefined => {
  const [, number, unit = "B"] = /^(\d+(?:\.\d+)?)\s*([kMG]i?B|B)?$/i.exec(text.trim()) ?? []
  const bytes = number === undefined ? NaN : Math.round(Number(number) * scales[unit.toLowerCase()]!)
  return Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : undefined
}

/**
 * What to say was expected where {@link parseBytes} reads nothing.
 *
 * @since 0.1.0
 * @category parsing
 */
export const expectedBytes = `a size like "500MB" or "1GiB"`

/**
 * Reads a whole number that is at least `least` (1 unless told otherwise).
 *
 * @since 0.1.0
 * @category checks
 */
export const count = (where: string, option: string, value: number, least = 1): number =>
  Number.isSafeInteger(value) && value >= least
    ? value
    : refuse(where, option, value, `a whole number from ${least} up`)

/**
 * How many may run at once: a whole number from 1 up, or all of them.
 *
 * @since 0.1.0
 * @category models
 */
export type Concurrency = number | "unbounded"

/**
 * Reads a concurrency; left out it is `"unbounded"`.
 *
 * @since 0.1.0
 * @category checks
 */
export const concurrency = (where: string, value: Concurrency | undefined): Concurrency =>
  value === undefined || value === "unbounded" || (Number.isSafeInteger(value) && value >= 1)
    ? (value ?? "unbounded")
    : refuse(where, "concurrency", value, `a whole number from 1 up, or "unbounded"`)
