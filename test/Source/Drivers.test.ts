import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import * as NodeHttp from "node:http"
import type { AddressInfo } from "node:net"
import { JsonNumber } from "../../src/Json.ts"
import * as DriversLive from "../../src/Source/Drivers.ts"
import { Drivers, type Questions, type ServiceSettings } from "../../src/Source.ts"
import * as MongoStub from "../MongoStub.ts"
import * as Servers from "../Servers.ts"

/** What asks a service of a kind, at a URL. */
const open = <K extends keyof Questions>(kind: K, url: string, settings: Partial<ServiceSettings> = {}) =>
  Effect.flatMap(Drivers, (drivers) => drivers[kind]({ ...settings, url: Redacted.make(url) })).pipe(
    Effect.provide(DriversLive.layer)
  )

/** An HTTP server that answers with what it was sent. */
const echo: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.async<NodeHttp.Server>((resume) => {
    const server = NodeHttp.createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const { headers, method, url } = request
        const body = Buffer.concat(chunks).toString()
        response.writeHead(url?.endsWith("/missing") ? 404 : 200)
        response.end(JSON.stringify({ method, url, body, tenant: headers["x-tenant"], type: headers["content-type"] }))
      })
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

const nasty = `'; DROP TABLE t; -- "é`

describe("Drivers", () => {
  it.scopedLive("ask an HTTP service, below the path of its URL", () =>
    Effect.gen(function* () {
      const ask = yield* open("http", `${yield* echo}/v1/`)
      const get = yield* ask({ method: "GET", path: "/a%2Fb?q=%20", headers: { "x-tenant": "t1" }, body: undefined })
      const post = yield* ask({ method: "POST", path: "/p", headers: {}, body: { id: nasty } })
      const error = yield* Effect.flip(ask({ method: "GET", path: "/missing", headers: {}, body: undefined }))

      assert.deepStrictEqual(get, { method: "GET", url: "/v1/a%2Fb?q=%20", body: "", tenant: "t1" })
      assert.deepStrictEqual(post, {
        method: "POST",
        url: "/v1/p",
        body: JSON.stringify({ id: nasty }),
        type: "application/json"
      })
      assert.strictEqual(error._tag, "SourceRejected")
    })
  )

  it.scopedLive("bind the parameters of SQLite, and give its rows as JSON", () =>
    Effect.gen(function* () {
      const ask = yield* open("sqlite", ":memory:")
      const rows = yield* ask({
        text: ["SELECT ", " AS text, ", " AS empty, 9007199254740993 AS long, x'0102' AS bytes"],
        params: [nasty, null]
      })

      assert.deepStrictEqual(rows, [
        { text: nasty, empty: null, long: new JsonNumber("9007199254740993"), bytes: "AQI=" }
      ])
    })
  )

  it.scopedLive("read MongoDB", () =>
    Effect.gen(function* () {
      const { commands, url } = yield* MongoStub.make({
        collections: { products: [{ _id: 1, model: "Pixel", type: "phone" }] }
      })
      const ask = yield* open("mongo", url)
      const found = yield* ask({
        collection: "products",
        read: { find: { type: "phone" }, sort: { price: -1 }, project: { model: 1 }, limit: 3 }
      })

      assert.deepStrictEqual(found, [{ _id: 1, model: "Pixel", type: "phone" }])
      const { filter, limit, projection, sort } = commands.find((command) => "find" in command)!
      const sent = [filter, limit, projection, sort instanceof Map ? Object.fromEntries(sort) : sort]
      assert.deepStrictEqual(sent, [{ type: "phone" }, 3, { model: 1 }, { price: -1 }])
    })
  )

  Servers.suite("postgres", "of PostgreSQL", () => {
    it.scopedLive("bind parameters, and give rows as JSON", () =>
      Effect.gen(function* () {
        const { url } = yield* Servers.shared("postgres")
        const ask = yield* open("postgres", url, { maxConnections: 1 })
        const rows = yield* ask({
          text: ["SELECT ", "::text AS text, ", "::int AS number, timestamp '2026-01-02T03:04:05' AS at"],
          params: [nasty, 5]
        })

        assert.deepStrictEqual(rows, [{ text: nasty, number: 5, at: "2026-01-02T03:04:05" }])
      })
    )
  })

  Servers.suite("mariadb", "of MySQL", () => {
    it.scopedLive("bind parameters", () =>
      Effect.gen(function* () {
        const { url } = yield* Servers.shared("mariadb")
        const ask = yield* open("mysql", url)

        assert.deepStrictEqual(yield* ask({ text: ["SELECT ", " AS text, ", " AS number"], params: [nasty, 5] }), [
          { text: nasty, number: 5 }
        ])
      })
    )
  })

  Servers.suite("redis", "of Redis", () => {
    it.scopedLive("read JSON at a key, and run commands", () =>
      Effect.gen(function* () {
        const { url } = yield* Servers.shared("redis")
        const ask = yield* open("redis", url)
        yield* ask({ command: ["SET", "drivers:1", JSON.stringify({ a: [1] })] })

        assert.deepStrictEqual(yield* ask({ key: "drivers:1" }), { a: [1] })
        assert.deepStrictEqual(yield* ask({ key: "drivers:none" }), null)
        assert.deepStrictEqual(yield* ask({ command: ["STRLEN", "drivers:1"] }), 9)
        yield* ask({ command: ["DEL", "drivers:1"] })
      })
    )
  })
})
