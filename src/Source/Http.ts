/**
 * Sources over HTTP, whose interruption closes the connection.
 *
 * @since 0.1.0
 */
import { HttpClient, HttpClientRequest, HttpTraceContext } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Context, Effect, Layer, Option, Schema, Stream } from "effect"
import * as Deadline from "../Deadline.ts"
import * as Options from "../Options.ts"
import { Asking } from "../Receipt/Asking.ts"
import { type SourceError, SourceMalformed, SourceRejected } from "../Source.ts"
import * as Agent from "./Http/Agent.ts"
import { type Broken, Direct, exchange, type Question, type Reply } from "./Http/Direct.ts"
import { accepted, parsed, transportError } from "./Http/Replies.ts"
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
export type ClientOptions = Agent.ClientOptions

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
    const ready = (request: HttpClientRequest.HttpClientRequest) =>
      Effect.tap(prepared(source, request), (ready) => (asked = ready.asked))
    const client = yield* HttpClient.HttpClient
    const direct = yield* Effect.serviceOption(Direct)
    const reply = yield* Effect.mapError(
      Option.isSome(direct) && direct.value.client === client && isPlain(sent)
        ? Effect.flatMap(ready(HttpClientRequest.acceptJson(sent)), (ready) =>
            exchange(direct.value.dispatcher, question(ready), maxBytes)
          )
        : throughClient(
            HttpClient.mapRequestEffect(client, (request) => Effect.map(ready(request), onlyRequest)),
            sent,
            maxBytes
          ),
      (error) => (error instanceof SourceRejected ? error : transportError(source, asked, error))
    )
    yield* Effect.annotateCurrentSpan("http.response.status_code", reply.status)
    yield* accepted(source, asked, reply)
    const malformed = (reason: string) => new SourceMalformed({ source, reason: `${asked}: ${reason}` })
    const body = yield* parsed(reply, maxBytes, malformed)
    return yield* Effect.mapError(Schema.decodeUnknown(options.schema)(body), ({ issue }) =>
      malformed(Mismatch.describe(issue))
    )
  }).pipe(Effect.withSpan("Http.json", { kind: "client", captureStackTrace: false }))

/**
 * An `HttpClient` over undici with connections of its own, which are closed with the layer, also those still being made.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ClientOptions = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scopedContext(
    Effect.gen(function* () {
      const { dispatcher } = yield* Effect.acquireRelease(
        Effect.sync(() => Agent.make(options)),
        ({ close }) => Effect.promise(close)
      )
      const context = yield* Layer.build(
        Layer.provide(NodeHttpClient.layerUndiciWithoutDispatcher, Layer.succeed(NodeHttpClient.Dispatcher, dispatcher))
      )
      return Context.add(context, Direct, { client: Context.get(context, HttpClient.HttpClient), dispatcher })
    })
  )

interface Ready {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: URL
  /** What errors call it. */
  readonly asked: string
}

/** The request as it is sent. */
const prepared = (source: string, request: HttpClientRequest.HttpClientRequest): Effect.Effect<Ready, SourceRejected> =>
  Effect.gen(function* () {
    const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
    if (url === undefined || !/^https?:$/.test(url.protocol))
      return yield* new SourceRejected({ source, reason: "its URL is not a whole one of http or https" })
    const span = yield* Effect.option(Effect.currentSpan)
    yield* Effect.annotateCurrentSpan({
      "http.request.method": request.method,
      "server.address": url.hostname,
      "server.port": url.port,
      "url.path": url.pathname
    })
    const headers = {
      ...(yield* Deadline.toHeaders),
      ...Option.match(span, { onNone: () => ({}), onSome: HttpTraceContext.toHeaders })
    }
    const asked = `${request.method} ${url.origin}${url.pathname}`
    return { request: HttpClientRequest.setHeaders(cleaned(request, url), headers), url, asked }
  })

/** undici sends the fragment of a URL, and passes over its credentials; here they mean what they mean everywhere. */
const cleaned = (request: HttpClientRequest.HttpClientRequest, url: URL) => {
  const credentials = [decoded(url.username), decoded(url.password)] as const
  url.username = url.password = url.hash = ""
  const plain = HttpClientRequest.removeHash(
    HttpClientRequest.setUrlParams(HttpClientRequest.setUrl(request, url.toString()), [])
  )
  const needsThem = credentials.join("") !== "" && request.headers["authorization"] === undefined
  return needsThem ? HttpClientRequest.basicAuth(plain, ...credentials) : plain
}

const isPlain = ({ body }: HttpClientRequest.HttpClientRequest) => body._tag === "Empty" || body._tag === "Uint8Array"

const question = ({ request: { body, headers, method }, url }: Ready): Question => ({
  method,
  url,
  headers,
  body: body._tag === "Uint8Array" ? body.body : undefined
})

const onlyRequest = ({ request }: Ready) => request

/** By a client that somebody has changed, or made. */
const throughClient = <E extends Broken>(
  given: HttpClient.HttpClient.With<E>,
  request: HttpClientRequest.HttpClientRequest,
  maxBytes: number
): Effect.Effect<Reply, E | Broken> =>
  Effect.gen(function* () {
    const client = given.pipe(
      // Its own span would hold the URL with its query.
      HttpClient.withTracerDisabledWhen(() => true),
      // Without a scope, a connection whose body nobody reads stays open.
      HttpClient.withScope
    )
    const { headers, status, stream } = yield* client.execute(HttpClientRequest.acceptJson(request))
    if (status < 200 || status >= 300) return { status, headers, body: "unread" as const }
    if (Number(headers["content-length"]) > maxBytes) return { status, headers, body: "too long" as const }
    const chunks: Array<Uint8Array> = []
    let size = 0
    yield* Stream.runForEachWhile(stream, (chunk) =>
      Effect.sync(() => {
        size += chunk.byteLength
        chunks.push(chunk)
        return size <= maxBytes
      })
    )
    return { status, headers, body: size > maxBytes ? ("too long" as const) : Buffer.concat(chunks) }
  }).pipe(Effect.scoped)

const decoded = (text: string) => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
