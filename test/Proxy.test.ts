import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import * as Proxy from "./Proxy.ts"

/** A server that sends back what it is sent, and says what it saw of its connections. */
const echo = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly open: Set<Socket>; readonly close: () => void }>((resume) => {
    const open = new Set<Socket>()
    const server = createServer((socket) => {
      open.add(socket)
      socket.on("error", () => {}).on("close", () => open.delete(socket))
      socket.pipe(socket)
    })
    server.listen(0, "127.0.0.1", () => {
      const url = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
      resume(Effect.succeed({ url, open, close: () => (server.close(), open.forEach((socket) => socket.destroy())) }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** A client's connection, and what came back on it. */
const client = ({ port }: Proxy.Proxy) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const socket = connect(port, "127.0.0.1")
        const seen = { text: "", end: "" }
        socket.on("data", (data) => (seen.text += String(data)))
        socket.on("end", () => (seen.end = "ended"))
        socket.on("error", (error: NodeJS.ErrnoException) => (seen.end = error.code!))
        await once(socket, "connect")
        return { socket, seen }
      },
      catch: (error) => (error as NodeJS.ErrnoException).code
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const until = (what: string, isSo: () => boolean) =>
  Effect.gen(function* () {
    for (const end = performance.now() + 5_000; !isSo();) {
      if (performance.now() > end) assert.fail(`waited in vain until ${what}`)
      yield* Effect.sleep(1)
    }
  })

const stays = (isSo: () => boolean) => Effect.map(Effect.sleep(50), () => assert(isSo()))

describe("Proxy", () => {
  it.scopedLive("passes everything on, counts, and passes the end on", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const proxy = yield* Proxy.make(server.url)
      const { seen, socket } = yield* client(proxy)
      const long = "x".repeat(3_000_000)

      socket.end(long)
      yield* until("all is back", () => seen.end !== "")
      yield* until("it is closed", () => proxy.open() === 0 && server.open.size === 0)

      assert.isTrue(seen.text === long)
      assert.strictEqual(seen.end, "ended")
      assert.strictEqual(proxy.accepted(), 1)
    })
  )

  it.scopedLive("delays both ways", () =>
    Effect.gen(function* () {
      const proxy = yield* Proxy.make((yield* echo).url)
      const { seen, socket } = yield* client(proxy)

      yield* proxy.delay(60)
      const start = performance.now()
      socket.write("a")
      yield* until("it is back", () => seen.text === "a")

      assert.isAtLeast(performance.now() - start, 118)
    })
  )

  it.scopedLive("freezes: neither data nor a hang-up arrives until it is healed", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const proxy = yield* Proxy.make(server.url)
      const first = yield* client(proxy)
      const second = yield* client(proxy)
      yield* until("they are through", () => server.open.size === 2)

      yield* proxy.freeze
      first.socket.write("a")
      second.socket.destroy()
      const late = yield* client(proxy)
      late.socket.write("b")
      yield* stays(() => first.seen.text + late.seen.text === "" && server.open.size === 2)

      yield* proxy.heal
      yield* until("all arrived", () => first.seen.text === "a" && late.seen.text === "b" && server.open.size === 2)
    })
  )

  it.scopedLive("cuts what is open, and lets new connections through", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const proxy = yield* Proxy.make(server.url)
      const { seen, socket } = yield* client(proxy)
      socket.write("a")
      yield* until("it is back", () => seen.text === "a")

      yield* proxy.cut
      yield* until("both know", () => seen.end === "ECONNRESET" && server.open.size === 0)

      const next = yield* client(proxy)
      next.socket.write("b")
      yield* until("it is back", () => next.seen.text === "b")
    })
  )

  it.scopedLive("refuses new connections until it is healed, and leaves the others alone", () =>
    Effect.gen(function* () {
      const proxy = yield* Proxy.make((yield* echo).url)
      const { seen, socket } = yield* client(proxy)

      yield* proxy.refuse
      assert.strictEqual(yield* Effect.flip(client(proxy)), "ECONNREFUSED")
      socket.write("a")
      yield* until("it is back", () => seen.text === "a")

      yield* proxy.heal
      yield* client(proxy)
    })
  )

  it.scopedLive("leads a URL through itself, and changes nothing else of it", () =>
    Effect.gen(function* () {
      const proxy = yield* Proxy.make((yield* echo).url)

      assert.strictEqual(
        proxy.through("postgres://me:p%40ss@127.0.0.1:5432/shop?a=b"),
        `postgres://me:p%40ss@127.0.0.1:${proxy.port}/shop?a=b`
      )
    })
  )
})
