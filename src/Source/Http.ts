/**
 * Sources over HTTP, whose interruption closes the connection.
 *
 * @since 0.1.0
 */
import { HttpClient, HttpClientRequest, type HttpClientResponse, HttpTraceContext } from "@effect/platform"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import { Clock, type Duration, Effect, Layer, Option, Schema, Stream } from "effect"
import { Socket } from "node:net"
import type { SecureContextOptions } from "node:tls"
import * as Deadline from "../Deadline.ts"
import * as Options from "../Options.ts"
import { Asking } from "../Receipt/Asking.ts"
import { type SourceError, SourceMalformed, SourceRejected, SourceUnavailable } from "../Source.ts"
import * as Fault from "./Fault.ts"
import * as Mismatch from "./Mismatch.ts"

/**
 * How a value is asked for.
 *
 * @since 0.1.0
 * @category models
 */
export interface JsonOptions<A, I, R> {
  /** What the body must be. */
  readonly schema: Schema.Schema<A, I, R>
  /** The longest body that is read; default 10 MB (10,000,000 bytes). */
  readonly maxBytes?: number | undefined
}

/**
 * How connections are made.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientOptions {
  /** How long a connection may take to be made; default 2 seconds. It is kept to within about a second. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /**
   * A server that says nothing for so long, before its answer or in the middle of it, is given up; default 30 seconds. It is
   * kept to within about a second.
   */
  readonly answerTimeout?: Duration.DurationInput | undefined
  /** At most so many connections to each server, over which requests take turns; default: as many as there are requests. */
  readonly maxConnections?: number | undefined
  /** Whom to trust over TLS besides those that Node trusts, and how to show who asks: `ca`, `cert`, `key`. */
  readonly tls?: SecureContextOptions | undefined
}

/**
 * Asks for JSON and gives the decoded value. A URL is asked with `GET`; for anything else give an `HttpClientRequest`.
 *
 * - `SourceUnavailable`: no answer, or a status of 408, 425, 429 or 5xx; with `retryAfter` if the answer says so.
 * - `SourceRejected`: any other status but 2xx (redirects are not followed), or a URL that cannot be asked.
 * - `SourceMalformed`: the body is no JSON, does not fit the schema, or is longer than `maxBytes`.
 *
 * However it ends, other than by reading the body to its end, the connection is closed. The ambient deadline goes along
 * in the headers. No error and no span holds a header, a query string, credentials or a part of the body.
 *
 * @example
 * ```ts
 * const profile = Http.json("http://profile.internal/42", { schema: Profile })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const json = <A, I, R>(
  request: string | URL | HttpClientRequest.HttpClientRequest,
  options: JsonOptions<A, I, R>
): Effect.Effect<A, SourceError, HttpClient.HttpClient | R> =>
  Effect.gen(function* () {
    const maxBytes = Options.count("Http.json", "maxBytes", options.maxBytes ?? 10_000_000)
    const source = (yield* Asking).name
    const sent = typeof request === "string" || request instanceof URL ? HttpClientRequest.get(request) : request
    let asked: string = sent.method
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.mapRequestEffect((request) => prepared(source, request, (text) => (asked = text))),
      // Its own span would hold the URL with its query.
      HttpClient.withTracerDisabledWhen(() => true),
      // Without a scope, a connection whose body nobody reads stays open.
      HttpClient.withScope
    )
    const broken = (error: HttpClientError) => Effect.fail(transportError(source, asked, error))
    const response = yield* Effect.catchTags(client.execute(HttpClientRequest.acceptJson(sent)), {
      RequestError: broken,
      ResponseError: broken
    })
    yield* Effect.annotateCurrentSpan("http.response.status_code", response.status)
    yield* accepted(source, asked, response)
    const malformed = (reason: string) => new SourceMalformed({ source, reason: `${asked}: ${reason}` })
    const body = yield* read(response, maxBytes, malformed).pipe(Effect.catchTag("ResponseError", broken))
    return yield* Effect.mapError(Schema.decodeUnknown(options.schema)(body), ({ issue }) =>
      malformed(Mismatch.describe(issue))
    )
  }).pipe(Effect.scoped, Effect.withSpan("Http.json", { kind: "client", captureStackTrace: false }))

/**
 * An `HttpClient` over undici with connections of its own, which are closed with the layer, also those still being made.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ClientOptions = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.provide(
    NodeHttpClient.layerUndiciWithoutDispatcher,
    Layer.scoped(
      NodeHttpClient.Dispatcher,
      Effect.acquireRelease(
        Effect.sync(() => makeDispatcher(options)),
        ({ close }) => Effect.promise(close)
      ).pipe(Effect.map(({ dispatcher }) => dispatcher))
    )
  )

const makeDispatcher = (options: ClientOptions) => {
  const time = (option: "connectTimeout" | "answerTimeout", otherwise: number) => {
    const millis = Options.duration("Http.layer", option, options[option] ?? otherwise)
    // For undici, zero is no limit.
    return millis === Infinity ? 0 : Math.max(1, millis)
  }
  const { maxConnections, tls } = options
  const connections =
    maxConnections === undefined ? null : Options.count("Http.layer", "maxConnections", maxConnections)
  const connect = Undici.buildConnector({ ...tls, timeout: time("connectTimeout", 2_000) })
  const answerTimeout = time("answerTimeout", 30_000)
  const opening = new Set<Socket>()
  const agent = new Undici.Agent({
    connections,
    connect: (options, callback) => {
      // It gives the socket, though its type does not say so. Destroying an agent forgets the sockets it is opening.
      const socket: unknown = connect(options, (...result) => {
        if (socket instanceof Socket) opening.delete(socket)
        callback(...result)
      })
      if (socket instanceof Socket) opening.add(socket)
    }
  })
  const close = () => {
    const closed = agent.destroy()
    opening.forEach((socket) => socket.destroy(new Error("the client was closed")))
    return closed
  }
  // The client says that there is no limit with every request.
  const limited = agent.compose(
    (dispatch) => (request, handler) =>
      dispatch({ ...request, headersTimeout: answerTimeout, bodyTimeout: answerTimeout }, handler)
  )
  return { dispatcher: limited, close }
}

/** The request as it is sent: always a new object, since `withScope` ties the connection to the object. */
const prepared = (source: string, request: HttpClientRequest.HttpClientRequest, note: (asked: string) => void) =>
  Effect.gen(function* () {
    const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
    if (url === undefined || !/^https?:$/.test(url.protocol))
      return yield* new SourceRejected({ source, reason: "its URL is not a whole one of http or https" })
    note(`${request.method} ${url.origin}${url.pathname}`)
    const span = yield* Effect.option(Effect.currentSpan)
    yield* Effect.annotateCurrentSpan({
      "http.request.method": request.method,
      "server.address": url.hostname,
      "server.port": url.port,
      "url.path": url.pathname
    })
    return HttpClientRequest.setHeaders(cleaned(request), {
      ...(yield* Deadline.toHeaders),
      ...Option.match(span, { onNone: () => ({}), onSome: HttpTraceContext.toHeaders })
    })
  })

/** undici sends the fragment of a URL, and passes over its credentials; here they mean what they mean everywhere. */
const cleaned = (request: HttpClientRequest.HttpClientRequest) => {
  const url = new URL(request.url)
  const credentials = [decoded(url.username), decoded(url.password)] as const
  url.username = url.password = url.hash = ""
  const plain = HttpClientRequest.removeHash(HttpClientRequest.setUrl(request, url.toString()))
  const needsThem = credentials.join("") !== "" && request.headers["authorization"] === undefined
  return needsThem ? HttpClientRequest.basicAuth(plain, ...credentials) : plain
}

const decoded = (text: string) => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const transient = new Set([408, 425, 429])

const accepted = (source: string, asked: string, { headers, status }: HttpClientResponse.HttpClientResponse) => {
  if (status >= 200 && status < 300) return Effect.void
  const reason = `${asked} answered ${status}`
  if (status < 500 && !transient.has(status)) return new SourceRejected({ source, reason, status })
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const retryAfter = readRetryAfter(headers["retry-after"], now)
    return new SourceUnavailable({ source, reason, ...(retryAfter === undefined ? {} : { retryAfter }) })
  })
}

/** `Retry-After`, in seconds or as a date, as milliseconds from now; what cannot be read is passed over. */
const readRetryAfter = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const date = text.endsWith("GMT") ? Date.parse(text) : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

const read = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
  malformed: (reason: string) => SourceMalformed
) =>
  Effect.gen(function* () {
    const tooLong = () => malformed(`the body is longer than ${maxBytes} bytes`)
    if (Number(response.headers["content-length"]) > maxBytes) return yield* tooLong()
    const chunks: Array<Uint8Array> = []
    let size = 0
    yield* Stream.runForEach(response.stream, (chunk) => {
      size += chunk.byteLength
      chunks.push(chunk)
      return size > maxBytes ? Effect.fail(tooLong()) : Effect.void
    })
    return yield* Effect.try({
      try: (): unknown => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))),
      // The message of the parser quotes the body.
      catch: () => malformed(size === 0 ? "the body is empty" : `the body is no JSON${named(response)}`)
    })
  })

const named = ({ headers }: HttpClientResponse.HttpClientResponse) => {
  const type = /^[\w.+-]{1,40}\/[\w.+-]{1,60}/.exec(headers["content-type"] ?? "")
  return type === null || type[0] === "application/json" ? "" : `, it is ${type[0]}`
}

const transportError = (source: string, asked: string, error: HttpClientError): SourceError => {
  const code = Fault.codeOf(error.cause)
  const fault = (reason = Fault.describe(code, "the request failed")) => ({ source, reason: `${asked}: ${reason}` })
  if (error._tag === "RequestError" && error.reason !== "Transport") return new SourceRejected(fault())
  if (code !== undefined && (Fault.isTls(code) || code === "UND_ERR_INVALID_ARG")) return new SourceRejected(fault())
  if (code !== undefined && /^HPE_|^HTTPParserError$/.test(code))
    return new SourceMalformed(fault("the answer is no HTTP"))
  return new SourceUnavailable(fault())
}
