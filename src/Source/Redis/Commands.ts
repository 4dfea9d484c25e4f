/**
 * What is known of commands: which wait on the server, and which would change the connection for everybody else.
 *
 * @since 0.1.0
 */
import type { Argument } from "./Connection.ts"

/**
 * A command as it is sent on a connection of its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Waiting {
  readonly args: ReadonlyArray<Argument>
  /** How long the server may take to answer, in milliseconds. */
  readonly limit: number
  /** The caller would have waited longer. */
  readonly shortened: boolean
}

/** Where a command says how long the server waits, and in what. */
interface Timeout {
  readonly index: (args: ReadonlyArray<Argument>) => number
  readonly unit: "seconds" | "millis"
}

const first: Timeout = { index: () => 0, unit: "seconds" }
const last: Timeout = { index: (args) => args.length - 1, unit: "seconds" }
const lastMillis: Timeout = { index: last.index, unit: "millis" }

/** Behind `BLOCK`, which stands before `STREAMS`; a name before or behind them may be the same word. */
const block = (names: number): Timeout => ({
  index: (args) => {
    const words = args.slice(names).map((arg) => String(arg).toUpperCase())
    const at = words.slice(0, words.indexOf("STREAMS")).indexOf("BLOCK")
    return at < 0 ? -1 : names + at + 1
  },
  unit: "millis"
})

const timeouts: Readonly<Record<string, Timeout>> = {
  BLPOP: last,
  BRPOP: last,
  BRPOPLPUSH: last,
  BLMOVE: last,
  BZPOPMIN: last,
  BZPOPMAX: last,
  BLMPOP: first,
  BZMPOP: first,
  WAIT: lastMillis,
  WAITAOF: lastMillis,
  XREAD: block(0),
  // GROUP, its name, the name of the consumer.
  XREADGROUP: block(3)
}

/**
 * How a command is sent that needs a connection of its own, since the server may keep it waiting; `undefined` for those that
 * are answered at once. The server is told to wait no longer than `budget` milliseconds, so that it gives up by itself even
 * when nobody can tell it to.
 *
 * @since 0.1.0
 * @category getters
 */
export const waiting = (name: string, args: ReadonlyArray<Argument>, budget: number): Waiting | undefined => {
  const timeout = Object.hasOwn(timeouts, name) ? timeouts[name] : undefined
  const index = timeout?.index(args) ?? -1
  const arg = args[index]
  if (timeout === undefined || arg === undefined) return undefined
  const given = Number(String(arg))
  const unit = timeout.unit === "seconds" ? 1_000 : 1
  // What is no number here may be one to the server.
  const limit = given > 0 ? given * unit : Infinity
  if (limit <= budget || !(given >= 0)) return { args, limit, shortened: false }
  const millis = Math.max(1, Math.ceil(budget))
  return { args: args.with(index, String(millis / unit)), limit: millis, shortened: true }
}

const refused = new Set(
  "AUTH HELLO SELECT QUIT RESET MONITOR SYNC PSYNC REPLCONF READONLY READWRITE ASKING MULTI EXEC DISCARD WATCH UNWATCH".split(
    " "
  )
)

/**
 * True for commands that change the connection, or that have no single answer.
 *
 * @since 0.1.0
 * @category getters
 */
export const isRefused = (name: string, args: ReadonlyArray<Argument>): boolean =>
  refused.has(name) ||
  /^[PS]?(UN)?SUBSCRIBE$/.test(name) ||
  /^(CLIENT (REPLY|TRACKING|CACHING)|SCRIPT DEBUG)$/i.test(`${name} ${String(args[0])}`)
