import { assert, describe, it } from "@effect/vitest"
import { Array, Cause, Effect, Exit, Fiber, Layer, Logger, LogLevel, Scope } from "effect"
import { connect, type Socket } from "node:net"
import * as Demo from "../src/Demo.ts"
import * as Http from "../src/Source/Http.ts"
import { SourceRejected, SourceUnavailable } from "../src/Source.ts"
import * as Testkit from "../src/Testkit.ts"
import { aggregate, asks, domino, logged } from "./Demo/Real.ts"
import { network } from "./Handles.ts"

describe("UserAggregator, in virtual time", () => {
  const alice = { id: "1", name: "Alice" }
  const orders = Array.makeBy(5, (index) => ({ id: `${index}`, item: "lamp" }))
  const scripted = (services: typeof Demo.UserServices.Service, deadline = "10 seconds") =>
    Testkit.timed(Effect.provideService(aggregate("1", deadline), Demo.UserServices, services))

  it.effect("it asks both at once, and answers when the slower one does", () =>
    Effect.gen(function* () {
      const slow = Testkit.succeeds(alice, { after: "300 millis" })
      const slower = Testkit.succeeds(orders, { after: "400 millis" })

      const [elapsed, exit] = yield* scripted({ profile: () => slow, orders: () => slower })

      assert.strictEqual(elapsed, 400)
      assert.strictEqual(Exit.isSuccess(exit) && Demo.render(exit.value), "User: Alice | Orders: 5")
    })
  )

  it.effect("Slow Poke: at the deadline it says which one is late", () =>
    Effect.gen(function* () {
      const late = Testkit.succeeds(alice, { after: "2 seconds" })

      const [elapsed, exit] = yield* scripted(
        { profile: () => late, orders: () => Testkit.succeeds(orders, { after: "500 millis" }) },
        "1 second"
      )

      assert.strictEqual(elapsed, 1_000)
      const error = yield* Effect.flip(exit)
      assert(error._tag === "DeadlineExceeded")
      assert.deepStrictEqual(error.pending, ["profile"])
      assert.strictEqual(late.seen.interrupted.length, 1)
    })
  )

  it.effect("Domino: the first failure is the answer, and the other is cancelled", () =>
    Effect.gen(function* () {
      const slow = Testkit.succeeds(orders, { after: "10 seconds" })
      const down = new SourceUnavailable({ source: "profile", reason: "down" })

      const [elapsed, exit] = yield* scripted({ profile: () => Effect.fail(down), orders: () => slow })

      assert.strictEqual(elapsed, 0)
      const error = yield* Effect.flip(exit)
      assert(error._tag === "SourceFailed" && error.error._tag === "SourceUnavailable")
      assert.deepStrictEqual([error.source, error.receipt.victims], ["profile", ["orders"]])
      assert.strictEqual(slow.seen.interrupted.length, 1)
    })
  )
})

describe("UserServices.layer", () => {
  const urls = { profile: "http://p", orders: "http://o" }
  const asked = (id: string) =>
    Effect.gen(function* () {
      const seen: globalThis.Array<string> = []
      const layer = Demo.UserServices.layer(urls, (url) => {
        seen.push(url)
        return new SourceRejected({ source: "any", reason: "only looked at" })
      }).pipe(Layer.provide(Http.layer()))
      yield* Effect.exit(
        Effect.provide(
          Effect.flatMap(Demo.UserServices, (services) => services.profile(id)),
          layer
        )
      )
      return seen
    })

  it.effect("an id is encoded as one segment of the path", () =>
    Effect.gen(function* () {
      for (const id of ["1", "../../x", "a/b", "a b", "?x=1", "#x", "%2e%2e", "ü", "...", "@evil.test"]) {
        const [url] = yield* asked(id)
        assert.strictEqual(url, `http://p/profile/${encodeURIComponent(id)}`)
        const { hash, host, pathname, search } = new URL(url!)
        assert.strictEqual(`${host}${search}${hash}`, "p")
        assert.strictEqual(decodeURIComponent(pathname), `/profile/${id}`)
      }
    })
  )

  it.effect("an id that would change the path is rejected before anything is asked", () =>
    Effect.gen(function* () {
      for (const id of ["", ".", "..", "a\nb", "\u0000", "\u001b[2J", "\ud800", "\u202egnp", "x".repeat(101)]) {
        assert.deepStrictEqual(yield* asked(id), [], JSON.stringify(id))
      }
    })
  )
})

describe("the mock services", () => {
  it.live("asked for real they answer with Alice and five orders", () =>
    Effect.gen(function* () {
      assert.strictEqual(Demo.render(yield* asks("5 seconds")), "User: Alice | Orders: 5")
    })
  )

  it.live("a service that fails answers 503", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(asks("5 seconds", { orders: { fail: true } }))
      assert(error._tag === "SourceFailed" && error.error._tag === "SourceUnavailable")
      assert.match(error.error.reason, /^GET http:\/\/127\.0\.0\.1:\d+\/orders\/1 answered 503$/)
    })
  )

  it.live("Domino: the order service sees its request closed, and says so", () =>
    Effect.gen(function* () {
      for (let run = 0; run < 10; run++) {
        const { error, lines, start } = yield* domino

        assert.strictEqual(error._tag, "SourceFailed")
        assert.deepStrictEqual(
          lines.map(({ message }) => message),
          [["orders: the request was closed by the client"]]
        )
        assert.isBelow(lines[0]!.at - start, 1_000)
      }
    })
  )

  it.live("interrupting whoever asks closes the requests and stops the services before it is over", () =>
    Effect.gen(function* () {
      yield* noHandles
      const { layer, lines } = logged()
      const slow = { delay: "10 seconds" } as const
      const fiber = yield* Effect.fork(
        Effect.provide(asks("20 seconds", { profile: slow, orders: slow }), [
          layer,
          Logger.minimumLogLevel(LogLevel.Debug)
        ])
      )
      yield* until(() => lines.length === 2)

      yield* Fiber.interrupt(fiber)

      assert.sameDeepMembers(
        lines.slice(2).map(({ message }) => message),
        ["profile", "orders"].map((name) => [`${name}: the request was closed by the client`])
      )
      yield* noHandles
    })
  )

  it.live("stopping them leaves no socket, whatever their clients do, and blames no client for it", () =>
    Effect.gen(function* () {
      const { layer, lines } = logged()
      const scope = yield* Scope.make()
      yield* noHandles
      const url = yield* Scope.extend(Demo.orders({ delay: "10 seconds" }), scope).pipe(Effect.provide(layer))
      const quick = yield* Scope.extend(Demo.profile(), scope)
      const silent = yield* open(url, "")
      const waiting = yield* open(url, "GET /orders/1 HTTP/1.1\r\nhost: x\r\n\r\n")
      const idle = yield* open(quick, "GET /profile/1 HTTP/1.1\r\nhost: x\r\n\r\n")
      const answer = yield* Effect.async<Buffer>(
        (resume) => void idle.once("data", (data) => resume(Effect.succeed(data)))
      )
      assert.include(answer.toString(), "keep-alive")

      const start = performance.now()
      yield* Scope.close(scope, Exit.void)

      assert.isBelow(performance.now() - start, 1_000)
      yield* Effect.all([silent, waiting, idle].map(ended))
      yield* noHandles
      assert.deepStrictEqual(lines, [])
    })
  )

  it.live("what is not theirs is a 404", () =>
    Effect.gen(function* () {
      const url = yield* Demo.profile()
      for (const [method, path] of [
        ["GET", "/"],
        ["GET", "/profile/"],
        ["GET", "/profile/a/b"],
        ["GET", "/orders/1"],
        ["GET", "/profile/%ff"],
        ["POST", "/profile/1"]
      ] as const) {
        const { status } = yield* Effect.promise(() => fetch(`${url}${path}`, { method }))
        assert.strictEqual(status, 404, `${method} ${path}`)
      }
      const answer = yield* Effect.promise(() => fetch(`${url}/profile/${encodeURIComponent("a/b?")}?x=1`))
      assert.deepStrictEqual(yield* Effect.promise(() => answer.json()), { id: "a/b?", name: "Alice" })
    }).pipe(Effect.scoped)
  )

  it.effect("a negative delay is refused", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(Demo.orders({ delay: -1 })))
      assert(Exit.isFailure(exit))
      assert.include(Cause.pretty(exit.cause), "Demo.orders: delay must be a duration of zero or more")
    })
  )
})

const until = (isSo: () => boolean) =>
  Effect.gen(function* () {
    for (const end = performance.now() + 1_000; !isSo();) {
      if (performance.now() > end) assert.fail(`waited in vain; there is ${network().join(", ")}`)
      yield* Effect.sleep(1)
    }
  })

/** No socket and no listener is left in this process; they take a turn of the event loop to go. */
const noHandles = until(() => network().length === 0)

const open = (url: string, text: string) =>
  Effect.async<Socket>((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => socket.write(text, () => resume(Effect.succeed(socket))))
    socket.on("error", () => {})
  })

const ended = (socket: Socket) =>
  Effect.async<void>((resume) => {
    if (socket.destroyed) return resume(Effect.void)
    socket.resume().once("close", () => resume(Effect.void))
  })
