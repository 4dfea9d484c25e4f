import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Config from "../../../src/Server/Config.ts"
import * as Drivers from "../../../src/Source/Drivers.ts"
import { ask, eventsOf, serve, upstream } from "../Stage.ts"
import { within, written } from "./files.ts"

/** More digits than a number of JavaScript has, and signs that it would write otherwise. */
const account = `{ "id": 9007199254740993, "rate": 1.10,\n  "tags": ["é", "\\u2028"], "none": null }`

const bodies: Readonly<Record<string, string>> = {
  "/account": account,
  "/list": "[1.0, 12345678901234567890]",
  "/text": `"plain"`,
  "/broken": `{"id": 1`,
  "/empty": "",
  "/page": "<html>"
}

const served = (endpoints: object, service: object = {}) =>
  Effect.gen(function* () {
    const { url: http } = yield* upstream((request, response) => {
      const [path = ""] = request.url!.split("?")
      if (bodies[path] === undefined) response.writeHead(500)
      response.end(bodies[path] ?? "")
    })
    const file = yield* written(JSON.stringify({ services: { s: { http, ...service } }, endpoints }))
    const loaded = yield* Config.load(file).pipe(Effect.provide(Drivers.layer), within({}), Effect.orDie)
    return yield* serve(loaded)
  })

const source = (path: string, more: object = {}) => ({ ask: "s", get: path, ...more })

describe("an answer that nobody looks into", () => {
  const live = it.scopedLive

  live("is passed on as it came, with every digit of its numbers", () =>
    Effect.gen(function* () {
      const { url } = yield* served({ all: { sources: { account: source("/account"), list: source("/list") } } })
      const { headers, text } = yield* ask(`${url}/all`)

      assert.strictEqual(text, `{"account":${account},"list":${bodies["/list"]}}`)
      assert.strictEqual(headers.get("content-length"), String(Buffer.byteLength(text)))
      assert.deepStrictEqual(JSON.parse(text), { account: JSON.parse(account), list: JSON.parse(bodies["/list"]!) })
    })
  )

  live("is so wherever it stands whole: under another name, deeper, beside what is absent, and alone", () =>
    Effect.gen(function* () {
      const sources = { account: source("/account"), gone: source("/gone", { policy: "optional" }) }
      const { url } = yield* served({
        named: { sources, answer: { me: { account: "account" }, 'so "called"': "gone" } },
        lenient: { sources, handling: "lenient" },
        first: { sources: { list: source("/list") }, policy: "first" },
        kept: { sources: { list: source("/list", { cache: "1m" }) } },
        some: { sources: { list: source("/list"), text: source("/text") }, policy: { quorum: 2 } }
      })
      const texts = yield* Effect.forEach(["named", "lenient", "first", "kept", "kept", "some"], (name) =>
        Effect.map(ask(`${url}/${name}`), ({ text }) => text)
      )

      assert.deepStrictEqual(texts, [
        `{"me":{"account":${account}},"so \\"called\\"":null}`,
        `{"account":${account},"gone":null}`,
        bodies["/list"],
        `{"list":${bodies["/list"]}}`,
        `{"list":${bodies["/list"]}}`,
        `{"list":${bodies["/list"]},"text":"plain"}`
      ])
    })
  )

  live("is read where something of it is wanted: in the answer, or by another source", () =>
    Effect.gen(function* () {
      const { url } = yield* served({
        picked: { sources: { account: source("/account") }, answer: { tags: "account.tags", whole: "account" } },
        each: { sources: { list: source("/list") }, answer: { list: { from: "list", each: { it: "x" } } } },
        asked: { sources: { text: source("/text"), account: source("/account?of={text}") } }
      })
      const answers = yield* Effect.forEach(["picked", "each", "asked"], (name) =>
        Effect.map(ask(`${url}/${name}`), ({ json, text }) => (name === "asked" ? text : json()))
      )

      assert.deepStrictEqual(answers as Array<unknown>, [
        { tags: ["é", "\u2028"], whole: JSON.parse(account) },
        { list: [{ it: null }, { it: null }] },
        `{"text":"plain","account":${account}}`
      ])
    })
  )

  live("is JSON also in a stream, and beside the receipt", () =>
    Effect.gen(function* () {
      const { url } = yield* served({ all: { sources: { list: source("/list") }, values: true } })
      const stream = yield* ask(`${url}/all`, { headers: { accept: "text/event-stream" } })
      const told = new Map(eventsOf(stream.text).map(({ data, event }) => [event, data]))
      const { text } = yield* ask(`${url}/all?receipt`)

      assert.deepStrictEqual(told.get("source")!["value"], JSON.parse(bodies["/list"]!))
      assert.deepStrictEqual(told.get("answer")!["answer"], { list: JSON.parse(bodies["/list"]!) })
      assert.match(text, /^\{"answer":\{"list":\[1\.0, 12345678901234567890\]\},"receipt":/)
      assert.hasAllKeys(JSON.parse(text), ["answer", "receipt"])
    })
  )

  live("is null when it is empty, and no answer when it is no JSON, or too long, as if it had been read", () =>
    Effect.gen(function* () {
      const short = { maxBytes: 40 }
      const paths = ["/broken", "/empty", "/page"]
      const endpoints = Object.fromEntries(
        [...paths, "/account"].map((path) => [path.slice(1), { sources: { it: source(path) } }])
      )
      const { url } = yield* served(endpoints, short)
      for (const [path, reason] of [
        ["/broken", "the body is no JSON"],
        ["/page", "the body is no JSON"],
        ["/account", "the body is longer than 40 bytes"]
      ] as const) {
        const { json, status } = yield* ask(`${url}${path}`)
        assert.deepStrictEqual([status, json()["error"]], [502, "SourceMalformed"], path)
        assert.include(String(json()["reason"]), reason)
      }
      assert.strictEqual((yield* ask(`${url}/empty`)).text, `{"it":null}`)
    })
  )
})
