import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import * as Http from "node:http"
import * as Config from "../../../src/Server/Config.ts"
import * as Segment from "../../../src/Server/Config/Segment.ts"
import * as Drivers from "../../../src/Source/Drivers.ts"
import { get, serve, until, upstream, wire } from "../Stage.ts"
import { within, written, wrong } from "./files.ts"

const wrongWith = (value: string, slashes = false, before = "", after = "") =>
  Segment.wrongWith(value, { before, after }, slashes)

describe("a value in a path", () => {
  it("is refused where it would lead to another resource", () => {
    for (const value of ["/", "a/b", "../admin", "\\", "a\\b", "/etc", "..\\x"])
      assert.include(wrongWith(value), "leads to another resource", value)
    for (const value of [".", ".."]) {
      assert.include(wrongWith(value), `a path with "." or ".."`, value)
      assert.include(wrongWith(value, true), `a path with "." or ".."`, value)
    }
    assert.include(wrongWith(""), "is empty")
    for (const value of ["../admin", "a/../b", "a/.", "./a", "a\\..", "..\\..\\x", "/.."])
      assert.include(wrongWith(value, true), `a path with "." or ".."`, value)
    assert.include(wrongWith(".", false, ".", ""), `"."`)
    assert.include(wrongWith(".", false, "%2E", ""), `"."`)
    assert.include(wrongWith("..", false, "a%2F", ""), `"."`)
    assert.include(wrongWith("a/.", true, "", "."), `"."`)
  })

  it("is data where it is none of that, also what looks encoded: it is decoded once (RFC 3986, 2.4)", () => {
    for (const value of ["...", ".a", "a..", "..a", "%2F", "..%2Fadmin", "%2e%2e", "%", ";", "..;", "?", "#", " ", "é"])
      assert.isUndefined(wrongWith(value), value)
    for (const value of ["@scope/name", "a/b/c", "/a", "a//b", "a\\b", ".../x"])
      assert.isUndefined(wrongWith(value, true), value)
    assert.isUndefined(wrongWith(".", false, "a", ""))
    assert.isUndefined(wrongWith("..", false, "", ".json"))
  })

  it.effect("is refused by the check of the file where the file itself has it, which says what to write", () =>
    Effect.gen(function* () {
      const lines = (get: string, input = "{ id: string }") =>
        Effect.map(
          wrong(
            `services: { s: { http: "http://s" } }\nendpoints:\n  page:\n    input: ${input}\n    sources:\n      a: { ask: s, get: "${get}" }\n`,
            { UP: "..", FOLDER: "a/b" }
          ),
          (lines) => lines.map((line) => line.replace(/^[\d:]+ endpoints\.page\./, ""))
        )
      const dots = `sources.a.get: it has a segment of "." or ".." in it: write the path that it leads to`
      for (const path of ["/a/../b/{id}", "/./{id}", "/{id}/..", "/{id}/%2e%2E/b", "/a%2F..%2Fb/{id}", "/..?q={id}"])
        assert.deepStrictEqual(yield* lines(path), [dots], path)
      assert.deepStrictEqual(yield* lines("/${UP}/{id}"), [
        `sources.a.get: what the environment has makes a path with "." or ".." in it: write the path itself`
      ])
      assert.deepStrictEqual(yield* lines("/${FOLDER}/{id}"), [
        `sources.a.get: what the environment has holds "/", which leads to another resource: write the path itself`
      ])
      assert.deepStrictEqual(yield* lines("/a?q={id|segment}"), [
        "sources.a.get: {id|segment}: |segment is for a value in the path of a URL, which may then hold slashes"
      ])
      assert.deepStrictEqual(yield* lines("/{id|slashes}"), [
        `sources.a.get: expected a reference like {id} or {profile.id}, but it is "{id|slashes}"; ` +
          "only |segment may stand behind a name"
      ])
      const segment =
        `expected text of 1 to 1000 characters, without "/" and "\\" ` +
        `(a file allows them with {name|segment}), other than "." and ".."`
      assert.deepStrictEqual(yield* lines("/{id}", `{ id: { type: string, oneOf: [a, "@b/c"] } }`), [
        `input.id.oneOf.1: ${segment}, but it is "@b/c"`
      ])
      assert.deepStrictEqual(yield* lines("/{id}", `{ id: { type: string, default: ".." } }`), [
        `input.id.default: ${segment}, but it is ".."`
      ])
      assert.deepStrictEqual(yield* lines("/.{id}", `{ id: { type: string, default: "." } }`), [
        `input.id.default: ${segment}, but it is "."`
      ])
    })
  )
})

/** Texts in which what leads elsewhere is frequent, beside all others. */
const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc
    .array(
      fc.constantFrom("/", "\\", ".", "..", "%", "%2F", "%2e", "%5C", ";", "?", "#", "a", "é", " ", "+", "&", ":", "@"),
      {
        minLength: 1,
        maxLength: 6
      }
    )
    .map((parts) => parts.join(""))
)

const routes = {
  "/plain/:s": "/in/{s}/out",
  "/last/:s": "/in/{s}",
  "/joined/:s": "/in/.{s}.json/out",
  "/dotted/:s": "/in/.{s}/out",
  "/slashes/:s": "/in/{s|segment}/out"
}

/** A server whose endpoints ask for what comes in, or for what another source says. */
const stage = Effect.gen(function* () {
  let said = ""
  const { requests, url: http } = yield* upstream((request, response) =>
    response.end(request.url === "/says" ? JSON.stringify(said) : "{}")
  )
  const endpoints = Object.fromEntries(
    Object.entries(routes).flatMap(([path, get], index) => [
      [`e${index}`, { path, input: { s: { type: "string", min: 0, max: 10_000 } }, sources: { a: { ask: "s", get } } }],
      [
        `f${index}`,
        {
          path: path.replace("/:s", ""),
          sources: { s: { ask: "s", get: "/says" }, a: { ask: "s", get } }
        }
      ]
    ])
  )
  const file = yield* written(JSON.stringify({ services: { s: { http } }, endpoints }))
  const loaded = yield* Config.load(file).pipe(Effect.provide(Drivers.layer), within({}), Effect.orDie)
  const { url } = yield* serve(loaded)
  return { requests, url, says: (text: string) => void (said = text) }
})

/** Asks for this path and no other: `fetch` would take the steps in it. */
const exactly = (url: string, path: string) =>
  Effect.async<{ readonly status: number; readonly body: string }>((resume) => {
    const { hostname, port } = new URL(url)
    Http.get({ hostname, port, path, agent: false }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (text: string) => (body += text))
      response.on("end", () => resume(Effect.succeed({ status: response.statusCode!, body })))
    }).on("error", (error) => resume(Effect.die(error)))
  })

/** What of a text stands between two slashes of a server that decodes once, as a file server does. */
const around = {
  "/plain/:s": ["", ""],
  "/last/:s": ["", ""],
  "/joined/:s": [".", ".json"],
  "/dotted/:s": [".", ""],
  "/slashes/:s": ["", ""]
}

/** Without lone halves of surrogate pairs, which UTF-8 cannot write. */
const isText = (text: string) => !/\p{Cs}/u.test(text)

const leadsElsewhere = (route: keyof typeof routes, text: string) => {
  const [before, after] = around[route] as [string, string]
  const pieces = `${before}${text}${after}`.split(/[/\\]/)
  return (
    text === "" || (route !== "/slashes/:s" && pieces.length > 1) || pieces.some((piece) => /^\.{1,2}$/.test(piece))
  )
}

describe("for any text as a value of a path", () => {
  const live = it.scopedLive

  live("the source is asked for one segment that decodes to it, or the client is told and no source is asked", () =>
    Effect.gen(function* () {
      const { requests, says, url } = yield* stage
      const asked = (route: keyof typeof routes, text: string, path: string) =>
        Effect.gen(function* () {
          requests.length = 0
          const { body, status } = yield* exactly(url, path)
          const paths = requests.map(({ url }) => url!).filter((path) => path !== "/says")
          if (paths.length === 0) return { status, body }
          const [before, after] = around[route] as [string, string]
          const expected = routes[route].replace(/\{.*\}/, "x").split("/").length
          const segments = paths[0]!.split("/")
          assert.deepStrictEqual([status, paths.length, segments.length], [200, 1, expected], text)
          assert.notInclude(paths[0], "?")
          assert.strictEqual(decodeURIComponent(segments[2]!), before + text + after)
          return { status, body }
        })
      const property = fc.asyncProperty(fc.constantFrom(...Object.keys(routes)), texts, (name, text) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const route = name as keyof typeof routes
            const hasControl = /[\p{Cc}\p{Cs}]/u.test(text)
            if (isText(text)) {
              const { status } = yield* asked(route, text, name.replace(":s", encodeURIComponent(text)))
              assert.strictEqual(status, hasControl || leadsElsewhere(route, text) ? 400 : 200, text)
            }
            says(text)
            const { body, status } = yield* asked(route, text, name.replace("/:s", ""))
            const refused = leadsElsewhere(route, text) || !isText(text)
            assert.strictEqual(status, refused ? 502 : 200, text)
            if (refused) assert.include(body, `"error":"ReferenceUnusable"`)
          })
        )
      )
      yield* Effect.promise(() => fc.assert(property, { numRuns: 150 }))
    })
  )

  live("whatever is written in the target of a request is a part of it, or is refused", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* stage
      const raw = (target: string) =>
        Effect.gen(function* () {
          requests.length = 0
          const { received } = yield* wire(url, get(target, "connection: close"))
          yield* until("it is answered", () => received().includes("\r\n\r\n"))
          return [Number(received().split(" ")[1]), requests.map(({ url }) => url).join()]
        }).pipe(Effect.scoped)

      for (const [target, status, asked] of [
        ["/last/a;b", 200, "/in/a%3Bb"],
        ["/last/;", 200, "/in/%3B"],
        ["/last/a;b?receipt", 200, "/in/a%3Bb"],
        ["/last;x/a", 404, ""],
        ["/last/a%3Bb", 200, "/in/a%3Bb"],
        ["/last/a%252Fb", 200, "/in/a%252Fb"],
        ["/last/a%2Fb", 400, ""],
        ["/last/..%2Fadmin", 400, ""],
        ["/last/..%5Cadmin", 400, ""],
        ["/last/%2e%2e", 400, ""],
        ["/last/..", 400, ""],
        ["/slashes/%40scope%2Fname", 200, "/in/%40scope%2Fname/out"],
        ["/slashes/..%2Fadmin", 400, ""],
        ["/last/a#b", 400, ""],
        ["/last/a?x#b", 400, ""],
        ["#", 400, ""],
        ["/last/%", 400, ""],
        ["/last/%zz", 400, ""],
        ["/last/%E9", 400, ""],
        ["/last/%C0%AF", 400, ""],
        ["/last/%ED%A0%80", 400, ""],
        ["//last/a", 404, ""],
        ["/last//a", 404, ""],
        ["/x/../last/a", 404, ""],
        ["/%6Cast/a", 200, "/in/a"],
        ["http://example.test/last/a", 200, "/in/a"],
        ["HTTP://example.test/last/a?receipt", 200, "/in/a"],
        ["http://example.test", 404, ""],
        ["http://example.test?/last/a", 404, ""],
        ["http://example.test/healthz", 200, ""]
      ] as const)
        assert.deepStrictEqual<unknown>(yield* raw(target), [status, asked], target)
    })
  )
})
