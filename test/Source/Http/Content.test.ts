import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import * as Zlib from "node:zlib"
import * as Content from "../../../src/Content.ts"
import { JsonText } from "../../../src/Json.ts"
import * as Http from "../../../src/Source/Http.ts"
import { answerOf, raw } from "./Raw.ts"

/** Each way in which the source asks: by undici itself, and by a client, which may undo a coding by itself. */
const clients = {
  "by itself": Http.layer(),
  "by a client that was changed": Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(HttpClientRequest.setHeader("x-changed", "yes")))
  ).pipe(Layer.provide(Http.layer())),
  "by fetch": FetchHttpClient.layer,
  "by node:http": NodeHttpClient.layer
}

const answering = (body: Uint8Array | string, headers: Record<string, string> = {}, status?: string) =>
  raw((socket) => socket.write(answerOf(body, { "content-type": "application/json", ...headers }, status)))

const live = it.scopedLive

for (const [how, layer] of Object.entries(clients))
  describe(`an answer that is asked for ${how}`, () => {
    const provided = Effect.provide(layer)
    const ask = (url: string, options?: { readonly maxBytes?: number }) =>
      Http.json(url, { schema: Schema.Unknown, ...options })

    live("is read in each coding and charset, also in several codings", () =>
      Effect.gen(function* () {
        const json = Buffer.from(`{"city":"Orléans"}`)
        for (const [body, headers] of [
          [Zlib.gzipSync(json), { "content-encoding": "gzip" }],
          [Zlib.deflateSync(json), { "content-encoding": "deflate" }],
          [Zlib.deflateRawSync(json), { "content-encoding": "deflate" }],
          [Zlib.brotliCompressSync(json), { "content-encoding": "br" }],
          [Zlib.brotliCompressSync(Zlib.gzipSync(json)), { "content-encoding": "gzip, br" }],
          [json, { "content-encoding": "identity" }],
          [Buffer.from(json.toString(), "latin1"), { "content-type": "application/json; charset=iso-8859-1" }],
          [Buffer.from(`\uFEFF${json.toString()}`, "utf16le"), { "content-type": "application/json; charset=utf-16" }]
        ] as const) {
          const { requests, url } = yield* answering(body, headers)
          assert.deepStrictEqual(yield* ask(url), { city: "Orléans" }, JSON.stringify(headers))
          assert.include(requests[0]!.head.toLowerCase(), `\r\naccept-encoding: ${Content.acceptEncoding}`)
        }
      }).pipe(provided)
    )

    live("is malformed when it is cut off in its coding, and when its coding or charset is not known", () =>
      Effect.gen(function* () {
        for (const [body, headers, reason] of [
          [Zlib.gzipSync(`{"a":1}`).subarray(0, -9), { "content-encoding": "gzip" }, /the body is no whole gzip/],
          [`{"a":1}`, { "content-encoding": "compress" }, /the body has the content coding "compress"/],
          [Buffer.from(`"é"`, "latin1"), {}, /the body is no UTF-8/],
          [`{"a":1}`, { "content-type": "application/json; charset=utf-7" }, /the body has the charset "utf-7"/]
        ] as const) {
          // It undoes codings by itself, and is content with what there is.
          if (how === "by fetch" && "content-encoding" in headers && headers["content-encoding"] === "gzip") continue
          const { url } = yield* answering(body, headers)
          const error = yield* Effect.flip(ask(url))
          assert.strictEqual(error._tag, "SourceMalformed")
          assert.match(error.message, reason)
        }
      }).pipe(provided)
    )

    live("is inflated no further than to its limit", () =>
      Effect.gen(function* () {
        const bomb = Zlib.gzipSync(Buffer.alloc(30_000_000, " "))
        const { url } = yield* answering(bomb, { "content-encoding": "gzip" })
        const error = yield* Effect.flip(ask(url, { maxBytes: 100_000 }))
        assert.strictEqual(error._tag, "SourceMalformed")
        assert.match(error.message, /the body is longer than 100000 bytes/)
      }).pipe(provided)
    )

    live("is null when it has no body, and undefined where the schema takes only that", () =>
      Effect.gen(function* () {
        const Profile = Schema.Struct({ id: Schema.String })
        for (const [status, headers, body] of [
          ["204 No Content", {}, ""],
          ["204 No Content", { "content-length": "8" }, ""], // which RFC 9110, 8.6, forbids
          ["205 Reset Content", {}, ""],
          ["200 OK", {}, ""],
          ["201 Created", { location: "/x/1" }, ""],
          ["200 OK", { "content-encoding": "gzip" }, ""],
          ["200 OK", { "content-encoding": "gzip" }, Zlib.gzipSync("")]
        ] as const) {
          // For fetch, that is no HTTP, and nothing is no gzip.
          if (how === "by fetch" && ("content-encoding" in headers || "content-length" in headers)) continue
          const { url } = yield* answering(body, headers, status)
          const as = <A, I>(schema: Schema.Schema<A, I>) => Http.json(HttpClientRequest.del(url), { schema })
          assert.deepStrictEqual(yield* as(Schema.Unknown), null, status)
          assert.deepStrictEqual(yield* as(Schema.Null), null)
          assert.deepStrictEqual(yield* as(Schema.NullOr(Profile)), null)
          assert.deepStrictEqual(yield* as(Schema.Undefined), undefined)
          assert.deepStrictEqual(yield* as(Schema.UndefinedOr(Profile)), undefined)
          yield* as(Schema.Void)
          const error = yield* Effect.flip(as(Profile))
          assert.strictEqual(error._tag, "SourceMalformed")
          assert.include(error.message, "the body is empty")
        }
      }).pipe(provided)
    )

    live("is asked for with the headers that the request sets", () =>
      Effect.gen(function* () {
        const { requests, url } = yield* answering("{}")
        const own = HttpClientRequest.patch(url, {
          headers: { accept: "application/vnd.github+json", "idempotency-key": "k1", "accept-encoding": "identity" }
        }).pipe(HttpClientRequest.bodyText(`{"a":1}`, "application/merge-patch+json"))
        yield* Http.json(own, { schema: Schema.Unknown })
        yield* ask(url)

        const [patched, plain] = requests.map(({ head }) => head.toLowerCase())
        for (const line of [
          "accept: application/vnd.github+json",
          "content-type: application/merge-patch+json",
          "idempotency-key: k1",
          "accept-encoding: identity"
        ])
          assert.strictEqual(patched!.split(line).length, 2, line)
        assert.include(plain, "\r\naccept: application/json\r\n")
      }).pipe(provided)
    )

    live("may come after any number of informational ones, in any pieces", () =>
      Effect.gen(function* () {
        const informational = {
          "100": "HTTP/1.1 100 Continue\r\n\r\n",
          "100, with a header": "HTTP/1.1 100 Continue\r\nx: y\r\n\r\n",
          "100, twice": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
          "102": "HTTP/1.1 102 Processing\r\n\r\n",
          "103": "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
        }
        for (const [name, text] of Object.entries(informational)) {
          // fetch and a changed client ask over undici of their own, or node:http: what they do is theirs.
          if (how === "by fetch" && name.startsWith("100")) continue
          const whole = Buffer.concat([Buffer.from(text), answerOf(`{"a":1}`)])
          for (const size of [whole.length, 7, 1]) {
            const { url } = yield* raw((socket) => {
              const send = (at: number): void => {
                if (at >= whole.length || socket.destroyed) return
                socket.write(whole.subarray(at, at + size), () => setImmediate(send, at + size))
              }
              send(0)
            })
            assert.deepStrictEqual(yield* ask(url), { a: 1 }, `${name}, ${size} bytes at a time`)
            assert.deepStrictEqual(yield* ask(url), { a: 1 }, `${name}, again`)
          }
        }
      }).pipe(provided)
    )
  })

describe("a service of a file", () => {
  live("is null where there is no body, as it is when it is passed on unread", () =>
    Effect.gen(function* () {
      const { url } = yield* answering("", {}, "204 No Content")
      const ask = yield* Http.service({ url: Redacted.make(url) })
      const question = { method: "DELETE", path: "/", headers: {}, body: undefined } as const
      assert.strictEqual(yield* ask(question), null)
      const unread = yield* ask({ ...question, unread: true })
      assert(unread instanceof JsonText)
      assert.strictEqual(unread.text, "null")
    })
  )

  live("is sent the accept and content-type that are set, and reads codings", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* answering(Zlib.gzipSync("[1]"), { "content-encoding": "gzip" })
      const ask = yield* Http.service({ url: Redacted.make(url) })
      const headers = { accept: "text/csv", "content-type": "application/vnd.api+json" }
      assert.deepStrictEqual(yield* ask({ method: "POST", path: "/", headers, body: { a: 1 } }), [1])
      const [{ head }] = requests as [(typeof requests)[number]]
      assert.match(head, /\r\naccept: text\/csv\r\n/)
      assert.match(head, /\r\ncontent-type: application\/vnd\.api\+json\r\n/)
      assert.notMatch(head, /application\/json/)
    })
  )
})
