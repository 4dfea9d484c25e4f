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

/**
 * `MUSTER_PORT`, `MUSTER_HOST`, `MUSTER_ADMIN_PORT`, `MUSTER_ADMIN_HOST`, `MUSTER_ADMIN_TOKEN`, `MUSTER_MAX_IN_FLIGHT` (a
 * whole number from 1 up), `MUSTER_DRAIN` and `MUSTER_DEADLINE` (durations like `500ms` or `2 seconds`), and `MUSTER_CORS`
 * (origins, separated by commas). What is not set keeps its default. A wrong value is a `ConfigError` that names the
 * variable, the value and what was expected.
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
  maxInFlight: parsed("MUSTER_MAX_IN_FLIGHT", "a whole number from 1 up", (text) =>
    /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
  ),
  cors: parsed("MUSTER_CORS", "origins, separated by commas", (text) => text.split(",").map((origin) => origin.trim()))
})
