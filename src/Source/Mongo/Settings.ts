/**
 * How MongoDB is reached, checked.
 *
 * @since 0.1.0
 */
import { type Duration, Redacted } from "effect"
import type { MongoClient, MongoClientOptions } from "mongodb"
import * as Options from "../../Options.ts"
import * as Connection from "./Connection.ts"

/**
 * How MongoDB is reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /** `mongodb://user:password@host:27017/database`, or `mongodb+srv://`; with `?tls=true` for TLS. */
  readonly url: string | Redacted.Redacted
  /** Default: the one in the URL, or else `test`. */
  readonly database?: string | undefined
  /** What the driver is told besides. Limits and times are set here, whatever it or the URL says. */
  readonly driver?: MongoClientOptions | undefined
  /** At most so many connections for queries (the driver has one or two more to watch each server); default 10. */
  readonly maxConnections?: number | undefined
  /** How long a server may take to be found, and a connection to be made; default 2 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** How long a query may take where the ambient deadline leaves more; default 30 seconds. */
  readonly commandTimeout?: Duration.DurationInput | undefined
  /** The longest answer in bytes of BSON; default 10 MB (10,000,000). Of a stream, each page counts. */
  readonly maxBytes?: number | undefined
}

/**
 * Settings that are right; times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Checked {
  readonly connection: Connection.Connection
  /** What is connected to, for errors. */
  readonly where: string
  readonly commandTimeout: number
  readonly maxBytes: number
}

/** The longest time a timer of Node can wait. */
const longest = 2 ** 31 - 1

/**
 * Checks settings; a wrong one is refused by its name. The client that is made connects to nothing yet.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (Client: typeof MongoClient, settings: Settings): Checked => {
  const time = (option: "connectTimeout" | "commandTimeout", otherwise: number) =>
    Math.max(1, Math.min(longest, Options.duration("Mongo.make", option, settings[option] ?? otherwise)))
  const connectTimeout = time("connectTimeout", 2_000)
  const commandTimeout = time("commandTimeout", 30_000)
  const client = makeClient(Client, settings, {
    maxPoolSize: Options.count("Mongo.make", "maxConnections", settings.maxConnections ?? 10),
    serverSelectionTimeoutMS: connectTimeout,
    connectTimeoutMS: connectTimeout,
    waitQueueTimeoutMS: commandTimeout,
    // The server is to say first that the time is up, since its connection can be used again then.
    socketTimeoutMS: Math.min(longest, commandTimeout + 1_000),
    // Whether to ask again is not for the driver to say.
    retryReads: false,
    retryWrites: false,
    monitorCommands: false,
    mongodbLogComponentSeverities: silent
  })
  const { hosts, srvHost } = client.options
  return {
    connection: Connection.make(client, settings.database),
    where: `mongodb at ${srvHost ?? hosts.join(",")}`,
    commandTimeout,
    maxBytes: Options.count("Mongo.make", "maxBytes", settings.maxBytes ?? 10_000_000)
  }
}

/** Whatever the environment says: its lines hold queries. */
const silent = {
  command: "off",
  topology: "off",
  serverSelection: "off",
  connection: "off",
  client: "off",
  default: "off"
} as const

const makeClient = (Client: typeof MongoClient, { driver, url }: Settings, always: MongoClientOptions) => {
  try {
    return new Client(Redacted.isRedacted(url) ? Redacted.value(url) : url, { appName: "muster", ...driver, ...always })
  } catch {
    // It may hold a password, and so may the driver's message.
    return Options.refuse("Mongo.make", "url", Redacted.make(""), expectedUrl)
  }
}

const expectedUrl = `a URL like "mongodb://user:password@host:27017/database"`
