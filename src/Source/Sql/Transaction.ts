/**
 * Transactions that can be interrupted: the caller never waits for the server, and nothing half done is kept.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Context, Effect, Option, type Scope } from "effect"
import type { LeaseConnection } from "./LeaseConnection.ts"

interface Transaction<C> {
  readonly connection: LeaseConnection<C>
  /** 0 for the transaction, from 1 up for savepoints in it. */
  readonly depth: number
}

/**
 * The transactions of one client.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transactions<C> {
  /** The one that is open here, if there is one. */
  readonly current: Effect.Effect<Transaction<C> | undefined>
  /**
   * Runs an effect in a transaction, or in a savepoint of the one that is open here. However it fails, it is rolled back.
   *
   * `SqlClient.make` has one too; there, waiting for a connection, `BEGIN` and the rollback cannot be interrupted, and a
   * `COMMIT` that fails is a defect.
   */
  readonly withTransaction: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <C>(
  reserve: Effect.Effect<LeaseConnection<C>, SqlError, Scope.Scope>,
  options: { readonly begin: string; readonly spanAttributes: ReadonlyArray<readonly [string, unknown]> }
): Transactions<C> => {
  const mine = Context.GenericTag<Transaction<C>>(`effect-muster/Source/Sql/Transaction/${(clients += 1)}`)
  const ours = new WeakSet<object>()

  const current = Effect.map(Effect.context<never>(), (context) => {
    const own = Context.getOption(context, mine)
    if (Option.isSome(own)) return own.value
    // A resolver of `@effect/sql` carries over only this one; it may be another client's.
    const [connection, depth] = Option.getOrElse(Context.getOption(context, SqlClient.TransactionConnection), () => [])
    // The cast: those of `ours` are the connections of this client.
    return connection !== undefined && ours.has(connection)
      ? { connection: connection as LeaseConnection<C>, depth: depth ?? 0 }
      : undefined
  })

  const withTransaction = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R> =>
    Effect.useSpan("sql.transaction", { kind: "client", captureStackTrace: false }, (span) => {
      options.spanAttributes.forEach(([key, value]) => span.attribute(key, value))
      const inside = (transaction: Transaction<C>) =>
        effect.pipe(
          Effect.provideService(mine, transaction),
          Effect.provideService(SqlClient.TransactionConnection, [transaction.connection, transaction.depth] as const),
          Effect.withParentSpan(span)
        )
      const whole = Effect.flatMap(reserve, (connection) => {
        ours.add(connection)
        return Effect.zipRight(connection.control(options.begin), inside({ connection, depth: 0 })).pipe(
          Effect.zipLeft(connection.control("COMMIT")),
          Effect.onError(() => connection.undo("ROLLBACK"))
        )
      })
      const savepoint = ({ connection, depth }: Transaction<C>) => {
        const name = `muster_${depth + 1}`
        return Effect.zipRight(
          connection.control(`SAVEPOINT ${name}`),
          Effect.onError(inside({ connection, depth: depth + 1 }), () =>
            connection.undo(`ROLLBACK TO SAVEPOINT ${name}`)
          )
        )
      }
      return Effect.flatMap(current, (outer): Effect.Effect<A, E | SqlError, R> =>
        outer === undefined ? Effect.scoped<A, E | SqlError, R | Scope.Scope>(whole) : savepoint(outer)
      )
    })

  return { current, withTransaction }
}

let clients = 0
