/**
 * What drivers give, as JSON.
 *
 * @since 0.1.0
 */
import { isJsonNumber, JsonNumber } from "../Json.ts"

/**
 * Dates and what else says how it is written in JSON become that; a `bigint` that no number holds becomes a `JsonNumber`, and bytes
 * become text in base64.
 *
 * @since 0.1.0
 * @category getters
 */
export const plain = (value: unknown): unknown => {
  if (typeof value === "bigint")
    return Number.isSafeInteger(Number(value)) ? Number(value) : new JsonNumber(String(value))
  if (typeof value !== "object" || value === null || isJsonNumber(value)) return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64")
  if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON())
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
}
