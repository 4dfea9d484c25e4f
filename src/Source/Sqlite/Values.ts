/**
 * Values on their way out of SQLite.
 *
 * @since 0.1.0
 */
import { malformed } from "./Errors.ts"

/**
 * How a database holds its texts, by the answer of `PRAGMA encoding`.
 *
 * @since 0.1.0
 * @category models
 */
export type Encoding = "UTF-8" | "UTF-16le" | "UTF-16be"

/**
 * Reads values of statements of `Whole`: an integer as a number if no digit is lost, else as a `bigint`; a blob as a
 * `Uint8Array`. Throws a `Fault` that names the column for a text that is not one.
 *
 * @since 0.1.0
 * @category rows
 */
export const reader = (encoding: Encoding): ((value: unknown, column: string) => unknown) => {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true })
  return (value, column) => {
    if (typeof value === "bigint") return numberOf(value)
    if (typeof value === "string") return new Uint8Array(Buffer.from(value, "hex"))
    if (typeof value !== "object" || value === null) return value
    try {
      // The cast: the driver gives no other object.
      return decoder.decode(value as Uint8Array)
    } catch {
      throw malformed(`the text in the column "${column}" is not ${encoding.toUpperCase()}`)
    }
  }
}

/**
 * Reads values of statements that the driver reads by itself.
 *
 * @since 0.1.0
 * @category rows
 */
export const readPlainly = (value: unknown): unknown => {
  if (typeof value === "bigint") return numberOf(value)
  // The cast: as above.
  return typeof value === "object" && value !== null ? new Uint8Array(value as Uint8Array) : value
}

const numberOf = (value: bigint) =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value

/**
 * About how many bytes a value takes, as the driver gives it; of statements of `Whole`, a string is a blob in hex.
 *
 * @since 0.1.0
 * @category rows
 */
export const sizeOf = (value: unknown, isWhole: boolean): number => {
  if (typeof value === "string") return isWhole ? value.length / 2 : value.length
  return value instanceof Uint8Array || value instanceof ArrayBuffer ? value.byteLength : 8
}
