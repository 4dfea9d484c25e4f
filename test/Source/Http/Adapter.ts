/**
 * HTTP, as the contract uses it: an upstream service of ours, behind a password.
 */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { Context, Effect, Layer, Option, Schema, type Scope } from "effect"
import { createServer as createPlain, type IncomingMessage, type RequestListener, type Server } from "node:http"
import { createServer as createTls } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { text } from "node:stream/consumers"
import * as Deadline from "../../../src/Deadline.ts"
import * as Http from "../../../src/Source/Http.ts"
import { makeCertificate } from "../Certificate.ts"
import { backlog } from "../../Proxy.ts"
import type * as Servers from "../../Servers.ts"
import type { Adapter, LayerOptions, Watch } from "../contract.ts"

const password = "Op3n-Sesame-7f3a"
const authorization = `Basic ${btoa(`muster:${password}`)}`

/** What a test sees of it. */
interface Upstream {
  readonly sockets: Set<Socket>
  busy: number
}

/** Those that run, by their port. */
const upstreams = new Map<number, Upstream>()

/** Works for as long as it is told, unless the client goes away or its deadline passes. */
const work = (upstream: Upstream, request: IncomingMessage, millis: number) =>
  new Promise<boolean>((resolve) => {
    const headers = request.headers as Record<string, string>
    const left = Option.getOrElse(Deadline.fromHeaders(headers), () => Infinity)
    upstream.busy += 1
    const end = (isDone: boolean) => {
      clearTimeout(timer)
      upstream.busy -= 1
      request.socket.off("close", gone)
      resolve(isDone)
    }
    const gone = () => end(false)
    const timer = setTimeout(() => end(millis <= left), Math.min(millis, left))
    request.socket.on("close", gone)
  })

const answer =
  (upstream: Upstream): RequestListener =>
  async (request, response) => {
    const send = (status: number, value: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))
    if (request.headers.authorization !== authorization) return send(401, "who are you?")
    const { pathname, searchParams } = new URL(request.url!, "http://upstream")
    const number = Number(searchParams.get("number"))
    if (pathname === "/echo") return send(200, await text(request))
    if (pathname === "/misfit") return send(200, { price: "cheap" })
    if (pathname === "/large") return send(200, "x".repeat(number))
    if (pathname !== "/busy") return send(200, "here")
    return (await work(upstream, request, number)) ? send(200, "done") : send(504, "late")
  }

const start = ({ maxConnections = 100, tls }: Servers.Options): Effect.Effect<Servers.Private, never, Scope.Scope> =>
  Effect.gen(function* () {
    const upstream: Upstream = { sockets: new Set(), busy: 0 }
    const certificate = tls ? makeCertificate() : undefined
    const listener = answer(upstream)
    let server: Server
    const listen = (port: number) =>
      Effect.async<number>((resume) => {
        server = certificate === undefined ? createPlain(listener) : createTls(certificate, listener)
        server.maxConnections = maxConnections
        server.on("tlsClientError", () => {})
        server.on("connection", (socket) => {
          upstream.sockets.add(socket)
          socket.on("close", () => upstream.sockets.delete(socket))
        })
        const where = { port, host: "127.0.0.1", backlog }
        server.listen(where, () => resume(Effect.succeed((server.address() as AddressInfo).port)))
      })
    const stop = Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      upstream.sockets.forEach((socket) => socket.destroy())
    })
    const port = yield* listen(0)
    upstreams.set(port, upstream)
    yield* Effect.addFinalizer(() =>
      Effect.ensuring(
        stop,
        Effect.sync(() => upstreams.delete(port))
      )
    )
    const url = `http://muster:${password}@127.0.0.1:${port}`
    // The cast: it is of a kind that `Servers` does not start, which nobody asks.
    return {
      ...{ host: "127.0.0.1", port, password, url, adminUrl: url },
      ...{ kill: stop, restart: Effect.asVoid(listen(port)) },
      ...(certificate === undefined ? {} : { ca: certificate.cert })
    } as unknown as Servers.Private
  })

const watch = ({ port }: Servers.Address): Effect.Effect<Watch> => {
  const upstream = upstreams.get(port)!
  return Effect.succeed({
    busy: Effect.sync(() => upstream.busy),
    connections: Effect.sync(() => upstream.sockets.size)
  })
}

/** A client for one service, as users make it. */
const layer = (url: string, { ca, connections, connectTimeout }: LayerOptions) => {
  const base = ca === undefined ? url : url.replace(/^http:/, "https:")
  const tls = ca === undefined ? undefined : { ca }
  const toService = HttpClient.mapRequest(HttpClientRequest.prependUrl(base.replace(/\/$/, "")))
  return Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, toService)).pipe(
    Layer.provide(Http.layer({ connectTimeout, maxConnections: connections, tls }))
  )
}

/** What is asked, given how a request for a path is made. */
const calls = <R>(to: (path: string) => Effect.Effect<string, never, R>) => {
  const ask = <A, I>(path: string, options: Http.JsonOptions<A, I, never>) =>
    Effect.flatMap(to(path), (url) => Http.json(url, options))
  return {
    quick: ask("/quick", { schema: Schema.Literal("here") }),
    busyFor: (millis: number) => ask(`/busy?number=${millis}`, { schema: Schema.Literal("done") }),
    echo: (text: string) =>
      Effect.flatMap(to("/echo"), (url) =>
        Http.json(HttpClientRequest.bodyText(HttpClientRequest.post(url), text), { schema: Schema.String })
      ),
    misfit: ask("/misfit", { schema: Schema.Struct({ price: Schema.Number }) }),
    large: (bytes: number, maxBytes: number) => ask(`/large?number=${bytes}`, { schema: Schema.String, maxBytes })
  }
}

export const adapter: Adapter<HttpClient.HttpClient> = {
  name: "Http",
  kind: start,
  layer,
  watch,
  ...calls(Effect.succeed),
  // A server that speaks TLS hangs up on who does not.
  withoutTls: "SourceUnavailable",
  shakesHands: false
}

class Base extends Context.Tag("effect-muster/test/Source/Http/Base")<Base, string>() {}

/** The same by a client that nobody has changed, which is asked without its streams and scopes. */
export const direct: Adapter<HttpClient.HttpClient | Base> = {
  ...adapter,
  ...calls((path) => Effect.map(Base, (base) => base + path)),
  name: "Http, by whole URLs",
  layer: (url, { ca, connections, connectTimeout }) =>
    Layer.merge(
      Http.layer({ connectTimeout, maxConnections: connections, tls: ca === undefined ? undefined : { ca } }),
      Layer.succeed(Base, (ca === undefined ? url : url.replace(/^http:/, "https:")).replace(/\/$/, ""))
    )
}
