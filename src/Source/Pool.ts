/**
 * A pool of connections to a server that is told to stop when nobody wants its answer any more.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, type Scope } from "effect"
import * as Options from "../Options.ts"
import type { SourceError } from "../Source.ts"
import type { Fault } from "./Fault.ts"
import { Connections } from "./Pool/Connections.ts"
import type { Lease } from "./Pool/Lease.ts"

export type {
  /** @since 0.1.0 */
  Lease
} from "./Pool/Lease.ts"

/**
 * What a kind of server plugs in. `C` is a connection, in any state: not yet open, open, broken, closed.
 *
 * The contract: an exchange (what {@link Lease.ask} is given) ends when the wire is quiet, with its answer or a `Fault`. When
 * nobody wants the answer, the pool runs `cancel` and waits for both, the cancel and the exchange, at most `grace`; then
 * another may have the connection. If one of them fails or is late, it is destroyed; what is asked over it then ends, too.
 *
 * @example
 * ```ts
 * const driver: Pool.Driver<Connection> = {
 *   name: "mysql at db.internal:3306",
 *   make: () => mysql.createConnection(options),
 *   open: (connection) => Effect.async((resume) => connection.connect((error) => resume(…))),
 *   alive: (connection) => !connection.broken,
 *   cancel: (connection) => killQuery(connection.threadId),
 *   destroy: (connection) => connection.destroy()
 * }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export interface Driver<C> {
  /** What is connected to, for errors: `"postgres at db.internal:5432"`. No secrets. */
  readonly name: string
  /** A connection that is yet to be opened. */
  readonly make: () => C
  /** Opens it. Interrupted, it ends at once. `destroy` is called after it, unless it succeeds. */
  readonly open: (connection: C) => Effect.Effect<void, Fault>
  /** False once it is destroyed, or was lost. */
  readonly alive: (connection: C) => boolean
  /**
   * Asks the server for a sign of life, of a connection that was idle for a while: it may have been closed by a server that was
   * started again, or forgotten by a network in between. One that fails, or is not there within the grace, is replaced.
   * Default: none is asked for.
   */
  readonly check?: (connection: C) => Effect.Effect<unknown, unknown>
  /**
   * Asks the server to stop what this connection runs: not over this pool, and over before it ends (a late cancel would hit
   * the next query). It is run again as long as the exchange goes on, and interrupted when that takes longer than the grace.
   */
  readonly cancel: (connection: C) => Effect.Effect<unknown, unknown>
  /** Closes it at once, in whatever state it is, without a word to the server. Must not throw, nor mind a second call. */
  readonly destroy: (connection: C) => void
  /** Takes leave of the server and closes; `destroy` is called after it. Default: nothing. */
  readonly close?: (connection: C) => Effect.Effect<unknown, unknown>
  /** What must be done before another may have it, such as the rollback of a transaction left open; mostly nothing. */
  readonly unfinished?: (connection: C) => Effect.Effect<unknown, unknown> | undefined
}

/**
 * How many connections, and for how long.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolOptions {
  /** At most so many connections; default 10. Who comes later waits for a turn. */
  readonly maxConnections?: number | undefined
  /** How long a connection may take to be made, to the end of its handshake; default 2 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** How long a connection that nobody uses is kept; default 1 minute. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** How long a cancelled query may take to end before its connection is destroyed; default 250 milliseconds. */
  readonly grace?: Duration.DurationInput | undefined
}

/**
 * Connections to one server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pool<C> {
  /**
   * A connection for the scope, in the order of asking. Fails with `SourceUnavailable` or `SourceRejected` when none can be
   * made, and when none comes free before the ambient deadline. Interrupting one that waits or connects ends it at once; a
   * connection that was being made is made all the same, for the next one.
   */
  readonly take: Effect.Effect<Lease<C>, SourceError, Scope.Scope>
  /** How things stand now. `used` counts those that are being cleaned up. */
  readonly stats: () => { readonly used: number; readonly idle: number; readonly waiting: number }
}

/**
 * Makes a pool that has no connection yet. Its scope, when it closes, stops what still runs and waits for it, at most about
 * the grace; then nothing is open any more.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <C>(driver: Driver<C>, options?: PoolOptions): Effect.Effect<Pool<C>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connections = new Connections(driver, check(options), yield* Effect.scope)
    yield* Effect.addFinalizer(() => connections.close)
    return { take: connections.take, stats: () => connections.stats() }
  })

const check = (options: PoolOptions = {}) => {
  const duration = (option: "connectTimeout" | "idleTimeout" | "grace", otherwise: number) =>
    Options.duration("Pool.make", option, options[option] ?? otherwise)
  return {
    maxConnections: Options.count("Pool.make", "maxConnections", options.maxConnections ?? 10),
    connectTimeout: duration("connectTimeout", 2_000),
    idleTimeout: duration("idleTimeout", 60_000),
    grace: duration("grace", 250)
  }
}
