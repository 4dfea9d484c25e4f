/**
 * The options of a server, read from the environment.
 *
 * @since 0.1.0
 */
import { Config, ConfigError, Either, Option } from "effect"
import * as Options from "../Options.ts"
import type { ServerOptions } from "./Settings.ts"

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  Config.map(Config.option(config), Option.getOrUndefined)

const parsed = <A>(name: string, expected: string, parse: (text: string) => A | undefined) =>
  optional(
    Config.mapOrFail(Config.string(name), (text) => {
      const value = parse(text)
      const message = () => `${name} must be ${expected}, but it is ${JSON.stringify(text)}`
      return value === undefined ? Either.left(ConfigError.InvalidData([name], message())) : Either.right(value)
    })
  )

const duration = (name: string) => parsed(name, Options.expectedDuration, Options.parseDuration)

const port = (name: string) =>
  parsed(name, "a port from 0 to 65535", (text) =>
    /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined
  )

/**
 * `MUSTER_ADMIN_PORT`, `MUSTER_ADMIN_HOST` and `MUSTER_ADMIN_TOKEN`.
 *
 * @since 0.1.0
 * @category config
 */
export const admin = Config.all({
  port: port("MUSTER_ADMIN_PORT"),
  host: optional(Config.string("MUSTER_ADMIN_HOST")),
  token: optional(Config.redacted("MUSTER_ADMIN_TOKEN"))
})

const count = (name: string, least: 0 | 1) =>
  parsed(name, `a whole number from ${least} up`, (text) =>
    /^\d{1,9}$/.test(text) && Number(text) >= least ? Number(text) : undefined
  )

/**
 * The options of a server by the names of their variables. Durations are written like `500ms` or `2 seconds`, sizes like `500MB`,
 * origins (`MUSTER_CORS`) with commas between them. What is not set keeps its default. A wrong value is a `ConfigError` that
 * names the variable, the value and what was expected.
 *
 * @since 0.1.0
 * @category config
 */
export const environment: Config.Config<ServerOptions> = Config.all({
  port: port("MUSTER_PORT"),
  host: optional(Config.string("MUSTER_HOST")),
  admin: Config.map(admin, ({ port, ...rest }) => (port === undefined ? undefined : { port, ...rest })),
  drain: duration("MUSTER_DRAIN"),
  deadline: duration("MUSTER_DEADLINE"),
  headersTimeout: duration("MUSTER_HEADERS_TIMEOUT"),
  requestTimeout: duration("MUSTER_REQUEST_TIMEOUT"),
  idleTimeout: duration("MUSTER_IDLE_TIMEOUT"),
  writeTimeout: duration("MUSTER_WRITE_TIMEOUT"),
  minReadRate: count("MUSTER_MIN_READ_RATE", 0),
  maxInFlight: count("MUSTER_MAX_IN_FLIGHT", 1),
  maxBuffered: parsed("MUSTER_MAX_BUFFERED", Options.expectedBytes, Options.parseBytes),
  maxConnectionsPerClient: count("MUSTER_MAX_CONNECTIONS_PER_CLIENT", 1),
  cors: parsed("MUSTER_CORS", "origins, separated by commas", (text) => text.split(",").map((origin) => origin.trim()))
})
