/**
 * SQLite as a source, on `libsql`, inside the program itself: an `SqlClient` of `@effect/sql` whose statements run beside the
 * event loop, and stop when nobody wants their answer.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { Config, type ConfigError, Effect, Layer, type Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Driver from "./Driver.ts"
import * as Pool from "./Pool.ts"
import * as Sql from "./Sql.ts"
import { check, type Settings } from "./Sqlite/Settings.ts"
import type { Database } from "./Sqlite/Statement.ts"
import { Wire } from "./Sqlite/Wire.ts"

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
 * - An integer is given as a number if no digit is lost, else as a `bigint`; a blob as a `Uint8Array`. Of columns with one
 *   name, the second is called `name:1`.
 * - A `SELECT` is computed as a whole before its first row, also for a stream. Of several statements in one text, only the
 *   first runs.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (settings: Settings): Effect.Effect<SqlClient.SqlClient, Driver.DriverMissing, Scope.Scope> =>
  Effect.gen(function* () {
    const checked = check(settings)
    const { default: Libsql } = yield* Driver.load("libsql", "libsql@0.5", () => import("libsql/promise"))
    // The cast: its types are `any` for the most part, and leave something out.
    const connect = (path: string) => withThreads(() => new Libsql(path, { timeout: 0 }) as object as Database)
    const path = checked.path ?? join(yield* folder, "memory.db")
    const pool = yield* Pool.make(
      {
        name: `sqlite at ${checked.path ?? ":memory:"}`,
        make: () => new Wire(connect, { ...checked, path }),
        open: (wire) => wire.open,
        alive: (wire) => wire.alive,
        cancel: (wire) => wire.stop,
        destroy: (wire) => wire.destroy(),
        unfinished: (wire) => {
          if (wire.isWorn) return Effect.sync(() => wire.destroy())
          return wire.inTransaction ? wire.execute(rollback) : undefined
        }
      },
      settings
    )
    const adapter: Sql.Adapter<Wire> = {
      compiler: Statement.makeCompilerSqlite(settings.transformQueryNames),
      spanAttributes: [["db.system.name", "sqlite"]],
      execute: (wire, query) => wire.execute(query),
      cursor: (wire, query) => wire.cursor(query),
      begin: "BEGIN IMMEDIATE"
    }
    const { maxBytes, transformResultNames } = settings
    return yield* Sql.make({ pool, adapter, maxBytes, transformResultNames })
  })

/** A folder that goes with the scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-sqlite-"))),
  (path) => Effect.ignore(Effect.try(() => rmSync(path, { recursive: true, force: true })))
)

/**
 * The driver makes its threads with the first connection: one for each core, each for one statement at a time, so that a
 * long one would keep a short one waiting. It is told their number in no other way.
 */
const withThreads = <A>(connect: () => A): A => {
  const name = "TOKIO_WORKER_THREADS"
  const given = process.env[name]
  process.env[name] = given ?? "32"
  try {
    return connect()
  } finally {
    if (given === undefined) delete process.env[name]
  }
}

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
 * As {@link layer}, from the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Settings>
): Layer.Layer<SqlClient.SqlClient, Driver.DriverMissing | ConfigError.ConfigError> =>
  Layer.scoped(SqlClient.SqlClient, Effect.flatMap(Config.unwrap(config), make))
