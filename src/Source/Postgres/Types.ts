/**
 * Values of PostgreSQL as those of JavaScript: nothing depends on the time zone of this machine, and no digit is lost.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import * as Json from "../../Json.ts"
import * as Fault from "../Fault.ts"

/**
 * The part of `pg` that reads values.
 *
 * @since 0.1.0
 * @category models
 */
export interface Driver {
  readonly getTypeParser: (oid: number, format?: "text" | "binary") => Read
  readonly arrayParser: {
    readonly create: (text: string, read: Read) => { readonly parse: () => ReadonlyArray<unknown> }
  }
}

/**
 * Reads a value from its text.
 *
 * @since 0.1.0
 * @category models
 */
export type Read = (text: string) => unknown

/**
 * Reads values as `pg` does, but for those that it would change: dates and times are texts as `to_json` writes them, intervals
 * and ranges are PostgreSQL's own texts, and a number in JSON that no JavaScript number holds is a `JsonNumber`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (driver: Driver): Pick<Driver, "getTypeParser"> => {
  const listOf =
    (read: Read): Read =>
    (text) =>
      driver.arrayParser.create(text, read).parse()
  const readers = new Map<number, Read>(
    scalars.flatMap(([read, oid, arrayOid]) => [
      [oid, read],
      [arrayOid, listOf(read)]
    ])
  )
  return {
    getTypeParser: (oid, format) =>
      (format === "binary" ? undefined : readers.get(oid)) ?? driver.getTypeParser(oid, format)
  }
}

const asText: Read = (text) => text

/** `2026-01-31 12:34:56.789` with a `T`, so that it is the form of ISO 8601; `infinity` and ` BC` stay. */
const timestamp: Read = (text) => text.replace(/^(\d+-\d\d-\d\d) /, "$1T")

/** The offset always has minutes; it may have seconds. */
const timestamptz: Read = (text) => (timestamp(text) as string).replace(/([+-]\d\d)(?=$| BC$)/, "$1:00")

const json: Read = (text) =>
  Either.getOrThrowWith(Json.parse(text), (reason) => Fault.malformed(`a value of type json ${reason}`))

/** How each is read, the number of its type, and that of its array. */
const scalars: ReadonlyArray<readonly [read: Read, oid: number, arrayOid: number]> = [
  // The driver reads these two so, unless a program has told it otherwise for all its clients.
  [asText, 20, 1016], // int8
  [asText, 1700, 1231], // numeric
  [asText, 1082, 1182], // date
  [timestamp, 1114, 1115],
  [timestamptz, 1184, 1185],
  [asText, 1186, 1187], // interval
  [json, 114, 199],
  [json, 3802, 3807], // jsonb
  [asText, 3904, 3905], // int4range
  [asText, 3906, 3907], // numrange
  [asText, 3908, 3909], // tsrange
  [asText, 3910, 3911], // tstzrange
  [asText, 3912, 3913], // daterange
  [asText, 3926, 3927] // int8range
]
