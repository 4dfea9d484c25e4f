/**
 * What a statement gives: rows, or how many it has changed.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type * as Mysql from "mysql2"
import * as Fault from "../Fault.ts"
import { faultOf } from "./Errors.ts"
import * as Values from "./Values.ts"

/**
 * What came of a statement that has no rows: how many it changed, and the like.
 *
 * @since 0.1.0
 * @category models
 */
export type Header = Mysql.ResultSetHeader

/**
 * Hears of each row, with the names of its columns.
 *
 * @since 0.1.0
 * @category models
 */
export type OnRow = (row: ReadonlyArray<unknown>, columns: ReadonlyArray<string>) => void

/**
 * How rows are read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reader {
  readonly onRow: OnRow
  readonly options: Mysql.ConnectionOptions
  /** What is wrong with the columns of the first result. */
  readonly check: (columns: ReadonlyArray<string>) => Fault.Fault | undefined
}

/**
 * For statements whose rows do not matter.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unread: Reader = { onRow: () => {}, options: {}, check: () => undefined }

/**
 * The driver compiles a reader of rows for each list of fields, and breaks the connection off at these names, although its rows
 * are arrays (3.24). It does so after this event.
 */
const hideName = (field: Mysql.FieldPacket): void => {
  if (field.name.startsWith("__")) Object.defineProperty(field, "name", { value: "" })
}

/**
 * Reads an answer until it has ended; of several (of a procedure) the rows of the first.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = (
  command: Mysql.Query,
  { check, onRow, options }: Reader,
  end: (answer: Effect.Effect<Header | undefined, Fault.Fault>) => void
): void => {
  let columns: ReadonlyArray<string> | undefined
  let readers: ReadonlyArray<Values.Read | undefined> = []
  let header: Header | undefined
  let fault: Fault.Fault | undefined
  // The types do not tell rows from headers; there is no list of fields before a header.
  command.on("fields", (fields: ReadonlyArray<Mysql.FieldPacket> | undefined) => {
    const isFirst = columns === undefined
    columns = fields?.map(({ name }) => name)
    readers = fields?.map((field) => Values.reader(field, options)) ?? []
    fields?.forEach(hideName)
    if (isFirst && columns !== undefined) fault ??= check(columns)
  })
  command.on("result", (row: unknown, index: number) => {
    if (columns === undefined) header = row as Header
    else if (index === 0 && fault === undefined) {
      try {
        onRow(valuesOf(row as ReadonlyArray<unknown>, readers), columns)
      } catch (error) {
        fault = error instanceof Fault.Fault ? error : Fault.malformed("a value could not be read")
      }
    }
  })
  command.on("error", (error: unknown) => {
    fault ??= faultOf(error)
  })
  command.on("end", () => end(fault === undefined ? Effect.succeed(header) : Effect.fail(fault)))
}

const valuesOf = (row: ReadonlyArray<unknown>, readers: ReadonlyArray<Values.Read | undefined>) =>
  row.map((value, column) => {
    const read = readers[column]
    return read === undefined ? value : read(value)
  })
