/**
 * PostgreSQL as a source, on `pg`: interrupting a query stops it in the server, also when every connection is busy.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { Config, type ConfigError, Effect, Layer, Redacted, type Scope } from "effect"
import type { ConnectionOptions } from "node:tls"
import * as Options from "../Options.ts"
import * as Driver from "./Driver.ts"
import * as Pool from "./Pool.ts"
import * as Exchange from "./Postgres/Exchange.ts"
import * as Types from "./Postgres/Types.ts"
import { type Client, Wire } from "./Postgres/Wire.ts"
import * as Sql from "./Sql.ts"

/**
 * How PostgreSQL is reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings extends Pool.PoolOptions {
  /**
   * `postgres://user:password@host:5432/database`, as `pg` reads it: with `?sslmode=verify-full` (or `require`) it speaks TLS
   * and checks the certificate, with `?sslmode=no-verify` it does not check. What it says counts for more than the fields
   * below; what both leave out comes from `PGHOST` and the like.
   */
  readonly url?: string | Redacted.Redacted | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  /** TLS, and whom to trust. */
  readonly ssl?: boolean | ConnectionOptions | undefined
  /** What `pg_stat_activity` shows; default `"muster"`. */
  readonly applicationName?: string | undefined
  /** How values are read, as in `pg`, instead of as {@link make} says; `pg.types` reads dates as `Date`. */
  readonly types?: { readonly getTypeParser: (oid: number, format?: "text" | "binary") => (value: never) => unknown }
  /** The longest answer to a statement, in bytes on the wire; default 10 MB (10,000,000). Of a stream, each page counts. */
  readonly maxBytes?: number | undefined
  /** Turns the names of columns into names of fields, such as `user_id` into `userId`. */
  readonly transformResultNames?: ((name: string) => string) | undefined
  /** Turns the names of fields into names of columns. */
  readonly transformQueryNames?: ((name: string) => string) | undefined
}

/**
 * A client whose connections end with the scope; for more than one PostgreSQL in a program. The first statement connects, so
 * the server may be down at the start.
 *
 * - A statement that is interrupted is cancelled in the server over a connection made for that, with TLS where its own has
 *   it; its own is used again once it is quiet, and destroyed if that takes longer than the grace. What no cancel reaches,
 *   the server ends by itself once it sees that its client is gone (since PostgreSQL 14), or at the deadline.
 * - The ambient deadline goes along with statements that read or write rows, as `statement_timeout`. Not with others, such as
 *   `VACUUM`, nor with several in one text.
 * - No value depends on the time zone of this machine, and none loses a digit. `int8`, `numeric` and `money` are texts. Dates,
 *   times and timestamps are texts as `to_json` writes them, with all their digits: `"1975-05-11"`, `"2026-01-31T12:34:56.789"`,
 *   `"2026-01-31T12:34:56.789+00:00"` (with the offset of the session), `"0044-03-15 BC"`, `"infinity"`. Intervals, ranges and
 *   composite values are PostgreSQL's own texts. Each finds its row again as a parameter. `bytea` is a `Buffer`. In `json`
 *   and `jsonb`, a number that no JavaScript number holds is a `JsonNumber`. `NaN` and infinities are those of JavaScript.
 * - As a parameter, a `JsonNumber` and a `bigint` go digit for digit, a `Date` as that instant in UTC, a list as an array, any
 *   other object as JSON. A text with NUL (U+0000) or a lone surrogate is refused: PostgreSQL has no such text.
 *
 * @example
 * ```ts
 * class Orders extends Context.Tag("Orders")<Orders, SqlClient.SqlClient>() {}
 * const orders = Layer.scoped(Orders, Postgres.make("postgres://orders.internal/orders"))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  settings: string | Settings
): Effect.Effect<SqlClient.SqlClient, Driver.DriverMissing, Scope.Scope> =>
  Effect.gen(function* () {
    const given = typeof settings === "string" ? { url: settings } : settings
    // The cast: its types leave out what a query class needs.
    const pg = (yield* Driver.load("pg", "pg@8", () => import("pg"))).default as unknown as Exchange.Module
    const config = { types: Types.make(pg.types), ...check(given) }
    const connect = () => new pg.Client(config)
    const { database = "", host, port } = named(connect)
    const pool = yield* Pool.make<Wire>(
      {
        name: `postgres at ${host.startsWith("/") ? host : `${host}:${port}`}`,
        make: () => new Wire(connect()),
        open: (wire) => wire.open,
        alive: (wire) => wire.alive,
        check: (wire) => execute(wire, nothing),
        cancel: (wire) => wire.cancel,
        destroy: (wire) => wire.destroy(),
        close: (wire) => wire.close,
        unfinished: (wire) => (wire.status === "I" ? undefined : execute(wire, rollback))
      },
      given
    )
    const execute = Exchange.execute(pg)
    const adapter: Sql.Adapter<Wire> = {
      compiler: makeCompiler(given.transformQueryNames),
      spanAttributes: [
        ["db.system.name", "postgresql"],
        ["db.namespace", database],
        ["server.address", host],
        ["server.port", port]
      ],
      execute,
      cursor: Exchange.cursor(pg)
    }
    const { maxBytes, transformResultNames } = given
    return yield* Sql.make({ pool, adapter, maxBytes, transformResultNames })
  })

/**
 * One PostgreSQL, whose connections end with the layer. It is made without asking the server, which may be down at the start.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (settings: string | Settings): Layer.Layer<SqlClient.SqlClient, Driver.DriverMissing> =>
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

/** An empty statement, which the server answers all the same. */
const nothing: Sql.Query = { text: "", params: [], rows: "arrays", maxBytes: Infinity, timeLimit: Infinity }

const rollback: Sql.Query = { text: "ROLLBACK", params: [], rows: "objects", maxBytes: Infinity, timeLimit: Infinity }

const expectedUrl = `a URL like "postgres://user:password@host:5432/database"`

const check = (settings: Settings) => {
  const url = Redacted.isRedacted(settings.url) ? Redacted.value(settings.url) : settings.url
  // It may hold a password.
  if (url !== undefined && !/^postgres(ql)?:\/\//.test(url)) refuseUrl()
  const { applicationName = "muster", database, host, password, port, ssl, types, username } = settings
  const given = {
    host,
    port: port === undefined ? undefined : Options.count("Postgres.make", "port", port),
    database,
    user: username,
    password: password === undefined ? undefined : Redacted.value(password),
    ssl,
    types
  }
  const told = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { connectionString: url, application_name: applicationName, keepAlive: true, ...told }
}

const refuseUrl = () => Options.refuse("Postgres.make", "url", Redacted.make(""), expectedUrl)

/** Where a client would connect; making one connects to nothing. */
const named = (connect: () => Client) => {
  try {
    return connect()
  } catch {
    return refuseUrl()
  }
}

const makeCompiler = (transform?: (name: string) => string) => {
  const escape = Statement.defaultEscape('"')
  return Statement.makeCompiler({
    dialect: "pg",
    placeholder: (index) => `$${index}`,
    onIdentifier: transform === undefined ? escape : (name, plain) => escape(plain ? name : transform(name)),
    onRecordUpdate: (placeholders, alias, columns, values, returning) => [
      `(values ${placeholders}) AS ${alias}${columns}${returning === undefined ? "" : ` RETURNING ${returning[0]}`}`,
      returning === undefined ? values.flat() : values.flat().concat(returning[1])
    ],
    onCustom: (custom, placeholder) => [placeholder(undefined), [custom.i0]]
  })
}
