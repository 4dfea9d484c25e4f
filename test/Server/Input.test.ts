import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Zlib from "node:zlib"
import * as Aggregation from "../../src/Aggregation.ts"
import * as Content from "../../src/Content.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import * as Input from "../../src/Server/Input.ts"
import { ask, post, serve, wire, until } from "./Stage.ts"

const Everything = Schema.Struct({
  id: Schema.optional(Schema.String),
  count: Schema.optional(Schema.Number),
  size: Schema.optional(Schema.NumberFromString),
  live: Schema.optional(Schema.Boolean),
  kind: Schema.optional(Schema.Literal("a", "b")),
  either: Schema.optional(Schema.Union(Schema.String, Schema.Number)),
  level: Schema.optional(Schema.Literal(1, 2)),
  tags: Schema.optional(Schema.Array(Schema.String)),
  sizes: Schema.optional(Schema.Array(Schema.Number)),
  deep: Schema.optional(Schema.Unknown)
})

/** Answers with the input that it was given. */
const echo = Aggregation.make("echo", {
  input: Everything,
  output: Schema.Unknown,
  sources: () => ({ none: Effect.void }),
  merge: (_, input) => input
})

const echoing = serve([
  echo,
  Endpoint.make(echo, { path: "/of/:id" }),
  Endpoint.make(echo, { path: "/posted", method: "POST", maxBody: 2_000 }),
  Endpoint.make(echo, { path: "/large", method: "POST" }),
  Endpoint.make(echo, { path: "/posted/:id", method: "POST" })
])

describe("the fields of an input", () => {
  it("are known by their encoded form", () => {
    const fields = Object.fromEntries(
      Array.from(Input.fieldsOf(Everything), ([name, { kind, list }]) => [name, list ? [kind] : kind])
    )
    assert.deepStrictEqual(fields, {
      id: "text",
      count: "number",
      size: "text",
      live: "boolean",
      kind: "text",
      either: "text",
      level: "number",
      tags: ["text"],
      sizes: ["number"],
      deep: "text"
    })
    assert.strictEqual(Input.fieldsOf(Schema.Unknown).size, 0)
  })
})

describe("an input", () => {
  const live = it.scopedLive

  live("is read from the query, as what the schema wants", () =>
    Effect.gen(function* () {
      const { url } = yield* echoing
      const read = (query: string) =>
        Effect.map(ask(`${url}/echo?${query}`), ({ json, status }) =>
          status === 200 ? json() : [json()["field"], json()["reason"]]
        )

      assert.deepStrictEqual<unknown>(
        yield* read("id=a+b%2F%26&count=-1.5e3&size=7&live=true&kind=b&either=5&level=2"),
        { id: "a b/&", count: -1500, size: 7, live: true, kind: "b", either: "5", level: 2 }
      )
      assert.deepStrictEqual<unknown>(yield* read("tags=a&sizes=1&tags=b&sizes=2"), { tags: ["a", "b"], sizes: [1, 2] })
      assert.deepStrictEqual<unknown>(yield* read("tags=a"), { tags: ["a"] })
      assert.deepStrictEqual<unknown>(yield* read("id=//a//b"), { id: "//a//b" })
      assert.deepStrictEqual<unknown>(yield* read("id="), { id: "" })
      assert.deepStrictEqual<unknown>(yield* read("id=1&id=2"), ["id", "is given twice"])
      assert.deepStrictEqual<unknown>(yield* read("__proto__=1"), [
        "__proto__",
        "is unexpected, expected: " +
          Array.from(Input.fieldsOf(Everything).keys(), (name) => JSON.stringify(name)).join(" | ")
      ])
      assert.deepStrictEqual<unknown>((yield* read("count=0x10")) instanceof Array, true)
      assert.deepStrictEqual<unknown>((yield* read("count=")) instanceof Array, true)
      assert.deepStrictEqual<unknown>((yield* read("live=yes")) instanceof Array, true)
    })
  )

  live("is read from the path, decoded once", () =>
    Effect.gen(function* () {
      const { url } = yield* echoing
      assert.deepStrictEqual((yield* ask(`${url}/of/a%2Fb%20%2541?count=1`)).json(), { id: "a/b %41", count: 1 })
      assert.strictEqual((yield* ask(`${url}/of/a?id=b`)).json()["reason"], "is given twice")
      assert.strictEqual((yield* ask(`${url}/of/a/b`)).status, 404)
      assert.strictEqual((yield* ask(`${url}/of/${"x".repeat(9_000)}`)).json()["id"], "x".repeat(9_000))
    })
  )

  live("has no control character, wherever it stands", () =>
    Effect.gen(function* () {
      const { url } = yield* echoing
      const reason = "has a control character in it"
      for (const code of ["%00", "%0a", "%0D", "%1b", "%7f", "%C2%85"]) {
        for (const path of [`/echo?id=a${code}`, `/of/a${code}`, `/echo?tags=b&tags=${code}`]) {
          const reply = yield* ask(`${url}${path}`)
          assert.deepStrictEqual([reply.status, reply.json()["reason"]], [400, reason], path)
        }
      }
      const name = yield* ask(`${url}/echo?a%00b=1`)
      assert.deepStrictEqual([name.status, name.json()["field"]], [400, "a\uFFFDb"])
      const body = yield* post(`${url}/posted`, { deep: { list: ["fine\n\t", "a\u0000"] } })
      assert.deepStrictEqual([body.status, body.json()["field"], body.json()["reason"]], [400, "deep.list.1", reason])
      const lines = yield* post(`${url}/posted`, { id: "two\r\nlines\tand more" })
      assert.strictEqual(lines.status, 200)
      const surrogate = yield* post(`${url}/posted`, `{"id":"\\ud800"}`)
      assert.strictEqual(surrogate.status, 400)
    })
  )

  live("is percent-encoded UTF-8", () =>
    Effect.gen(function* () {
      const { url } = yield* echoing
      for (const query of ["id=%", "id=%zz", "id=%ff", "%c3=1"]) {
        const reply = yield* ask(`${url}/echo?${query}`)
        assert.deepStrictEqual([reply.status, reply.json()["reason"]], [400, "the query is not percent-encoded UTF-8"])
      }
      assert.strictEqual((yield* ask(`${url}/echo?id=%E2%82%AC`)).json()["id"], "€")
    })
  )

  live("is read from a body of JSON, and of nothing else", () =>
    Effect.gen(function* () {
      const { url } = yield* echoing
      const said = (reply: { status: number; json: () => Record<string, unknown> }) => [
        reply.status,
        reply.json()["detail"]
      ]

      assert.deepStrictEqual((yield* post(`${url}/posted`, { count: 1, tags: [] })).json(), { count: 1, tags: [] })
      assert.deepStrictEqual((yield* post(`${url}/posted/4`, { count: 1 })).json(), { count: 1, id: "4" })
      const vendor = { "content-type": "application/vnd.x+json; charset=utf-8" }
      assert.strictEqual((yield* post(`${url}/posted`, {}, vendor)).status, 200)
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
        assert.strictEqual((yield* post(`${url}/posted`, {}, { "content-type": type })).status, 415)
      assert.deepStrictEqual(said(yield* post(`${url}/posted`, "")), [400, "The body is empty"])
      assert.deepStrictEqual(said(yield* post(`${url}/posted`, "{id")), [400, "The body is no JSON"])
      assert.deepStrictEqual(said(yield* post(`${url}/posted/4`, [])), [
        400,
        "The input of echo: the body is no object"
      ])
      assert.deepStrictEqual(said(yield* post(`${url}/posted/4`, { id: "5" })), [
        400,
        "id: is given twice: it stands in the path"
      ])
      assert.deepStrictEqual(said(yield* post(`${url}/posted?count=1`, {})), [400, "count: belongs into the body"])
      assert.deepStrictEqual(said(yield* post(`${url}/posted`, `{"__proto__":{"id":"x"}}`))[0], 400)
      const latin = yield* ask(`${url}/posted`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: Buffer.from(`{"id":"\xe9"}`, "latin1")
      })
      assert.deepStrictEqual(said(latin), [400, "The body is no UTF-8"])
    })
  )

  live("is read from a body in a coding or a charset that is known", () =>
    Effect.gen(function* () {
      const { url } = yield* echoing
      const json = Buffer.from(`{"id":"é"}`)
      const send = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
        ask(`${url}/posted`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body })
      for (const [body, headers] of [
        [Zlib.gzipSync(json), { "content-encoding": "gzip" }],
        [Zlib.brotliCompressSync(Zlib.deflateSync(json)), { "content-encoding": "deflate, br" }],
        [json, { "content-encoding": "identity" }],
        [Buffer.from(json.toString(), "latin1"), { "content-type": "application/json; charset=iso-8859-1" }]
      ] as const) {
        const { status, text } = yield* send(body, headers)
        assert.deepStrictEqual([status, text], [200, json.toString()], JSON.stringify(headers))
      }

      // RFC 9110, 15.5.16: the answer says what is read.
      const unknown = yield* send(json, { "content-encoding": "compress" })
      assert.deepStrictEqual(
        [unknown.status, unknown.headers.get("accept-encoding"), unknown.json()["detail"]],
        [
          415,
          Content.acceptEncoding,
          `The body has the content coding "compress", and can be read in ${Content.acceptEncoding}`
        ]
      )
      const charset = yield* send(json, { "content-type": "application/json; charset=utf-7" })
      assert.deepStrictEqual([charset.status, charset.headers.get("accept-encoding")], [415, null])
      const cut = yield* send(Zlib.gzipSync(json).subarray(0, -5), { "content-encoding": "gzip" })
      assert.deepStrictEqual([cut.status, cut.json()["detail"]], [400, "The body is no whole gzip"])
      for (const size of [1_990, 2_000, 50_000_000]) {
        const coded = Zlib.gzipSync(Buffer.alloc(size, " "), { level: 9 })
        const { status } = yield* send(coded.subarray(0, 3_000), { "content-encoding": "gzip" })
        assert.strictEqual(status, size > 2_000 ? 413 : 400, String(size))
      }
    })
  )

  live("is not nested so deeply that reading it is an attack", () =>
    Effect.gen(function* () {
      const { url } = yield* echoing
      const nested = (levels: number) => `{"deep":${"[".repeat(levels)}${"]".repeat(levels)}}`
      const deep = yield* post(`${url}/posted`, nested(900))

      assert.deepStrictEqual([deep.status, deep.json()["reason"]], [400, "is nested more than 64 levels deep"])
      assert.strictEqual((yield* post(`${url}/posted`, nested(60))).status, 200)
      assert.strictEqual((yield* post(`${url}/posted`, `{"deep":${"[".repeat(63)}1e400${"]".repeat(63)}}`)).status, 200)
      for (const levels of [5_000, 100_000]) {
        const deeper = yield* post(`${url}/large`, nested(levels))
        assert.deepStrictEqual(
          [deeper.status, deeper.json()["detail"]],
          [400, "The body is nested more than 1,000 levels deep"]
        )
      }
    })
  )

  live("has a body no longer than the endpoint says, whether its length is told or not", () =>
    Effect.gen(function* () {
      const { url } = yield* echoing
      const told = yield* post(`${url}/posted`, { id: "x".repeat(2_000) })
      assert.deepStrictEqual([told.status, told.json()["maxBody"]], [413, 2_000])
      assert.strictEqual((yield* post(`${url}/posted`, { id: "x".repeat(1_900) })).status, 200)

      const type = "content-type: application/json"
      const unsent = yield* wire(url, "POST /posted HTTP/1.1", "host: x", type, "content-length: 3000", "", "")
      yield* until("it is refused", unsent.closed)
      assert.match(unsent.received(), /^HTTP\/1.1 413 /)
      const head = ["POST /posted HTTP/1.1", "host: x", type, "transfer-encoding: chunked"]
      const untold = yield* wire(url, ...head, "", "400", "x".repeat(1_024), "400", "x".repeat(1_024), "")
      yield* until("it is refused", untold.closed)
      assert.match(untold.received(), /^HTTP\/1.1 413 /)
    })
  )
})
