/**
 * The same calls as programs usually make them: with the stock clients of `@effect/sql`, or a promise of the driver.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as MysqlClient from "@effect/sql-mysql2/MysqlClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Context, Effect, Layer, Redacted } from "effect"
import { Redis } from "ioredis"
import { MongoClient } from "mongodb"
import type { Adapter } from "../Source/contract/Adapter.ts"

/** What is measured of a client. */
export type Client<R> = Pick<Adapter<R>, "name" | "layer"> & {
  readonly busyFor: (millis: number) => Effect.Effect<unknown, unknown, R>
}

const sleepIn =
  (statement: (sql: SqlClient.SqlClient, seconds: number) => Effect.Effect<unknown, unknown>) => (millis: number) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => statement(sql, millis / 1_000))

export const postgres: Client<SqlClient.SqlClient> = {
  name: "@effect/sql-pg",
  layer: (url, { connections: maxConnections }) =>
    Layer.orDie(PgClient.layer({ url: Redacted.make(url), maxConnections })),
  busyFor: sleepIn((sql, seconds) => sql`SELECT pg_sleep(${seconds})`)
}

export const mysql: Client<SqlClient.SqlClient> = {
  name: "@effect/sql-mysql2",
  layer: (url, { connections: maxConnections }) =>
    Layer.orDie(MysqlClient.layer({ url: Redacted.make(url), maxConnections })),
  busyFor: sleepIn((sql, seconds) => sql`SELECT SLEEP(${seconds})`)
}

/** A client of a driver, whose promises know of no interruption. */
const promised = <C>(
  name: string,
  open: (url: string, connections: number) => C,
  close: (client: C) => unknown,
  call: (client: C, millis: number) => Promise<unknown>
): Client<C> => {
  const tag = Context.GenericTag<C>(`test/bench/Stock/${name}`)
  return {
    name: `a promise of ${name}`,
    layer: (url, { connections }) =>
      Layer.scoped(
        tag,
        Effect.acquireRelease(
          Effect.sync(() => open(url, connections)),
          (client) => Effect.sync(() => void close(client))
        )
      ),
    busyFor: (millis) => Effect.flatMap(tag, (client) => Effect.tryPromise(() => call(client, millis)))
  }
}

export const redis = promised(
  "ioredis",
  (url) => new Redis(url),
  (client) => client.disconnect(),
  (client, millis) => client.blpop("muster-nothing-is-ever-pushed", millis / 1_000)
)

export const mongo = promised(
  "mongodb",
  (url, maxPoolSize) => new MongoClient(url, { maxPoolSize }),
  (client) => client.close(),
  (client, millis) =>
    client
      .db()
      .collection("muster_contract")
      .countDocuments({ $where: `sleep(${millis}) || true` })
)

export const http = promised(
  "fetch",
  (url) => new URL(url),
  () => {},
  async ({ origin, password, username }, millis) => {
    const authorization = `Basic ${btoa(`${username}:${password}`)}`
    const response = await fetch(`${origin}/busy?number=${millis}`, { headers: { authorization } })
    return response.json()
  }
)
