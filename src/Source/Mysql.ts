/**
 * MySQL and MariaDB as sources, on `mysql2`: an `SqlClient` of `@effect/sql` whose statements stop in the server when nobody
 * wants their answer.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { Config, type ConfigError, Effect, Layer, type Scope } from "effect"
import * as Driver from "./Driver.ts"
import * as Rows from "./Mysql/Rows.ts"
import { check, type Settings } from "./Mysql/Settings.ts"
import { Wire } from "./Mysql/Wire.ts"
import * as Pool from "./Pool.ts"
import * as Sql from "./Sql.ts"

export type {
  /** @since 0.1.0 */
  Settings
} from "./Mysql/Settings.ts"

/**
 * A client whose connections end with the scope; for more than one database in a program. The first statement connects.
 *
 * - A statement that is interrupted is stopped with `KILL QUERY`, over a connection made for it; its own is used again once
 *   it is quiet, and destroyed if that takes longer than the grace. Behind a proxy that shares connections, that may be
 *   another server; use the server's own address.
 * - The ambient deadline goes along, so that the server stops by itself when no kill can reach it: in MariaDB as
 *   `max_statement_time`, in MySQL as `max_execution_time`, which counts for `SELECT` alone. (MariaDB 10.1, MySQL 5.7.)
 * - No value depends on the time zone of this machine, and none loses a digit. A `BIGINT` that no JavaScript number holds is a
 *   `bigint`, and a `DECIMAL` a text. Dates and times are texts: `"1975-05-11"`, a `DATETIME` as `"2026-01-31T12:34:56.789"`,
 *   a `TIMESTAMP`, which is an instant, as `"2026-01-31T12:34:56.789Z"`; so are those that no calendar has, such as
 *   `"2026-01-00"`. In `JSON`, a number that no JavaScript number holds is a `JsonNumber`. Of a `FLOAT` that is read by
 *   a statement without parameters, the server writes six digits; `CAST` it to `DOUBLE`.
 * - As a parameter, each finds its row again (to store a `TIMESTAMP`, leave out its `Z`). Numbers, a `bigint` and a `JsonNumber`
 *   are bound as `BIGINT` or `DECIMAL` where these hold them: a text is compared with a number column as a double, which
 *   may find a neighbour. A list and an object go as JSON. What MySQL has no type for is refused.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (settings: Settings): Effect.Effect<SqlClient.SqlClient, Driver.DriverMissing, Scope.Scope> =>
  Effect.gen(function* () {
    const { driver, name } = check(settings)
    // The default export: the names that a program imports lack those that the driver defines by getters.
    const mysql = (yield* Driver.load("mysql2", "mysql2@3", () => import("mysql2"))).default
    const pool = yield* Pool.make(
      {
        name,
        make: () => new Wire(mysql, driver),
        open: (wire) => wire.open,
        alive: (wire) => wire.alive,
        check: (wire) => wire.ping,
        cancel: (wire) => wire.stop,
        destroy: (wire) => wire.destroy(),
        close: (wire) => wire.close,
        unfinished: (wire) => (wire.inTransaction ? Rows.execute(wire, rollback) : undefined)
      },
      settings
    )
    const adapter: Sql.Adapter<Wire> = {
      compiler: makeCompiler(settings.transformQueryNames),
      spanAttributes: [["db.system.name", "mysql"]],
      execute: Rows.execute,
      cursor: Rows.cursor
    }
    const { maxBytes, transformResultNames } = settings
    return yield* Sql.make({ pool, adapter, maxBytes, transformResultNames })
  })

const rollback: Sql.Query = { text: "ROLLBACK", params: [], rows: "arrays", maxBytes: Infinity, timeLimit: Infinity }

const escape = Statement.defaultEscape("`")

const makeCompiler = (transform: ((name: string) => string) | undefined) =>
  Statement.makeCompiler({
    dialect: "mysql",
    placeholder: () => "?",
    onIdentifier: (name, withoutTransform) =>
      escape(transform === undefined || withoutTransform ? name : transform(name)),
    // It has neither values from a list in an UPDATE nor fragments of its own.
    onRecordUpdate: () => ["", []],
    onCustom: () => ["", []]
  })

/**
 * One database, whose connections end with the layer. It is made without asking the server, which may be down at the start.
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
