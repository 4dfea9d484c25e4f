import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Layer, Logger, Option, Redacted, Schema } from "effect"
import * as Aggregation from "../src/Aggregation.ts"
import { Aggregator } from "../src/Aggregator.ts"
import { InvalidOption } from "../src/Options.ts"
import type { Receipt } from "../src/Receipt.ts"
import * as Breaker from "../src/Resilience/Breaker.ts"
import { Server, ServerNotStarted } from "../src/Server.ts"
import * as Endpoint from "../src/Server/Endpoint.ts"
import * as Source from "../src/Source.ts"
import { ask, dashboard, down, named, post, serve, until } from "./Server/Stage.ts"

const fine = dashboard(named, Effect.succeed(5))

describe("Server answers", () => {
  const live = it.scopedLive

  live("an aggregation at its name, its input in the query", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([fine])
      const { headers, json, status } = yield* ask(`${url}/dashboard?id=42`)

      assert.strictEqual(status, 200)
      assert.deepStrictEqual(json(), { name: "user 42", orders: 5 })
      assert.strictEqual(headers.get("content-type"), "application/json")
      assert.strictEqual(headers.get("muster-complete"), "true")
      assert.match(
        headers.get("server-timing")!,
        /^profile;dur=[\d.]+, orders;dur=[\d.]+, (queue;dur=[\d.]+, )?total;dur=[\d.]+$/
      )
      assert.strictEqual(headers.get("cache-control"), "no-store")
      assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
    })
  )

  live("an endpoint at its path, its input in the path and the body", () =>
    Effect.gen(function* () {
      const plan = Aggregation.make("sum", {
        input: Schema.Struct({ id: Schema.String, add: Schema.Array(Schema.Number) }),
        output: Schema.Struct({ id: Schema.String, sum: Schema.NumberFromString }),
        sources: ({ add }) => ({ sum: Effect.succeed(add.reduce((sum, one) => sum + one, 0)) }),
        merge: ({ sum }, { id }) => ({ id, sum })
      })
      const { url } = yield* serve([Endpoint.make(plan, { path: "/sums/:id", method: "POST" })])
      const { json } = yield* post(`${url}/sums/a%2Fb`, { add: [1, 2] })

      assert.deepStrictEqual(json(), { id: "a/b", sum: "3" })
    })
  )

  live("two endpoints on one path by their methods, and HEAD without a body", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([fine, Endpoint.make(fine, { method: "POST" })])

      assert.strictEqual((yield* ask(`${url}/dashboard?id=1`)).status, 200)
      assert.deepStrictEqual((yield* post(`${url}/dashboard`, { id: "2" })).json(), { name: "user 2", orders: 5 })
      for (const accept of ["*/*", "text/event-stream"]) {
        const head = yield* ask(`${url}/dashboard?id=1`, { method: "HEAD", headers: { accept } })
        assert.deepStrictEqual([head.status, head.text, head.headers.get("muster-complete")], [200, "", "true"])
      }
    })
  )

  live("with the receipt beside the answer where it is wished for, and where the endpoint gives any", () =>
    Effect.gen(function* () {
      const closed = Endpoint.make(fine, { path: "/closed", receipts: false })
      const { url } = yield* serve([fine, closed])
      const prefer = { headers: { prefer: "return=representation; muster-receipt" } }

      for (const reply of [yield* ask(`${url}/dashboard?id=1&receipt`), yield* ask(`${url}/dashboard?id=1`, prefer)]) {
        const { answer, receipt } = reply.json<{ answer: unknown; receipt: Receipt }>()
        assert.deepStrictEqual(answer, { name: "user 1", orders: 5 })
        assert.strictEqual(receipt.id, reply.headers.get("muster-receipt"))
        assert.deepStrictEqual(
          receipt.sources.map(({ name, outcome }) => [name, outcome]),
          [
            ["profile", "succeeded"],
            ["orders", "succeeded"]
          ]
        )
      }
      const refused = yield* ask(`${url}/closed?id=1&receipt`)
      assert.deepStrictEqual([refused.status, refused.json()["field"]], [400, "receipt"])
      const passed = yield* ask(`${url}/closed?id=1`, prefer)
      assert.deepStrictEqual(passed.json(), { name: "user 1", orders: 5 })
      assert.isNull(passed.headers.get("preference-applied"))
    })
  )

  live("with what there is for a request that is lenient, where the endpoint allows it", () =>
    Effect.gen(function* () {
      const late = dashboard(named, Effect.never)
      const strict = Endpoint.make(late, { path: "/strict", handling: "strict" })
      const lenient = Endpoint.make(late, { path: "/lenient", handling: "lenient" })
      const otherwise = Endpoint.make(late, { path: "/otherwise", otherwise: "lenient" })
      const { url } = yield* serve([late, strict, lenient, otherwise], { deadline: 300 })
      const asking = (path: string, handling?: string) =>
        Effect.map(
          ask(`${url}${path}?id=1`, { headers: handling === undefined ? {} : { prefer: `handling=${handling}` } }),
          ({ headers, json, status }) => [
            status,
            headers.get("muster-complete"),
            headers.get("preference-applied"),
            status === 200 ? json() : json()["pending"]
          ]
        )
      const partial = { name: "user 1", orders: null }
      const replies = yield* Effect.all(
        [
          asking("/dashboard"),
          asking("/dashboard", "lenient"),
          asking("/strict", "lenient"),
          asking("/lenient", "strict"),
          asking("/otherwise"),
          asking("/otherwise", "strict")
        ],
        { concurrency: "unbounded" }
      )

      assert.deepStrictEqual(replies, [
        [504, "false", null, ["orders"]],
        [200, "false", "handling=lenient", partial],
        [504, "false", null, ["orders"]],
        [200, "false", null, partial],
        [200, "false", null, partial],
        [504, "false", "handling=strict", ["orders"]]
      ])
    })
  )
})

describe("Server says why there is no answer", () => {
  const live = it.scopedLive

  live("as problems, each with its status and type", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([fine, Endpoint.make(fine, { path: "/posted", method: "POST", maxBody: 20 })])
      const problem = (path: string, init?: RequestInit) =>
        Effect.map(ask(`${url}${path}`, init), ({ headers, json, status }) => {
          assert.strictEqual(headers.get("content-type"), "application/problem+json")
          assert.strictEqual(json()["status"], status)
          return [status, json()["type"], json()["field"]]
        })
      const json = { "content-type": "application/json" }

      assert.deepStrictEqual(yield* problem("/dashboard"), [400, "/docs#invalid-input", "id"])
      assert.deepStrictEqual(yield* problem("/dashboard?id=1&x=1"), [400, "/docs#invalid-input", "x"])
      assert.deepStrictEqual(yield* problem("/dashboard?id=a%00b"), [400, "/docs#invalid-input", "id"])
      assert.deepStrictEqual(yield* problem("/%ff"), [400, "/docs#invalid-input", ""])
      assert.deepStrictEqual(yield* problem("/nothing"), [404, "/docs#not-found", undefined])
      for (const path of ["/Dashboard", "//dashboard", "/dashboard/"])
        assert.deepStrictEqual(yield* problem(`${path}?id=1`), [404, "/docs#not-found", undefined])
      assert.deepStrictEqual(yield* problem("/dashboard?id=1", { method: "DELETE" }), [
        405,
        "/docs#method-not-allowed",
        undefined
      ])
      assert.deepStrictEqual(yield* problem("/dashboard?id=1", { headers: { accept: "text/html" } }), [
        406,
        "/docs#not-acceptable",
        undefined
      ])
      assert.deepStrictEqual(yield* problem("/posted", { method: "POST", body: "{}" }), [
        415,
        "/docs#unsupported-media-type",
        undefined
      ])
      assert.deepStrictEqual(
        yield* problem("/posted", { method: "POST", headers: json, body: `{"id":"${"x".repeat(20)}"}` }),
        [413, "/docs#body-too-large", undefined]
      )
      assert.deepStrictEqual(yield* problem("/posted", { method: "POST", headers: json, body: "{" }), [
        400,
        "/docs#invalid-input",
        ""
      ])
      for (const path of ["/dashboard", "/healthz", "/docs", "/openapi.json"]) {
        const reply = yield* ask(`${url}${path}`, { method: "PUT" })
        assert.deepStrictEqual([reply.status, reply.headers.get("allow")], [405, "GET, HEAD"], path)
      }
      const { headers, status, text } = yield* ask(`${url}/readyz`, { method: "HEAD" })
      assert.deepStrictEqual([status, text, headers.get("content-length")], [200, "", "35"])
    })
  )

  live("naming the source that failed, its error, and what it said where the endpoint gives receipts", () =>
    Effect.gen(function* () {
      const broken = dashboard(() => Effect.fail(down("profile")), Effect.never)
      const { url } = yield* serve([broken, Endpoint.make(broken, { path: "/closed", receipts: false })])
      const open = yield* ask(`${url}/dashboard?id=1&receipt`)
      const closed = yield* ask(`${url}/closed?id=1`)

      const { receipt, ...said } = open.json<{ receipt: Receipt }>()
      assert.deepStrictEqual(said as object, {
        type: "/docs#source-failed",
        title: "A source failed",
        status: 502,
        detail: "profile is unavailable",
        source: "profile",
        error: "SourceUnavailable",
        reason: "GET http://internal:81/x answered 503"
      })
      assert.deepStrictEqual(receipt.victims, ["orders"])
      assert.match(open.headers.get("server-timing")!, /^profile;dur=[\d.]+;desc=failed, orders;/)
      assert.notInclude(closed.text, "internal:81")
      assert.strictEqual(closed.status, 502)
    })
  )

  live("504 for a source that ran out of its own time, 503 and when to come again for one that a guard refused", () =>
    Effect.gen(function* () {
      const own = dashboard((id) => Source.timeLimit(Effect.delay(named(id), "10 seconds"), 20), Effect.succeed(1))
      const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: "2500 millis" })
      const guarded = dashboard(() => breaker.with(Effect.fail(down("profile"))), Effect.succeed(1))
      const { url } = yield* serve([own, Endpoint.make(guarded, { path: "/guarded" })])
      const late = yield* ask(`${url}/dashboard?id=1`)
      const failed = yield* ask(`${url}/guarded?id=1`)
      const refused = yield* ask(`${url}/guarded?id=1`)

      assert.deepStrictEqual(
        [late.status, late.json()["source"], late.json()["error"]],
        [504, "profile", "SourceTimedOut"]
      )
      assert.deepStrictEqual([failed.status, failed.headers.get("retry-after")], [502, null])
      assert.deepStrictEqual(
        [refused.status, refused.headers.get("retry-after"), refused.json()["refused"], refused.json()["error"]],
        [503, "3", "breaker", "BreakerOpen"]
      )
    })
  )

  live("500 for a bug, whose details are for the log alone", () =>
    Effect.gen(function* () {
      const buggy = dashboard(() => Effect.die(new Error("secret detail")), Effect.succeed(1))
      const misfit = Aggregation.make("misfit", {
        input: Schema.Struct({}),
        output: Schema.Struct({ total: Schema.Positive }),
        sources: () => ({}),
        merge: () => ({ total: -1 })
      })
      const { log, url } = yield* serve([buggy, misfit])
      const died = yield* ask(`${url}/dashboard?id=1`)
      const wrong = yield* ask(`${url}/misfit`)

      assert.deepStrictEqual([died.status, died.json()["source"], wrong.status], [500, "profile", 500])
      assert.notInclude(died.text + wrong.text, "secret")
      assert.lengthOf(
        log.filter(({ level, message }) => level === "ERROR" && message.endsWith("died")),
        2
      )
    })
  )
})

describe("Server", () => {
  const live = it.scopedLive

  live("lets in only who has a key, where the endpoint asks for one", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const watched = dashboard((id) => Effect.sync(() => (asked.push(id), id)), Effect.succeed(1))
      const key = "correct-horse-battery"
      const { log, url } = yield* serve([Endpoint.make(watched, { keys: [Redacted.make(key)] })])
      const asking = (headers: Record<string, string>) => ask(`${url}/dashboard?id=1`, { headers })

      const none = yield* asking({})
      assert.deepStrictEqual([none.status, none.headers.get("www-authenticate")], [401, `Bearer realm="muster"`])
      assert.strictEqual((yield* asking({ authorization: "Bearer wrong" })).status, 401)
      assert.deepStrictEqual(asked, [])
      assert.strictEqual((yield* asking({ authorization: `Bearer ${key}` })).status, 200)
      assert.strictEqual((yield* asking({ "x-api-key": key })).status, 200)
      assert.match(String(log.at(-1)?.annotations["key"]), /^[0-9a-f]{8}$/)
      assert.notInclude(JSON.stringify(log), key)
    })
  )

  live("lets no page of another origin read its answers, unless that is named", () =>
    Effect.gen(function* () {
      const origin = "https://app.example.com"
      const closed = yield* serve([fine])
      const open = yield* serve([fine], { cors: [origin, "https://other.example.com"] })
      const asking = ({ url }: { url: string }, from: string) =>
        Effect.map(ask(`${url}/dashboard?id=1`, { headers: { origin: from } }), ({ headers }) =>
          headers.get("access-control-allow-origin")
        )

      assert.isNull(yield* asking(closed, origin))
      assert.strictEqual(yield* asking(open, origin), origin)
      assert.isNull(yield* asking(open, "https://evil.example.com"))
      const preflight = yield* ask(`${open.url}/dashboard`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "GET" }
      })
      assert.deepStrictEqual([preflight.status, preflight.headers.get("access-control-allow-origin")], [204, origin])
      assert.strictEqual((yield* ask(`${closed.url}/dashboard`, { method: "OPTIONS" })).status, 405)
    })
  )

  live("logs a line for each request, without its query, and gives it a name", () =>
    Effect.gen(function* () {
      const { log, url } = yield* serve([fine])
      const { headers } = yield* ask(`${url}/dashboard?id=secret`, { headers: { "x-request-id": "r-1" } })
      yield* ask(`${url}/dashboard?id=1`, { headers: { "x-request-id": "no good\t" } })

      yield* until("there are two lines", () => log.length === 2)
      const [line, other] = log
      assert.strictEqual(line!.message, "GET /dashboard 200")
      assert.strictEqual(headers.get("x-request-id"), "r-1")
      const { client, complete, receipt, request, route, status } = line!.annotations
      assert.deepStrictEqual(
        [client, complete, receipt, request, route, status],
        ["127.0.0.1", true, headers.get("muster-receipt"), "r-1", "/dashboard", 200]
      )
      assert.notInclude(JSON.stringify(line), "secret")
      assert.match(String(other!.annotations["request"]), /^[0-9a-f-]{36}$/)
    })
  )

  live("can be asked not to log requests", () =>
    Effect.gen(function* () {
      const { log, url } = yield* serve([fine], { accessLog: false })
      yield* ask(`${url}/dashboard?id=1`)
      yield* Effect.sleep(20)

      assert.deepStrictEqual(log, [])
    })
  )

  const built = (layer: Layer.Layer<Server, unknown, Aggregator>) =>
    Layer.build(Layer.provide(layer, Aggregator.layer())).pipe(Effect.scoped, Effect.exit)

  live("refuses options that cannot be meant, by name", () =>
    Effect.gen(function* () {
      const refused = (...args: Parameters<typeof Server.layer>) =>
        Effect.map(built(Server.layer(...args) as Layer.Layer<Server, unknown, Aggregator>), (exit) => {
          assert(Exit.isFailure(exit))
          const defect = Option.getOrThrow(Cause.dieOption(exit.cause))
          assert(defect instanceof InvalidOption, String(defect))
          return defect.option
        })

      assert.strictEqual(yield* refused([fine], { port: 70_000 }), "port")
      assert.strictEqual(yield* refused([fine], { port: 0, maxInFlight: 0 }), "maxInFlight")
      assert.strictEqual(yield* refused([fine], { port: 0, drain: -1 }), "drain")
      assert.strictEqual(yield* refused([fine], { port: 0, cors: ["app.example.com"] }), "cors")
      assert.strictEqual(yield* refused([fine, fine], { port: 0 }), "endpoints")
      assert.strictEqual(yield* refused([Endpoint.make(fine, { path: "/docs" })], { port: 0 }), "endpoints")
      const [id, name] = ["/users/:id", "/users/:name"].map((path) => Endpoint.make(fine, { path }))
      assert.strictEqual(yield* refused([id!, name!], { port: 0 }), "endpoints")
      assert.strictEqual(yield* refused([fine], { port: 0, admin: { port: 0, host: "0.0.0.0" } }), "admin.host")
    })
  )

  live("says which port it could not have", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([fine])
      const port = Number(new URL(url).port)
      const exit = yield* built(Server.layer([fine], { port }))

      assert(Exit.isFailure(exit))
      const error = Option.getOrThrow(Cause.failureOption(exit.cause))
      assert(error instanceof ServerNotStarted)
      assert.strictEqual(error.message, `The server could not listen on 127.0.0.1:${port}: the port is taken`)
    })
  )

  live("reads its options from the environment", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(Server.layerConfig([fine]).pipe(Layer.provide(Aggregator.layer())))
      const { admin, url } = yield* Effect.provide(Server, context)

      assert.strictEqual((yield* ask(`${url}/dashboard?id=1`)).status, 200)
      assert.strictEqual((yield* ask(`${admin}/healthz`)).status, 200)
    }).pipe(
      Effect.provide(Logger.remove(Logger.defaultLogger)),
      Effect.withConfigProvider(
        ConfigProvider.fromMap(
          new Map([
            ["MUSTER_PORT", "0"],
            ["MUSTER_ADMIN_PORT", "0"]
          ])
        )
      )
    )
  )
})
