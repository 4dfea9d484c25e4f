/**
 * How MySQL or MariaDB is reached, checked.
 *
 * @since 0.1.0
 */
import { Redacted } from "effect"
import type { ConnectionOptions, SslOptions } from "mysql2"
import * as Options from "../../Options.ts"
import type { PoolOptions } from "../Pool.ts"

/**
 * How the server is reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings extends PoolOptions {
  /**
   * `mysql://user:password@host:3306/database`, or `mariadb://`. With `?ssl-mode=` it speaks TLS: `REQUIRED` believes any
   * certificate, `VERIFY_CA` one of a known authority, `VERIFY_IDENTITY` only one that also names the host.
   */
  readonly url?: string | Redacted.Redacted | undefined
  /**
   * What the driver is told besides, such as `ssl: { ca }` or `socketPath`; what a URL says counts for more. A statement is
   * always one statement, and its parameters are bound.
   *
   * `timezone` is that of the session too: `"Z"` (the default) or an offset such as `"+02:00"`; with `"local"`, the session keeps
   * the one that the server gives it. With `dateStrings: false`, dates and times are read as `Date`. The `charset` must be
   * one of utf8mb4, which alone has every character.
   */
  readonly driver?: ConnectionOptions | undefined
  /** The longest answer to a statement, in bytes on the wire; default 10 MB (10,000,000). Of a stream, each page counts. */
  readonly maxBytes?: number | undefined
  /** Turns the names of columns into names of fields, such as `user_id` into `userId`. */
  readonly transformResultNames?: ((name: string) => string) | undefined
  /** Turns names in statements into names of columns, such as `userId` into `user_id`. */
  readonly transformQueryNames?: ((name: string) => string) | undefined
}

/**
 * What the driver is given, and what the server is called.
 *
 * @since 0.1.0
 * @category models
 */
export interface Checked {
  readonly driver: ConnectionOptions
  /** Such as `"mysql at db.internal:3306"`. */
  readonly name: string
}

const expectedUrl = `a URL like "mysql://user:password@host:3306/database", maybe with "?ssl-mode=VERIFY_IDENTITY"`

/**
 * Checks settings; a wrong one is refused by its name.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (settings: Settings): Checked => {
  const url = Redacted.isRedacted(settings.url) ? Redacted.value(settings.url) : settings.url
  const fromUrl = url === undefined ? {} : parse(url, settings.driver?.ssl)
  const driver: ConnectionOptions = {
    supportBigNumbers: true,
    dateStrings: true,
    timezone: "Z",
    // Each is held by the server too, which has 16,382 for everybody.
    maxPreparedStatements: 100,
    ...settings.driver,
    // The URL may hold a password.
    ...(fromUrl ?? Options.refuse("Mysql.make", "url", Redacted.make(""), expectedUrl)),
    multipleStatements: false,
    namedPlaceholders: false,
    rowsAsArray: true,
    nestTables: false,
    // The driver's own parser loses digits.
    jsonStrings: true,
    // The server may not ask for files of this machine.
    flags: [...(settings.driver?.flags ?? []), "-LOCAL_FILES"],
    // The pool sees to it.
    connectTimeout: 0
  }
  if (!/^(?:Z|local|[+-]\d\d:\d\d)$/.test(driver.timezone!))
    Options.refuse("Mysql.make", "driver.timezone", driver.timezone, `"Z", "local" or an offset like "+02:00"`)
  if (driver.charset !== undefined && !/^utf8mb4/i.test(driver.charset))
    Options.refuse("Mysql.make", "driver.charset", driver.charset, "one of utf8mb4, such as utf8mb4_general_ci")
  return { driver, name: `mysql at ${driver.socketPath ?? `${driver.host ?? "localhost"}:${driver.port ?? 3306}`}` }
}

const modes: Readonly<Record<string, SslOptions>> = {
  REQUIRED: { rejectUnauthorized: false },
  VERIFY_CA: { rejectUnauthorized: true },
  VERIFY_IDENTITY: { rejectUnauthorized: true, verifyIdentity: true }
}

/** `undefined` for what is no such URL. The driver's own parser takes every option from a query. */
const parse = (text: string, ssl: ConnectionOptions["ssl"]): ConnectionOptions | undefined => {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const { "ssl-mode": mode, ...others } = Object.fromEntries(url.searchParams)
  const isAsked = mode !== undefined && mode !== "DISABLED"
  const wrong = Object.keys(others).length > 0 || (isAsked && !Object.hasOwn(modes, mode))
  if (wrong || !/^(mysql|mariadb):$/.test(url.protocol) || url.hostname === "" || url.hash !== "") return undefined
  try {
    const database = decodeURIComponent(url.pathname.slice(1))
    return {
      host: url.hostname.replace(/^\[|\]$/g, ""),
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      ...(url.username === "" ? {} : { user: decodeURIComponent(url.username) }),
      ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
      ...(database === "" ? {} : { database }),
      ...(isAsked ? { ssl: { ...(typeof ssl === "object" ? ssl : {}), ...modes[mode] } } : {})
    }
  } catch {
    return undefined
  }
}
