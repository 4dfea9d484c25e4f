/**
 * A server of bytes: it answers as it is told, also with what is no HTTP.
 */
import { Effect, type Scope } from "effect"
import { type AddressInfo, createServer, type Socket } from "node:net"

export interface Raw {
  readonly url: string
  /** The heads of the requests, in order, with the number of their connection. */
  readonly requests: Array<{ readonly connection: number; readonly head: string }>
  readonly sockets: Set<Socket>
}

/** Calls back for each request, with how many its connection has carried before. */
export const raw = (
  answer: (
    socket: Socket,
    request: { readonly head: string; readonly before: number; readonly connection: number }
  ) => void
): Effect.Effect<Raw, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Raw & { readonly close: () => void }>((resume) => {
      const requests: Raw["requests"] = []
      const sockets = new Set<Socket>()
      let connections = 0
      const server = createServer((socket) => {
        const connection = connections++
        let before = 0
        let text = ""
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket)).on("error", () => {})
        socket.on("data", (chunk) => {
          text += chunk.toString("latin1")
          for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
            const head = text.slice(0, end)
            const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
            if (text.length < end + 4 + length) return
            text = text.slice(end + 4 + length)
            requests.push({ connection, head })
            answer(socket, { head, before: before++, connection })
          }
        })
      })
      const close = () => {
        server.close()
        sockets.forEach((socket) => socket.destroy())
      }
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, requests, sockets, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** An answer of this body; its length is said unless it is chunked. */
export const answerOf = (
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>> = {},
  status = "200 OK"
) => {
  const bytes = Buffer.from(body)
  const lines = Object.entries({ "content-length": String(bytes.length), ...headers }).map(
    ([name, value]) => `${name}: ${value}`
  )
  return Buffer.concat([Buffer.from([`HTTP/1.1 ${status}`, ...lines, "", ""].join("\r\n"), "latin1"), bytes])
}
