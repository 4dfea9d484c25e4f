/**
 * The commands of a Redis, each on the connection it needs.
 *
 * @since 0.1.0
 */
import { Duration, Effect, identity, Option } from "effect"
import * as Deadline from "../../Deadline.ts"
import { isJsonNumber, type JsonNumber, toText } from "../../Json.ts"
import * as Options from "../../Options.ts"
import { Asking } from "../../Receipt/Asking.ts"
import type { SourceError } from "../../Source.ts"
import * as Fault from "../Fault.ts"
import { slack } from "../Pool/Lease.ts"
import * as Text from "../Text.ts"
import * as Commands from "./Commands.ts"
import * as Connection from "./Connection.ts"
import type * as Connections from "./Connections.ts"
import * as Reply from "./Reply.ts"
import type { Checked } from "./Settings.ts"

/**
 * What is sent with a command; it goes as bytes, each behind its length, so nothing in it can be taken for another argument
 * or command. Numbers go as their digits. A text with a lone surrogate is refused.
 *
 * @since 0.1.0
 * @category models
 */
export type Argument = string | number | bigint | JsonNumber | Uint8Array

/**
 * Commands of Redis.
 *
 * All of them fail with `SourceUnavailable` when there is no connection, no answer, or one that another moment may change
 * (memory full, loading, replica); with `SourceRejected` for any other error reply; with `SourceMalformed` for an answer that
 * is too long or no text. No error and no span holds a key, a value, an argument or the password.
 *
 * Short commands share one connection. Those that wait on the server (`BLPOP`, `XREAD` with `BLOCK`, `WAIT`, …) have one
 * each, of a pool, which is closed when they are interrupted, so that the server hands them nothing any more. From the start it is told
 * to wait no longer than the ambient deadline.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  /**
   * Any command, such as `command("ZRANGE", "scores", 0, -1, "WITHSCORES")`. Refused are those that change the connection
   * or have no single answer: `SELECT`, `MULTI`, `SUBSCRIBE` and the like.
   *
   * A script runs to its end, also when nobody waits for it any more: Redis cannot be asked to stop just this one.
   */
  readonly command: (name: string, ...args: ReadonlyArray<Argument>) => Effect.Effect<Reply.Reply, SourceError>
  /**
   * Any command, on a connection of its own: for a script that takes long, or an answer so large that short commands should
   * not wait behind it. Only the ambient deadline limits how long it waits.
   */
  readonly commandApart: Client["command"]
  /** Any command, its texts as bytes. */
  readonly commandBytes: (
    name: string,
    ...args: ReadonlyArray<Argument>
  ) => Effect.Effect<Reply.Reply<Uint8Array>, SourceError>
  readonly get: (key: Argument) => Effect.Effect<Option.Option<string>, SourceError>
  /** The values in the order of their keys. */
  readonly mget: (keys: ReadonlyArray<Argument>) => Effect.Effect<ReadonlyArray<Option.Option<string>>, SourceError>
  /** Empty when there is no such key. */
  readonly hgetall: (key: Argument) => Effect.Effect<Readonly<Record<string, string>>, SourceError>
  /** Kept for ever, unless a `ttl` is given. */
  readonly set: (
    key: Argument,
    value: Argument,
    options?: { readonly ttl?: Duration.DurationInput }
  ) => Effect.Effect<void, SourceError>
  /**
   * Waits for the first element of the first list that has one: its key and the element, or none after `wait` (at most; zero
   * is none at all, `Infinity` for ever).
   *
   * Interrupted, it takes no element that is pushed later. One that was taken as the interruption came is lost, as with any
   * client: where that matters, use a stream with `XREADGROUP`, or `BLMOVE`.
   */
  readonly blpop: (
    keys: ReadonlyArray<Argument>,
    wait: Duration.DurationInput
  ) => Effect.Effect<Option.Option<readonly [key: string, element: string]>, SourceError>
  /** As `blpop`, from the other end. */
  readonly brpop: Client["blpop"]
}

/**
 * Makes a client on these connections.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ pool, shared, where }: Connections.Connections, settings: Checked): Client => {
  const run = <Text>(name: string, args: ReadonlyArray<Argument>, read: (bytes: Buffer) => Text, apart = false) =>
    Effect.gen(function* () {
      const operation = /^[a-z][\w.-]{0,40}$/i.test(name) ? name.toUpperCase() : "a command"
      yield* Effect.annotateCurrentSpan("db.operation.name", operation)
      const sent = checked(operation, args)
      if (sent instanceof Fault.Fault) return yield* failed(operation, sent)
      const isLong = apart || Commands.waiting(operation, sent, Infinity) !== undefined
      return yield* isLong ? long(operation, sent, read) : short(operation, sent, read)
    }).pipe(Effect.withSpan("Redis.command", span))

  const short = <Text>(name: string, args: Sent, read: (bytes: Buffer) => Text) =>
    Effect.flatMap(left, (left) =>
      Effect.tryPromise({
        try: async (signal) => {
          const connection = await shared()
          // The caller has gone before the connection was there.
          if (signal.aborted) return null
          const raw = await connection.ask(name, args, settings.commandTimeout)
          return Reply.decode(raw, settings.maxBytes, read)
        },
        catch: Connection.faultOf
      }).pipe(
        left === Infinity ? identity : Effect.timeoutFail({ duration: left, onTimeout: () => late }),
        Effect.catchAll((fault) => failed(name, fault))
      )
    )

  const long = <Text>(name: string, given: Sent, read: (bytes: Buffer) => Text) =>
    Effect.gen(function* () {
      const lease = yield* pool.take
      const { args, limit, shortened } = Commands.waiting(name, given, yield* left) ?? unlimited(given)
      const exchange = Effect.tryPromise({
        try: async () => {
          const raw = await lease.connection.ask(name, args, settings.commandTimeout + limit)
          if (raw === null && shortened) throw late
          return Reply.decode(raw, settings.maxBytes, read)
        },
        catch: Connection.faultOf
      })
      return yield* lease.ask(Effect.mapError(exchange, (fault) => during(name, fault)))
    }).pipe(Effect.scoped)

  const failed = (name: string, fault: Fault.Fault) =>
    Effect.flatMap(Asking, (asking) => Effect.fail(Fault.toError(asking.name, where, during(name, fault))))

  const one = (name: string, ...args: ReadonlyArray<Argument>) => run(name, args, Reply.text)
  const pop = (name: string) => (keys: ReadonlyArray<Argument>, wait: Duration.DurationInput) =>
    Effect.suspend(() => one(name, ...keys, seconds(name, wait))).pipe(
      Effect.map((reply) =>
        Array.isArray(reply) ? Option.some([String(reply[0]), String(reply[1])] as const) : Option.none()
      )
    )

  return {
    command: one,
    commandApart: (name, ...args) => run(name, args, Reply.text, true),
    commandBytes: (name, ...args) => run(name, args, (bytes) => bytes),
    get: (key) => Effect.map(one("GET", key), textOrNone),
    mget: (keys) =>
      keys.length === 0
        ? Effect.succeed([])
        : Effect.map(one("MGET", ...keys), (reply) => elements(reply).map(textOrNone)),
    hgetall: (key) => Effect.map(one("HGETALL", key), (reply) => record(elements(reply))),
    set: (key, value, options) =>
      Effect.suspend(() => one("SET", key, value, ...expiry(options?.ttl))).pipe(Effect.asVoid),
    blpop: pop("BLPOP"),
    brpop: pop("BRPOP")
  }
}

const span = { kind: "client", captureStackTrace: false, attributes: { "db.system.name": "redis" } } as const

const late = Fault.unavailable("no answer before the deadline")

/** In milliseconds. Whoever set the deadline comes first. */
const left = Effect.map(Deadline.remaining, (remaining) => Duration.toMillis(remaining) + slack)

type Sent = ReadonlyArray<Connection.Argument>

const unlimited = (args: Sent): Commands.Waiting => ({ args, limit: Infinity, shortened: false })

const during = (name: string, fault: Fault.Fault) => new Fault.Fault(fault.kind, `${name}: ${fault.reason}`)

const checked = (name: string, args: ReadonlyArray<unknown>): Sent | Fault.Fault => {
  const sent = args.map(toArgument)
  const wrong = sent.indexOf(undefined)
  if (wrong >= 0) return Fault.rejected(`argument ${wrong + 1} is no text, number or bytes`)
  for (const [index, arg] of sent.entries()) {
    const fault = typeof arg === "string" ? Text.check(`argument ${index + 1}`, arg) : undefined
    if (fault !== undefined) return fault
  }
  // The cast: none is undefined.
  const all = sent as Sent
  if (name === "a command") return Fault.rejected("no command has such a name")
  return Commands.isRefused(name, all) ? Fault.rejected("it would change the connection, which others use too") : all
}

/** Types do not hold what comes from outside: the driver would spread an array over several arguments. */
const toArgument = (arg: unknown): Connection.Argument | undefined => {
  if (typeof arg === "string" || Buffer.isBuffer(arg)) return arg
  if (typeof arg === "number" && !Number.isFinite(arg)) return String(arg)
  if (typeof arg === "number" || isJsonNumber(arg)) return Object.is(arg, -0) ? "-0" : toText(arg)
  if (typeof arg === "bigint") return String(arg)
  return arg instanceof Uint8Array ? Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength) : undefined
}

const textOrNone = (reply: Reply.Reply): Option.Option<string> =>
  typeof reply === "string" ? Option.some(reply) : Option.none()

const elements = (reply: Reply.Reply): ReadonlyArray<Reply.Reply> => (Array.isArray(reply) ? reply : [])

/** Fields and values by turns. */
const record = (flat: ReadonlyArray<Reply.Reply>): Readonly<Record<string, string>> =>
  Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[2 * i]), String(flat[2 * i + 1])]))

/** For Redis, zero is for ever. */
const seconds = (name: string, wait: Duration.DurationInput) => {
  const millis = Options.duration(`Redis.${name.toLowerCase()}`, "wait", wait)
  return millis === Infinity ? 0 : Math.max(1, Math.ceil(millis)) / 1_000
}

const expiry = (ttl: Duration.DurationInput | undefined): ReadonlyArray<Argument> => {
  const millis = ttl === undefined ? Infinity : Options.duration("Redis.set", "ttl", ttl)
  return millis === Infinity ? [] : ["PX", Math.max(1, Math.ceil(millis))]
}
