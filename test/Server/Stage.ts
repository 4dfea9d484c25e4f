import { HttpClient } from "@effect/platform/HttpClient"
import { assert } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel, Schema, type Scope } from "effect"
import * as NodeHttp from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import * as Aggregation from "../../src/Aggregation.ts"
import { Aggregator } from "../../src/Aggregator.ts"
import { Server, type ServerOptions } from "../../src/Server.ts"
import type * as Endpoint from "../../src/Server/Endpoint.ts"
import * as Source from "../../src/Source.ts"
import * as Http from "../../src/Source/Http.ts"

/** A line of the log: what it says, and what stands beside it. */
export interface Line {
  readonly message: string
  readonly level: string
  readonly annotations: Readonly<Record<string, unknown>>
}

export interface Stage {
  readonly url: string
  readonly admin: string
  readonly server: typeof Server.Service
  readonly log: ReadonlyArray<Line>
}

/** Serves on free ports until the scope of the test closes. */
export const serve = (
  endpoints: ReadonlyArray<Endpoint.Endpoint<HttpClient> | Endpoint.AnyAggregation>,
  options: ServerOptions = {}
): Effect.Effect<Stage, never, Scope.Scope> =>
  Effect.gen(function* () {
    const log: Array<Line> = []
    const layer = Server.layer(endpoints, { port: 0, admin: { port: 0 }, drain: "200 millis", ...options }).pipe(
      Layer.provideMerge(Aggregator.layer({ logger: Logger.none })),
      Layer.provide(Http.layer()),
      Layer.provide(Logger.replace(Logger.defaultLogger, writing(log))),
      Layer.provide(Logger.minimumLogLevel(LogLevel.Debug))
    )
    // What an aggregation of any type requires is not known; those here require the client at most.
    const context = yield* Layer.build(layer as Layer.Layer<Server>)
    const server = yield* Effect.provide(Server, context)
    return { url: server.url, admin: server.admin ?? "none", server, log }
  }).pipe(Effect.orDie)

const writing = (log: Array<Line>) =>
  Logger.map(Logger.structuredLogger, ({ annotations, logLevel, message }) => {
    log.push({ message: String(message), level: logLevel, annotations })
  })

const Dashboard = {
  input: Schema.Struct({ id: Schema.NonEmptyString }),
  output: Schema.Struct({ name: Schema.NullOr(Schema.String), orders: Schema.NullOr(Schema.Number) })
}

/** A dashboard over what a test says of its sources; of the partial answer what is missing is null. */
export const dashboard = <E1, R1, E2, R2>(
  profile: (id: string) => Effect.Effect<string, E1, R1>,
  orders: Effect.Effect<number, E2, R2>,
  options?: Parameters<typeof Aggregation.make>[1]["options"]
) =>
  Aggregation.make("dashboard", {
    ...Dashboard,
    sources: ({ id }) => ({ profile: profile(id), orders }),
    merge: ({ orders, profile }) => ({ name: profile, orders }),
    partial: ({ orders, profile }) => ({
      name: profile._tag === "Succeeded" ? profile.value : null,
      orders: orders._tag === "Succeeded" ? orders.value : null
    }),
    options
  })

export const named = (id: string) => Effect.succeed(`user ${id}`)

export const down = (source: string, reason = "GET http://internal:81/x answered 503") =>
  new Source.SourceUnavailable({ source, reason })

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON, of a type that the test says. */
  readonly json: <T = Record<string, unknown>>() => T
  readonly elapsed: number
}

/** Asks over a connection of its own. */
export const ask = (url: string, init: RequestInit = {}): Effect.Effect<Reply> =>
  Effect.promise(async (signal) => {
    const start = performance.now()
    const headers = new Headers(init.headers)
    headers.set("connection", "close")
    const response = await fetch(url, { signal, ...init, headers })
    const text = await response.text()
    const elapsed = performance.now() - start
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text), elapsed }
  })

export const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  ask(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body)
  })

/** Looks until it is so; a test that waits that long has failed. */
export const until = (what: string, isSo: () => boolean, most = 2_000) =>
  Effect.gen(function* () {
    for (const end = performance.now() + most; !isSo();) {
      if (performance.now() > end) assert.fail(`waited in vain until ${what}`)
      yield* Effect.sleep(1)
    }
  })

export interface Upstream {
  readonly url: string
  readonly requests: Array<NodeHttp.IncomingMessage>
  /** `performance.now()` of each moment at which a request was closed before its answer had ended. */
  readonly closes: Array<number>
}

/** A real server that a source asks. */
export const upstream = (
  answer: (request: NodeHttp.IncomingMessage, response: NodeHttp.ServerResponse) => void
): Effect.Effect<Upstream, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Upstream & { readonly server: NodeHttp.Server }>((resume) => {
      const requests: Upstream["requests"] = []
      const closes: Upstream["closes"] = []
      const server = NodeHttp.createServer((request, response) => {
        requests.push(request)
        response.on("close", () => {
          if (!response.writableFinished) closes.push(performance.now())
        })
        answer(request, response)
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}`, requests, closes }))
      })
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

/** An upstream that never answers. */
export const silent = upstream(() => {})

/** A connection of bytes, and what came back on it so far. */
export const wire = (
  url: string,
  ...lines: ReadonlyArray<string>
): Effect.Effect<
  { readonly socket: Socket; readonly received: () => string; readonly closed: () => boolean },
  never,
  Scope.Scope
> =>
  Effect.acquireRelease(
    Effect.async<{ socket: Socket; received: () => string; closed: () => boolean }>((resume) => {
      let text = ""
      let closed = false
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => {
        if (lines.length > 0) socket.write(lines.join("\r\n"))
        resume(Effect.succeed({ socket, received: () => text, closed: () => closed }))
      })
      socket.on("data", (data) => (text += data.toString("latin1")))
      socket.on("error", () => (closed = true))
      socket.on("close", () => (closed = true))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** The head of a GET on a wire. */
export const get = (path: string, ...headers: ReadonlyArray<string>) =>
  [`GET ${path} HTTP/1.1`, "host: localhost", ...headers, "", ""].join("\r\n")

/** The events of a stream of server-sent events. */
export const eventsOf = (text: string) =>
  text
    .split("\n\n")
    .filter((block) => block.startsWith("event: "))
    .map((block) => {
      const [, event, id, data] = /^event: (.*)\n(?:id: (.*)\n)?data: (.*)$/.exec(block)!
      return { event, id, data: JSON.parse(data!) as Record<string, unknown> }
    })
