import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Redacted, Schema, Scope, Tracer } from "effect"
import * as Aggregation from "../../src/Aggregation.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as Calling from "../../src/Gather/Calling.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import { Inbound } from "../../src/Server/Inbound.ts"
import * as Http from "../../src/Source/Http.ts"
import { keeping } from "../Tracing.ts"
import { ask, dashboard, get, named, post, serve, silent, until, upstream, wire } from "./Stage.ts"

const json = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Http.json(HttpClientRequest.get(url, { headers }), { schema: Schema.Number })

/** The same without a fiber. */
const called = (url: string) =>
  Effect.map(Http.service({ url: Redacted.make(url) }), (ask) =>
    Calling.mapExit(ask({ method: "GET", path: "/", headers: {}, body: undefined }), Exit.map(Number))
  )

describe("a request's deadline", () => {
  const live = it.scopedLive

  for (const [name, value] of [
    ["prefer", "wait=1"],
    ["grpc-timeout", "1S"],
    ["x-envoy-expected-rq-timeout-ms", "1000"]
  ] as const) {
    live(`is shortened by ${name}, and what remains of it goes on to the source`, () =>
      Effect.gen(function* () {
        const source = yield* upstream((_, response) => void response.end("5"))
        const { url } = yield* serve([dashboard(named, json(source.url))], { deadline: "60 seconds" })
        const reply = yield* ask(`${url}/dashboard?id=1`, { headers: { [name]: value } })

        assert.strictEqual(reply.status, 200)
        const left = Number(source.requests[0]!.headers["x-envoy-expected-rq-timeout-ms"])
        assert(left > 500 && left <= 1_000, `${left}`)
        assert.strictEqual(source.requests[0]!.headers["grpc-timeout"], `${left}m`)
        assert.strictEqual(reply.headers.get("preference-applied"), name === "prefer" ? value : null)
      })
    )
  }

  live("is the endpoint's own, else the server's", () =>
    Effect.gen(function* () {
      const lefts: Array<number> = []
      const noting = dashboard(
        named,
        Effect.map(Deadline.remaining, (left) => lefts.push(Duration.toMillis(left)))
      )
      const own = Endpoint.make(noting, { path: "/own", deadline: "2 seconds" })
      const { url } = yield* serve([noting, own], { deadline: "5 seconds" })
      yield* ask(`${url}/dashboard?id=1`)
      yield* ask(`${url}/own?id=1`)

      assert(lefts[0]! > 4_000 && lefts[0]! <= 5_000, `${lefts[0]}`)
      assert(lefts[1]! > 1_000 && lefts[1]! <= 2_000, `${lefts[1]}`)
    })
  )

  live("that has passed means that nobody is asked", () =>
    Effect.gen(function* () {
      let asked = 0
      const counting = dashboard(() => Effect.sync(() => `${asked++}`), Effect.succeed(1))
      const { url } = yield* serve([counting])

      for (const handling of ["strict", "lenient"]) {
        const reply = yield* ask(`${url}/dashboard?id=1`, {
          headers: { "grpc-timeout": "0m", prefer: `handling=${handling}` }
        })
        assert.deepStrictEqual([reply.status, reply.json()["type"]], [504, "/docs#deadline-exceeded"])
      }
      assert.strictEqual(asked, 0)
    })
  )

  live("also ends the wait for a body that does not come, and one that has passed does not begin it", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([Endpoint.make(dashboard(named, Effect.succeed(1)), { method: "POST" })])
      const head = ["POST /dashboard HTTP/1.1", "host: x", "content-type: application/json", "content-length: 9"]
      const passed = yield* wire(url, ...head, "grpc-timeout: 0m", "", `{"id"`)
      const slow = yield* wire(url, ...head, "grpc-timeout: 50m", "", `{"id"`)

      yield* until("there is an answer", () => slow.received().includes("/docs#request-timeout"))
      assert.match(slow.received(), /^HTTP\/1.1 408 /)
      yield* until("there is an answer", () => passed.received().includes("/docs#deadline-exceeded"))
      assert.match(passed.received(), /^HTTP\/1.1 504 /)
    })
  )
})

describe("a client that goes away", () => {
  const live = it.scopedLive

  for (const [accept, how] of [
    ["application/json", "by fibers"],
    ["application/json", "by calls"],
    ["text/event-stream", "by fibers"]
  ] as const) {
    live(`cancels every source within 50 ms, while it waits for ${accept} ${how}`, () =>
      Effect.gen(function* () {
        const [one, two] = [yield* silent, yield* silent]
        const [profile, orders] =
          how === "by fibers" ? [json(one.url), json(two.url)] : [yield* called(one.url), yield* called(two.url)]
        const named = Calling.mapExit(profile, Exit.map(String))
        const { admin, log, url } = yield* serve([dashboard(() => named, orders)])
        const delays: Array<number> = []
        for (let round = 0; round < 5; round++) {
          const { socket } = yield* wire(url, get("/dashboard?id=1", `accept: ${accept}`))
          yield* until("both are asked", () => one.requests.length + two.requests.length === 2 * (round + 1))
          const gone = performance.now()
          socket.destroy()
          yield* until("both are closed", () => one.closes.length + two.closes.length === 2 * (round + 1))
          delays.push(Math.max(one.closes.at(-1)!, two.closes.at(-1)!) - gone)
        }

        // The first ones run code that is not compiled yet, and the machine may be busy.
        assert(Math.min(...delays.slice(1)) <= 50 && Math.max(...delays) < 1_000, `${delays}`)
        yield* until("all is logged", () => log.length === 5)
        assert.deepStrictEqual(new Set(log.map(({ annotations }) => annotations["status"])), new Set([499]))
        assert.strictEqual((yield* ask(`${admin}/readyz`)).json()["inFlight"], 0)
      })
    )
  }
})

describe("a request that asks by calls alone", () => {
  const live = it.scopedLive

  live("is answered at the end of a drain, and what it asks is cancelled", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* silent, yield* silent]
      const [profile, orders] = [yield* called(one.url), yield* called(two.url)]
      const scope = yield* Scope.make()
      const { log, url } = yield* Scope.extend(
        serve([dashboard(() => Calling.mapExit(profile, Exit.map(String)), orders)]),
        scope
      )
      const asking = yield* Effect.fork(ask(`${url}/dashboard?id=1`))
      yield* until("both are asked", () => one.requests.length + two.requests.length === 2)
      yield* Scope.close(scope, Exit.void)
      const reply = yield* asking

      assert.deepStrictEqual([reply.status, reply.json()["type"]], [503, "/docs#draining"])
      yield* until("both are closed", () => one.closes.length + two.closes.length === 2)
      const [line] = log.filter(({ message }) => message.startsWith("GET /dashboard"))
      assert.deepStrictEqual([line?.annotations["status"], line?.annotations["complete"]], [503, false])
    })
  )

  live("is answered once, also when all that it asks answers at once", () =>
    Effect.gen(function* () {
      const ends: Array<unknown> = []
      const tracer = Tracer.make({
        span: (name, ...rest) => {
          const span = keeping.span(name, ...rest)
          const end = span.end.bind(span)
          span.end = (time, exit) => {
            ends.push([name, exit._tag])
            end(time, exit)
          }
          return span
        },
        context: (run) => run()
      })
      const atOnce = <A>(value: A) =>
        Calling.make<A, never>((_, done) => {
          done(Exit.succeed(value))
          return () => {}
        })
      const endpoint = dashboard(() => atOnce("Alice"), atOnce(5))
      const { log, url } = yield* Effect.withTracer(serve([endpoint]), tracer)
      const reply = yield* ask(`${url}/dashboard?id=1`)
      yield* until("it is logged", () => log.length > 0)

      assert.deepStrictEqual([reply.status, reply.json()], [200, { name: "Alice", orders: 5 }])
      assert.deepStrictEqual(
        log.map(({ annotations }) => [annotations["status"], annotations["complete"]]),
        [[200, true]]
      )
      assert.deepStrictEqual(ends, [
        ["source profile", "Success"],
        ["source orders", "Success"],
        ["dashboard failFast", "Success"],
        ["GET /dashboard", "Success"]
      ])
    })
  )

  live("dies of a bug in the plan, which is logged", () =>
    Effect.gen(function* () {
      const source = yield* upstream((_, response) => void response.end("5"))
      const orders = yield* called(source.url)
      const broken = Aggregation.make("broken", {
        input: Schema.Struct({}),
        output: Schema.Number,
        sources: () => ({ orders }),
        merge: () => {
          throw new Error("a bug in merge")
        }
      })
      const misfit = Aggregation.make("misfit", {
        input: Schema.Struct({}),
        output: Schema.Int,
        sources: () => ({ orders }),
        merge: ({ orders }) => orders / 2
      })
      const { log, url } = yield* serve([broken, misfit])

      for (const path of ["/broken", "/misfit"]) {
        const reply = yield* ask(`${url}${path}`)
        assert.deepStrictEqual([reply.status, source.requests.length], [500, path === "/broken" ? 1 : 2])
        assert.isTrue(log.some(({ level, message }) => level === "ERROR" && message === `GET ${path} died`))
      }
    })
  )
})

describe("requests that wait for each other on one connection", () => {
  it.scopedLive("have waited since they arrived: so say their deadlines, the log, the receipt and Server-Timing", () =>
    Effect.gen(function* () {
      const half = (id: string) => Effect.as(Effect.sleep(id === "slow" ? 300 : 0), id)
      const endpoint = (path: `/${string}`, deadline: number) =>
        Endpoint.make(dashboard(half, Effect.succeed(1)), { path, deadline })
      const { admin, log, url } = yield* serve([endpoint("/long", 10_000), endpoint("/short", 250)])
      const { received } = yield* wire(url, get("/long?id=slow") + get("/long?id=next") + get("/short?id=late"))
      yield* until("all are answered", () => log.length === 3 && received().includes("HTTP/1.1 504"))

      assert.deepStrictEqual(
        received().match(/HTTP\/1.1 \d+/g),
        [200, 200, 504].map((status) => `HTTP/1.1 ${status}`)
      )
      assert.isAtLeast(Number(/queue;dur=([\d.]+), total/.exec(received().split("HTTP/1.1 ")[2]!)![1]), 200)
      for (const { annotations } of log) assert.isAtLeast(Number(annotations["duration"]), 200)
      const receipts = (yield* ask(`${admin}/receipts`)).text.trim().split("\n")
      assert.isAtLeast(JSON.parse(receipts[1]!).waited, 200)
    })
  )

  it.scopedLive("are asked one at a time, and no more once it closes, which cancels the one that is asked", () =>
    Effect.gen(function* () {
      const source = yield* silent
      const half = dashboard((id) => Effect.as(json(`${source.url}/${id}`), ""), Effect.succeed(1))
      const { admin, log, url } = yield* serve([half])
      const { socket } = yield* wire(url, get("/dashboard?id=first") + get("/dashboard?id=second"))
      yield* until("the first is asked", () => source.requests.length === 1)
      socket.destroy()

      yield* until("it is closed", () => source.closes.length === 1)
      yield* until("it is logged", () => log.length === 1)
      yield* ask(`${admin}/readyz`)
      assert.deepStrictEqual(
        [source.requests.map(({ url }) => url), log.map(({ annotations }) => annotations["status"])],
        [["/first"], [499]]
      )
      assert.strictEqual((yield* ask(`${admin}/readyz`)).json()["inFlight"], 0)
    })
  )
})

describe("a source", () => {
  const live = it.scopedLive

  live("does not forward a header that the request names in connection, for it is meant for the server alone", () =>
    Effect.gen(function* () {
      const source = yield* upstream((_, response) => void response.end("{}"))
      const forwarding = Effect.flatMap(Inbound, (inbound) => json(source.url, inbound?.headers))
      const endpoint = Endpoint.make(dashboard(named, forwarding), { forward: ["x-tenant", "x-hop", "x-last"] })
      const { url } = yield* serve([endpoint])
      const headers = ["x-tenant: t", "x-hop: h", "x-last: l", "connection: close, X-Hop ,\tx-last"]
      const connection = yield* wire(url, get("/dashboard?id=1", ...headers))
      yield* until("it is answered", connection.closed)

      const { headers: sent } = source.requests[0]!
      assert.deepStrictEqual([sent["x-tenant"], sent["x-hop"], sent["x-last"]], ["t", undefined, undefined])
    })
  )

  live("sees those headers of the request that the endpoint forwards, and no others", () =>
    Effect.gen(function* () {
      const source = yield* upstream((_, response) => void response.end("5"))
      const forwarding = Effect.flatMap(Inbound, (inbound) => json(source.url, inbound?.headers))
      const endpoint = Endpoint.make(dashboard(named, forwarding), { forward: ["Accept-Language", "x-tenant"] })
      const { url } = yield* serve([endpoint])
      yield* ask(`${url}/dashboard?id=1`, {
        headers: { "accept-language": "eo", "x-tenant": "t1", "x-other": "no", cookie: "session=1" }
      })

      const { headers } = source.requests[0]!
      assert.deepStrictEqual([headers["accept-language"], headers["x-tenant"]], ["eo", "t1"])
      assert.deepStrictEqual([headers["x-other"], headers["cookie"]], [undefined, undefined])
    })
  )

  live("is asked in the trace of the request", () =>
    Effect.gen(function* () {
      const source = yield* upstream((_, response) => void response.end("5"))
      const { log, url } = yield* serve([dashboard(named, json(source.url))])
      const trace = "0af7651916cd43dd8448eb211c80319c"
      yield* ask(`${url}/dashboard?id=1`, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } })

      assert.match(String(source.requests[0]!.headers["traceparent"]), new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
      yield* until("it is logged", () => log.length > 0)
      assert.strictEqual(log[0]!.annotations["traceId"], trace)
    })
  )

  live("is not asked because of a body that breaks off", () =>
    Effect.gen(function* () {
      let asked = 0
      const counting = dashboard(() => Effect.sync(() => `${asked++}`), Effect.succeed(1))
      const { log, url } = yield* serve([Endpoint.make(counting, { method: "POST" })])
      const head = ["POST /dashboard HTTP/1.1", "host: x", "content-type: application/json", "content-length: 9"]
      const { socket } = yield* wire(url, ...head, "", `{"id"`)
      yield* Effect.sleep(20)
      socket.destroy()

      yield* until("it is logged", () => log.length > 0)
      assert.deepStrictEqual([asked, log[0]!.annotations["status"]], [0, 499])
      assert.strictEqual((yield* post(`${url}/dashboard`, { id: "1" })).status, 200)
    })
  )
})
