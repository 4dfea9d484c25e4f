/**
 * Where SQLite and Postgres differ in what the ledger asks of them.
 *
 * @since 0.1.0
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Effect, identity } from "effect"
import * as Deadline from "../../Deadline.ts"
import * as Permits from "../../Permits.ts"

/**
 * The columns of rows that are written many at once, with their types.
 *
 * @since 0.1.0
 * @category models
 */
const columns = {
  id: "text",
  position: "bigint",
  hash: "text",
  item: "text",
  state: "int",
  took: "bigint",
  result: "text",
  failure_class: "text",
  failure_message: "text",
  not_before: "bigint",
  wait: "bigint",
  ended_at: "bigint"
} as const

/** @since 0.1.0 */
export type Column = keyof typeof columns

/**
 * What each of them says in its own way.
 *
 * @since 0.1.0
 * @category models
 */
export interface Dialect {
  /**
   * Milliseconds since 1970, for what has to wait: of the server where there is one, since several machines may ask it; else
   * of a clock that was set when this process began, and has not jumped since.
   */
  readonly now: Effect.Effect<number, SqlError>
  /** A table `x` of these columns, sent as one parameter. */
  readonly rowsOf: (rows: ReadonlyArray<object>, ...columns: ReadonlyArray<Column>) => Fragment
  /**
   * A transaction in its turn. SQLite has one that writes at a time, and whoever comes meanwhile tries again and again; in a
   * line, the next one goes on at once.
   */
  readonly inTurn: <A, E, R>(transaction: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Goes first in a transaction that makes tables: two that make the same one at once get in each other's way. */
  readonly alone: Effect.Effect<unknown, SqlError>
  /** Goes behind a subquery whose rows are taken for writing. */
  readonly skipLocked: Fragment
}

/**
 * The dialect of a client. Anything but Postgres is asked as SQLite.
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = (sql: SqlClient.SqlClient): Dialect =>
  sql.onDialectOrElse({
    pg: () => postgres(sql),
    orElse: () => sqlite(sql)
  })

const postgres = (sql: SqlClient.SqlClient): Dialect => ({
  now: Effect.map(sql<{ now: string }>`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now`, ([row]) =>
    Number(row!.now)
  ),
  rowsOf: (rows, ...names) => {
    const typed = names.map((name) => `${name} ${columns[name]}`).join(", ")
    return sql`json_to_recordset(${JSON.stringify(rows)}::json) AS x(${sql.unsafe(typed)})`
  },
  inTurn: identity,
  alone: sql`SELECT pg_advisory_xact_lock(7338112690)`,
  skipLocked: sql`FOR UPDATE SKIP LOCKED`
})

const sqlite = (sql: SqlClient.SqlClient): Dialect => ({
  now: Deadline.now,
  rowsOf: (rows, ...names) => {
    const read = names.map((name) => `value ->> '$.${name}' AS ${name}`).join(", ")
    return sql`(SELECT ${sql.unsafe(read)} FROM json_each(${JSON.stringify(rows)})) AS x`
  },
  inTurn: Permits.make(1).with(),
  alone: Effect.void,
  skipLocked: sql``
})

/**
 * The version of the tables. Those of another version are refused.
 *
 * @since 0.1.0
 * @category models
 */
export const version = 4

/**
 * What makes the tables, one statement each. An index of each state that is looked for holds only rows in it.
 *
 * @since 0.1.0
 * @category models
 */
export const tables: ReadonlyArray<string> = [
  `CREATE TABLE IF NOT EXISTS muster_ledger (version INTEGER NOT NULL PRIMARY KEY)`,
  `CREATE TABLE IF NOT EXISTS muster_batches (
    batch VARCHAR(200) NOT NULL PRIMARY KEY, input_read BIGINT NOT NULL DEFAULT 0, input_offset BIGINT NOT NULL DEFAULT 0,
    input TEXT, reading BIGINT NOT NULL DEFAULT 0, sealed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0, plan TEXT)`,
  `CREATE TABLE IF NOT EXISTS muster_owners (
    batch VARCHAR(200) NOT NULL, owner VARCHAR(200) NOT NULL, exclusive INTEGER NOT NULL, lease BIGINT NOT NULL,
    beats BIGINT NOT NULL, PRIMARY KEY (batch, owner))`,
  `CREATE TABLE IF NOT EXISTS muster_items (
    batch VARCHAR(200) NOT NULL, id TEXT NOT NULL, position BIGINT NOT NULL, hash TEXT NOT NULL, item TEXT NOT NULL,
    state INTEGER NOT NULL, attempts INTEGER NOT NULL, took BIGINT NOT NULL, not_before BIGINT NOT NULL,
    wait BIGINT NOT NULL, reading BIGINT NOT NULL,
    owner VARCHAR(200), result TEXT, failure_class TEXT, failure_message TEXT, ended_at BIGINT,
    PRIMARY KEY (batch, id))`,
  `CREATE INDEX IF NOT EXISTS muster_items_position ON muster_items (batch, position)`,
  `CREATE INDEX IF NOT EXISTS muster_items_pending ON muster_items (batch, reading, position) WHERE state = 0`,
  `CREATE INDEX IF NOT EXISTS muster_items_running ON muster_items (batch) WHERE state = 1`,
  `CREATE INDEX IF NOT EXISTS muster_items_failed ON muster_items (batch, position) WHERE state = 3`
]
