/**
 * `muster serve`: serves the demo, or what a file says, over HTTP.
 *
 * @since 0.1.0
 */
import { Command } from "@effect/cli"
import { Effect } from "effect"
import * as Options from "../Options.ts"
import * as Flags from "./Flags.ts"

const port = (name: string, about: string) =>
  Flags.parsed(name, {
    kind: "port",
    about,
    expected: "a port from 0 to 65535",
    parse: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined)
  })

const host = (name: string, about: string) =>
  Flags.parsed(name, {
    kind: "host",
    about,
    expected: `the name or the address of a host, like "0.0.0.0"`,
    parse: (text) => (/^[\w.:-]{1,253}$/.test(text) ? text : undefined)
  })

const count = (name: string, about: string, least: 0 | 1) =>
  Flags.parsed(name, {
    kind: "count",
    about,
    expected: `a whole number from ${least} up`,
    parse: (text) => (/^\d{1,9}$/.test(text) && Number(text) >= least ? Number(text) : undefined)
  })

/**
 * What a client may take of the server, and how long. Each is also an option of `Server` and a variable of the environment, which
 * a flag counts for more than.
 *
 * @since 0.1.0
 * @category flags
 */
export const limits = {
  drain: Flags.duration("drain", "how long a signal leaves what is in flight; default MUSTER_DRAIN, else 10s"),
  maxInFlight: count("max-in-flight", "more requests at once are refused; default MUSTER_MAX_IN_FLIGHT, else 1000", 1),
  maxBuffered: Flags.parsed("max-buffered", {
    kind: "bytes",
    about: "memory for requests and answers; default MUSTER_MAX_BUFFERED, else a quarter of what there is",
    expected: Options.expectedBytes,
    parse: Options.parseBytes
  }),
  maxConnectionsPerClient: count(
    "max-connections-per-client",
    "more of one address are closed; default MUSTER_MAX_CONNECTIONS_PER_CLIENT, else no bound",
    1
  ),
  headersTimeout: Flags.duration(
    "headers-timeout",
    "for the head of a request; default MUSTER_HEADERS_TIMEOUT, else 10s"
  ),
  requestTimeout: Flags.duration("request-timeout", "for a whole request; default MUSTER_REQUEST_TIMEOUT, else 30s"),
  idleTimeout: Flags.duration("idle-timeout", "between two requests; default MUSTER_IDLE_TIMEOUT, else 5s"),
  writeTimeout: Flags.duration(
    "write-timeout",
    "for a client that reads nothing of its answer; default MUSTER_WRITE_TIMEOUT, else 30s"
  ),
  minReadRate: count("min-read-rate", "bytes a second a client must read; default MUSTER_MIN_READ_RATE, else 1000", 0)
}

/**
 * The flags of the command.
 *
 * @since 0.1.0
 * @category flags
 */
export const flags = {
  config: Flags.parsed("config", {
    kind: "file",
    about: "serves what this file says, of YAML or JSON; default: the demo",
    expected: "the name of a file",
    parse: (text) => (text === "" ? undefined : text)
  }),
  port: port("port", "0 is one that is free; default MUSTER_PORT, else 8080"),
  host: host("host", "default MUSTER_HOST, else 127.0.0.1; 0.0.0.0 is everywhere"),
  adminPort: port("admin-port", "a page, metrics and receipts, on 127.0.0.1; default MUSTER_ADMIN_PORT, else none"),
  ...limits,
  record: Flags.parsed("record", {
    kind: "file",
    about: "adds receipts to this file, as lines: all failed and slow ones, a share of the others; at most 4 of 64 MB",
    expected: "the path of a file",
    parse: (text) => (text === "" || text === "-" ? undefined : text)
  }),
  recordRate: Flags.parsed("record-rate", {
    kind: "share",
    about: "the share of the others; default 5%",
    expected: `a share of more than 0% up to 100%, like "10%" or "0.1"`,
    parse: Flags.parseShare
  }),
  demoLoad: Flags.given("demo-load", "asks the demo all the time, and shows it on the page of the admin port")
}

/**
 * `muster serve`. Goes on until SIGTERM or SIGINT, then drains: what is in flight is answered, what is new is refused. A
 * second signal cancels what is left.
 *
 * @since 0.1.0
 * @category commands
 */
export const command = Command.make("serve", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Serve/Run.ts")),
    ({ run }) => Effect.scoped(run(given))
  )
).pipe(Command.withDescription("Serves the demo over HTTP, or what a file says"))
