/**
 * A statement of SQLite, run so that its work is done beside the event loop.
 *
 * The driver does the first step of `iterate` in a thread of its own, where it can be interrupted, and every later one on
 * the event loop, where nothing can. So what can be long is brought into the first step: a `SELECT` is computed as a whole
 * before its first row, and what writes and gives rows is committed by a statement of its own.
 *
 * When a statement is collected as garbage, the event loop stands still until what runs on its connection has ended. So a
 * connection keeps every one that it made.
 *
 * @since 0.1.0
 */
import { rejected } from "./Errors.ts"
import type { Bound } from "./Parameters.ts"
import { type Fetched, Rows } from "./Rows.ts"
import { firstOf, nameOf } from "./Tokens.ts"
import { type Encoding, reader } from "./Values.ts"
import * as Whole from "./Whole.ts"

/**
 * What is used of `libsql/promise`, whose own types are `any`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Database {
  readonly inTransaction: boolean
  readonly prepare: (sql: string) => Promise<Prepared>
  readonly exec: (sql: string) => Promise<void>
  readonly interrupt: () => void
  readonly close: () => void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Prepared {
  /** It gives rows. */
  readonly reader: boolean
  readonly raw: () => void
  readonly safeIntegers: () => void
  readonly columns: () => ReadonlyArray<{ readonly name: string }>
  readonly iterate: (params: ReadonlyArray<unknown>) => Promise<Fetched>
}

/**
 * What a text asks for: to read rows, to write them, to be told of the database (`PRAGMA`, `EXPLAIN`), or anything else, such
 * as `BEGIN` or `CREATE`.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "reads" | "writes" | "tells" | "controls"

const kinds: Readonly<Record<string, Kind>> = {
  select: "reads",
  values: "reads",
  insert: "writes",
  replace: "writes",
  update: "writes",
  delete: "writes",
  pragma: "tells",
  explain: "tells"
}

/**
 * @since 0.1.0
 * @category getters
 */
export const kindOf = (text: string): Kind => {
  const tokens = firstOf(text)
  const names = tokens.map(nameOf)
  // Behind the parenthesis of the last of what comes `WITH` it.
  const main =
    names[0] === "with"
      ? names.findIndex(
          (name, i) => tokens[i]!.depth === 0 && tokens[i - 1]?.text === ")" && Object.hasOwn(kinds, name!)
        )
      : 0
  return kinds[names[main] ?? ""] ?? "controls"
}

/**
 * What a statement is made for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Schema {
  /** How often the tables have changed. */
  readonly version: bigint
  /** It does not change once there is a table. */
  readonly encoding: Encoding
}

/**
 * One that can be run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Statement {
  readonly kind: Kind
  readonly columns: ReadonlyArray<string>
  /** That of when it was made. */
  readonly schema: Schema
  /** As the driver prepared it, kept from being collected. */
  readonly given: Prepared
  /** It returns all columns, and they may be others by now. */
  readonly isVague: boolean
  /**
   * Runs the first step, which is all of its work, but for the commit of what writes outside a transaction. One that finds
   * the database busy is left half done in the driver, and so is the connection.
   */
  readonly run: (params: ReadonlyArray<Bound>) => Promise<Rows>
}

/**
 * Makes a statement ready to run. The schema is that of now, or was that of a moment ago.
 *
 * @since 0.1.0
 * @category running
 */
export const prepare = async (database: Database, text: string, schema: Schema): Promise<Statement> => {
  const refused = Whole.refusal(text)
  if (refused !== undefined) throw rejected(refused)
  const kind = kindOf(text)
  const given = await database.prepare(text)
  const columns = given.reader ? given.columns().map(({ name }) => name) : []
  const whole = given.reader ? await prepareWhole(database, text, kind, columns) : undefined
  const prepared = whole ?? given
  if (prepared.reader) {
    prepared.raw()
    prepared.safeIntegers()
  }
  const readWhole = whole === undefined ? undefined : reader(schema.encoding)
  const version = kind === "reads" ? schema.version : undefined
  return {
    kind,
    columns,
    schema,
    given,
    isVague: kind === "writes" && given.reader && /\*/.test(text),
    run: async (params) => {
      const fetched = await prepared.iterate(params)
      return new Rows(database, fetched, columns, readWhole, version)
    }
  }
}

const prepareWhole = async (database: Database, text: string, kind: Kind, columns: ReadonlyArray<string>) => {
  if (kind === "reads") {
    const most = Whole.mostColumns
    if (columns.length > most) throw rejected(`the result has ${columns.length} columns, and ${most} is the most`)
    return database.prepare(Whole.select(text, columns.length))
  }
  const whole = kind === "writes" ? Whole.returning(text, columns) : undefined
  // Whatever it is that cannot be told so, the driver reads by itself.
  return whole === undefined ? undefined : database.prepare(whole).catch(() => undefined)
}
