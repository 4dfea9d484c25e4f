/**
 * SQLite, as the contract uses it. What stands for its server is the threads of the driver, seen from outside.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer, Schema, type Scope } from "effect"
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { SourceRejected } from "../../../src/Source.ts"
import * as Sql from "../../../src/Source/Sql.ts"
import * as Sqlite from "../../../src/Source/Sqlite.ts"
import type * as Servers from "../../Servers.ts"
import type { Adapter } from "../contract.ts"

const query = <A, I>(
  schema: Schema.Schema<A, I>,
  statement: (sql: SqlClient.SqlClient) => Effect.Effect<ReadonlyArray<unknown>, SqlError>,
  options?: Sql.QueryOptions
) => Sql.query(schema, Effect.flatMap(SqlClient.SqlClient, statement), options)

/** The path of a database that is not there yet, in a folder that goes with the scope. */
export const file: Effect.Effect<string, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "muster-sqlite-")))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => join(folder, "test.db")
)

/** Reads one of `/proc`, where things come and go. */
const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

const main = "Sqlite/Child.ts"

/** The processes of the driver that a process has started, or that anybody has, and that run. */
export const childrenOf = (pid: number | undefined): ReadonlyArray<string> =>
  readdirSync("/proc").filter((id) => {
    const stat = attempt(() => readFileSync(`/proc/${id}/stat`, "utf8")) ?? ""
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    if (state === "Z" || (pid !== undefined && parent !== String(pid))) return false
    return attempt(() => readFileSync(`/proc/${id}/cmdline`, "utf8"))?.includes(main) === true
  })

/** Those of this process. */
export const processes = () => childrenOf(process.pid)

/** The threads of the driver that are at work. */
const working = () =>
  processes()
    .flatMap((id) => (attempt(() => readdirSync(`/proc/${id}/task`)) ?? []).map((task) => `/proc/${id}/task/${task}`))
    .filter((task) => /\(tokio.*\) [RD]/.test(attempt(() => readFileSync(`${task}/stat`, "utf8")) ?? "")).length

setFlagsFromString("--expose-gc")
/** Collects garbage, all of it. The cast: with that flag there is such a function, which is what this script gives. */
export const collect = runInNewContext("gc") as () => void

/** Each connection has its log open. (SQLite keeps the file itself open beyond a connection, for the next.) */
const opened = (path: string) =>
  processes()
    .flatMap((id) => (attempt(() => readdirSync(`/proc/${id}/fd`)) ?? []).map((fd) => `/proc/${id}/fd/${fd}`))
    .filter((fd) => attempt(() => readlinkSync(fd)) === `${path}-wal`).length

/** Counts so far that it takes about so long. */
const rows = (millis: number) => Math.round(millis * 4_000)

export const adapter: Adapter<SqlClient.SqlClient> = {
  name: "Sqlite",
  kind: () =>
    Effect.map(file, (url) => {
      // The cast: it is of a kind that `Servers` does not start, and nobody kills it.
      return { url, adminUrl: url, password: "there is none" } as unknown as Servers.Private
    }),
  isEmbedded: true,
  layer: (filename, { connections: maxConnections }) =>
    // The driver is installed here.
    Layer.orDie(Sqlite.layer({ filename, maxConnections })),
  watch: ({ url }) => Effect.succeed({ busy: Effect.sync(working), connections: Effect.sync(() => opened(url)) }),

  quick: query(Schema.Unknown, (sql) => sql`SELECT 1`),
  busyFor: (millis) =>
    query(
      Schema.Struct({ count: Schema.Int }),
      (sql) => sql`
        WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${rows(millis)})
        SELECT COUNT(*) AS count FROM c`
    ).pipe(
      Effect.filterOrFail(
        ([row]) => row?.count === rows(millis),
        () => new SourceRejected({ source: "shop", reason: "it was cut short" })
      )
    ),
  echo: (text) =>
    Effect.map(
      query(Schema.Struct({ echo: Schema.String }), (sql) => sql`SELECT ${text} AS echo`),
      ([row]) => row!.echo
    ),
  misfit: query(Schema.Struct({ price: Schema.Number }), (sql) => sql`SELECT 'much' AS price`),
  large: (bytes, maxBytes) =>
    query(
      Schema.Unknown,
      (sql) => sql`
        WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${bytes / 1_000})
        SELECT printf('%1000d', x) FROM c`,
      { maxBytes }
    )
}
