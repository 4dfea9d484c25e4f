/**
 * PostgreSQL's own way to stop a query: sixteen bytes over a fresh connection, so that no full pool is in their way.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { connect, isIP, type NetConnectOpts, type Socket } from "node:net"
import { connect as connectTls, type ConnectionOptions } from "node:tls"

/**
 * Whom to tell.
 *
 * @since 0.1.0
 * @category models
 */
export interface Target {
  /** Where the connection itself went: a name may stand for several servers. */
  readonly address: NetConnectOpts
  /** The name that the certificate is for; undefined when the connection speaks no TLS. */
  readonly tls: { readonly host: string; readonly options: ConnectionOptions; readonly direct: boolean } | undefined
  readonly processId: number
  readonly secretKey: number
}

/**
 * Asks the server to stop what a connection runs. Ends when the server has hung up: then it has passed the request on, and
 * a query sent later is not hit. Interrupted, it hangs up itself.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 *
 * @since 0.1.0
 * @category cancelling
 */
export const send = (target: Target): Effect.Effect<void, unknown> =>
  Effect.async((resume) => {
    const socket = connect(target.address)
    socket.setNoDelay(true)
    socket.once("error", (error) => resume(Effect.fail(error)))
    socket.once("close", () => resume(Effect.void))
    const { tls } = target
    const ask = (secured: Socket) => {
      // Whatever the server might say, reading is what tells that it has hung up.
      secured.resume()
      secured.write(message(target))
    }
    const secure = (options?: ConnectionOptions) => {
      const { host = "" } = tls ?? {}
      const named = isIP(host) === 0 ? { servername: host } : {}
      const secured = connectTls({ host, ...named, ...tls?.options, ...options, socket })
      secured.once("error", (error) => {
        resume(Effect.fail(error))
        socket.destroy()
      })
      ask(secured)
    }
    if (tls === undefined) ask(socket)
    else if (tls.direct) secure({ ALPNProtocols: ["postgresql"] })
    else {
      socket.write(sslRequest)
      socket.once("data", (answer) => {
        if (answer.toString() === "S") secure()
        else socket.destroy(new Error("it speaks no TLS"))
      })
    }
    return Effect.sync(() => socket.destroy())
  })

const message = ({ processId, secretKey }: Target) => {
  const bytes = Buffer.alloc(16)
  bytes.writeInt32BE(16, 0)
  bytes.writeInt32BE(80877102, 4)
  bytes.writeInt32BE(processId, 8)
  bytes.writeInt32BE(secretKey, 12)
  return bytes
}

const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
