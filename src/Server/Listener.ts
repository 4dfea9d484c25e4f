/**
 * A server of Node that listens as long as its scope is open.
 *
 * @since 0.1.0
 */
import { Effect, Schema, type Scope } from "effect"
import * as Http from "node:http"
import type { Socket } from "node:net"
import type { Write } from "../Receipt/Lines.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Refusals from "./Refusals.ts"

/**
 * The server could not listen: the port is taken, or may not be had, or there is no such address.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerNotStarted extends Schema.TaggedError<ServerNotStarted>("effect-muster/Server/ServerNotStarted")(
  "ServerNotStarted",
  { host: Schema.String, port: Schema.Number, reason: Schema.String }
) {
  override get message() {
    return `The server could not listen on ${this.host}:${this.port}: ${this.reason}`
  }
}

/**
 * Where it listens, and how long it waits for its clients.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListenerOptions {
  readonly host: string
  /** 0: one that is free. */
  readonly port: number
  /** How long the head of a request may take, in milliseconds. */
  readonly headersTimeout: number
  /** How long a whole request may take to arrive, in milliseconds. */
  readonly requestTimeout: number
  /** How long a connection is kept between two requests, in milliseconds. */
  readonly idleTimeout: number
  /** How many connections one address may have; beyond that they are closed. */
  readonly maxConnectionsPerClient: number
}

/**
 * A server that listens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listener {
  readonly url: string
  readonly port: number
}

/**
 * Answers a request, which has waited for so many milliseconds on its connection.
 *
 * @since 0.1.0
 * @category models
 */
export type Handler = (request: Http.IncomingMessage, response: Http.ServerResponse, waited: number) => void

/**
 * Listens, and answers with a handler. When the scope closes, so do all connections.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  handler: Handler,
  options: ListenerOptions,
  write: Write | undefined
): Effect.Effect<Listener, ServerNotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    const { headersTimeout, host, idleTimeout, port, requestTimeout } = options
    const server = Http.createServer({
      headersTimeout: Math.min(headersTimeout, requestTimeout),
      requestTimeout,
      keepAliveTimeout: idleTimeout,
      // How often it looks for those that take too long.
      connectionsCheckingInterval: Math.max(100, Math.min(1_000, headersTimeout / 4, requestTimeout / 4))
    })
    server.on("connection", limited(options.maxConnectionsPerClient, write))
    server.on("clientError", Refusals.onClientError(write))
    server.on("request", Pipeline.oneAtATime(handler))
    yield* Effect.acquireRelease(listen(server, host, port), () => close(server))
    const address = server.address()
    const bound = typeof address === "object" && address !== null ? address.port : port
    return { url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`, port: bound }
  })

/** Closes the connections of an address beyond so many. */
const limited = (most: number, write: Write | undefined) => {
  const open = new Map<string, number>()
  return (socket: Socket): void => {
    const address = socket.remoteAddress ?? ""
    const before = open.get(address) ?? 0
    if (before >= most) {
      Refusals.record("connections", address, write)
      return void socket.destroy()
    }
    open.set(address, before + 1)
    socket.once("close", () => {
      const left = open.get(address)! - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
    })
  }
}

const listen = (server: Http.Server, host: string, port: number): Effect.Effect<void, ServerNotStarted> =>
  Effect.async((resume) => {
    const failed = (error: NodeJS.ErrnoException) =>
      resume(new ServerNotStarted({ host, port, reason: reasons[error.code ?? ""] ?? error.message }))
    server.once("error", failed)
    server.listen(port, host, () => {
      server.off("error", failed)
      resume(Effect.void)
    })
  })

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken",
  EACCES: "this user may not have that port",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "there is no such host"
}

/** An answer that has just been sent is on its way out of a socket that looks busy for a moment. */
const close = (server: Http.Server): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (!server.listening) return resume(Effect.void)
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    const end = setTimeout(() => server.closeAllConnections(), 250)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(end)
      resume(Effect.void)
    })
  })
