import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import * as Mysql from "../../../src/Source/Mysql.ts"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Servers from "../../Servers.ts"

/** A network that forgets connections: the client is told only when it sends something, by a reset or not at all. */
const forgetful = (url: string) =>
  Effect.acquireRelease(
    Effect.async<{
      readonly url: string
      readonly forget: (how: "reset" | "silence") => void
      readonly end: () => void
    }>((resume) => {
      const target = new URL(url)
      const { hostname, port } = target
      const pairs = new Set<readonly [client: Socket, server: Socket]>()
      const server = createServer((client) => {
        const upstream = connect(Number(port), hostname)
        const pair = [client, upstream] as const
        pairs.add(pair)
        client.on("data", (data) => upstream.write(data)).on("close", () => upstream.destroy())
        upstream.on("data", (data) => client.write(data)).on("close", () => pairs.has(pair) && client.destroy())
        for (const socket of pair) socket.on("error", () => {})
      })
      const sockets = new Set<Socket>()
      server.on("connection", (socket) => sockets.add(socket))
      const forget = (how: "reset" | "silence") => {
        for (const [client, upstream] of pairs) {
          client.removeAllListeners("data").on("data", () => how === "reset" && client.resetAndDestroy())
          upstream.removeAllListeners("data").resume()
        }
        const forgotten = [...pairs]
        pairs.clear()
        forgotten.forEach(([, upstream]) => upstream.destroy())
      }
      const end = () => {
        sockets.forEach((socket) => socket.destroy())
        server.close()
      }
      server.listen(0, "127.0.0.1", () => {
        target.port = String((server.address() as AddressInfo).port)
        resume(Effect.succeed({ url: target.href, forget, end }))
      })
    }),
    ({ end }) => Effect.sync(end)
  )

/** Longer than what a connection may be idle without being asked for a sign of life. */
const rest = Effect.sleep(600)

for (const [kind, make] of [
  ["postgres", (url: string) => Postgres.make({ url, maxConnections: 1, grace: 250 })],
  ["mariadb", (url: string) => Mysql.make({ url, maxConnections: 1, grace: 250 })]
] as const)
  Servers.suite(kind, `A pool of ${kind}`, () => {
    it.scopedLive("has another connection for the one that the network forgot while it was idle", () =>
      Effect.gen(function* () {
        const { url } = yield* Servers.shared(kind)
        const network = yield* forgetful(url)
        const sql = yield* make(network.url)
        for (const how of ["reset", "silence"] as const) {
          assert.lengthOf(yield* sql`SELECT 1`, 1)
          network.forget(how)
          yield* rest
          // Also what writes: nothing was sent over the one that was lost.
          yield* sql`CREATE TEMPORARY TABLE idle (id int)`
          yield* sql`DROP TABLE idle`
        }
        yield* rest
        assert.lengthOf(yield* sql`SELECT 1`, 1)
      })
    )
  })
