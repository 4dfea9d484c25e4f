/**
 * PostgreSQL, as the contract sees it.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer, Schema } from "effect"
import pg from "pg"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Sql from "../../../src/Source/Sql.ts"
import type { Adapter, Watch } from "../contract.ts"

const query = <A, I>(
  schema: Schema.Schema<A, I>,
  statement: (sql: SqlClient.SqlClient) => Effect.Effect<ReadonlyArray<unknown>, SqlError>,
  options?: Sql.QueryOptions
) => Sql.query(schema, Effect.flatMap(SqlClient.SqlClient, statement), options)

/** Asks as the administrator, who sees every connection. */
export const administrator = (adminUrl: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const client = new pg.Client(adminUrl)
        client.on("error", () => {})
        await client.connect()
        return client
      }),
      (client) => Effect.promise(() => client.end())
    ),
    (client) => (text: string) => Effect.promise(async () => (await client.query<Record<string, unknown>>(text)).rows)
  )

export const watch = (adminUrl: string) =>
  Effect.map(administrator(adminUrl), (ask): Watch => {
    const count = (where: string) =>
      Effect.map(
        ask(`SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = 'muster' ${where}`),
        ([row]) => Number(row!["count"])
      )
    return { busy: count("AND state = 'active'"), connections: count("") }
  })

export const adapter: Adapter<SqlClient.SqlClient> = {
  name: "Postgres",
  kind: "postgres",
  layer: (url, { ca, connectTimeout, connections: maxConnections }) => {
    const ssl = ca === undefined ? {} : { ssl: { ca } }
    // The driver is installed here.
    return Layer.orDie(Postgres.layer({ url, maxConnections, connectTimeout, ...ssl }))
  },
  watch: ({ adminUrl }) => watch(adminUrl),

  quick: query(Schema.Unknown, (sql) => sql`SELECT 1`),
  busyFor: (millis) => query(Schema.Unknown, (sql) => sql`SELECT pg_sleep(${millis / 1_000})`),
  echo: (text) =>
    Effect.map(
      query(Schema.Struct({ echo: Schema.String }), (sql) => sql`SELECT ${text}::text AS echo`),
      ([row]) => row!.echo
    ),
  misfit: query(Schema.Struct({ price: Schema.Number }), (sql) => sql`SELECT 'much' AS price`),
  large: (bytes, maxBytes) =>
    query(Schema.Unknown, (sql) => sql`SELECT repeat('x', 1000) FROM generate_series(1, ${bytes / 1_000}::int)`, {
      maxBytes
    })
}
