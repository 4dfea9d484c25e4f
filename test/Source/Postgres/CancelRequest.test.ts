import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { createServer, type Socket } from "node:net"
import * as CancelRequest from "../../../src/Source/Postgres/CancelRequest.ts"
import * as Proxy from "../../Proxy.ts"
import * as Servers from "../../Servers.ts"
import { administrator, watch } from "./Adapter.ts"
import * as Client from "./Client.ts"

/** Where nobody cancels, but notes what was said. */
const listener = (then: (socket: Socket, data: Buffer) => void) =>
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
      const server = createServer((socket) => socket.on("error", () => {}).on("data", (data) => then(socket, data)))
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" && address !== null ? address.port : 0,
            close: () => server.close()
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const target = (port: number, tls?: CancelRequest.Target["tls"]): CancelRequest.Target => ({
  address: { host: "127.0.0.1", port },
  tls,
  processId: 258,
  secretKey: -2
})

it.scopedLive("CancelRequest is sixteen bytes, and over when the server has hung up", () =>
  Effect.gen(function* () {
    const said: Array<Buffer> = []
    let hungUp = false
    const { port } = yield* listener((socket, data) => {
      said.push(data)
      setTimeout(() => {
        hungUp = true
        socket.end()
      }, 50)
    })

    yield* CancelRequest.send(target(port))

    assert.isTrue(hungUp)
    assert.strictEqual(Buffer.concat(said).toString("hex"), "00000010" + "04d2162e" + "00000102" + "fffffffe")
  })
)

it.scopedLive("CancelRequest fails when it cannot be sent, and never goes in clear where the connection did not", () =>
  Effect.gen(function* () {
    const said: Array<Buffer> = []
    const { port } = yield* listener((socket, data) => {
      said.push(data)
      socket.end("N")
    })
    const tls = { host: "127.0.0.1", options: {}, direct: false }

    assert.isTrue(Exit.isFailure(yield* Effect.exit(CancelRequest.send(target(port, tls)))))
    assert.strictEqual(Buffer.concat(said).toString("hex"), "00000008" + "04d2162f")
    assert.isTrue(Exit.isFailure(yield* Effect.exit(CancelRequest.send(target(1)))))
  })
)

it.scopedLive("CancelRequest hangs up when it is interrupted", () =>
  Effect.gen(function* () {
    let state = ""
    const { port } = yield* listener((socket) => {
      state = "asked"
      socket.on("close", () => (state = "closed"))
    })
    const fiber = yield* Effect.fork(CancelRequest.send(target(port)))
    yield* Effect.repeat(Effect.sleep(1), { until: () => state === "asked" })

    yield* Fiber.interrupt(fiber)

    yield* Effect.repeat(Effect.sleep(1), { until: () => state === "closed" })
  })
)

Servers.suite("postgres", "A cancelled query of PostgreSQL", () => {
  it.scopedLive("stops over TLS too, and keeps its connection", () =>
    Effect.gen(function* () {
      const server = yield* Servers.postgres({ tls: true })
      const ask = yield* administrator(`${server.adminUrl}?sslmode=no-verify`)
      const { busy } = yield* watch(`${server.adminUrl}?sslmode=no-verify`)
      for (const ssl of [{ ca: server.ca! }, { rejectUnauthorized: false }]) {
        // On a busy machine two handshakes may take longer than the default, 250 ms; how fast it is, the contract tells.
        const sql = yield* Client.make({ url: server.url, ssl, maxConnections: 1, grace: "20 seconds" })
        const pid = sql<{
          readonly ssl: boolean
        }>`SELECT pg_backend_pid() AS pid, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`
        const before = yield* pid
        const fiber = yield* Effect.fork(sql`SELECT pg_sleep(60)`)
        yield* Effect.repeat(busy, { until: (calls) => calls === 1 })

        yield* Fiber.interrupt(fiber)

        yield* Effect.repeat(busy, { until: (calls) => calls === 0 })
        assert.deepStrictEqual(yield* pid, before)
        assert.isTrue(before[0]!.ssl)
      }
      assert.lengthOf(yield* ask("SELECT 1"), 1)
    })
  )

  it.scopedLive("stops even when no cancel gets through, since the server looks for its client", () =>
    Effect.gen(function* () {
      const { adminUrl, url } = yield* Servers.shared("postgres")
      const proxy = yield* Proxy.make(url)
      const sql = yield* Client.make({ url: proxy.through(url) })
      const ask = yield* administrator(adminUrl)
      const mark = Client.fresh("lonely")
      const active = ask(
        `SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT /* ${mark} */%'`
      )
      const fiber = yield* Effect.fork(sql.unsafe(`SELECT /* ${mark} */ pg_sleep(60)`))
      yield* Effect.repeat(active, { until: (rows) => rows.length === 1 })

      yield* proxy.refuse
      const start = performance.now()
      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(active, { until: (rows) => rows.length === 0 })

      assert.isBelow(performance.now() - start, 2_000)
    })
  )
})
