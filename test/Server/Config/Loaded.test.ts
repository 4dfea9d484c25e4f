import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { SourceRejected, SourceUnavailable } from "../../../src/Source.ts"
import * as Testkit from "../../../src/Testkit.ts"
import { byPath, served } from "./asked.ts"

const { hangs, succeeds } = Testkit

/** In virtual time. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Testkit.timed(effect), ([elapsed, exit]) => Effect.map(exit, (value) => [elapsed, value] as const))

describe("a file that is right", () => {
  it.scoped("asks what can be asked at once, the rest as it can be, and makes the answer it describes", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* served(
        `services:
  users: { http: "http://users.internal/v1/" }
endpoints:
  dashboard:
    path: /users/:id/dashboard
    input: { id: string }
    sources:
      orders: { ask: users, get: "/orders/{profile.id}?first={first.0}" }
      profile: { ask: users, get: "/profile/{id}" }
      first: { ask: users, get: "/first" }
      slow: { ask: users, get: "/slow", after: orders }
    answer:
      name: profile.name
      home: { city: 'profile.address["the city"]', zip: profile.address.zip }
      orders: { from: orders, pick: [id, total] }
      items: { from: orders, each: { what: item.name, all: "item.tags[]" } }
      ids: orders[].id
      last: orders[1]
`,
        byPath({
          "/profile/42": succeeds({ id: 7, name: "Alice", address: { "the city": "Bonn" } }, { after: 20 }),
          "/first": succeeds([3], { after: 10 }),
          "/orders/7?first=3": succeeds(
            [
              { id: 1, total: 9, item: { name: "lamp", tags: ["a", "b"] }, secret: 1 },
              { id: 2, item: null }
            ],
            { after: 30 }
          ),
          "/slow": succeeds("slow", { after: 5 })
        })
      )
      const [elapsed, answer] = yield* timed(ask("dashboard", { id: "42" }))

      assert.deepStrictEqual(answer, {
        name: "Alice",
        home: { city: "Bonn", zip: null },
        orders: [
          { id: 1, total: 9 },
          { id: 2, total: null }
        ],
        items: [
          { what: "lamp", all: ["a", "b"] },
          { what: null, all: null }
        ],
        ids: [1, 2],
        last: { id: 2, item: null }
      })
      assert.strictEqual(elapsed, 55)
      assert.strictEqual(Redacted.value(asked[0]!.settings.url), "http://users.internal/v1/")
    })
  )

  it.scoped("encodes whatever comes from outside, and binds it in statements", () =>
    Effect.gen(function* () {
      const nasty = `a/...b?c=d&e#f%2F 'x"; --é`
      const encoded = encodeURIComponent(nasty)
      const { ask, asked } = yield* served(
        `services:
  web: { http: "http://web.internal" }
  shop: { postgres: "postgres://shop.internal/shop" }
  cache: { redis: "redis://cache.internal" }
  catalogue: { mongo: "mongodb://catalogue.internal/shop" }
endpoints:
  page:
    input: { id: string, n: integer, tag: "string?" }
    sources:
      get: { ask: web, get: "/a/{id|segment}/b?q={id}&n={n}&tag={tag?}", headers: { x-n: "n={n}", x-tag: "{tag?}" } }
      post: { ask: web, post: /b, body: { id: "{id}", say: "n is {n}", n: "{n}", tag: "{tag?}", all: ["{{n}}", "$\${N}"] } }
      sql: { ask: shop, sql: "SELECT '{{}}' FROM t WHERE id = {id} AND n = {n} OR tag = {tag?}", one: true }
      key: { ask: cache, key: "user:{id}:{n}" }
      command: { ask: cache, command: [HGET, "user:{id}", "{id}", "{n}", 5] }
      find: { ask: catalogue, collection: c, find: { id: "{id}", n: { $gt: "{n}" } }, sort: { n: -1 }, limit: 3 }
      pipeline: { ask: catalogue, collection: c, pipeline: [{ $match: { id: "{id}" } }] }
`,
        () => Effect.succeed([])
      )
      const answer = yield* ask("page", { id: nasty, n: 5 })

      assert.strictEqual((answer as { sql: unknown }).sql, null)
      const questions = asked.map(({ question }) => question)
      assert.deepStrictEqual(questions, [
        {
          method: "GET",
          path: `/a/${encoded}/b?q=${encoded}&n=5&tag=`,
          headers: { "x-n": "n=5" },
          body: undefined,
          unread: true
        },
        {
          method: "POST",
          path: "/b",
          headers: {},
          body: { id: nasty, say: "n is 5", n: 5, tag: null, all: ["{n}", "${N}"] },
          unread: true
        },
        { text: ["SELECT '{}' FROM t WHERE id = ", " AND n = ", " OR tag = ", ""], params: [nasty, 5, null] },
        { key: `user:${nasty}:5` },
        { command: ["HGET", `user:${nasty}`, nasty, 5, 5] },
        {
          collection: "c",
          read: { find: { id: nasty, n: { $gt: 5 } }, sort: { n: -1 }, project: undefined, limit: 3 }
        },
        { collection: "c", read: { pipeline: [{ $match: { id: nasty } }] } }
      ])
    })
  )

  it.scoped("reads its input by what it says of it, and refuses what has no place where it is used", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* served(
        `services: { web: { http: "http://web.internal" } }
endpoints:
  page:
    input:
      id: string
      limit: { type: integer, min: 1, max: 100, default: 10 }
      share: { type: number, max: 1, optional: true }
      color: { type: string, oneOf: [red, blue], default: red }
      code: { type: string, pattern: "[a-z]{3}", optional: true }
      yes: boolean?
      lang: { type: string, max: 9, default: en }
    sources:
      a: { ask: web, get: "/{id}?l={limit}&s={share?}", headers: { accept-language: "{lang}" } }
`,
        () => Effect.succeed(null)
      )
      const { ask } = endpoint("page")
      const refused = (input: object) => Effect.map(Effect.flip(ask(input)), ({ field, reason }) => [field, reason])

      yield* ask({ id: "42", limit: 3, share: 0.5, color: "blue", code: "abc", yes: true })
      yield* ask({ id: "..." })
      const id =
        `expected text of 1 to 1000 characters, ` +
        `without "/" and "\\" (a file allows them with {name|segment}), other than "." and ".."`
      assert.deepStrictEqual(yield* refused({ id: ".." }), ["id", id])
      assert.deepStrictEqual(yield* refused({ id: "a/b" }), ["id", id])
      assert.deepStrictEqual(yield* refused({ id: "a\\b" }), ["id", id])
      assert.deepStrictEqual(yield* refused({ id: "" }), ["id", id])
      assert.deepStrictEqual(yield* refused({ id: 1 }), ["id", id])
      assert.deepStrictEqual(yield* refused({}), ["id", "is missing"])
      assert.deepStrictEqual(yield* refused({ id: "1", limit: 0 }), ["limit", "expected a whole number from 1 to 100"])
      assert.deepStrictEqual(yield* refused({ id: "1", limit: 1.5 }), [
        "limit",
        "expected a whole number from 1 to 100"
      ])
      assert.deepStrictEqual(yield* refused({ id: "1", share: 2 }), ["share", "expected a number up to 1"])
      assert.deepStrictEqual(yield* refused({ id: "1", color: "green" }), ["color", `expected "red" or "blue"`])
      assert.deepStrictEqual(yield* refused({ id: "1", yes: "yes" }), ["yes", "expected true or false"])
      assert.deepStrictEqual(yield* refused({ id: "1", code: "abcd" }), [
        "code",
        "expected text of 1 to 1000 characters, like [a-z]{3}"
      ])
      assert.deepStrictEqual(yield* refused({ id: "1", lang: "en\r\nx: y" }), [
        "lang",
        "expected text of 1 to 9 characters, that can stand in a header"
      ])
      assert.strictEqual((yield* refused({ id: "1", other: 1 }))[0], "other")
    })
  )

  it.scoped("does not ask a source whose references lead to nothing, or to what has no place there", () =>
    Effect.gen(function* () {
      const there = { dots: "..", empty: "", lines: "a\nb", list: [1], operator: { $ne: null } }
      const { ask, asked } = yield* served(
        `services: { web: { http: "http://web.internal" }, shop: { sqlite: ":memory:" }, db: { mongo: "mongodb://db" } }
endpoints:
  page:
    sources:
      absent: { ask: web, get: /absent, policy: optional }
      there: { ask: web, get: /there }
      nothing: { ask: web, get: "/x/{absent.id}", policy: { orElse: [] } }
      anyway: { ask: shop, sql: "SELECT {absent.id?}" }
      inherited: { ask: shop, sql: "SELECT {there.constructor}", policy: optional }
      folder: { ask: web, get: "/x/{there.dots}", policy: optional }
      empty: { ask: web, get: "/x/{there.empty}/y", policy: optional }
      header: { ask: web, get: /y, headers: { a: "{there.lines}" }, policy: optional }
      object: { ask: shop, sql: "SELECT {there.list}", policy: optional }
      operator: { ask: db, collection: c, find: { id: "{there.operator}" }, policy: optional }
  strict:
    sources:
      there: { ask: web, get: /there }
      list: { ask: web, get: "/x/{there.list}" }
`,
        ({ question }) => {
          if (!("path" in question)) return Effect.succeed("asked")
          return question.path === "/there" ? Effect.succeed(there) : new SourceRejected({ source: "it", reason: "no" })
        }
      )
      const answer = yield* ask("page")
      const error = yield* Effect.flip(ask("strict"))

      assert.deepStrictEqual(answer, {
        absent: null,
        there,
        nothing: [],
        anyway: "asked",
        inherited: null,
        folder: null,
        empty: null,
        header: null,
        object: null,
        operator: null
      })
      const questions = asked.map(({ question }) => ("path" in question ? question.path : question))
      assert.deepStrictEqual(questions, ["/absent", "/there", { text: ["SELECT ", ""], params: [null] }, "/there"])
      assert(error._tag === "SourceFailed")
      assert.strictEqual(
        (error.error as Error).message,
        `Source "list" was not asked: {there.list} is more than one value`
      )
    })
  )

  it.scoped("fails fast, collects, takes the first, or as many as it needs", () =>
    Effect.gen(function* () {
      const sources = `{ a: { ask: web, get: /a }, b: { ask: web, get: /b }, c: { ask: web, get: /c } }`
      const { ask, endpoint, lenient } = yield* served(
        `services: { web: { http: "http://web.internal" } }
endpoints:
  strict: { sources: ${sources}, deadline: 2s }
  only: { sources: ${sources}, handling: strict }
  collect: { policy: collect, sources: ${sources} }
  first: { policy: first, sources: ${sources} }
  two: { policy: { quorum: 2 }, sources: ${sources} }
  three: { policy: { quorum: 3 }, sources: ${sources} }
`,
        ({ question }) => {
          if (!("path" in question)) return Effect.die("no")
          if (question.path === "/a") return new SourceUnavailable({ source: "a", reason: "down" })
          return succeeds(question.path, { after: question.path === "/b" ? 20 : 10 })
        }
      )
      const strict = yield* Effect.flip(ask("strict"))
      const three = yield* Effect.flip(ask("three"))

      assert(strict._tag === "SourceFailed")
      assert.deepStrictEqual([strict.source, (strict.error as Error).message], ["a", `Source "a" is unavailable: down`])
      assert.deepStrictEqual(yield* timed(lenient("strict")), [20, { a: null, b: "/b", c: "/c" }])
      assert.deepStrictEqual(yield* timed(lenient("collect")), [20, { a: null, b: "/b", c: "/c" }])
      assert.deepStrictEqual(yield* timed(ask("first")), [10, "/c"])
      assert.deepStrictEqual(yield* timed(ask("two")), [20, { b: "/b", c: "/c" }])
      assert(three._tag === "SourceFailed")
      assert.deepStrictEqual([three.source, (three.error as { _tag: string })._tag], ["a", "QuorumNotReached"])
      assert.deepStrictEqual(
        ["strict", "only", "collect", "first"].map((name) => endpoint(name).handling),
        ["either", "strict", "lenient", "strict"]
      )
      assert.strictEqual(endpoint("strict").deadline, 2_000)
    })
  )

  it.scoped("takes secrets from the environment, and gives them to the driver alone", () =>
    Effect.gen(function* () {
      const { ask, asked, endpoint } = yield* served(
        `services:
  web:
    http: \${WEB_URL}
    headers: { authorization: "Bearer \${TOKEN}", x-plain: "\${PLAIN:-it is plain}" }
    maxBytes: \${MAX:-5000}
endpoints:
  page:
    keys: ["\${KEY}"]
    forward: [X-Tenant, authorization]
    sources:
      a: { ask: web, get: "/a?key=\${TOKEN}", forward: [x-request] }
      b: { ask: web, get: /b, headers: { X-Plain: own } }
`,
        () => Effect.succeed(1),
        {
          env: { WEB_URL: "http://u:p@web.internal", TOKEN: "{brace}&", KEY: "0123456789abcdef", EMPTY: "" },
          headers: { "x-tenant": "t1", authorization: "Bearer theirs", "x-request": "r1" }
        }
      )
      yield* ask("page")

      assert.deepStrictEqual(
        asked.map(({ question }) => question),
        [
          {
            method: "GET",
            path: "/a?key=%7Bbrace%7D%26",
            headers: {
              "x-tenant": "t1",
              "x-request": "r1",
              authorization: "Bearer {brace}&",
              "x-plain": "it is plain"
            },
            body: undefined,
            unread: true
          },
          {
            method: "GET",
            path: "/b",
            headers: { "x-tenant": "t1", authorization: "Bearer {brace}&", "x-plain": "own" },
            body: undefined,
            unread: true
          }
        ]
      )
      assert.deepStrictEqual(endpoint("page").forward, ["x-tenant", "authorization", "x-request"])
      assert.isDefined(endpoint("page").keys?.admit({ "x-api-key": "0123456789abcdef" }))
      const { maxBytes, url } = asked[0]!.settings
      assert.deepStrictEqual(
        [maxBytes, String(url), Redacted.value(url)],
        [5000, "<redacted>", "http://u:p@web.internal"]
      )
    })
  )

  it.scoped("guards a source as it says", () =>
    Effect.gen(function* () {
      let calls = 0
      const { ask, asked } = yield* served(
        `services:
  web: { http: "http://web.internal" }
  frail: { http: "http://frail.internal", breaker: 2, timeLimit: 100ms }
endpoints:
  retried: { sources: { a: { ask: web, get: /fails, retry: { attempts: 3, delay: 10ms } } } }
  posted: { sources: { a: { ask: web, post: /fails, retry: 3 } } }
  again: { sources: { a: { ask: web, post: /fails, retry: 3, once: false } } }
  limited: { sources: { a: { ask: web, get: /hangs, timeLimit: 500ms, policy: { orElse: late } } } }
  hedged: { sources: { a: { ask: web, get: /slow, hedge: 50ms } } }
  one: { sources: { a: { ask: frail, get: /hangs, policy: optional } } }
  other: { sources: { b: { ask: frail, get: /hangs } } }
`,
        ({ question }) => {
          if (!("path" in question)) return Effect.die("no")
          if (question.path === "/hangs") return hangs()
          return question.path === "/slow"
            ? succeeds("slow", { after: calls++ === 0 ? 1_000 : 10 })
            : new SourceUnavailable({ source: "a", reason: "down" })
        }
      )
      const count = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.map(timed(Effect.either(Effect.suspend(() => ((asked.length = 0), effect)))), ([elapsed, either]) => ({
          // Retries wait for random times.
          elapsed: Math.round(elapsed),
          either,
          calls: asked.length
        }))

      assert.strictEqual((yield* count(ask("retried"))).calls, 3)
      assert.strictEqual((yield* count(ask("posted"))).calls, 1)
      assert.strictEqual((yield* count(ask("again"))).calls, 3)
      const limited = yield* count(ask("limited"))
      assert.deepStrictEqual([limited.elapsed, limited.either._tag], [500, "Right"])
      const hedged = yield* count(ask("hedged"))
      assert.deepStrictEqual([hedged.elapsed, hedged.calls], [60, 2])
      // The breaker belongs to the service: what one endpoint saw, the other is spared.
      assert.strictEqual((yield* count(ask("one"))).elapsed, 100)
      assert.strictEqual((yield* count(ask("one"))).elapsed, 100)
      const spared = yield* count(Effect.flip(ask("other")))
      assert.deepStrictEqual([spared.elapsed, spared.calls], [0, 0])
    })
  )

  it.scoped("keeps answers by everything that is sent for them", () =>
    Effect.gen(function* () {
      const headers: Record<string, string> = { authorization: "Bearer one" }
      const { ask, asked } = yield* served(
        `services: { web: { http: "http://web.internal" } }
endpoints:
  page:
    input: { id: string }
    sources:
      mine: { ask: web, get: "/mine/{id}", forward: [authorization], cache: { ttl: 1m, staleIfError: 1h } }
      all: { ask: web, get: "/all/{id}", cache: 1m }
`,
        ({ question }) => Effect.succeed("path" in question ? question.path : null),
        { headers }
      )
      const paths = () => asked.splice(0).map(({ question }) => ("path" in question ? question.path : null))

      assert.deepStrictEqual(yield* ask("page", { id: "1" }), { mine: "/mine/1", all: "/all/1" })
      assert.deepStrictEqual(paths(), ["/mine/1", "/all/1"])
      assert.deepStrictEqual(yield* ask("page", { id: "1" }), { mine: "/mine/1", all: "/all/1" })
      assert.deepStrictEqual(paths(), [])
      yield* ask("page", { id: "2" })
      assert.deepStrictEqual(paths(), ["/mine/2", "/all/2"])
      headers["authorization"] = "Bearer two"
      yield* ask("page", { id: "1" })
      assert.deepStrictEqual(paths(), ["/mine/1"])
    })
  )

  it.scoped("protects a service from all that ask it together", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* served(
        `services:
  one: { http: "http://one.internal", bulkhead: { limit: 1, queue: 1 } }
  slow: { http: "http://slow.internal", rateLimit: { rate: 10/s, burst: 1 } }
endpoints:
  narrow: { sources: { a: { ask: one, get: /a }, b: { ask: one, get: /b }, c: { ask: one, get: /c, policy: optional } } }
  steady: { sources: { a: { ask: slow, get: /a }, b: { ask: slow, get: /b }, c: { ask: slow, get: /c } } }
`,
        () => succeeds(1, { after: 10 })
      )

      assert.deepStrictEqual(yield* timed(ask("narrow")), [20, { a: 1, b: 1, c: null }])
      assert.strictEqual(asked.length, 2)
      const [elapsed] = yield* timed(ask("steady"))
      assert.strictEqual(Math.round(elapsed), 210)
    })
  )

  it.scoped("can be JSON, and its anchors stand beside it", () =>
    Effect.gen(function* () {
      const json = `{\n\t"services": { "web": { "http": "http://web.internal" } },\n\t"endpoints": {\n\t\t"a": { "sources": { "s": { "ask": "web", "get": "/s" } } }\n\t}\n}`
      const yaml = `x-web: &web { http: "http://web.internal", breaker: 5 }
services: { web: { <<: *web, breaker: 9 }, other: *web }
endpoints: { a: { sources: { s: { ask: other, get: /s } } } }
`
      for (const content of [json, `\uFEFF${yaml}`]) {
        const { ask } = yield* served(content, () => Effect.succeed(1))
        assert.deepStrictEqual(yield* ask("a"), { s: 1 })
      }
    })
  )

  it.scoped("limits how many sources are asked at once", () =>
    Effect.gen(function* () {
      const { ask } = yield* served(
        `services: { web: { http: "http://web.internal" } }
endpoints:
  page: { concurrency: 1, sources: { a: { ask: web, get: "/x/{b}" }, b: { ask: web, get: /b }, c: { ask: web, get: /b } } }
`,
        () => succeeds("y", { after: 10 })
      )
      const [elapsed, exit] = yield* Testkit.timed(ask("page"))

      assert.deepStrictEqual([elapsed, Exit.isSuccess(exit)], [30, true])
    })
  )
})
