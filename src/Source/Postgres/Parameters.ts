/**
 * Parameters as the texts that PostgreSQL reads, each written so that its type there reads the same value, or refused.
 *
 * @since 0.1.0
 */
import * as Json from "../../Json.ts"
import * as Fault from "../Fault.ts"
import * as Text from "../Text.ts"

/** What `pg` makes of a value. */
type Prepare = (value: unknown) => unknown

/**
 * The parameters of a statement, as `pg` sends them. Throws a `Fault` that names the parameter, by its number, which cannot be
 * sent as what it is.
 *
 * @since 0.1.0
 * @category encoding
 */
export const encode = (text: string, params: ReadonlyArray<unknown>, prepare: Prepare): ReadonlyArray<unknown> => {
  checkText("the statement", text)
  return params.map((param, index) => {
    const what = `parameter ${index + 1}`
    const encoded = prepare(toText(what, param))
    if (typeof encoded === "string") checkText(what, encoded)
    return encoded
  })
}

const toText = (what: string, value: unknown): unknown => {
  if (Object.is(value, -0)) return "-0"
  if (typeof value === "function" || typeof value === "symbol") throw Fault.rejected(`${what} is a ${typeof value}`)
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value
  if (Json.isJsonNumber(value)) return value.text
  if (value instanceof Date) return ofDate(what, value)
  if (Array.isArray(value)) return value.map((item) => toText(what, item))
  return "toPostgres" in value ? value : Json.stringify(value)
}

/** In UTC: the driver writes the time of this machine, whose offset is wrong where it has seconds (before 1900). */
const ofDate = (what: string, date: Date): string => {
  if (Number.isNaN(date.getTime())) throw Fault.rejected(`${what} is an invalid Date`)
  const year = date.getUTCFullYear()
  const [, rest] = /(-\d\d-\d\dT.*)Z$/.exec(date.toISOString())!
  // Before the year 1 is the year 1 BC.
  const digits = String(year > 0 ? year : 1 - year).padStart(4, "0")
  return `${digits}${rest}+00:00${year > 0 ? "" : " BC"}`
}

const checkText = (what: string, text: string): void => {
  const fault = Text.check(what, text)
  if (fault !== undefined) throw fault
  if (text.includes("\0"))
    throw Fault.rejected(`${what} has the character NUL (U+0000), which no text of PostgreSQL has`)
}
