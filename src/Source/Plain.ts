/**
 * What drivers give, as JSON.
 *
 * @since 0.1.0
 */
import { isInexact, isJsonNumber, JsonNumber } from "../Json.ts"

/**
 * Dates and what else says how it is written in JSON become that, and bytes become text in base64. A `bigint`, and a whole number and
 * a decimal of MongoDB, become a number, or a `JsonNumber` where no number holds it. A number that JSON has not becomes the text `"NaN"`, `"Infinity"` or `"-Infinity"`, as PostgreSQL's
 * `to_json` writes it, and so is told apart from null; -0 keeps its sign.
 *
 * @since 0.1.0
 * @category getters
 */
export const plain = (value: unknown): unknown => {
  if (typeof value === "number")
    return Object.is(value, -0) ? negativeZero : Number.isFinite(value) ? value : String(value)
  if (typeof value === "bigint") return numberOf(String(value))
  if (typeof value !== "object" || value === null || isJsonNumber(value)) return value
  if (isBsonNumber(value)) return numberOf(String(value))
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64")
  if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON())
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
}

/** A document may have a field of this name, too. */
const isBsonNumber = (value: object): boolean =>
  "_bsontype" in value &&
  !Object.hasOwn(value, "_bsontype") &&
  (value._bsontype === "Long" || value._bsontype === "Decimal128")

/** `NaN` and infinities, which a Decimal128 may be, stay texts. */
const numberOf = (text: string): number | JsonNumber | string => {
  if (!/\d/.test(text)) return text
  return isInexact(text) ? new JsonNumber(text) : Number(text)
}

const negativeZero = new JsonNumber("-0")
