/**
 * The options of a server, and what they are when they are left out.
 *
 * @since 0.1.0
 */
import type { Duration, Redacted } from "effect"
import * as Memory from "../Memory.ts"
import * as Options from "../Options.ts"

/**
 * The admin port; see `Server/Admin`.
 *
 * @since 0.1.0
 * @category models
 */
export interface AdminOptions {
  /** 0: one that is free. */
  readonly port: number
  /** Default `127.0.0.1`; any host but the loopback needs a token. */
  readonly host?: string | undefined
  /** What `Authorization: Bearer` must say. At least 16 characters, or `sha256:` and the hash of it. */
  readonly token?: Redacted.Redacted | undefined
}

/**
 * How a server works; all of it may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions {
  /** Default 8080; 0 is one that is free. */
  readonly port?: number | undefined
  /** Default `127.0.0.1`; `0.0.0.0` and `::` are all addresses of the machine. */
  readonly host?: string | undefined
  /** Default: there is no admin port. */
  readonly admin?: AdminOptions | undefined
  /** How long it goes on answering what is in flight once it is to end; default 10 seconds. */
  readonly drain?: Duration.DurationInput | undefined
  /** How many requests are answered at once; beyond that they are refused at once. Default 1,000. */
  readonly maxInFlight?: number | undefined
  /** The deadline of endpoints that have none of their own; default 10 seconds. */
  readonly deadline?: Duration.DurationInput | undefined
  /** How long the head of a request may take to arrive; default 10 seconds. */
  readonly headersTimeout?: Duration.DurationInput | undefined
  /** How long a whole request may take to arrive; default 30 seconds. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** How long a connection is kept between two requests; default 5 seconds. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** How long a client may read nothing of its answer before it is let go; default 30 seconds. */
  readonly writeTimeout?: Duration.DurationInput | undefined
  /** How many bytes a second a client must read of its answer while there is more of it; default 1,000. 0: no bound. */
  readonly minReadRate?: number | undefined
  /** How many connections one client address may have at once; beyond that they are closed. Default: no bound. */
  readonly maxConnectionsPerClient?: number | undefined
  /**
   * How many bytes of requests, answers of sources and answers may be held at once; beyond it requests are refused. Default: a quarter
   * of the memory that the process may use (of the container, of the machine, or of the heap).
   */
  readonly maxBuffered?: number | undefined
  /** How long a stream may be silent before it gives a sign of life; default 15 seconds, and at most half of that above. */
  readonly heartbeat?: Duration.DurationInput | undefined
  /** The origins whose pages may ask, such as `https://app.example.com`, or `*`; default: none. */
  readonly cors?: ReadonlyArray<string> | undefined
  /** Whether a line is logged for each request; default `true`. */
  readonly accessLog?: boolean | undefined
  /** What the OpenAPI document and the docs page call it. */
  readonly title?: string | undefined
  /** The version of what is served. Without one the docs page has none, and the OpenAPI document, which must, `0.0.0`. */
  readonly version?: string | undefined
}

/**
 * Options as they are read; all times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export type Settings = ReturnType<typeof read>

const where = "Server.layer"

/**
 * Reads options. A wrong one is raised as an `InvalidOption`.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = (options: ServerOptions = {}) => {
  const time = (name: keyof typeof times) => Options.duration(where, name, options[name] ?? times[name])
  return {
    host: options.host ?? "127.0.0.1",
    port: port("port", options.port ?? 8_080),
    admin: options.admin && {
      host: options.admin.host ?? "127.0.0.1",
      port: port("admin.port", options.admin.port),
      token: options.admin.token
    },
    maxInFlight: Options.count(where, "maxInFlight", options.maxInFlight ?? 1_000),
    maxBuffered: Options.count(where, "maxBuffered", options.maxBuffered ?? Memory.defaultLimit()),
    maxConnectionsPerClient: Options.count(
      where,
      "maxConnectionsPerClient",
      options.maxConnectionsPerClient ?? Number.MAX_SAFE_INTEGER
    ),
    minReadRate: Options.count(where, "minReadRate", options.minReadRate ?? 1_000, 0),
    cors: (options.cors ?? []).map(origin),
    accessLog: options.accessLog ?? true,
    info: { title: options.title ?? "muster", version: options.version },
    drain: time("drain"),
    deadline: time("deadline"),
    headersTimeout: time("headersTimeout"),
    requestTimeout: time("requestTimeout"),
    idleTimeout: time("idleTimeout"),
    writeTimeout: time("writeTimeout"),
    // A stream that is silent for so long would look like one that nobody reads.
    heartbeat: Math.min(time("heartbeat"), time("writeTimeout") / 2)
  }
}

const times = {
  drain: 10_000,
  deadline: 10_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  idleTimeout: 5_000,
  writeTimeout: 30_000,
  heartbeat: 15_000
}

const port = (option: string, value: number): number =>
  Number.isInteger(value) && value >= 0 && value <= 65_535
    ? value
    : Options.refuse(where, option, value, "a port from 0 to 65535")

const origin = (text: string): string =>
  text === "*" || (URL.canParse(text) && new URL(text).origin === text)
    ? text
    : Options.refuse(where, "cors", text, `"*" or an origin like "https://app.example.com"`)
