/**
 * Sources over HTTP, whose interruption closes the connection.
 *
 * @since 0.1.0
 */
import { type HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Context, Effect, Either, Layer, Option, Redacted, Schema, type Scope } from "effect"
import * as Calling from "../Gather/Calling.ts"
import * as Json from "../Json.ts"
import * as Options from "../Options.ts"
import type { Questions, ServiceSettings, SourceError } from "../Source.ts"
import * as Agent from "./Http/Agent.ts"
import { Asked } from "./Http/Asked.ts"
import { dispatcherOf, known } from "./Http/Direct.ts"
import * as Target from "./Http/Target.ts"
import * as Through from "./Http/Through.ts"

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
  /**
   * What the schema gets for a JSON number that no JavaScript number holds, as a 64-bit id or `1e400`: by default (`"exact"`) a
   * `JsonNumber`, which has its text and which `Schema.Number` refuses; with `"nearest"` the nearest number, as from `JSON.parse`.
   * Every other number is a plain one.
   */
  readonly numbers?: "exact" | "nearest" | undefined
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
 * - `SourceUnavailable`: no answer, or a status of 408, 425, 429 or 5xx, which it has; with `retryAfter` if the answer says so.
 * - `SourceRejected`: any other status but 2xx (redirects are not followed), or a URL that cannot be asked.
 * - `SourceMalformed`: the body is no JSON, does not fit the schema, or is longer than `maxBytes`.
 *
 * The body may be in a content coding (gzip, deflate, br; `maxBytes` counts what it is without) and in any charset that
 * `TextDecoder` knows. An answer without a body is `null`, or `undefined` for a schema that takes only that. What the request says
 * of `accept`, `accept-encoding` and so on is sent as it is.
 *
 * A request that is idempotent, by its method or an `idempotency-key`, is sent once more, over a new connection, if one that was
 * used before breaks off before the first byte of the answer: the server had closed it while it was idle. The receipt has that
 * as an attempt (`reconnect`). A client other than that of {@link layer} sees to its connections itself.
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
): Effect.Effect<A, SourceError, HttpClient.HttpClient | R> => {
  const decode = Schema.decodeUnknown(options.schema)
  const parse = options.numbers === "nearest" ? Json.check : Json.parse
  const asked = (where: Calling.Where): Effect.Effect<A, SourceError, HttpClient.HttpClient | R> => {
    const maxBytes = Options.count("Http.json", "maxBytes", options.maxBytes ?? defaultMaxBytes)
    const sent = typeof request === "string" || request instanceof URL ? HttpClientRequest.get(request) : request
    // The cast: whoever runs this has provided what it requires.
    const client = Context.get(where.context as Context.Context<HttpClient.HttpClient>, HttpClient.HttpClient)
    const dispatcher = dispatcherOf(client)
    const one = new Asked(where, { parse, decode: (json) => decode(json) }, maxBytes)
    const { body, headers, method } = sent
    return dispatcher !== undefined && (body._tag === "Empty" || isBytes(body))
      ? one.directly(dispatcher, {
          method,
          target: Target.of(Option.getOrUndefined(HttpClientRequest.toUrl(sent))),
          headers,
          body: body._tag === "Empty" ? undefined : body.body
        })
      : one.through((prepare, onReconnect) =>
          Through.exchange(HttpClient.mapRequestEffect(client, prepare), sent, maxBytes, onReconnect)
        )
  }
  return Calling.mark(
    Effect.withFiberRuntime((fiber) => asked(Calling.here(fiber))),
    (where, done) => Calling.start(asked(where), where, done)
  )
}

const isBytes = (body: HttpBody.HttpBody): body is HttpBody.Uint8Array => body._tag === "Uint8Array"

/** In bytes. */
const defaultMaxBytes = 10_000_000

/**
 * An `HttpClient` over undici with connections of its own, which are closed with the layer, also those still being made.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ClientOptions = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scoped(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const { dispatcher, limited } = yield* connected(() => Agent.make(options))
      const context = yield* Layer.build(
        Layer.provide(NodeHttpClient.layerUndiciWithoutDispatcher, Layer.succeed(NodeHttpClient.Dispatcher, limited))
      )
      return known(Context.get(context, HttpClient.HttpClient), dispatcher)
    })
  )

const connected = (make: () => Agent.Made) =>
  Effect.acquireRelease(Effect.sync(make), ({ close }) => Effect.promise(close))

/**
 * Asks one service as {@link json} does, for any JSON; paths are appended to its URL. Its connections are closed with the
 * scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const service = ({
  connectTimeout,
  maxBytes = defaultMaxBytes,
  url
}: ServiceSettings): Effect.Effect<
  (question: Questions["http"]) => Effect.Effect<unknown, SourceError>,
  never,
  Scope.Scope
> =>
  Effect.suspend(() => {
    Options.count("Http.service", "maxBytes", maxBytes)
    const base = Redacted.value(url).replace(/\/+$/, "")
    const targetOf = Target.below(base)
    const { origin } = targetOf("/") ?? {}
    return Effect.map(
      connected(() => Agent.make({ connectTimeout }, origin)),
      ({ dispatcher }) =>
        ({ body, headers, method, path, unread }) => {
          const target = targetOf(path)
          const sent = body === undefined ? { headers, body } : inJson(headers, body)
          return Calling.make((where, done) =>
            new Asked<unknown, never>(where, unread === true ? unreadText : value, maxBytes).call(
              dispatcher,
              { method, target, ...sent },
              // The cast: what is read at once is an exit.
              done as Parameters<Asked<unknown, never>["call"]>[2]
            )
          )
        }
    )
  })

const value = { parse: Json.parse, decode: (json: unknown) => Either.right(json) }

const unreadText = {
  parse: Json.check,
  // The bytes of a long one are passed on without a copy. A mark of byte order (RFC 8259, 8.1) is left out of the text.
  decode: (_: unknown, text: string, bytes: Uint8Array | undefined) =>
    Either.right<unknown>(
      new Json.JsonText(bytes !== undefined && bytes.length > 65_536 && bytes[0] !== 0xef ? bytes : text)
    )
}

const inJson = (headers: Readonly<Record<string, string>>, body: unknown) => ({
  headers: { "content-type": "application/json", ...headers },
  body: Buffer.from(Json.stringify(body) ?? "null")
})
