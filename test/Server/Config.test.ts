import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { tmpdir } from "node:os"
import { InvalidOption } from "../../src/Options.ts"
import * as Config from "../../src/Server/Config.ts"
import { Drivers } from "../../src/Source.ts"
import { drivers, within, written, wrong } from "./Config/files.ts"

/** The least that an endpoint needs, with this in its place. */
const withSource = (source: string, endpoint = "") => `services:
  users: { http: "http://users.internal" }
  shop: { postgres: "postgres://shop.internal/shop" }
  cache: { redis: "redis://cache.internal" }
  catalogue: { mongo: "mongodb://catalogue.internal/shop" }
endpoints:
  page:
    input: { id: string, tag: "string?" }
    ${endpoint}
    sources:
      first: { ask: users, get: /first }
      it: ${source}
`

/** What is wrong with one source, without where it stands. */
const wrongSource = (source: string, endpoint?: string) =>
  Effect.map(wrong(withSource(source, endpoint)), (lines) =>
    lines.map((line) => line.replace(/^\d+:\d+: endpoints\.page\./, "").replace(/^sources\.it/, "it"))
  )

describe("a file that is wrong", () => {
  it.effect("says all of it at once, in the order of the file, with what may have been meant", () =>
    Effect.gen(function* () {
      const lines = yield* wrong(`services:
  users: { http: "http://users.internal", breaker: { failres: 3 } }
  shop: { postgrs: "postgres://shop.internal" }
endpoints:
  dashboard:
    path: /users/{id}
    deadline: 500
    input: { id: strng }
    policy: failfast
    handlng: strict
    sources:
      profile:
        ask: usrs
        get: /users/{id}
        timeLimit: 5 parsec
      profile: { ask: users, get: /other }
      orders: { ask: users, get: "/orders/{profil.id}", policy: optonal }
    answer: { name: profle.name }
`)
      assert.deepStrictEqual(lines, [
        `2:54: services.users.breaker.failres: is not known; did you mean "failures"?`,
        `3:11: services.shop.postgrs: is not known; did you mean "postgres"?`,
        `6:11: endpoints.dashboard.path: expected a path like "/search" or "/users/:id/dashboard", but it is "/users/{id}"; did you mean "/users/:id"?`,
        `7:15: endpoints.dashboard.deadline: expected a duration like "500ms", "2s" or "2 seconds", but it is 500; did you mean "500ms" or "500s"?`,
        `8:18: endpoints.dashboard.input.id: expected a type like "string" or "integer?", or names and values, but it is "strng"; did you mean "string"?`,
        `9:13: endpoints.dashboard.policy: expected "failFast", "collect", "first" or { quorum: number }, but it is "failfast"; did you mean "failFast"?`,
        `10:5: endpoints.dashboard.handlng: is not known; did you mean "handling"?`,
        `15:20: endpoints.dashboard.sources.profile.timeLimit: expected a duration like "500ms", "2s" or "2 seconds", but it is "5 parsec"`,
        `16:7: endpoints.dashboard.sources.profile: is given twice, the first time in line 12`,
        `17:65: endpoints.dashboard.sources.orders.policy: expected "required", "optional" or { orElse: value }, but it is "optonal"; did you mean "optional"?`,
        `18:21: endpoints.dashboard.answer.name: there is no source "profle"; did you mean "profile"?`
      ])
    })
  )

  it.effect("says what is wrong between its parts beside what is wrong in one of them", () =>
    Effect.gen(function* () {
      const lines = yield* wrong(`services:
  users: { http: "http://users.internal" }
endpoints:
  a: { deadline: soon, sources: { x: { ask: usrs, get: /x }, y: { ask: users } } }
  b: { sources: { x: { get: /x } } }
`)
      assert.deepStrictEqual(lines, [
        `4:18: endpoints.a.deadline: expected a duration like "500ms", "2s" or "2 seconds", but it is "soon"`,
        `4:45: endpoints.a.sources.x.ask: there is no service "usrs"; did you mean "users"?`,
        `4:62: endpoints.a.sources.y: "users" is an http service: expected get or post or put or patch or delete`,
        `5:19: endpoints.b.sources.x.ask: is missing: the service that is asked`
      ])
    })
  )

  it.effect("says which sources wait for each other", () =>
    Effect.gen(function* () {
      const lines = yield* wrong(`services: { s: { http: "http://s" } }
endpoints:
  page:
    sources:
      start: { ask: s, get: /start }
      a: { ask: s, get: "/{b.id}" }
      b: { ask: s, get: "/{c.id}", after: start }
      c: { ask: s, get: /c, after: [a] }
`)
      assert.deepStrictEqual(lines, ["6:7: endpoints.page.sources.a: waits for itself: a -> b -> c -> a"])
    })
  )

  it.effect("asks each service what it can be asked", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wrongSource(`{ ask: shop, get: /x }`), [
        `it: "shop" is a postgres service: expected sql`,
        `it.get: "shop" is a postgres service, which is asked with sql`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: /x, post: /x, body: 1 }`), [
        `it.post: a source asks one question, and has get already`,
        `it.body: a GET or DELETE has no body`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: x }`), [
        `it.get: expected a path like "/users/{id}", but it is "x"`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: "/x", headers: { "a b": c, Host: d } }`), [
        `it.headers."a b": expected the name of a header`,
        `it.headers.Host: a file cannot set this header: it is the host of the URL`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: cache, command: ["{id}"] }`), [
        `it.command: expected a list that begins with the name of a command`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: catalogue, find: [1], limit: 3, one: true }`), [
        `it.collection: is missing: the collection of a MongoDB`,
        `it.find: expected names and values`,
        `it.limit: one is enough for one`
      ])
      assert.deepStrictEqual(
        yield* wrongSource(`{ ask: catalogue, collection: c, pipeline: { $match: {} }, sort: { a: 1 } }`),
        [`it.pipeline: expected a list of stages, each of names and values`, `it.sort: is a stage of a pipeline`]
      )
    })
  )

  it.effect("has references that lead somewhere", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: "/{ids}/{frst.id}/{id.x}/{}" }`), [
        `it.get: expected a reference like {id} or {profile.id}, but it is "{}"; a plain brace is written twice`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: "/{ids}/{frst.id}/{id.x}" }`), [
        `it.get: {frst.id} begins with no input and no source; did you mean "first"?`,
        `it.get: {id.x}: the input "id" has no members`,
        `it.get: {ids} begins with no input and no source; did you mean "id"?`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: "/{tag}" }`), [
        `it.get: the input "tag" may be left out: write {tag?} if that is meant, or give it a default`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: "/{tag?}?tag={tag?}" }`), [
        `it.get: {tag?} stands in a path, where something must be`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, post: /x, body: { a: ["{id", "{nobody}"] } }`), [
        `it.body.a.0: there is a "{" without its other half`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: /x, after: [first, secnd] }`), [
        `it.after.1: there is no source "secnd" beside it; there are: first, it`
      ])
    })
  )

  it.effect("has policies and answers that can be", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* wrongSource(`{ ask: users, get: "/{first.id}", policy: optional }`, "policy: { quorum: 3 }"),
        [
          `policy.quorum: there are only 2 sources`,
          `it: comes after another source, whose place it takes under the policy quorum`,
          `it.policy: makes no difference under the policy quorum`
        ]
      )
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: / }`, "policy: collect\n    handling: strict"), [
        `handling: is for the policy failFast`
      ])
      assert.deepStrictEqual(yield* wrongSource(`{ ask: users, get: / }`, "policy: first\n    answer: first.name"), [
        `answer: under the policy first, it is what the first one gave`
      ])
      assert.deepStrictEqual(
        yield* wrongSource(
          `{ ask: users, get: / }`,
          `answer: { a: [1], b: { from: itt, pick: [a] }, c: { d: first. } }`
        ),
        [
          `answer.a: expected a path like "profile.name" or "orders[].id", or names and values, but it is a list`,
          `answer.c.d: expected a path like "profile.name" or "orders[].id", or names and values, but it is "first."`
        ]
      )
      assert.deepStrictEqual(
        yield* wrongSource(`{ ask: users, get: / }`, `answer: { b: { from: itt, pick: [a] }, c: { d: frst } }`),
        [
          `answer.b.from: there is no source "itt"; did you mean "it"?`,
          `answer.c.d: there is no source "frst"; did you mean "first"?`
        ]
      )
    })
  )

  it.effect("has parameters that can be", () =>
    Effect.gen(function* () {
      const lines = yield* wrong(`services: { s: { http: "http://s" } }
endpoints:
  page:
    path: /:id/:id/:it/:limit
    input:
      limit: { type: integer, min: 5, max: 1, optional: true }
      yes: { type: boolean, min: 1 }
      of: { type: integer, default: many }
      one: { type: string, oneOf: [a, b], default: c }
      like: { type: string, pattern: "(" }
      both: { type: string, default: a, optional: true }
      id: string
      a b: string
      s: string
    sources: { s: { ask: s, get: / } }
  other: { path: "/:x/:y/:z/:a", input: { x: string, y: string, z: string, a: string }, sources: { s: { ask: s, get: / } } }
`)
      assert.deepStrictEqual(lines, [
        `4:11: endpoints.page.path: :id stands in it twice`,
        `4:11: endpoints.page.path: there is no input "it"; did you mean "id"?`,
        `6:14: endpoints.page.input.limit: stands in the path, and so cannot be left out`,
        `6:44: endpoints.page.input.limit.max: is less than min, which is 5`,
        `7:29: endpoints.page.input.yes.min: boolean has none`,
        `8:37: endpoints.page.input.of.default: expected a whole number, but it is "many"`,
        `9:52: endpoints.page.input.one.default: expected "a" or "b", but it is "c"`,
        `10:38: endpoints.page.input.like.pattern: expected a regular expression, but it is "("`,
        `11:41: endpoints.page.input.both.optional: what has a default may be left out anyway`,
        `13:7: endpoints.page.input."a b": a name is made of letters, digits and _, and begins with a letter`,
        `15:16: endpoints.page.sources.s: an input has this name too: nobody could say which one {s} is`,
        `16:18: endpoints.other.path: endpoints.page is served there already, with GET`
      ])
    })
  )

  it.effect("has no rule that no input can meet", () =>
    Effect.gen(function* () {
      const text = "expected text of 1 to 1000 characters"
      for (const [rules, ...expected] of [
        [
          "{ type: string, oneOf: [1.10, 2, a, true] }",
          `oneOf.0: ${text}, but it is 1.1; write it in quotes: "1.10"`,
          `oneOf.1: ${text}, but it is 2; write it in quotes: "2"`,
          `oneOf.3: ${text}, but it is true; write it in quotes: "true"`
        ],
        [
          "{ type: string, default: 9007199254740993 }",
          `default: ${text}, but it is 9007199254740993; write it in quotes: "9007199254740993"`
        ],
        [`{ type: number, oneOf: [1, "2"] }`, `oneOf.1: expected a number, but it is "2"; write it without quotes`],
        [
          `{ type: boolean, oneOf: ["true"] }`,
          `oneOf.0: expected true or false, but it is "true"; write it without quotes`
        ],
        ["{ type: integer, oneOf: [1, 1.5] }", "oneOf.1: expected a whole number, but it is 1.5"],
        ["{ type: integer, oneOf: [1, 7], max: 5 }", "oneOf.1: expected a whole number up to 5, but it is 7"],
        ["{ type: number, oneOf: [null] }", "oneOf.0: expected a number, but it is nothing"],
        ["{ type: number, oneOf: [] }", "oneOf: expected at least one value"],
        [`{ type: string, oneOf: [a, b2], pattern: "[a-z]" }`, `oneOf.1: ${text}, like [a-z], but it is "b2"`],
        [`{ type: string, oneOf: [abc], max: 2 }`, `oneOf.0: expected text of 1 to 2 characters, but it is "abc"`],
        [`{ type: string, default: b2, pattern: "[a-z]" }`, `default: ${text}, like [a-z], but it is "b2"`],
        [
          "{ type: integer, default: 9007199254740993, max: 9007199254740992 }",
          "default: expected a whole number up to 9007199254740992, but it is 9007199254740993"
        ],
        [
          "{ type: number, min: 9007199254740993, max: 9007199254740992 }",
          "max: is less than min, which is 9007199254740993"
        ],
        ["{ type: integer, min: 1.2, max: 1.8 }", "max: no whole number lies between min, which is 1.2, and it"],
        ["{ type: integer, min: -1.8, max: -1.2 }", "max: no whole number lies between min, which is -1.8, and it"],
        [
          "{ type: integer, min: 9007199254740993.1, max: 9007199254740993.9 }",
          "max: no whole number lies between min, which is 9007199254740993.1, and it"
        ],
        ["{ type: string, min: 1.2, max: 1.8 }", "max: no whole number lies between min, which is 1.2, and it"],
        ["{ type: string, min: 3, max: 2 }", "max: is less than min, which is 3"],
        ["{ type: string, min: 1001 }", "min: is more than max, which is 1000 unless it is given: write max too"],
        [
          "{ type: string, max: 0 }",
          "max: is less than min, which is 1 unless it is given: write min: 0 for text that may be empty"
        ],
        ["{ type: string, min: -2, max: -1 }", "max: no text has fewer than 0 characters"],
        ["{ type: number, max: .inf }", "max: expected a number that JSON has: it has no infinity and no NaN"],
        // What some input can meet.
        ['{ type: string, oneOf: ["1.10", a] }'],
        ["{ type: string, min: 0, max: 0 }"],
        ["{ type: integer, oneOf: [1.0, 1e3, 9007199254740993], default: 1 }"],
        ["{ type: integer, min: -0.5, max: 0.5 }"],
        ["{ type: integer, min: 1.5, max: 2 }"],
        ["{ type: integer, min: 9007199254740993, max: 9007199254740993 }"],
        ["{ type: number, min: 1.2, max: 1.8 }"],
        ["{ type: string, min: 1001, max: 2000 }"]
      ] as const) {
        const lines = wrong(`services: { s: { http: "http://s" } }
endpoints:
  page: { input: { it: ${rules} }, sources: { s: { ask: s, get: "/?it={it}" } } }
`)
        const found = expected.length > 0 ? yield* lines : yield* Effect.option(Effect.sandbox(lines))
        if (expected.length === 0) assert.strictEqual((found as { _tag: string })._tag, "None", rules)
        else
          assert.deepStrictEqual(
            (found as ReadonlyArray<string>).map((line) => line.replace(/^[\d:]+ endpoints\.page\.input\.it\./, "")),
            [...expected],
            rules
          )
      }
      assert.deepStrictEqual(yield* wrongSource("{ ask: users, get: / }", "keys: []"), [
        "keys: expected at least one key; without keys everybody may ask"
      ])
    })
  )

  it.effect("has services that are one thing each", () =>
    Effect.gen(function* () {
      const lines = yield* wrong(`services:
  none: {}
  both: { http: "http://x", redis: "redis://x" }
  lite: { sqlite: a.db, headers: { a: b }, connectTimeout: 1s }
  web: { http: "http://x", maxConnections: 3 }
  web 2: { http: "http://x" }
endpoints: { e: { sources: { s: { ask: web, get: / } } }, f: { sources: {} } }
`)
      assert.deepStrictEqual(lines, [
        `2:3: services.none: expected one of http, postgres, mysql, sqlite, redis, mongo, with its URL`,
        `3:29: services.both.redis: a service is one thing, and "both" is http already`,
        `4:25: services.lite.headers: a sqlite service has none`,
        `4:44: services.lite.connectTimeout: a sqlite service has none`,
        `5:28: services.web.maxConnections: an http service has none`,
        `6:3: services."web 2": a name is made of letters, digits, _ and -, and begins with a letter`,
        `7:73: endpoints.f.sources: expected at least one source`
      ])
    })
  )

  it.effect("never shows a secret, whatever is wrong with it", () =>
    Effect.gen(function* () {
      const env = { TOKEN: "hunter2-hunter2", SHORT: "hunter2", SHOP: "pstgres://u:hunter2@shop" }
      const lines = yield* wrong(
        `services:
  shop: { postgres: "\${SHOP}" }
  users: { http: "ftp://u:hunter2@users", headers: { authorization: "Bearer hunter2\\n" } }
  web: { http: "http://u:hunter2@web?key=hunter2", headers: { a: [hunter2] } }
endpoints:
  e: { keys: ["\${SHORT}", hunter2, "\${NONE}"], deadline: "\${TOKEN}", sources: { s: { ask: shop, sql: select 1 } } }
`,
        env
      )
      assert.deepStrictEqual(lines, [
        `2:21: services.shop.postgres: expected a URL like "postgres://host/name", but it is something else`,
        `3:18: services.users.http: expected a URL of http or https without a query, like "http://localhost:8080", but it is something else`,
        `3:69: services.users.headers.authorization: expected text that can stand in a header, but it is something else`,
        `4:16: services.web.http: expected a URL of http or https without a query, like "http://localhost:8080", but it is something else`,
        `4:66: services.web.headers.a: expected text that can stand in a header, but it is a list`,
        `6:36: endpoints.e.keys.2: the environment has no NONE; \${NONE:-default} has a default`,
        `6:58: endpoints.e.deadline: expected a duration like "500ms", "2s" or "2 seconds", but with what the environment has, "\${TOKEN}" is not`
      ])
      const keys = yield* wrong(
        `services: { s: { http: "http://s" } }\nendpoints: { e: { keys: ["\${SHORT}"], sources: { s: { ask: s, get: / } } } }`,
        env
      )
      assert.deepStrictEqual(keys, [
        `2:26: endpoints.e.keys.0: expected at least 16 characters without a space, or sha256: and 64 hexadecimal digits, but it is something else`
      ])
    })
  )

  it.effect("has options that its guards and the server take", () =>
    Effect.gen(function* () {
      const lines = yield* wrong(`services:
  s: { http: "http://s", breaker: { rate: 0% } }
endpoints:
  e: { forward: [x-tenant, Host], sources: { s: { ask: s, get: / } } }
`)
      assert.deepStrictEqual(lines, [
        `2:3: services.s: Breaker.rate: threshold must be more than 0, but it is 0`,
        `4:17: endpoints.e.forward: expected the name of a header that is neither of one connection nor set by muster, but it is "Host"`
      ])
    })
  )

  it.effect("lists a hundred problems and counts the rest", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 150 }, (_, index) => `  s${index}: {}`).join("\n")
      const lines = yield* wrong(`services:\n${many}\nendpoints: {}\n`)

      assert.strictEqual(lines.length, 101)
      assert.strictEqual(lines[100], "and 50 more")
    })
  )

  it.effect("is a file", () =>
    Effect.gen(function* () {
      const message = (file: string) => Effect.map(Effect.flip(Config.check(file)), (error) => error.message)

      assert.strictEqual(yield* message("/no/such/file"), "/no/such/file: it cannot be read: no such file or directory")
      assert.strictEqual(yield* message(tmpdir()), `${tmpdir()}: it cannot be read: illegal operation on a directory`)
      assert.strictEqual(yield* message("/dev/zero"), "/dev/zero: it has more than 1000000 bytes")
    })
  )

  it.effect("is refused by a driver that is not there, or that does not take its settings", () =>
    Effect.gen(function* () {
      const file = yield* written(`services:
  a: { mysql: "mysql://a" }
  b: { redis: "redis://b" }
  c: { http: "http://c" }
endpoints: { e: { sources: { c: { ask: c, get: / } } } }
`)
      const taken = drivers(() => Effect.succeed(null))
      const broken = Layer.map(taken, (context) => context).pipe(
        Layer.project(Drivers, Drivers, (all) => ({
          ...all,
          mysql: () => Effect.fail({ _tag: "DriverMissing", message: "Install it: npm install mysql2@3" }),
          redis: () =>
            Effect.die(new InvalidOption({ where: "Redis.make", option: "url", value: "secret", expected: "a URL" }))
        }))
      )
      const error = yield* Effect.flip(Effect.provide(Config.load(file), broken))

      assert.deepStrictEqual(
        error.lines.map((line) => line.replace(file, "")),
        [
          ":2:8: services.a.mysql: Install it: npm install mysql2@3",
          `:3:8: services.b.redis: Redis.make: url must be a URL, but it is secret`
        ]
      )
    }).pipe(within({}), Effect.scoped)
  )
})
