import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import * as fc from "fast-check"
import * as Aggregation from "../../src/Aggregation.ts"
import * as Json from "../../src/Json.ts"
import * as Config from "../../src/Server/Config.ts"
import * as Drivers from "../../src/Source/Drivers.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import { within, written, wrong } from "./Config/files.ts"
import { ask, post, serve, upstream } from "./Stage.ts"

/** Numbers of JSON, most of which no JavaScript number holds. */
const numbers = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,24})?([eE][+-]?\d{1,3})?$/),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.constantFrom("-0", "1e400", "-1E+400", "1e-400", "0.1000000000000000055", "9007199254740993.0", "1e21", "0.0")
)

/** The value of a number as a fraction of whole numbers, by the grammar of RFC 8259, with the sign also of zero. */
const valueOf = (number: string): string => {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e\+?(-?\d+))?$/i.exec(number)!
  const scale = Number(exponent) - fraction.length
  let digits = BigInt(whole! + fraction) * 10n ** BigInt(Math.max(scale, 0))
  let below = digits === 0n ? 1n : 10n ** BigInt(Math.max(-scale, 0))
  while (digits % 10n === 0n && below % 10n === 0n) [digits, below] = [digits / 10n, below / 10n]
  return `${sign}${digits}/${below}`
}

/** JSON with each number as what it is worth, as text. */
const worth = (text: string): unknown => {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') ? token : JSON.stringify(`number ${valueOf(token)}`)
  )
  return JSON.parse(bare)
}

const value = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    numbers,
    fc.string().map((text) => JSON.stringify(text)),
    fc.constantFrom("true", "null"),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
    fc.array(tie("value"), { maxLength: 3 }).map((all) => `{${all.map((one, i) => `"m${i}": ${one}`).join(",")}}`)
  )
})).value

/** Serves a file over an upstream that answers `/says` as it is told, and everything else with what it was sent. */
const stage = (endpoints: object) =>
  Effect.gen(function* () {
    let said = "null"
    const asked: Array<{ readonly url: string; readonly header: unknown; readonly body: string }> = []
    const { url: http } = yield* upstream((request, response) => {
      if (request.url === "/says") return void response.end(said)
      let body = ""
      request.setEncoding("utf8").on("data", (text: string) => (body += text))
      request.on("end", () => {
        asked.push({ url: request.url!, header: request.headers["x-n"], body })
        response.end("null")
      })
    })
    const file = yield* written(JSON.stringify({ services: { s: { http } }, endpoints }))
    const loaded = yield* Config.load(file).pipe(Effect.provide(Drivers.layer), within({}), Effect.orDie)
    const { url } = yield* serve(loaded)
    return { url, asked, says: (text: string) => void (said = text) }
  })

const says = { ask: "s", get: "/says" }

/** What a part of an answer is worth that stands there in each way of answering. */
const answers = (url: string, path: string) =>
  Effect.gen(function* () {
    const plain = yield* ask(`${url}${path}`)
    const lines = yield* ask(`${url}${path}`, { headers: { accept: "application/x-ndjson" } })
    const events = yield* ask(`${url}${path}`, { headers: { accept: "text/event-stream" } })
    const line = lines.text.split("\n").find((line) => line.startsWith(`{"event":"answer"`))!
    const [, event = ""] = /^event: answer\n(?:id: .*\n)?data: (.*)$/m.exec(events.text)!
    return [worth(plain.text), ...[line, event].map((text) => (worth(text) as { answer: unknown }).answer)]
  })

describe("no digit of a number is lost", () => {
  const live = it.scopedLive
  const check = <A>(arbitrary: fc.Arbitrary<A>, run: (value: A) => Effect.Effect<void>, numRuns = 20) =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(arbitrary, (value) => Effect.runPromise(run(value))),
        { numRuns }
      )
    )

  live("of an answer: whole, picked, renamed, nested, of each item, kept; in JSON and in both streams", () =>
    Effect.gen(function* () {
      const { says: say, url } = yield* stage({
        whole: { sources: { a: says } },
        picked: { sources: { a: says }, answer: { one: "a.it", in: { two: "a.it", all: "a.list[]" } } },
        each: {
          sources: { a: says },
          answer: { list: { from: "a.list", each: { x: "it" } }, pick: { from: "a", pick: ["it"] } }
        },
        first: { sources: { a: says }, policy: "first" },
        values: { sources: { a: says }, values: true, policy: "collect", answer: { it: "a.it" } }
      })
      yield* check(fc.tuple(value, value), ([it, other]) =>
        Effect.gen(function* () {
          const body = `{ "it": ${it}, "list": [{ "it": ${other} }, {"it":${it}}] }`
          say(body)
          const [one, two] = [worth(it), worth(other)]
          const all = { it: one, list: [{ it: two }, { it: one }] }
          for (const [path, expected] of [
            ["/whole", { a: all }],
            ["/picked", { one, in: { two: one, all: all.list } }],
            ["/each", { list: [{ x: two }, { x: one }], pick: { it: one } }],
            ["/first", all],
            ["/values", { it: one }]
          ] as const)
            assert.deepStrictEqual<unknown>(yield* answers(url, path), [expected, expected, expected], path)
          const shown = yield* ask(`${url}/values`, { headers: { accept: "application/x-ndjson" } })
          const line = shown.text.split("\n").find((line) => line.startsWith(`{"event":"source"`))!
          assert.deepStrictEqual<unknown>((worth(line) as { value: unknown }).value, all)
        })
      )
    })
  )

  live("of an answer that another source is asked with: in its path, its query, a header and its body", () =>
    Effect.gen(function* () {
      const {
        asked,
        says: say,
        url
      } = yield* stage({
        chained: {
          sources: {
            a: says,
            b: {
              ask: "s",
              post: "/x/{a.n}?q={a.n}",
              headers: { "x-n": "{a.n}" },
              body: { n: "{a.n}", t: "n={a.n}", a: "{a}" }
            }
          }
        }
      })
      yield* check(numbers, (number) =>
        Effect.gen(function* () {
          asked.length = 0
          say(`{"n":${number}}`)
          const { status } = yield* ask(`${url}/chained`)
          assert.strictEqual(status, 200, number)
          const [{ body, header, url: path }] = asked as [(typeof asked)[0]]
          const [, inPath, inQuery] = /^\/x\/(.*)\?q=(.*)$/.exec(path)!
          for (const text of [inPath!, inQuery!].map(decodeURIComponent).concat(String(header)))
            assert.strictEqual(valueOf(text), valueOf(number))
          const n = `number ${valueOf(number)}`
          const { a, n: sent, t } = worth(body) as { a: unknown; n: string; t: string }
          assert.deepStrictEqual<unknown>([sent, a], [n, { n }])
          assert.strictEqual(valueOf(t.slice(2)), valueOf(number))
        })
      )
      for (const number of ["1000000000000000000000", "0.0000001"]) {
        asked.length = 0
        say(`{"n":${number}}`)
        yield* ask(`${url}/chained`)
        assert.strictEqual(asked[0]!.url, `/x/${number}?q=${number}`)
      }
    })
  )

  live("of an input: in the path, the query and the body, wherever it goes", () =>
    Effect.gen(function* () {
      const sources = { a: { ask: "s", post: "/x/{n}?q={n}", body: { n: "{n}" } } }
      const input = { n: "number" }
      const { asked, url } = yield* stage({
        path: { path: "/path/:n", input, sources },
        query: { input, sources },
        body: { method: "POST", input, sources }
      })
      yield* check(numbers, (number) =>
        Effect.gen(function* () {
          asked.length = 0
          const text = encodeURIComponent(number)
          const statuses = [
            yield* ask(`${url}/path/${text}`),
            yield* ask(`${url}/query?n=${text}`),
            yield* post(`${url}/body`, `{"n": ${number}}`)
          ].map(({ status }) => status)
          assert.deepStrictEqual(statuses, [200, 200, 200], number)
          for (const { body, url } of asked) {
            const [, inPath, inQuery] = /^\/x\/(.*)\?q=(.*)$/.exec(url)!
            assert.deepStrictEqual(
              [inPath!, inQuery!].map((text) => valueOf(decodeURIComponent(text))),
              [valueOf(number), valueOf(number)]
            )
            assert.deepStrictEqual<unknown>(worth(body), { n: `number ${valueOf(number)}` })
          }
        })
      )
    })
  )

  live("of a number in the file: in a body, a fallback, a default and among the values that fit", () =>
    Effect.gen(function* () {
      const yaml = fc.tuple(
        numbers,
        fc.constantFrom(
          (n: string) => n,
          (n: string) => (n.startsWith("-") ? n : `+${n}`)
        )
      )
      const asked: Array<string> = []
      const { url: http } = yield* upstream((request, response) => {
        if (request.url === "/gone") return void response.writeHead(500).end()
        asked.push(request.url!)
        request.setEncoding("utf8").on("data", (text: string) => asked.push(text))
        request.on("end", () => response.end("null"))
      })
      yield* check(
        yaml,
        ([number, notation]) =>
          Effect.gen(function* () {
            asked.length = 0
            const n = notation(number)
            const file = yield* written(
              `services: { s: { http: "${http}" } }
endpoints:
  page:
    input: { d: { type: number, default: ${n} }, o: { type: number, oneOf: [${n}], min: ${n}, max: ${n}, default: ${n} } }
    sources:
      a: { ask: s, post: "/x/{d}?o={o}", body: { n: ${n}, list: [${n}] } }
      gone: { ask: s, get: /gone, policy: { orElse: { n: ${n} } } }
`
            )
            const loaded = yield* Config.load(file).pipe(Effect.provide(Drivers.layer), within({}), Effect.orDie)
            const { url } = yield* serve(loaded)
            const worthy = `number ${valueOf(number)}`
            assert.deepStrictEqual<unknown>(worth((yield* ask(`${url}/page`)).text), { a: null, gone: { n: worthy } })
            const [, d, o] = /^\/x\/(.*)\?o=(.*)$/.exec(asked[0]!)!
            assert.deepStrictEqual(
              [d!, o!].map((text) => valueOf(decodeURIComponent(text))),
              [valueOf(number), valueOf(number)]
            )
            assert.deepStrictEqual<unknown>(worth(asked[1]!), { n: worthy, list: [worthy] })
            const same = yield* ask(`${url}/page?o=${encodeURIComponent(number)}`)
            assert.strictEqual(same.status, 200)
            const next = `${/^-?\d+/.exec(number)![0]}.5e-999`
            assert.strictEqual((yield* ask(`${url}/page?o=${encodeURIComponent(next)}`)).status, 400)
            const document = yield* ask(`${url}/openapi.json`)
            assert.isTrue(Either.isRight(Json.parse(document.text)))
            assert.include(JSON.stringify(worth(document.text)), `"minimum":"${worthy}"`)
          }).pipe(Effect.scoped),
        10
      )
    })
  )
})

describe("a number of an input", () => {
  const live = it.scopedLive

  live("is whole by its value, however it is written, and is compared digit by digit", () =>
    Effect.gen(function* () {
      const sources = { a: { ask: "s", get: "/x/{n}" } }
      const { asked, url } = yield* stage({
        whole: { input: { n: "integer" }, sources },
        ranged: { input: { n: { type: "integer", min: 9007199254740992, max: 9007199254740994 } }, sources }
      })
      const sent = (path: string) =>
        Effect.gen(function* () {
          asked.length = 0
          const { json, status } = yield* ask(`${url}${path}`)
          return status === 200 ? asked[0]!.url : [status, json()["reason"]]
        })
      for (const [text, expected] of [
        ["1285704473650888702", "1285704473650888702"],
        ["-9007199254740993", "-9007199254740993"],
        ["9007199254740993.0", "9007199254740993.0"],
        ["1.0", "1"],
        ["1e3", "1000"],
        ["1e21", "1000000000000000000000"],
        ["1e400", "1e400"],
        ["007", "7"],
        ["0079007199254740993", "79007199254740993"]
      ] as const)
        assert.strictEqual(yield* sent(`/whole?n=${text}`), `/x/${expected}`)
      for (const text of ["1.5", "9007199254740993.5", "1e-400", "0x10", "NaN", "1_0", ""])
        assert.deepStrictEqual<unknown>(yield* sent(`/whole?n=${text}`), [400, "expected a whole number"], text)
      const between = "expected a whole number from 9007199254740992 to 9007199254740994"
      assert.strictEqual(yield* sent("/ranged?n=9007199254740993"), "/x/9007199254740993")
      for (const text of ["9007199254740991", "9007199254740995", "-9007199254740993", "1e400"])
        assert.deepStrictEqual<unknown>(yield* sent(`/ranged?n=${text}`), [400, between], text)
    })
  )

  live("is refused, with its field, where a program takes only what JavaScript holds", () =>
    Effect.gen(function* () {
      const echo = Aggregation.make("echo", {
        input: Schema.Struct({
          n: Schema.optional(Schema.Int),
          text: Schema.optional(Schema.NumberFromString),
          list: Schema.optional(Schema.Array(Schema.Number)),
          any: Schema.optional(Schema.Unknown),
          in: Schema.optional(Schema.Struct({ n: Schema.String }))
        }),
        output: Schema.Unknown,
        sources: () => ({ none: Effect.void }),
        merge: (_, input) => input
      })
      const { url } = yield* serve([echo, Endpoint.make(echo, { path: "/posted", method: "POST" })])
      const reason = "9007199254740993 is a number that JavaScript cannot hold exactly"
      const said = ({ json, status }: { status: number; json: () => Record<string, unknown> }) => [
        status,
        json()["field"],
        json()["reason"]
      ]
      const n = "9007199254740993"
      assert.deepStrictEqual<unknown>(said(yield* ask(`${url}/echo?n=${n}`)), [400, "n", reason])
      assert.deepStrictEqual<unknown>(said(yield* ask(`${url}/echo?text=${n}`)), [400, "text", reason])
      assert.deepStrictEqual<unknown>(said(yield* ask(`${url}/echo?list=1&list=${n}`)), [400, "list.1", reason])
      assert.deepStrictEqual<unknown>(said(yield* post(`${url}/posted`, `{"n":${n}}`)), [400, "n", reason])
      assert.deepStrictEqual<unknown>(said(yield* post(`${url}/posted`, `{"text":"${n}"}`)), [400, "text", reason])
      assert.deepStrictEqual<unknown>(said(yield* post(`${url}/posted`, `{"in":${n}}`)), [400, "in", reason])
      assert.deepStrictEqual<unknown>(said(yield* post(`${url}/posted`, n)), [400, "", reason])
      assert.strictEqual((yield* post(`${url}/posted`, `{"any":[${n},-0]}`)).text, `{"any":[${n},-0]}`)
      assert.strictEqual((yield* ask(`${url}/echo?text=1.5&n=3`)).text, `{"n":3,"text":1.5}`)
    })
  )

  it.effect("that JSON has not is none in a file either", () =>
    Effect.gen(function* () {
      for (const number of [".inf", "-.Inf", ".nan"])
        assert.deepStrictEqual(
          yield* wrong(
            `services: { s: { http: "http://s" } }\nendpoints:\n  page: { sources: { a: { ask: s, post: /x, body: { n: ${number} } } } }\n`
          ),
          ["3:56: endpoints.page.sources.a.body.n: expected a number that JSON has: it has no infinity and no NaN"]
        )
    })
  )
})
