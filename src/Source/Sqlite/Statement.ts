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
import { bind } from "./Values.ts"

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

interface Prepared {
  /** It gives rows. */
  readonly reader: boolean
  readonly raw: () => void
  readonly safeIntegers: () => void
  readonly columns: () => ReadonlyArray<{ readonly name: string }>
  readonly iterate: (params: ReadonlyArray<unknown>) => Promise<Iterator<ReadonlyArray<unknown>>>
}

/**
 * One that can be run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Statement {
  readonly writes: boolean
  /**
   * Runs the first step, which is all of its work, but for the commit of what writes outside a transaction. One that finds
   * the database busy is left half done in the driver, and so is the connection.
   */
  readonly run: (params: ReadonlyArray<unknown>) => Promise<Rows>
}

/**
 * Rows that are being read. Whoever does not read them to their end must `close` them: until then they hold a snapshot.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rows {
  readonly columns: ReadonlyArray<string>
  readonly next: () => ReadonlyArray<unknown> | undefined
  readonly close: () => void
}

const beginsWith = (verbs: string) => new RegExp(String.raw`^(?:\s|--[^\n]*\n|/\*[^]*?\*/)*(?:${verbs})\b`, "i")
const reads = beginsWith("select|values|with")
const writes = beginsWith("insert|update|delete|replace|with")
const tells = beginsWith("pragma|explain")

/**
 * True for what neither reads rows nor writes them, such as `BEGIN` or `CREATE`.
 *
 * @since 0.1.0
 * @category getters
 */
export const isControl = (text: string): boolean => !reads.test(text) && !writes.test(text) && !tells.test(text)

/**
 * Makes a statement ready to run.
 *
 * @since 0.1.0
 * @category running
 */
export const prepare = async (database: Database, text: string): Promise<Statement> => {
  const whole = reads.test(text) ? await wholly(database, text) : undefined
  const prepared = whole ?? (await database.prepare(text))
  if (prepared.reader) {
    prepared.raw()
    prepared.safeIntegers()
  }
  return {
    writes: whole === undefined && writes.test(text),
    run: async (params) => rowsOf(database, prepared, await prepared.iterate(bind(params)))
  }
}

/** The same rows, computed before the first of them; `undefined` for what is no `SELECT` after all. */
const wholly = async (database: Database, text: string) => {
  const select = text.replace(/;\s*$/, "")
  try {
    return await database.prepare(`WITH muster_rows AS MATERIALIZED (${select}\n) SELECT * FROM muster_rows`)
  } catch {
    return undefined
  }
}

const rowsOf = (database: Database, prepared: Prepared, iterator: Iterator<ReadonlyArray<unknown>>): Rows => ({
  columns: prepared.reader ? prepared.columns().map(({ name }) => name) : [],
  next: () => {
    const { done, value } = iterator.next()
    return done === true ? undefined : value
  },
  close: () => {
    database.interrupt()
    try {
      // The first step that sees the interruption ends the statement, by failing.
      while (iterator.next().done !== true);
    } catch {
      return
    }
  }
})
