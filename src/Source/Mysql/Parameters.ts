/**
 * Parameters of a prepared statement, each in a type of MySQL that holds its very value, or refused.
 *
 * MySQL compares a whole number with a text or a double as doubles: around 2^53 that finds the row of a neighbour. So numbers
 * are bound as `BIGINT` or `DECIMAL` wherever those hold them.
 *
 * @since 0.1.0
 */
import type * as Mysql from "mysql2"
import * as Json from "../../Json.ts"
import * as Fault from "../Fault.ts"
import * as Text from "../Text.ts"

/** What the driver has to bind a value in a type of our choice. */
type Typed = Pick<typeof Mysql.TypedParameter, "LONGLONG" | "NEWDECIMAL" | "JSON">

/**
 * The parameters, as the driver sends them; the fault of the first one, by its number, that MySQL cannot be sent.
 *
 * @since 0.1.0
 * @category encoding
 */
export const encode = (typed: Typed, params: ReadonlyArray<unknown>): Array<unknown> | Fault.Fault => {
  const encoded: Array<unknown> = []
  for (const [index, param] of params.entries()) {
    const value = toBound(typed, param)
    if (value instanceof Fault.Fault) return Fault.rejected(`parameter ${index + 1} ${value.reason}`)
    encoded.push(value)
  }
  return encoded
}

const toBound = (typed: Typed, value: unknown): unknown => {
  switch (typeof value) {
    case "string":
      return Text.check("", value) === undefined ? value : Fault.rejected("has a lone surrogate, which is no character")
    case "number":
      return ofNumber(typed, value)
    case "bigint":
      return ofInteger(typed, value)
    case "boolean":
      return value
    case "object":
      return value === null ? null : ofObject(typed, value)
    default:
      return Fault.rejected(value === undefined ? "is undefined; for NULL give null" : `is a ${typeof value}`)
  }
}

const ofObject = (typed: Typed, value: object): unknown => {
  if (Json.isJsonNumber(value)) return ofText(typed, value.text)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? Fault.rejected("is an invalid Date") : value
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const text = Json.stringify(value)
  return text === undefined ? Fault.rejected("cannot be written as JSON") : typed.JSON(text)
}

const ofNumber = (typed: Typed, value: number): unknown => {
  if (!Number.isFinite(value)) return Fault.rejected(`is ${value}, which MySQL has not`)
  // A fraction comes back as it went in: a double, not the text of a DECIMAL.
  if (!Number.isInteger(value)) return value
  const whole = Number.isSafeInteger(value) ? BigInt(value) : wholeOf(decimalOf(String(value)))
  return whole === undefined ? value : ofInteger(typed, whole, value)
}

/** A number too long for any type that is exact; `otherwise` is as exact as what was given. */
const ofInteger = (typed: Typed, value: bigint, otherwise?: number): unknown => {
  if (value >= -(2n ** 63n) && value < 2n ** 63n) return typed.LONGLONG(value)
  if (value > 0n && value < 2n ** 64n) return typed.LONGLONG.unsigned(value)
  const text = String(value)
  if (text.replace("-", "").length <= longest.digits) return typed.NEWDECIMAL(text)
  return otherwise ?? tooLong
}

const ofText = (typed: Typed, text: string): unknown => {
  const decimal = decimalOf(text)
  const whole = wholeOf(decimal)
  if (whole !== undefined) return ofInteger(typed, whole)
  const { digits, exponent, sign } = decimal
  if (exponent >= 0 || -exponent > longest.fraction || digits.length > longest.digits) return tooLong
  const padded = digits.padStart(1 - exponent, "0")
  return typed.NEWDECIMAL(`${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`)
}

/** What a DECIMAL holds, of MySQL; a server rounds, or takes the largest it has, for more. */
const longest = { digits: 65, fraction: 30 }

const tooLong = Fault.rejected("is a number with more digits than a DECIMAL holds (65, of them 30 of a fraction)")

interface Decimal {
  readonly sign: string
  readonly digits: string
  readonly exponent: number
}

/** Its digits without zeros at their end, and the power of ten that they are multiplied by. */
const decimalOf = (text: string): Decimal => {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(
    text
  )!
  const all = (whole + fraction).replace(/^0+/, "")
  const digits = trimEnd(all)
  if (digits === "") return { sign: "", digits: "0", exponent: 0 }
  return { sign, digits, exponent: Number(exponent) - fraction.length + all.length - digits.length }
}

const trimEnd = (digits: string) => {
  let end = digits.length
  while (digits[end - 1] === "0") end--
  return digits.slice(0, end)
}

/** `undefined` for one with a fraction, or of which no type has room for the digits. */
const wholeOf = ({ digits, exponent, sign }: Decimal): bigint | undefined =>
  exponent < 0 || digits.length + exponent > 2 * longest.digits
    ? undefined
    : BigInt(`${sign}${digits}${"0".repeat(exponent)}`)
