import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import { ask, dashboard, get, named, serve, until, wire } from "./Stage.ts"

const fine = dashboard(named, Effect.succeed(5))

describe("Listener", () => {
  const live = it.scopedLive

  live("closes a connection whose head or body does not come, with a 408", () =>
    Effect.gen(function* () {
      const posted = Endpoint.make(fine, { method: "POST" })
      const { url } = yield* serve([posted], { headersTimeout: 200 })
      const silent = yield* wire(url)
      const head = yield* wire(url, "GET /dashboard HTTP/1.1", "host: x", "x-slow: ")
      const other = yield* serve([posted], { requestTimeout: 300 })
      const type = "content-type: application/json"
      const body = yield* wire(other.url, "POST /dashboard HTTP/1.1", "host: x", type, "content-length: 9", "", `{"id"`)

      yield* until("all are closed", () => [silent, head, body].every(({ closed }) => closed()))
      assert.match(head.received(), /^HTTP\/1.1 408 /)
      assert.match(body.received(), /^HTTP\/1.1 408 /)
    })
  )

  live("counts and logs what is refused before there is a request, and answers it", () =>
    Effect.gen(function* () {
      const { admin, log, url } = yield* serve([fine], { headersTimeout: 200, maxConnectionsPerClient: 2 })
      const refused = Effect.map(ask(`${admin}/metrics`), ({ text }) =>
        Object.fromEntries(
          Array.from(text.matchAll(/muster_http_refused_total\{reason="(\w+)"\} (\d+)/g), ([, reason, count]) => [
            reason!,
            Number(count)
          ])
        )
      )
      const before = yield* refused
      const odd = yield* wire(url, "NONSENSE", "", "")
      const large = yield* wire(url, get("/dashboard?id=1", `x-large: ${"x".repeat(20_000)}`))
      yield* until("both are closed", () => odd.closed() && large.closed())
      const slow = yield* wire(url, "GET /dashboard HTTP/1.1", "x-slow: ")
      yield* wire(url)
      const third = yield* wire(url)
      yield* until("it is closed", () => slow.closed() && third.closed(), 5_000)

      assert.deepStrictEqual(
        [odd, large, slow, third].map(({ received }) => received().slice(9, 12)),
        ["400", "431", "408", ""]
      )
      const after = yield* refused
      for (const reason of ["malformed", "headers", "connections"])
        assert.strictEqual(after[reason]! - (before[reason] ?? 0), 1, reason)
      // The silent one too.
      assert.isAtLeast(after["timeout"]! - (before["timeout"] ?? 0), 1)
      assert.includeMembers(
        log.map(({ level, message }) => `${level} ${message}`),
        ["malformed", "headers", "timeout", "connections"].map((reason) => `DEBUG refused a connection: ${reason}`)
      )
    })
  )

  live("closes a connection on which nothing is asked any more", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([fine], { idleTimeout: 100 })
      const { closed, received } = yield* wire(url, get("/dashboard?id=1"))
      yield* until("there is an answer", () => received().includes("user 1"))

      assert.isFalse(closed())
      yield* until("it is closed", closed, 4_000)
    })
  )

  live("lets go of a client that reads nothing of its answer, and of none that is slow to be answered", () =>
    Effect.gen(function* () {
      const big = "x".repeat(20_000_000)
      const large = dashboard(() => Effect.succeed(big), Effect.succeed(1))
      const slow = Endpoint.make(
        dashboard((id) => Effect.delay(named(id), 400), Effect.succeed(1)),
        { path: "/slow" }
      )
      const { log, url } = yield* serve([large, slow], { writeTimeout: 150 })
      const stuck = yield* wire(url)
      stuck.socket.pause()
      stuck.socket.write(get("/dashboard?id=1"))

      assert.strictEqual((yield* ask(`${url}/slow?id=1`)).status, 200)
      yield* until("it is let go", () => log.some(({ annotations }) => annotations["status"] === 499))
    })
  )

  live("answers one request after another on one connection, also after a body that was too large", () =>
    Effect.gen(function* () {
      const posted = Endpoint.make(fine, { method: "POST", path: "/posted", maxBody: 10 })
      const { url } = yield* serve([fine, posted])
      const kept = yield* wire(url, get("/dashboard?id=1") + get("/dashboard?id=2") + get("/nothing"))
      yield* until("there are three answers", () => kept.received().split("HTTP/1.1 ").length === 4)
      const [, one, two, three] = kept.received().split("HTTP/1.1 ")
      assert.deepStrictEqual([one!.slice(0, 3), two!.slice(0, 3), three!.slice(0, 3)], ["200", "200", "404"])

      const chunked = [
        "POST /posted HTTP/1.1",
        "host: x",
        "content-type: application/json",
        "transfer-encoding: chunked"
      ]
      const large = yield* wire(url, ...chunked, "", "14", `{"id":"0123456789"  `, "")
      yield* until("it is closed", large.closed)
      assert.match(large.received(), /^HTTP\/1.1 413 /)
      assert.include(large.received(), '"maxBody":10')
    })
  )

  live("takes no part in an upgrade, and answers as if none was asked for", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([fine])
      const { received } = yield* wire(url, get("/dashboard?id=1", "connection: upgrade", "upgrade: h2c"))
      yield* until("there is an answer", () => received().includes("user 1"))

      assert.match(received(), /^HTTP\/1.1 200 OK/)
    })
  )
})
