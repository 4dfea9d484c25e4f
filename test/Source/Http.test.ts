import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Logger, Option, Predicate, Schema, Tracer } from "effect"
import * as NodeHttp from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { Worker } from "node:worker_threads"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import * as Calling from "../../src/Gather/Calling.ts"
import * as Http from "../../src/Source/Http.ts"
import { dispatcherOf } from "../../src/Source/Http/Direct.ts"
import { byCall } from "../Gather/ByCall.ts"
import { suite } from "./contract.ts"
import { keeping } from "../Tracing.ts"
import { direct } from "./Http/Adapter.ts"

// By a client of the user's own: `Http.proof.ts`.
suite(direct, "short")

const Profile = Schema.Struct({ id: Schema.String, name: Schema.NonEmptyString })

interface Upstream {
  readonly url: string
  readonly requests: Array<NodeHttp.IncomingMessage>
  /** `performance.now()` of each moment at which a request was closed before its answer had ended. */
  readonly closes: Array<number>
  readonly sockets: Set<Socket>
}

/** A real server; what a test needs to see of it is written down. */
const upstream = (answer: (request: NodeHttp.IncomingMessage, response: NodeHttp.ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.async<Upstream & { readonly server: NodeHttp.Server }>((resume) => {
      const requests: Upstream["requests"] = []
      const closes: Upstream["closes"] = []
      const sockets = new Set<Socket>()
      const server = NodeHttp.createServer((request, response) => {
        requests.push(request)
        response.on("close", () => {
          if (!response.writableFinished) closes.push(performance.now())
        })
        answer(request, response)
      })
      server.on("connection", (socket) => {
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}`, requests, closes, sockets }))
      })
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

/** Looks until it is so; a second is long enough for anything here, and a test that waits that long has failed. */
const until = (what: string, isSo: () => boolean) =>
  Effect.gen(function* () {
    for (const end = performance.now() + 1_000; !isSo();) {
      if (performance.now() > end) assert.fail(`waited in vain until ${what}`)
      yield* Effect.sleep(1)
    }
  })

const sends = (status: number, body: string | Buffer, headers: NodeHttp.OutgoingHttpHeaders = {}) =>
  upstream((_request, response) => void response.writeHead(status, headers).end(body))

const failing = (url: string, options?: { readonly maxBytes?: number }) =>
  Effect.flip(Http.json(url, { schema: Profile, ...options }))

const p95 = (times: ReadonlyArray<number>) => times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1]!

describe("Http.json", () => {
  const live = it.scopedLive
  const provided = Effect.provide(Http.layer())

  live("gives the decoded value, and keeps the connection for the next", () =>
    Effect.gen(function* () {
      const server = yield* sends(200, `{"id":"1","name":"Alice"}`)

      const first = yield* Http.json(server.url, { schema: Profile })
      for (let i = 0; i < 9; i++) {
        assert.deepStrictEqual(yield* Http.json(new URL(server.url), { schema: Profile }), first)
      }

      assert.deepStrictEqual(first, { id: "1", name: "Alice" })
      assert.strictEqual(server.requests[0]!.headers.accept, "application/json")
      // undici frees a connection only a turn of the event loop after the answer, so two of them take turns.
      assert.isAtMost(new Set(server.requests.map((request) => request.socket)).size, 2)
    }).pipe(provided)
  )

  live("waits for the answer when the server says something before it", () =>
    Effect.gen(function* () {
      const server = yield* upstream((_, response) => {
        response.writeEarlyHints({ link: "</style.css>; rel=preload" }, () =>
          response.writeHead(200).end(`{"id":"1","name":"Alice"}`)
        )
      })

      assert.deepStrictEqual(yield* Http.json(server.url, { schema: Profile }), { id: "1", name: "Alice" })
    }).pipe(provided)
  )

  live("sends the deadline and the trace along, and what a request of one's own says", () =>
    Effect.gen(function* () {
      const server = yield* sends(200, `{"id":"1","name":"Alice"}`)
      const request = HttpClientRequest.post(server.url, { headers: { "x-tenant": "t1" } }).pipe(
        HttpClientRequest.bodyUnsafeJson({ ask: true })
      )

      yield* Deadline.within("5 seconds")(Http.json(request, { schema: Profile }))

      const [{ headers, method }] = server.requests as [NodeHttp.IncomingMessage]
      assert.strictEqual(method, "POST")
      assert.strictEqual(headers["x-tenant"], "t1")
      assert.match(headers["traceparent"] as string, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      const wait = Option.getOrThrow(Deadline.fromHeaders(headers as Record<string, string>))
      assert(wait > 4_000 && wait <= 5_000, `${wait}`)
    }).pipe(provided)
  )

  live(
    "tells of its own span where spans are kept, else of the caller's as it came, else of the one it stands in, if tracing is on",
    () =>
      Effect.gen(function* () {
        const server = yield* sends(200, `{"id":"1","name":"Alice"}`)
        const asked = Http.json(server.url, { schema: Profile })
        const trace = "0af7651916cd43dd8448eb211c80319c"
        const caller = Tracer.externalSpan({ traceId: trace, spanId: "b7ad6b7169203331" })

        yield* Effect.withSpan(asked, "page").pipe(Effect.withTracer(keeping))
        const page = yield* Effect.zipRight(asked, Effect.currentSpan).pipe(Effect.withSpan("page"))
        yield* Effect.withParentSpan(asked, caller)
        yield* Effect.withParentSpan(Effect.withSpan(asked, "page"), caller)
        yield* Effect.withParentSpan(Effect.withTracerEnabled(asked, false), caller)
        yield* Effect.withTracerEnabled(asked, false).pipe(Effect.withSpan("page"))

        const [kept, alone, called, below, passed, off] = server.requests.map(({ headers }) => headers["traceparent"])
        assert.strictEqual(kept, "00-page-Http.json-01")
        assert.strictEqual(alone, `00-${page.traceId}-${page.spanId}-01`)
        for (const sent of [called, below, passed]) assert.strictEqual(sent, `00-${trace}-b7ad6b7169203331-01`)
        assert.isUndefined(off)
      }).pipe(provided)
  )

  live("asks relative to the base URL of a client of one's own", () =>
    Effect.gen(function* () {
      const server = yield* sends(200, `{"id":"1","name":"Alice"}`)
      const based = Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(HttpClientRequest.prependUrl(server.url)))

      yield* Effect.provideServiceEffect(Http.json("/profile/1", { schema: Profile }), HttpClient.HttpClient, based)

      assert.strictEqual(server.requests[0]!.url, "/profile/1")
    }).pipe(provided)
  )

  const changes = {
    "as it is": (client: HttpClient.HttpClient) => client,
    "that was changed": HttpClient.mapRequest(HttpClientRequest.setHeader("x-changed", "yes"))
  }
  for (const [how, change] of Object.entries(changes))
    live(`is asked by calls in an aggregation, by a client ${how}, and closes its connection when cancelled`, () =>
      Effect.gen(function* () {
        const [fine, silent] = [yield* sends(200, `{"id":"1","name":"Alice"}`), yield* upstream(() => {})]
        const sources = (server: Upstream) => ({ source: Http.json(server.url, { schema: Profile }) })
        const client = change(yield* HttpClient.HttpClient)
        const asked = <A, E>(answer: Effect.Effect<A, E, Aggregator | HttpClient.HttpClient>) =>
          byCall(answer).pipe(
            Effect.provideService(HttpClient.HttpClient, client),
            Effect.provide(Aggregator.layer({ logger: Logger.none }))
          )
        const answered = Aggregator.gather("page", sources(fine))
        const late = Aggregator.gather("page", sources(silent), { deadline: 100 })

        assert.isDefined(Calling.of(answered))
        assert.deepStrictEqual(yield* asked(answered), { source: { id: "1", name: "Alice" } })
        assert.strictEqual(fine.requests[0]!.headers["x-changed"], how === "as it is" ? undefined : "yes")
        const { receipt } = yield* Effect.flip(asked(late))
        assert.deepStrictEqual(
          receipt?.sources.map(({ outcome }) => outcome),
          ["timed-out"]
        )
        yield* until("it is closed", () => silent.closes.length === 1)
      }).pipe(provided)
    )

  live("asks by undici itself where the client is as it is, wherever it was handed to", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const changed = HttpClient.mapRequest(client, (request) => request)

      assert.deepStrictEqual([dispatcherOf(client), dispatcherOf(changed)].map(Predicate.isNotUndefined), [true, false])
    }).pipe(provided)
  )

  live("reads what takes its time to be decoded, and stops decoding when it is cancelled", () =>
    Effect.gen(function* () {
      const server = yield* sends(200, "5")
      let stopped = 0
      const decoded = (decode: Effect.Effect<number>) =>
        Http.json(server.url, {
          schema: Schema.transformOrFail(Schema.Number, Schema.Number, {
            decode: () => Effect.onInterrupt(decode, () => Effect.sync(() => (stopped += 1))),
            encode: Effect.succeed
          })
        })
      const gathered = (decode: Effect.Effect<number>) =>
        Effect.provide(
          Aggregator.gather("page", { source: decoded(decode) }, { deadline: 200 }),
          Aggregator.layer({ logger: Logger.none })
        )

      assert.deepStrictEqual(yield* gathered(Effect.delay(Effect.succeed(6), 5)), { source: 6 })
      const error = yield* Effect.flip(gathered(Effect.never))
      assert.deepStrictEqual([error._tag, stopped], ["DeadlineExceeded", 1])
    }).pipe(provided)
  )

  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    live(`a status of ${status} is SourceUnavailable, with the status, which stands in the receipt`, () =>
      Effect.gen(function* () {
        const server = yield* sends(status, "later")
        const error = yield* failing(`${server.url}/profile/1`)

        assert(error._tag === "SourceUnavailable")
        assert.strictEqual(error.reason, `GET ${server.url}/profile/1 answered ${status}`)
        assert.deepStrictEqual([error.status, error.retryAfter], [status, undefined])
        const gathered = Aggregator.gather("page", { source: Http.json(server.url, { schema: Profile }) })
        const failed = yield* Effect.flip(Effect.provide(gathered, Aggregator.layer({ logger: Logger.none })))
        assert(failed._tag === "SourceFailed")
        assert.deepInclude(failed.receipt.sources[0]?.error, { tag: "SourceUnavailable", status })
      }).pipe(provided)
    )
  }

  for (const status of [302, 400, 401, 403, 404, 409, 410, 422]) {
    live(`a status of ${status} is SourceRejected, with the status`, () =>
      Effect.gen(function* () {
        const server = yield* sends(status, "no", status === 302 ? { location: "/elsewhere" } : {})
        const error = yield* failing(server.url)

        assert(error._tag === "SourceRejected")
        assert.strictEqual(error.status, status)
      }).pipe(provided)
    )
  }

  live("Retry-After is read as seconds and as a date, and passed over when it is neither", () =>
    Effect.gen(function* () {
      const inAnHour = new Date(Date.now() + 3_600_000).toUTCString()
      for (const [text, low, high] of [
        ["7", 7_000, 7_000],
        [inAnHour, 3_590_000, 3_600_000],
        ["Wed, 21 Oct 2015 07:28:00 GMT", 0, 0]
      ] as const) {
        const server = yield* sends(503, "", { "retry-after": text })
        const error = yield* failing(server.url)
        assert(error._tag === "SourceUnavailable" && error.retryAfter !== undefined, text)
        assert(error.retryAfter >= low && error.retryAfter <= high, `${text}: ${error.retryAfter}`)
      }
      const server = yield* sends(429, "", { "retry-after": "tomorrow, maybe" })
      const error = yield* failing(server.url)
      assert(error._tag === "SourceUnavailable" && error.retryAfter === undefined)
    }).pipe(provided)
  )

  live("a body that does not fit is SourceMalformed, which names the field and never quotes the body", () =>
    Effect.gen(function* () {
      const Deep = Schema.Struct({
        orders: Schema.Array(Schema.Struct({ total: Schema.NumberFromString.pipe(Schema.positive()) })),
        kind: Schema.optional(Schema.Literal("a", "b"))
      })
      for (const [body, reason] of [
        [`{"orders":[{"total":"1"},{"total":true}]}`, "orders.1.total: expected string, but it is a boolean"],
        [`{"orders":[{"total":"s3cret"}]}`, "orders.0.total: expected NumberFromString, but it is not"],
        [`{"orders":[{"total":"-4.2"}]}`, "orders.0.total: expected a positive number, but it is not"],
        [`{"orders":[{}]}`, "orders.0.total: is missing"],
        [`{"orders":[],"kind":"s3cret"}`, `kind: expected "a" | "b" | undefined, but it is a string`],
        [`null`, "the whole: expected {"],
        [`hello s3cret`, "the body is no JSON"],
        [`{"orders":[`, "the body is no JSON"],
        [Buffer.from([0x22, 0xff, 0x22]), "the body is no UTF-8"],
        ["[".repeat(1_001) + "]".repeat(1_001), "the body is nested more than 1,000 levels deep"],
        [``, "the body is empty"]
      ] as const) {
        const server = yield* sends(200, body)
        const error = yield* Effect.flip(Http.json(server.url, { schema: Deep }))
        assert(error._tag === "SourceMalformed", error._tag)
        assert.include(error.reason, reason)
        assert.notInclude(JSON.stringify(error), "s3cret")
        assert.notInclude(error.message, "4.2")
      }
      const page = yield* sends(200, "<html>", { "content-type": "text/html; charset=utf-8" })
      assert.include((yield* failing(page.url)).reason, "the body is no JSON, it is text/html")
    }).pipe(provided)
  )

  live("a body over the limit is refused and the connection closed, whether its length is said or not", () =>
    Effect.gen(function* () {
      const long = JSON.stringify({ id: "1", name: "x".repeat(100_000) })
      const said = yield* upstream((_request, response) => {
        response.writeHead(200, { "content-length": 1_000_000 }).flushHeaders()
      })
      const unsaid = yield* upstream((_request, response) => void response.writeHead(200).write(long))
      for (const server of [said, unsaid]) {
        const error = yield* failing(server.url, { maxBytes: 50_000 })

        assert(error._tag === "SourceMalformed")
        assert.include(error.reason, "the body is longer than 50000 bytes")
        yield* until("the server saw the close", () => server.closes.length === 1 && server.sockets.size === 0)
      }
      const exact = `{"id":"1","name":"Alice"}`
      const fits = yield* sends(200, exact)
      yield* Http.json(fits.url, { schema: Profile, maxBytes: exact.length })
      assert.strictEqual((yield* failing(fits.url, { maxBytes: exact.length - 1 }))._tag, "SourceMalformed")
    }).pipe(provided)
  )

  live("a status that fails closes a connection whose body does not end", () =>
    Effect.gen(function* () {
      const server = yield* upstream((_request, response) => void response.writeHead(404).write("not her"))

      assert.strictEqual((yield* failing(server.url))._tag, "SourceRejected")
      yield* until("the server saw the close", () => server.closes.length === 1 && server.sockets.size === 0)
    }).pipe(provided)
  )

  live("a connection that breaks is SourceUnavailable, before the headers and in the middle of the body", () =>
    Effect.gen(function* () {
      const before = yield* upstream((request) => void request.socket.destroy())
      const middle = yield* upstream((request, response) => {
        response.writeHead(200, { "content-length": 100 }).write(`{"id":`, () => request.socket.destroy())
      })
      for (const server of [before, middle]) {
        const error = yield* failing(server.url)
        assert(error._tag === "SourceUnavailable", error._tag)
        assert.match(error.reason, /^GET http:\/\/127\.0\.0\.1:\d+\/: the connection broke off \(\w+\)$/)
      }
    }).pipe(provided)
  )

  live("a port where nobody listens is SourceUnavailable", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(sends(200, ""))
      const error = yield* failing(url)

      assert(error._tag === "SourceUnavailable")
      assert.include(error.reason, "the connection was refused (ECONNREFUSED)")
    }).pipe(provided)
  )

  live("a URL that cannot be asked is SourceRejected", () =>
    Effect.gen(function* () {
      for (const url of ["nowhere", "http://", "ftp://127.0.0.1/x", "file:///etc/passwd", ""]) {
        assert.strictEqual((yield* failing(url))._tag, "SourceRejected", url)
      }
    }).pipe(provided)
  )

  live("an answer that is no HTTP is SourceMalformed", () =>
    Effect.gen(function* () {
      const server = yield* upstream((request) => void request.socket.end("SSH-2.0-OpenSSH_9.2\r\n\r\n"))
      assert.strictEqual((yield* failing(server.url))._tag, "SourceMalformed")
    }).pipe(provided)
  )

  live("the credentials of a URL are sent, and neither they nor queries nor headers stand in an error or a span", () =>
    Effect.gen(function* () {
      const server = yield* sends(503, "")
      const address = `${server.url.replace("//", "//alice:s3cret%21@")}/profile/1?token=s3cret#s3cret`
      const request = HttpClientRequest.get(address, { headers: { "x-api-key": "s3cret" } })
      const native = yield* Effect.tracer
      const spans: Array<Tracer.Span> = []
      const span: Tracer.Tracer["span"] = (...args) => {
        spans.push(native.span(...args))
        return spans.at(-1)!
      }

      const error = yield* Effect.flip(Http.json(request, { schema: Profile })).pipe(
        Effect.withTracer(Tracer.make({ span, context: native.context }))
      )

      assert.strictEqual(server.requests[0]!.headers.authorization, `Basic ${btoa("alice:s3cret!")}`)
      assert.strictEqual(server.requests[0]!.url, "/profile/1?token=s3cret")
      assert.notInclude(JSON.stringify(error) + String(error) + Cause.pretty(Cause.fail(error)), "s3cret")
      const [{ attributes }] = spans as [Tracer.Span]
      assert.strictEqual(spans.length, 1)
      assert.strictEqual(attributes.get("url.path"), "/profile/1")
      assert.strictEqual(attributes.get("http.response.status_code"), 503)
      assert.notInclude(JSON.stringify(Array.from(attributes)), "s3cret")
    }).pipe(provided)
  )

  live("the error names the source that a gather was asking", () =>
    Effect.gen(function* () {
      const server = yield* sends(500, "")
      const error = yield* Effect.flip(Gather.failFast({ profile: Http.json(server.url, { schema: Profile }) }))

      assert(error._tag === "SourceUnavailable")
      assert.strictEqual(error.source, "profile")
    }).pipe(provided)
  )

  const stalls = {
    "before the headers": () => {},
    "in the middle of the body": (_request: unknown, response: NodeHttp.ServerResponse) =>
      void response.writeHead(200, { "content-length": 100 }).write(`{"id":`)
  }
  for (const [when, stall] of Object.entries(stalls)) {
    live(`interrupted ${when}, it returns and closes the connection within 50 ms`, () =>
      Effect.gen(function* () {
        const server = yield* upstream(stall)
        const returned: Array<number> = []
        const seen: Array<number> = []
        for (let run = 1; run <= 20; run++) {
          const fiber = yield* Effect.fork(Http.json(server.url, { schema: Profile }))
          yield* until("the request arrived", () => server.requests.length === run)
          if (stall.length > 0) yield* Effect.sleep(5)
          const start = performance.now()
          yield* Fiber.interrupt(fiber)
          returned.push(performance.now() - start)
          yield* until("the server saw the close", () => server.closes.length === run && server.sockets.size === 0)
          seen.push(server.closes.at(-1)! - start)
        }
        assert.isBelow(p95(returned), 50)
        assert.isBelow(p95(seen), 50)
      }).pipe(provided)
    )
  }

  live("one request that is sent twice at once: interrupting one leaves the other alone", () =>
    Effect.gen(function* () {
      const responses: Array<NodeHttp.ServerResponse> = []
      const server = yield* upstream((_request, response) => void responses.push(response))
      // A client that does something first, such as waiting for its turn, lets the two overlap.
      const slow = (client: HttpClient.HttpClient) =>
        HttpClient.transform(client, (response) => Effect.zipRight(Effect.yieldNow(), response))
      const ask = Http.json(HttpClientRequest.get(server.url), { schema: Profile }).pipe(
        Effect.provideServiceEffect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, slow))
      )
      const one = yield* Effect.fork(ask)
      const other = yield* Effect.fork(ask)
      yield* until("both arrived", () => responses.length === 2)

      yield* Fiber.interrupt(one)
      yield* until("the server saw the close", () => server.closes.length === 1)
      responses.forEach((response) => response.end(`{"id":"1","name":"Alice"}`))

      assert.strictEqual((yield* Fiber.join(other)).name, "Alice")
    }).pipe(provided)
  )
})

describe("Http.layer", () => {
  it.scopedLive("closing it leaves no connection, idle, busy, or still being made", () =>
    Effect.gen(function* () {
      const idle = yield* sends(200, `{"id":"1","name":"Alice"}`)
      const busy = yield* upstream(() => {})
      const deaf = yield* deafPort
      const before = tcpHandles()

      yield* Effect.gen(function* () {
        yield* Http.json(idle.url, { schema: Profile })
        yield* Effect.forkScoped(Http.json(busy.url, { schema: Profile }))
        yield* Effect.forkScoped(Http.json(`http://127.0.0.1:${deaf}`, { schema: Profile }))
        yield* until("they are connected", () => idle.sockets.size === 1 && busy.requests.length === 1)
        yield* until("there are three connections, two of which have a server", () => tcpHandles() - before === 5)
      }).pipe(Effect.scoped, Effect.provide(Http.layer()))

      yield* until("no connection is left", () => tcpHandles() === before)
      assert.strictEqual(idle.sockets.size + busy.sockets.size, 0)
    })
  )

  it.scopedLive("a connection that nobody accepts is given up after connectTimeout", () =>
    Effect.gen(function* () {
      const url = `http://127.0.0.1:${yield* deafPort}`
      const start = performance.now()

      const error = yield* failing(url).pipe(Effect.provide(Http.layer({ connectTimeout: "200 millis" })))

      assert(error._tag === "SourceUnavailable")
      assert.include(error.reason, "no connection was made in time (UND_ERR_CONNECT_TIMEOUT)")
      assert.isBelow(performance.now() - start, 1_500)
    })
  )

  it.scopedLive(
    "a server that says nothing any more is given up after answerTimeout, before its answer and in the middle",
    () =>
      Effect.gen(function* () {
        const stalled = [
          yield* upstream(() => {}),
          yield* upstream((_request, response) => void response.writeHead(200).write(`{"id":`))
        ]
        for (const [server, words] of [
          [stalled[0]!, "no answer in time (UND_ERR_HEADERS_TIMEOUT)"],
          [stalled[1]!, "the answer broke off (UND_ERR_BODY_TIMEOUT)"]
        ] as const) {
          const error = yield* failing(server.url).pipe(Effect.provide(Http.layer({ answerTimeout: "200 millis" })))

          assert.strictEqual(error._tag, "SourceUnavailable")
          assert.include(error.reason, words)
          yield* until("the server saw the close", () => server.closes.length === 1 && server.sockets.size === 0)
        }
      })
  )

  it.scopedLive(
    "has no more connections to a server than it is told, and none is lost to a request that was interrupted",
    () =>
      Effect.gen(function* () {
        const responses: Array<NodeHttp.ServerResponse> = []
        const server = yield* upstream((_request, response) => void responses.push(response))
        const ask = Effect.fork(Http.json(server.url, { schema: Profile }))

        yield* Effect.gen(function* () {
          const [first, , third, fourth] = yield* Effect.all([ask, ask, ask, ask])
          yield* until("two arrived", () => responses.length === 2)
          yield* Fiber.interrupt(third)
          yield* Fiber.interrupt(first)
          yield* until("the fourth arrived", () => responses.length === 3)
          assert.isAtMost(server.sockets.size, 2)
          responses[2]!.end(`{"id":"1","name":"Alice"}`)
          assert.strictEqual((yield* Fiber.join(fourth)).name, "Alice")
        }).pipe(Effect.provide(Http.layer({ maxConnections: 2 })))
      })
  )

  it.effect("a wrong option is refused when the layer is built", () =>
    Effect.gen(function* () {
      for (const [options, words] of [
        [{ connectTimeout: -1 }, "connectTimeout must be a duration of zero or more"],
        [{ answerTimeout: -1 }, "answerTimeout must be a duration of zero or more"],
        [{ maxConnections: 0 }, "maxConnections must be a whole number from 1 up"]
      ] as const) {
        const exit = yield* Effect.exit(Layer.build(Http.layer(options)).pipe(Effect.scoped))
        assert(Exit.isFailure(exit))
        assert.include(Cause.pretty(exit.cause), `Http.layer: ${words}`)
      }
    })
  )
})

const tcpHandles = () =>
  process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|ConnectWrap/.test(name)).length

/**
 * A port whose system-side queue of connections is full: a handshake there never ends. The thread that listens accepts
 * nothing, since it sleeps.
 */
const deafPort = Effect.gen(function* () {
  const listen = `
    const { parentPort } = require("node:worker_threads")
    const server = require("node:net").createServer()
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
    })`
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(listen, { eval: true })),
    (worker) => Effect.promise(() => worker.terminate())
  )
  const port = yield* Effect.async<number>(
    (resume) => void worker.once("message", (port) => resume(Effect.succeed(port)))
  )
  // Two fill a queue of one.
  for (let i = 0; i < 2; i++) {
    yield* Effect.acquireRelease(
      Effect.async<Socket>((resume) => {
        // A turn later, so that its handshake no longer counts among the handles.
        const socket = connect(port, "127.0.0.1", () => setImmediate(() => resume(Effect.succeed(socket))))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
  }
  return port
})
