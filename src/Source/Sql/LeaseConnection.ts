/**
 * A held connection as `@effect/sql` wants it.
 *
 * @since 0.1.0
 */
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Chunk, Context, Duration, Effect, Option, type Scope, Stream } from "effect"
import * as Deadline from "../../Deadline.ts"
import type { SourceError } from "../../Source.ts"
import * as Faults from "../Fault.ts"
import type { Lease } from "../Pool.ts"
import { slack } from "../Pool/Waiting.ts"
import type { Adapter, Answer, Query } from "../Sql.ts"

/**
 * The longest answer to a statement, in bytes, where one says so; otherwise what the client was told.
 *
 * @since 0.1.0
 * @category services
 */
export class MaxBytes extends Context.Reference<MaxBytes>()("effect-muster/Source/Sql/MaxBytes", {
  defaultValue: (): number | undefined => undefined
}) {}

/**
 * Puts the error of a source into the one of `@effect/sql`.
 *
 * @since 0.1.0
 * @category errors
 */
export const toSqlError = <A, R>(effect: Effect.Effect<A, SourceError, R>): Effect.Effect<A, SqlError, R> =>
  Effect.mapError(effect, (cause) => new SqlError({ cause, message: cause.message }))

type Transform = Parameters<Connection["execute"]>[2]

/**
 * Sends statements over one connection.
 *
 * @since 0.1.0
 * @category models
 */
export class LeaseConnection<C> implements Connection {
  private streaming = false

  constructor(
    readonly lease: Lease<C>,
    private readonly adapter: Adapter<C>,
    private readonly maxBytes: number
  ) {}

  execute(sql: string, params: ReadonlyArray<unknown>, transform: Transform) {
    return Effect.map(this.run(sql, params, "objects"), ({ rows }) => transformed(rows, transform))
  }

  executeRaw(sql: string, params: ReadonlyArray<unknown>) {
    return Effect.map(this.run(sql, params, "objects"), ({ raw }) => raw)
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>) {
    // The cast: so they were asked for.
    return Effect.map(this.run(sql, params, "arrays"), ({ rows }) => rows as ReadonlyArray<ReadonlyArray<unknown>>)
  }

  executeUnprepared(sql: string, params: ReadonlyArray<unknown>, transform: Transform) {
    return this.execute(sql, params, transform)
  }

  executeStream(sql: string, params: ReadonlyArray<unknown>, transform: Transform): Stream.Stream<unknown, SqlError> {
    const pages = Effect.suspend(() => (this.streaming ? this.busy : this.pages(sql, params)))
    const chunks = Effect.map(pages, (next) =>
      Effect.mapBoth(next, {
        onFailure: Option.some<SqlError>,
        onSuccess: (rows) => Chunk.unsafeFromArray(transformed(rows, transform))
      }).pipe(Effect.filterOrFail(Chunk.isNonEmpty, () => Option.none<SqlError>()))
    )
    return Stream.unwrapScoped(Effect.map(chunks, Stream.repeatEffectChunkOption))
  }

  /** Sends a statement that has no answer, such as `COMMIT`. */
  control(sql: string): Effect.Effect<void, SqlError> {
    return Effect.asVoid(this.run(sql, [], "objects"))
  }

  /** Sends a statement, such as `ROLLBACK`, that nobody waits for; if it fails, the connection is destroyed. */
  undo(sql: string): Effect.Effect<void> {
    const query: Query = { text: sql, params: [], rows: "objects", maxBytes: Infinity, timeLimit: Infinity }
    return this.lease.tidy(Effect.suspend(() => this.adapter.execute(this.lease.connection, query)))
  }

  /** Reads the next page; what is not read to its end when the scope closes is closed, without anybody waiting for it. */
  private pages(
    sql: string,
    params: ReadonlyArray<unknown>
  ): Effect.Effect<Effect.Effect<ReadonlyArray<unknown>, SqlError>, never, Scope.Scope> {
    return Effect.flatMap(this.query(sql, params, "objects"), (query) => {
      const cursor = this.adapter.cursor(this.lease.connection, query)
      const next = Effect.tap(toSqlError(this.lease.ask(cursor.next)), (rows) => {
        if (rows.length === 0) this.streaming = false
      })
      const close = Effect.suspend(() => {
        const isOpen = this.streaming
        this.streaming = false
        return isOpen ? this.lease.tidy(cursor.close) : Effect.void
      })
      return Effect.acquireRelease(
        Effect.sync(() => {
          this.streaming = true
          return next
        }),
        () => close
      )
    })
  }

  private run(sql: string, params: ReadonlyArray<unknown>, rows: Query["rows"]): Effect.Effect<Answer, SqlError> {
    const exchange = Effect.flatMap(this.query(sql, params, rows), (query) =>
      this.adapter.execute(this.lease.connection, query)
    )
    return Effect.suspend(() => (this.streaming ? this.busy : toSqlError(this.lease.ask(exchange))))
  }

  private query(text: string, params: ReadonlyArray<unknown>, rows: Query["rows"]): Effect.Effect<Query> {
    return Effect.zipWith(MaxBytes, Deadline.remaining, (maxBytes = this.maxBytes, remaining) => {
      const timeLimit = Math.ceil(Duration.toMillis(remaining)) + slack
      return { text, params, rows, maxBytes, timeLimit }
    })
  }

  private get busy(): Effect.Effect<never, SqlError> {
    const reason = "a stream over this connection is not read to its end"
    return toSqlError(this.lease.refuse(Faults.rejected(reason)))
  }
}

// The cast: a transform is given the rows of any type, and what it is here only the one who asks knows.
const transformed = (rows: ReadonlyArray<unknown>, transform: Transform) =>
  transform === undefined ? rows : transform(rows as ReadonlyArray<object>)
