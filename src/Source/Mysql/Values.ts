/**
 * Values of MySQL as those of JavaScript: nothing depends on the time zone of this machine, and no digit is lost.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import type * as Mysql from "mysql2"
import * as Json from "../../Json.ts"
import * as Fault from "../Fault.ts"

/**
 * What the driver gives is made into a value by this.
 *
 * @since 0.1.0
 * @category models
 */
export type Read = (value: unknown) => unknown

/** The parts of a column's description that are used; the types of the driver leave out the last. */
type Column = Pick<Mysql.FieldPacket, "columnType" | "decimals"> & { readonly extendedFormat?: string | undefined }

/** The numbers of types in the protocol. */
const types = { float: 4, timestamp: 7, longlong: 8, time: 11, datetime: 12, json: 245 }

/**
 * How the values of a column are read; `undefined` where they stay as the driver gives them.
 *
 * @since 0.1.0
 * @category getters
 */
export const reader = (column: Column, { timezone = "Z" }: Mysql.ConnectionOptions): Read | undefined => {
  const decimals = column.decimals ?? 0
  // MariaDB tells JSON from other texts in a field of its own.
  if (column.columnType === types.json || column.extendedFormat === "json") return json
  switch (column.columnType) {
    case types.longlong:
      return whole
    case types.float:
      return float
    case types.time:
      return ofText((text) => withFraction(text, decimals))
    case types.datetime:
      return ofText((text) => withFraction(text.replace(" ", "T"), decimals))
    case types.timestamp: {
      const zone = timezone === "local" ? "" : timezone
      // What is no instant has no zone.
      return ofText((text) => withFraction(text.replace(" ", "T"), decimals) + (text.startsWith("0000") ? "" : zone))
    }
    default:
      return undefined
  }
}

const ofText =
  (read: (text: string) => unknown): Read =>
  (value) =>
    typeof value === "string" ? read(value) : value

const whole = ofText((text) => (/^-?\d+$/.test(text) ? BigInt(text) : text))

const json = ofText((text) =>
  Either.getOrThrowWith(Json.parse(text), (reason) => Fault.malformed(`a value of type JSON ${reason}`))
)

/** With parameters, a fraction of zeros is left out, and zeros at its end; without, it has all digits of its column. */
const withFraction = (text: string, decimals: number): string => {
  if (decimals === 0 || decimals > 6) return text
  const [seconds, fraction = ""] = text.split(".")
  return `${seconds}.${fraction.padEnd(decimals, "0")}`
}

/** The shortest number that is the same as a FLOAT: 0.1 for what is 0.10000000149011612 as a double. */
const float: Read = (value) => {
  if (typeof value !== "number") return value
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}
