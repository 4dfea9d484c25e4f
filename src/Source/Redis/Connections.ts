/**
 * The connections of one client: one that all short commands share, and a pool of them for commands that wait.
 *
 * @since 0.1.0
 */
import { Effect, type Scope } from "effect"
import type { Redis as Driver } from "ioredis"
import * as Fault from "../Fault.ts"
import * as Pool from "../Pool.ts"
import * as Connection from "./Connection.ts"
import type { Checked } from "./Settings.ts"

/**
 * Where connections come from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connections {
  /** What is connected to, for errors. */
  readonly where: string
  /** The one for short commands, which is made anew when the last has ended. Rejected with a `Fault`. */
  readonly shared: () => Promise<Connection.Connection>
  /** Each for one command at a time. */
  readonly pool: Pool.Pool<Connection.Connection>
}

/**
 * Makes connections, all of which end with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (driver: typeof Driver, settings: Checked): Effect.Effect<Connections, never, Scope.Scope> =>
  Effect.gen(function* () {
    const where = placeOf(settings)
    const shared = yield* Effect.acquireRelease(
      Effect.sync(() => makeShared(() => Connection.open(driver, settings))),
      ({ close }) => Effect.sync(close)
    )
    const pool = yield* Pool.make<Connection.Connection>(
      {
        name: where,
        make: () => Connection.open(driver, settings),
        open: ({ ready }) => Effect.tryPromise({ try: () => ready, catch: Connection.faultOf }),
        alive: (connection) => !connection.hasEnded(),
        // The server hands nothing to a connection that has hung up. A command that asks it to let go (`CLIENT UNBLOCK`) might
        // come after the element.
        cancel: (connection) => Effect.promise(connection.hangUp),
        destroy: (connection) => connection.end(Fault.unavailable("the connection was closed"))
      },
      // A connection of which nothing is heard for long may be dead, and nobody would know.
      { maxConnections: settings.maxConnections, connectTimeout: settings.connectTimeout, idleTimeout: 5_000 }
    )
    return { where, shared: shared.get, pool }
  })

const makeShared = (open: () => Connection.Connection) => {
  const closed = Fault.unavailable("the client was closed")
  let current: Connection.Connection | undefined
  let isClosed = false
  const latest = () => {
    if (isClosed) throw closed
    if (current === undefined || current.hasEnded()) current = open()
    return current
  }
  const get = async () => {
    const connection = latest()
    await connection.ready
    if (!connection.isIdle()) return connection
    // Time to hear that it was closed while nobody asked: a command that is sent has to fail, since it may have been done.
    // Node looks at its sockets after the first of these, and before the second.
    await nextTurn()
    await nextTurn()
    if (!connection.hasEnded()) return connection
    const next = latest()
    await next.ready
    return next
  }
  const close = () => {
    isClosed = true
    current?.end(closed)
  }
  return { get, close }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

const placeOf = ({ driver }: Checked) =>
  `redis at ${driver.path ?? `${driver.host ?? "localhost"}:${driver.port ?? 6379}`}`
