/**
 * One connection to Redis, from its making to its end. It never connects again: whoever asks next opens another.
 *
 * What `ioredis` does to a connection that breaks (retry, send once more, hold back) is not used: a command would run twice,
 * or long after the one who asked has gone.
 *
 * @since 0.1.0
 */
import type { Redis as Driver, RedisOptions } from "ioredis"
import * as Fault from "../Fault.ts"
import * as Reply from "./Reply.ts"

/**
 * How a connection is made and watched; times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly driver: RedisOptions
  readonly connectTimeout: number
  readonly maxBytes: number
}

/** @since 0.1.0 */
export type Argument = string | Buffer

/**
 * A connection. Its promises are rejected with a `Fault`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection {
  /** Resolved when the server has answered, so that commands can be sent. */
  readonly ready: Promise<void>
  /** Sends a command, its name in capitals: the driver changes arguments and replies of names that are not. A server that gives no answer for `patience` is taken for gone, and the connection is ended. */
  readonly ask: (name: string, args: ReadonlyArray<Argument>, patience: number) => Promise<unknown>
  /** Every command has its answer. */
  readonly isIdle: () => boolean
  readonly hasEnded: () => boolean
  /** Hangs up, and is resolved when the server has too. */
  readonly hangUp: () => Promise<void>
  /** Closes the socket at once; what is pending fails. Does nothing when it has ended. */
  readonly end: (why: Fault.Fault) => void
}

/** The driver reads whole replies only; this much more may have come when a reply over the limit is cut off. */
const slack = 256 * 1024

/** The longest time a timer of Node can wait. */
const longest = 2 ** 31 - 1

/**
 * Begins to connect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (make: typeof Driver, settings: Settings): Connection => {
  const pending: Array<{ tooLong?: true }> = []
  let answered = false
  let ended = false
  let why: Fault.Fault | undefined
  /** Since the last answer. */
  let received = 0

  let closed = () => {}
  const whenClosed = new Promise<void>((resolve) => (closed = resolve))

  const redis = new make({ keepAlive: 10_000, ...settings.driver, ...always })
  const end = (fault: Fault.Fault) => {
    why ??= fault
    ended = true
    // It would wait for an end that has come already.
    if (redis.status === "end") return
    redis.disconnect()
    // A peer that is gone never answers a polite end.
    redis.stream?.destroy()
  }
  const connecting = setTimeout(
    () => end(Fault.unavailable(`no connection was made within ${settings.connectTimeout} ms`)),
    Math.min(longest, settings.connectTimeout)
  )
  redis.on("error", (error) => {
    why ??= Reply.faultOf(error)
  })
  redis.once("connect", () => {
    redis.stream.on("data", (chunk: Buffer) => {
      received += chunk.byteLength
      if (received <= settings.maxBytes + slack) return
      if (pending[0] !== undefined) pending[0].tooLong = true
      end(Fault.unavailable("the connection was closed because of too long an answer to another command"))
    })
  })
  redis.once("end", () => {
    ended = true
    closed()
  })

  const broken = () => {
    const fault = why ?? Fault.unavailable(Reply.brokeOff)
    if (answered || !fault.reason.startsWith(Reply.brokeOff)) return fault
    return Fault.unavailable(`${fault.reason} before there was an answer: it may want TLS, or have too many clients`)
  }
  const ready = redis
    .connect()
    // A connection on which nothing was heard may be one that nobody has accepted.
    .then(() => redis.ping())
    .then(
      () => void (answered = true),
      (error) => {
        // An answer too.
        if (isReply(error) && /^NOPERM /.test(error.message)) return void (answered = true)
        const fault = isReply(error) ? Reply.faultOf(error) : broken()
        end(fault)
        throw fault
      }
    )
    .finally(() => clearTimeout(connecting))
  // Whoever waits for it hears of it.
  ready.catch(() => {})

  return {
    ready,
    ask: async (name, args, patience) => {
      const asked: { tooLong?: true } = {}
      pending.push(asked)
      const silent = () => end(Fault.unavailable(`no answer within ${patience} ms`))
      const timer = patience === Infinity ? undefined : setTimeout(silent, Math.min(longest, patience))
      try {
        // The cast: it takes any array.
        return await redis.callBuffer(name, args as Array<Argument>)
      } catch (error) {
        if (asked.tooLong) throw Reply.tooLong(settings.maxBytes)
        if (isReply(error)) throw Reply.faultOf(error)
        throw broken()
      } finally {
        received = 0
        clearTimeout(timer)
        pending.splice(pending.indexOf(asked), 1)
      }
    },
    isIdle: () => answered && pending.length === 0,
    // The driver says that it has ended some time after the socket has.
    hasEnded: () => ended || (answered && !redis.stream.writable),
    hangUp: () => {
      why ??= Fault.unavailable("it was interrupted")
      ended = true
      if (redis.status !== "end") redis.disconnect()
      return whenClosed
    },
    end
  }
}

/**
 * The `Fault` that a promise of a connection was rejected with.
 *
 * @since 0.1.0
 * @category errors
 */
export const faultOf = (error: unknown): Fault.Fault => {
  if (error instanceof Fault.Fault) return error
  // A bug: here nothing else is thrown.
  throw error
}

const isReply = (error: unknown): error is Error => error instanceof Error && error.name === "ReplyError"

const always: RedisOptions = {
  lazyConnect: true,
  retryStrategy: null,
  reconnectOnError: null,
  enableOfflineQueue: false,
  // It would say on the console that it may not ask for INFO.
  enableReadyCheck: false,
  enableAutoPipelining: false,
  disableClientInfo: true,
  showFriendlyErrorStack: false,
  stringNumbers: true,
  connectTimeout: 0,
  // The timer stays when the stream had closed by itself before, and keeps a program alive: 2 seconds by default.
  disconnectTimeout: 1_000
}
