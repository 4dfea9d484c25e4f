/**
 * How Redis is reached, checked.
 *
 * @since 0.1.0
 */
import { type Duration, Redacted } from "effect"
import type { RedisOptions } from "ioredis"
import * as Options from "../../Options.ts"
import type * as Connection from "./Connection.ts"

/**
 * How Redis is reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /** `redis://user:password@host:6379/0`, or `rediss://` for TLS. */
  readonly url?: string | Redacted.Redacted | undefined
  /** What the driver is told besides, such as `tls`, `path` or `keyPrefix`; what a URL says counts for more. */
  readonly driver?: RedisOptions | undefined
  /** How long a connection may take to be made; default 2 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** At most so many commands wait on the server at once, each on a connection of its own; default 10. Others wait here. */
  readonly maxConnections?: number | undefined
  /** A connection that gives no answer for this long is closed, and the next command opens another; default 5 seconds. */
  readonly commandTimeout?: Duration.DurationInput | undefined
  /** The longest answer that is read; default 10 MB (10,000,000 bytes). */
  readonly maxBytes?: number | undefined
}

/**
 * Settings that are right; times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Checked extends Connection.Settings {
  readonly commandTimeout: number
  readonly maxConnections: number
}

const expectedUrl = `a URL like "redis://user:password@host:6379/0", or "rediss://…" for TLS`

/**
 * Checks settings; a wrong one is refused by its name.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (settings: Settings): Checked => {
  const url = Redacted.isRedacted(settings.url) ? Redacted.value(settings.url) : settings.url
  const fromUrl = url === undefined ? {} : parse(url, settings.driver?.tls ?? {})
  return {
    // The URL may hold a password.
    driver: { ...settings.driver, ...(fromUrl ?? Options.refuse("Redis.make", "url", Redacted.make(""), expectedUrl)) },
    connectTimeout: Options.duration("Redis.make", "connectTimeout", settings.connectTimeout ?? 2_000),
    commandTimeout: Options.duration("Redis.make", "commandTimeout", settings.commandTimeout ?? 5_000),
    maxConnections: Options.count("Redis.make", "maxConnections", settings.maxConnections ?? 10),
    maxBytes: Options.count("Redis.make", "maxBytes", settings.maxBytes ?? 10_000_000)
  }
}

/** `undefined` for what is no such URL. The driver's own parser takes options from a query, also those that are set here. */
const parse = (text: string, tls: NonNullable<RedisOptions["tls"]>): RedisOptions | undefined => {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const db = /^\/?(\d*)$/.exec(url.pathname)
  if (!/^rediss?:$/.test(url.protocol) || url.hostname === "" || db === null || url.search !== "") return undefined
  try {
    return {
      host: url.hostname.replace(/^\[|\]$/g, ""),
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
      ...(db[1] === "" ? {} : { db: Number(db[1]) }),
      ...(url.protocol === "rediss:" ? { tls } : {})
    }
  } catch {
    return undefined
  }
}
