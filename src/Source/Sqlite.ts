/**
 * SQLite as a source, on `libsql`, in a process of its own: an `SqlClient` of `@effect/sql` whose statements stop when their
 * caller is interrupted, and whose data cannot end the program.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { Config, type ConfigError, Effect, Layer, type Scope } from "effect"
import { createRequire } from "node:module"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Driver from "./Driver.ts"
import * as Pool from "./Pool.ts"
import * as Sql from "./Sql.ts"
import { Connection } from "./Sqlite/Connection.ts"
import { type Engine, LocalEngine, type Location } from "./Sqlite/Engine.ts"
import { Remote } from "./Sqlite/Remote.ts"
import { check, type Settings } from "./Sqlite/Settings.ts"

export type {
  /** @since 0.1.0 */
  Settings
} from "./Sqlite/Settings.ts"

/**
 * A client whose connections end with the scope; for more than one database in a program. The first statement opens the file.
 *
 * - The file is in WAL mode: many read while one writes. A transaction begins with `BEGIN IMMEDIATE`, so it waits for its
 *   turn to write at its beginning, and never fails for it later.
 * - What is interrupted stops within milliseconds. SQLite rolls a transaction back when a statement that writes is stopped
 *   in it; the statements after it in that transaction are refused.
 * - An integer is given as a number if no digit is lost, else as a `bigint`; a blob as a `Uint8Array`. A text that is not one is
 *   `SourceMalformed`. Two columns of one name are `SourceRejected`.
 * - A `SELECT` is computed as a whole before its first row, also for a stream. Of several statements in one text, only the
 *   first runs, but all of what defines tables.
 * - It runs in a process of its own, ready after 140 ms, which takes 60 MB. Where the driver cannot be told how to read a text
 *   (`PRAGMA`, `EXPLAIN`, names of columns), one that is not UTF-8 ends that process; what it ran fails, and the next statement
 *   starts another.
 * - Files beside the database are out of reach: `ATTACH`, `VACUUM INTO`, `readfile`, `writefile` and `load_extension` are refused.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (settings: Settings): Effect.Effect<SqlClient.SqlClient, Driver.DriverMissing, Scope.Scope> =>
  client(
    settings,
    Effect.gen(function* () {
      const remote = yield* Effect.acquireRelease(
        Effect.sync(() => new Remote()),
        (remote) => Effect.promise(() => remote.close())
      )
      // Not only at the first statement, which may have no time for it.
      yield* Effect.timeoutOption(
        Effect.promise(() => remote.start()),
        "10 seconds"
      )
      return (location) => remote.engine(location)
    })
  )

/**
 * The same inside the program itself, which saves the process, and 0.06 ms a statement: for databases that the program alone
 * writes, such as the ledger of batches.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeInside = (settings: Settings): Effect.Effect<SqlClient.SqlClient, Driver.DriverMissing, Scope.Scope> =>
  client(
    settings,
    Effect.map(
      Effect.promise(() => import("./Sqlite/Libsql.ts")),
      ({ connect }) =>
        (location) =>
          new LocalEngine(connect, location)
    )
  )

const client = (
  settings: Settings,
  engines: Effect.Effect<(location: Location) => Engine, never, Scope.Scope>
): Effect.Effect<SqlClient.SqlClient, Driver.DriverMissing, Scope.Scope> =>
  Effect.gen(function* () {
    const checked = check(settings)
    yield* installed
    const location = { ...checked, path: checked.path ?? join(yield* folder, "memory.db") }
    const engineOf = yield* engines
    const pool = yield* Pool.make(
      {
        name: `sqlite at ${checked.path ?? ":memory:"}`,
        make: () => new Connection(engineOf(location)),
        open: (connection) => connection.open,
        alive: (connection) => connection.isAlive,
        cancel: (connection) => connection.stop,
        destroy: (connection) => connection.destroy(),
        unfinished: (connection) => {
          if (connection.isWorn) return Effect.sync(() => connection.destroy())
          return connection.inTransaction ? connection.execute(rollback) : undefined
        }
      },
      settings
    )
    const adapter: Sql.Adapter<Connection> = {
      compiler: Statement.makeCompilerSqlite(settings.transformQueryNames),
      spanAttributes: [["db.system.name", "sqlite"]],
      execute: (connection, query) => connection.execute(query),
      cursor: (connection, query) => connection.cursor(query),
      begin: "BEGIN IMMEDIATE"
    }
    const { maxBytes, transformResultNames } = settings
    return yield* Sql.make({ pool, adapter, maxBytes, transformResultNames })
  })

/** The driver is looked for here, but loaded where it runs. */
const installed = Effect.try({
  try: () => createRequire(import.meta.url).resolve("libsql/promise"),
  catch: () => new Driver.DriverMissing({ driver: "libsql", install: "libsql@0.5" })
})

/** A folder that goes with the scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-sqlite-"))),
  (path) => Effect.ignore(Effect.try(() => rmSync(path, { recursive: true, force: true })))
)

const rollback: Sql.Query = { text: "ROLLBACK", params: [], rows: "arrays", maxBytes: Infinity, timeLimit: Infinity }

/**
 * One database, whose connections end with the layer. A file that cannot be opened is the error of the first statement.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (settings: Settings): Layer.Layer<SqlClient.SqlClient, Driver.DriverMissing> =>
  Layer.scoped(SqlClient.SqlClient, make(settings))

/**
 * As {@link layer}, by {@link makeInside}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInside = (settings: Settings): Layer.Layer<SqlClient.SqlClient, Driver.DriverMissing> =>
  Layer.scoped(SqlClient.SqlClient, makeInside(settings))

/**
 * As {@link layer}, from the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Settings>
): Layer.Layer<SqlClient.SqlClient, Driver.DriverMissing | ConfigError.ConfigError> =>
  Layer.scoped(SqlClient.SqlClient, Effect.flatMap(Config.unwrap(config), make))
