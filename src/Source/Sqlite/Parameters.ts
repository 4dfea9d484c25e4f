/**
 * Parameters on their way into SQLite.
 *
 * @since 0.1.0
 */
import { isJsonNumber } from "../../Json.ts"
import { rejected } from "./Errors.ts"

/**
 * What the driver binds, and what a message to its process can hold.
 *
 * @since 0.1.0
 * @category models
 */
export type Bound = string | bigint | number | null | Uint8Array

/**
 * Parameters as the driver can bind them. Whole numbers are bound as integers, which the driver itself does not do; booleans
 * as 0 and 1, dates as text, like `2026-01-31T12:00:00.000Z`. Throws a `Fault` for what SQLite cannot hold as it is.
 *
 * @since 0.1.0
 * @category parameters
 */
export const bind = (params: ReadonlyArray<unknown>): Array<Bound> =>
  params.map((value, index) => {
    const bound = boundOf(value)
    if (typeof bound !== "object" || bound === null || bound instanceof Uint8Array) return bound
    throw rejected(`parameter ${index + 1} is ${bound.wrong}`)
  })

const boundOf = (value: unknown): Bound | { readonly wrong: string } => {
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? value : { wrong: "a text with half of a surrogate pair, which is no text in UTF-8" }
    case "bigint":
      return isInteger(value) ? value : { wrong: `${value}, and the integers of SQLite have 64 bits` }
    case "number":
      // As SQLite turns NaN into NULL.
      if (Number.isNaN(value)) return { wrong: "NaN, which SQLite does not have" }
      return Number.isInteger(value) && isInteger(BigInt(value)) && !Object.is(value, -0) ? BigInt(value) : value
    case "boolean":
      return value ? 1n : 0n
  }
  if (value === null || value instanceof Uint8Array) return value
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
  if (isJsonNumber(value)) {
    const integer = value.toBigInt()
    if (/^-0(?:\.0*)?$/.test(value.text)) return -0
    if (integer !== undefined && isInteger(integer)) return integer
    return { wrong: `the number ${shown(value.text)}, which SQLite cannot hold without losing digits` }
  }
  return {
    wrong: value === undefined ? "undefined; for NULL give null" : `${kindOf(value)}, which SQLite does not have`
  }
}

const isInteger = (value: bigint) => BigInt.asIntN(64, value) === value

const shown = (text: string) => (text.length > 40 ? `${text.slice(0, 40)}…` : text)

/**
 * True for a text without half of a surrogate pair.
 *
 * @since 0.1.0
 * @category guards
 */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)

const kindOf = (value: unknown) => {
  if (value instanceof Date) return "an invalid date"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}
