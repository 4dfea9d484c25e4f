/**
 * SQL over a pool whose queries can be stopped: an `SqlClient` of `@effect/sql`, and sources with typed errors made of it.
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { Effect, Schema } from "effect"
import * as Options from "../Options.ts"
import { Asking } from "../Receipt/Asking.ts"
import { SourceError, SourceMalformed, SourceUnavailable } from "../Source.ts"
import type { Fault } from "./Fault.ts"
import * as Faults from "./Fault.ts"
import * as Mismatch from "./Mismatch.ts"
import type { Pool } from "./Pool.ts"
import { LeaseConnection, MaxBytes, toSqlError } from "./Sql/LeaseConnection.ts"
import * as Transaction from "./Sql/Transaction.ts"

/**
 * What a kind of database plugs in, beside the driver of its pool.
 *
 * The effects of `execute` and of a {@link Cursor} are exchanges: they end when the wire is quiet, and not before. They are
 * not interrupted; a connection is stopped by `cancel` of its driver.
 *
 * @since 0.1.0
 * @category models
 */
export interface Adapter<C> {
  readonly compiler: Statement.Compiler
  /** Such as `["db.system.name", "postgresql"]`; no secrets. */
  readonly spanAttributes: ReadonlyArray<readonly [string, unknown]>
  /** Runs a statement to its end. */
  readonly execute: (connection: C, query: Query) => Effect.Effect<Answer, Fault>
  /** Makes a cursor; nothing is sent before its first `next`. */
  readonly cursor: (connection: C, query: Query) => Cursor
  /** Default `"BEGIN"`. */
  readonly begin?: string | undefined
}

/**
 * A statement as it is sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Query {
  /** With placeholders. */
  readonly text: string
  readonly params: ReadonlyArray<unknown>
  /** Rows as objects by column, or as arrays. */
  readonly rows: "objects" | "arrays"
  /** An answer (of a cursor: a page) that is longer must be refused as `malformed`, and the connection destroyed. */
  readonly maxBytes: number
  /** When the server should give up by itself, in milliseconds from now; `Infinity` for never. */
  readonly timeLimit: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  readonly rows: ReadonlyArray<unknown>
  /** The driver's own result. */
  readonly raw: unknown
}

/**
 * A result that is read page by page.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cursor {
  /** The next rows; none when it has ended, and then nothing is open any more, as after a failure. */
  readonly next: Effect.Effect<ReadonlyArray<unknown>, Fault>
  /** Ends it early. Does nothing when it has ended. */
  readonly close: Effect.Effect<void, Fault>
}

/**
 * How an `SqlClient` is made.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientOptions<C> {
  readonly pool: Pool<C>
  readonly adapter: Adapter<C>
  /** The longest answer to a statement, in bytes; default 10 MB (10,000,000). Of a stream, each page counts. */
  readonly maxBytes?: number | undefined
  /** Turns the names of columns into names of fields, such as `user_id` into `userId`. */
  readonly transformResultNames?: ((name: string) => string) | undefined
}

/**
 * An `SqlClient` over a pool.
 *
 * - Interrupting a statement returns at once, and the server stops; a transaction that fails or is interrupted is rolled
 *   back (or its connection destroyed) without anybody waiting for it.
 * - Its errors are `SqlError`s whose `cause` is a `SourceError`; {@link typed} gives that.
 * - Waiting for a connection, `BEGIN` and `COMMIT` are interruptible too. Interrupted at its `COMMIT`, a transaction may
 *   have been committed or not.
 * - Inside a transaction, only statements of this client are part of it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <C>(options: ClientOptions<C>): Effect.Effect<SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const { adapter, maxBytes, pool, transformResultNames } = options
    const { compiler, spanAttributes } = adapter
    const most = Options.count("Sql.make", "maxBytes", maxBytes ?? 10_000_000)
    const transformRows =
      transformResultNames === undefined ? undefined : Statement.defaultTransforms(transformResultNames).array
    const reserve = Effect.map(toSqlError(pool.take), (lease) => new LeaseConnection(lease, adapter, most))
    const transactions = Transaction.make(reserve, { begin: adapter.begin ?? "BEGIN", spanAttributes })
    const acquirer = Effect.flatMap(transactions.current, (transaction) =>
      transaction === undefined ? reserve : Effect.succeed(transaction.connection)
    )
    const base = yield* SqlClient.make({ acquirer, compiler, spanAttributes })
    // `SqlClient.make` would send the statements of this client over a transaction of another's.
    const assemble = (...statement: Parameters<typeof Statement.make>): SqlClient.SqlClient => {
      const { reactive, reactiveMailbox } = base
      const { withTransaction } = transactions
      const withoutTransforms = () => untransformed
      const fields = { reactive, reactiveMailbox, reserve, withTransaction, withoutTransforms }
      const client = Object.assign(Statement.make(...statement), { [SqlClient.TypeId]: base[SqlClient.TypeId] }, fields)
      // The cast: `safe` is the client itself, and so can only be added to it.
      return Object.assign(client, { safe: client }) as unknown as SqlClient.SqlClient
    }
    const untransformed: SqlClient.SqlClient =
      transformRows === undefined
        ? assemble(acquirer, compiler, spanAttributes, undefined)
        : assemble(acquirer, compiler.withoutTransform, spanAttributes, undefined)
    return transformRows === undefined ? untransformed : assemble(acquirer, compiler, spanAttributes, transformRows)
  }).pipe(Effect.provide(Reactivity.layer))

/**
 * How the rows of a statement are read.
 *
 * @since 0.1.0
 * @category models
 */
export interface QueryOptions {
  /** The longest answer, in bytes; default 10 MB (10,000,000 bytes). */
  readonly maxBytes?: number | undefined
}

/**
 * A statement as a source: its rows, decoded.
 *
 * - `SourceUnavailable`: no connection, or it broke off; the server is too busy, stops, or gave up at the deadline.
 * - `SourceRejected`: the server understood and said no, such as a wrong password, a broken constraint, a mistake in the SQL.
 * - `SourceMalformed`: the rows do not fit the schema (the reason names the row and the field), or are too long.
 *
 * @example
 * ```ts
 * const orders = Effect.flatMap(SqlClient.SqlClient, (sql) =>
 *   Sql.query(Order, sql`SELECT id, total FROM orders WHERE user_id = ${id}`)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const query = <A, I, R, R2>(
  schema: Schema.Schema<A, I, R>,
  statement: Effect.Effect<ReadonlyArray<unknown>, SqlError, R2>,
  options?: QueryOptions
): Effect.Effect<ReadonlyArray<A>, SourceError, R | R2> =>
  Effect.gen(function* () {
    const source = (yield* Asking).name
    const asked =
      options?.maxBytes === undefined
        ? statement
        : Effect.provideService(statement, MaxBytes, Options.count("Sql.query", "maxBytes", options.maxBytes))
    const rows = yield* typed(asked)
    return yield* Effect.mapError(
      Schema.decodeUnknown(Schema.Array(schema))(rows),
      ({ issue }) => new SourceMalformed({ source, reason: Mismatch.describe(issue) })
    )
  })

const isSourceError = Schema.is(SourceError)

/**
 * Turns the `SqlError`s of an effect into the `SourceError`s they are made of.
 *
 * An `SqlError` of another client counts as `SourceUnavailable`, since it does not say whether asking again may help.
 *
 * @since 0.1.0
 * @category errors
 */
export const typed = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, SqlError> | SourceError, R> =>
  Effect.catchAll(effect, (error): Effect.Effect<never, Exclude<E, SqlError> | SourceError> => {
    // The cast: what is no `SqlError` is one of the others.
    if (!(error instanceof SqlError)) return Effect.fail(error as Exclude<E, SqlError>)
    if (isSourceError(error.cause)) return Effect.fail(error.cause)
    const code = Faults.codeOf(error.cause)
    const reason = `the statement failed${code === undefined ? "" : ` (${code})`}`
    return Effect.flatMap(Asking, ({ name }) => new SourceUnavailable({ source: name, reason }))
  })
