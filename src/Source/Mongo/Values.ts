/**
 * Values as MongoDB stores them, or refused: the driver would send some of them as others.
 *
 * @since 0.1.0
 */
import * as Json from "../../Json.ts"
import * as Fault from "../Fault.ts"
import * as Text from "../Text.ts"
import type { Module } from "./Errors.ts"

/**
 * A filter, a pipeline or a projection as the driver sends it: a `JsonNumber` and a `bigint` become a `Long`, or a `Decimal128`
 * of at most 34 digits. Throws a `Fault` for a value that BSON does not have.
 *
 * @since 0.1.0
 * @category encoding
 */
export const toBson = <A>(mongodb: Module, what: string, value: A): A => {
  const walk = (value: unknown): unknown => {
    if (typeof value === "bigint") return number(mongodb, what, String(value))
    if (typeof value === "string") return text(what, value)
    if (typeof value !== "object" || value === null) return value
    if (Json.isJsonNumber(value)) return number(mongodb, what, value.text)
    if (value instanceof Date && Number.isNaN(value.getTime()))
      throw Fault.rejected(`${what} has an invalid Date in it, which cannot be sent`)
    if (Array.isArray(value)) return value.map(walk)
    if (!isPlain(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [text(what, name), walk(member)]))
  }
  // The cast: what it becomes is as it was, but for numbers that the driver takes in another form.
  return walk(value) as A
}

const text = (what: string, value: string): string => {
  const fault = Text.check(`a text in ${what}`, value)
  if (fault !== undefined) throw fault
  return value
}

const number = ({ Decimal128, Long }: Module, what: string, text: string): unknown => {
  if (/^-?\d+$/.test(text)) {
    const whole = BigInt(text)
    if (whole === 0n) return Number(text)
    if (whole >= -(2n ** 63n) && whole < 2n ** 63n) return Long.fromBigInt(whole)
  }
  try {
    return Decimal128.fromString(text)
  } catch {
    throw Fault.rejected(`a number in ${what} has more digits than a Decimal128 holds (34)`)
  }
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
