/**
 * undici's connections, with limits and an end.
 *
 * @since 0.1.0
 */
import * as Undici from "@effect/platform-node/Undici"
import type { Duration } from "effect"
import { Socket } from "node:net"
import type { SecureContextOptions } from "node:tls"
import * as Options from "../../Options.ts"
import { Connection, type ConnectionOptions } from "./Connection.ts"

/**
 * How connections are made.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientOptions {
  /** How long a connection may take to be made; default 2 seconds. It is kept to within about a second. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /**
   * A server that says nothing for so long, before its answer or in the middle of it, is given up; default 30 seconds. It is
   * kept to within about a second.
   */
  readonly answerTimeout?: Duration.DurationInput | undefined
  /** At most so many connections to each server, over which requests take turns; default: as many as there are requests. */
  readonly maxConnections?: number | undefined
  /** Whom to trust over TLS besides those that Node trusts, and how to show who asks: `ca`, `cert`, `key`. */
  readonly tls?: SecureContextOptions | undefined
}

/**
 * Dispatchers over the same connections, and the way to close those, also those still being made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Made {
  /** For who says nothing of time limits: 12 us less for each exchange than {@link limited}. */
  readonly dispatcher: Undici.Dispatcher
  /** For the platform's client, which says with every request that there is no limit. */
  readonly limited: Undici.Dispatcher
  readonly close: () => Promise<void>
}

/**
 * Makes connections to the one server of this origin, or else to any.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: ClientOptions, origin?: string): Made => {
  const time = (option: "connectTimeout" | "answerTimeout", otherwise: number) => {
    const millis = Options.duration("Http.layer", option, options[option] ?? otherwise)
    // For undici, zero is no limit.
    return millis === Infinity ? 0 : Math.max(1, millis)
  }
  const { maxConnections, tls } = options
  const connections =
    maxConnections === undefined ? null : Options.count("Http.layer", "maxConnections", maxConnections)
  const connecting = Undici.buildConnector({ ...tls, timeout: time("connectTimeout", 2_000) })
  const answerTimeout = time("answerTimeout", 30_000)
  const limits = { headersTimeout: answerTimeout, bodyTimeout: answerTimeout }
  const opening = new Set<Socket>()
  const connect: typeof connecting = (options, callback) => {
    // It gives the socket, though its type does not say so. Destroying an agent forgets the sockets it is opening.
    const socket: unknown = connecting(options, (...result) => {
      if (socket instanceof Socket) opening.delete(socket)
      callback(...result)
    })
    if (socket instanceof Socket) opening.add(socket)
  }
  const settings = { connections, connect, ...limits }
  const connection = (origin: string | URL, given: object) =>
    // The cast: a pool gives what it was given itself.
    new Connection(origin, given as ConnectionOptions, (options, handler) => dispatcher.dispatch(options, handler))
  const pool = (origin: string | URL, given: object) => new Undici.Pool(origin, { ...given, factory: connection })
  const dispatcher: Undici.Dispatcher =
    origin === undefined ? new Undici.Agent({ ...settings, factory: pool }) : pool(origin, settings)
  const close = () => {
    const closed = dispatcher.destroy()
    opening.forEach((socket) => socket.destroy(new Error("the client was closed")))
    return closed
  }
  const limited = dispatcher.compose((dispatch) => (request, handler) => dispatch({ ...request, ...limits }, handler))
  return { dispatcher, limited, close }
}
