/**
 * What drivers give, as JSON.
 *
 * @since 0.1.0
 */
import { isJsonNumber, JsonNumber } from "../Json.ts"

/**
 * Dates and what else says how it is written in JSON become that; a `bigint` that no number holds becomes a `JsonNumber`, and bytes
 * become text in base64. A number that JSON has not becomes the text `"NaN"`, `"Infinity"` or `"-Infinity"`, as PostgreSQL's
 * `to_json` writes it, and so is told apart from null; -0 keeps its sign.
 *
 * @since 0.1.0
 * @category getters
 */
export const plain = (value: unknown): unknown => {
  if (typeof value === "number")
    return Object.is(value, -0) ? negativeZero : Number.isFinite(value) ? value : String(value)
  if (typeof value === "bigint")
    return Number.isSafeInteger(Number(value)) ? Number(value) : new JsonNumber(String(value))
  if (typeof value !== "object" || value === null || isJsonNumber(value)) return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64")
  if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON())
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
}

const negativeZero = new JsonNumber("-0")
