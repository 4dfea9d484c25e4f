/**
 * MariaDB, as the contract sees it.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer, Schema } from "effect"
import { createConnection, type RowDataPacket } from "mysql2/promise"
import * as Mysql from "../../../src/Source/Mysql.ts"
import * as Sql from "../../../src/Source/Sql.ts"
import type { Adapter } from "../contract.ts"

const query = <A, I>(
  schema: Schema.Schema<A, I>,
  statement: (sql: SqlClient.SqlClient) => Effect.Effect<ReadonlyArray<unknown>, SqlError>,
  options?: Sql.QueryOptions
) => Sql.query(schema, Effect.flatMap(SqlClient.SqlClient, statement), options)

export const adapter: Adapter<SqlClient.SqlClient> = {
  name: "Mysql, on MariaDB,",
  kind: "mariadb",
  layer: (url, { ca, connections: maxConnections, connectTimeout }) => {
    const driver = ca === undefined ? {} : { ssl: { ca, verifyIdentity: true } }
    // The driver is installed here.
    return Layer.orDie(Mysql.layer({ url, maxConnections, connectTimeout, driver }))
  },
  watch: ({ adminUrl }) =>
    Effect.gen(function* () {
      const connection = yield* Effect.acquireRelease(
        Effect.promise(() => createConnection(adminUrl)),
        (connection) => Effect.sync(() => connection.destroy())
      )
      connection.on("error", () => {})
      yield* Effect.promise(() => connection.query("SELECT GET_LOCK('muster', 10)"))
      const count = (where: string) =>
        Effect.promise(async () => {
          const [rows] = await connection.query<Array<RowDataPacket>>(
            `SELECT COUNT(*) AS count FROM information_schema.processlist WHERE user = 'muster' ${where}`
          )
          return Number(rows[0]!["count"])
        })
      return { busy: count("AND command <> 'Sleep' AND info IS NOT NULL"), connections: count("") }
    }),

  quick: query(Schema.Unknown, (sql) => sql`SELECT 1`),
  // It waits for a lock that the watch holds. `SLEEP` will not do: of two that are killed at once, MariaDB 10.11 at times
  // ends one only after 2 seconds, in which its KILL is not answered either.
  busyFor: (millis) =>
    query(Schema.Struct({ got: Schema.Literal(0) }), (sql) => sql`SELECT GET_LOCK('muster', ${millis / 1_000}) AS got`),
  echo: (text) =>
    Effect.map(
      query(Schema.Struct({ echo: Schema.String }), (sql) => sql`SELECT ${text} AS echo`),
      ([row]) => row!.echo
    ),
  misfit: query(Schema.Struct({ price: Schema.Number }), (sql) => sql`SELECT 'much' AS price`),
  large: (bytes, maxBytes) =>
    query(Schema.Unknown, (sql) => sql`SELECT REPEAT('x', 1000) FROM seq_1_to_10000 LIMIT ${bytes / 1_000}`, {
      maxBytes
    })
}
