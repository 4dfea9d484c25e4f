/**
 * Values on their way into SQLite and out of it.
 *
 * @since 0.1.0
 */
import * as Faults from "../Fault.ts"

/**
 * Parameters as the driver can bind them. Whole numbers are bound as integers, which the driver itself does not do; booleans
 * as 0 and 1, dates as text, like `2026-01-31T12:00:00.000Z`. Throws a `Fault` for what cannot be bound.
 *
 * @since 0.1.0
 * @category parameters
 */
export const bind = (params: ReadonlyArray<unknown>): Array<unknown> =>
  params.map((value, index) => {
    switch (typeof value) {
      case "string":
      case "bigint":
        return value
      case "number":
        return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value
      case "boolean":
        return value ? 1n : 0n
    }
    if (value === null || value instanceof Uint8Array) return value
    if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
    const what = value === undefined ? "undefined; for NULL give null" : `${kindOf(value)}, which SQLite does not have`
    throw Faults.rejected(`parameter ${index + 1} is ${what}`)
  })

const kindOf = (value: unknown) => {
  if (value instanceof Date) return "an invalid date"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/**
 * A value as it was read: an integer as a number if no digit is lost, else as a `bigint`; a blob as a `Uint8Array`.
 *
 * @since 0.1.0
 * @category rows
 */
export const read = (value: unknown): unknown => {
  if (typeof value === "bigint") {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  }
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value
}

/**
 * About how many bytes a row takes.
 *
 * @since 0.1.0
 * @category rows
 */
export const sizeOf = (row: ReadonlyArray<unknown>): number => {
  let bytes = 0
  for (const value of row) {
    if (typeof value === "string") bytes += value.length
    else bytes += value instanceof Uint8Array ? value.byteLength : 8
  }
  return bytes
}
