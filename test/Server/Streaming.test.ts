import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import * as Aggregation from "../../src/Aggregation.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import * as Source from "../../src/Source.ts"
import { ask, dashboard, down, eventsOf, get, named, serve, until, wire } from "./Stage.ts"

const sse = { headers: { accept: "text/event-stream" } }

const linesOf = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** What of an event does not change from run to run. */
const told = ({ data, event }: { event: unknown; data: Record<string, unknown> }) => {
  const { answer, complete, error, outcome, source, type, value } = data
  if (event === "receipt" || event === "problem") return { event, outcome, type }
  return Object.fromEntries(
    Object.entries({ event, source, outcome, value, error, complete, answer, type }).filter(
      ([, one]) => one !== undefined
    )
  )
}

describe("a streamed answer", () => {
  const live = it.scopedLive

  live("tells of each source in the instant it ends, then the answer, then the receipt", () =>
    Effect.gen(function* () {
      let open = false
      const held = dashboard(
        (id) =>
          Effect.as(
            until("it opens", () => open),
            id
          ),
        Effect.succeed(5)
      )
      const { url } = yield* serve([Endpoint.make(held, { values: true })])
      const { closed, received } = yield* wire(
        url,
        get("/dashboard?id=42", "accept: text/event-stream", "connection: close")
      )
      yield* until("the first has arrived", () => received().includes("event: source"))

      assert.match(received(), /^HTTP\/1.1 200 OK\r\n/)
      assert.include(received(), "content-type: text/event-stream\r\n")
      assert.notInclude(received(), "profile")
      open = true
      yield* until("it has ended", closed)
      const events = eventsOf(received().replace(/\r\n[0-9a-f]+\r\n/g, ""))
      assert.deepStrictEqual(events.map(told), [
        { event: "source", source: "orders", outcome: "succeeded", value: 5 },
        { event: "source", source: "profile", outcome: "succeeded", value: "42" },
        { event: "answer", complete: true, answer: { name: "42", orders: 5 } },
        { event: "receipt", outcome: "succeeded", type: undefined }
      ])
      assert.deepStrictEqual(
        events.map(({ id }) => id),
        [undefined, undefined, undefined, "end"]
      )
    })
  )

  live("is the same in lines of JSON", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([dashboard(named, Effect.succeed(5))])
      const { headers, text } = yield* ask(`${url}/dashboard?id=1`, { headers: { accept: "application/x-ndjson" } })

      assert.strictEqual(headers.get("content-type"), "application/x-ndjson")
      assert.deepStrictEqual(
        linesOf(text).map(({ event, source }) => [event, source]),
        [
          ["start", undefined],
          ["source", "profile"],
          ["source", "orders"],
          ["answer", undefined],
          ["receipt", undefined]
        ]
      )
    })
  )

  live("ends with the problem at once when a required source fails, and says what became of the others", () =>
    Effect.gen(function* () {
      const broken = dashboard(() => Effect.fail(down("profile")), Effect.never)
      const { url } = yield* serve([broken, Endpoint.make(broken, { path: "/closed", receipts: false })])
      const open = eventsOf((yield* ask(`${url}/dashboard?id=1`, sse)).text)
      const closed = yield* ask(`${url}/closed?id=1`, sse)

      assert.deepStrictEqual(open.slice(1).map(told), [
        {
          event: "source",
          source: "profile",
          outcome: "failed",
          error: {
            tag: "SourceUnavailable",
            message: 'Source "profile" is unavailable: GET http://internal:81/x answered 503'
          }
        },
        { event: "source", source: "orders", outcome: "cancelled" },
        { event: "problem", outcome: undefined, type: "/docs#source-failed" },
        { event: "receipt", outcome: "failed", type: undefined }
      ])
      assert.notInclude(closed.text, "internal:81")
      assert.deepStrictEqual(
        eventsOf(closed.text).map(({ event, id }) => [event, id]),
        [
          ["start", undefined],
          ["source", undefined],
          ["source", undefined],
          ["problem", "end"]
        ]
      )
    })
  )

  live("has what there is at the deadline, for a request that is lenient", () =>
    Effect.gen(function* () {
      const late = dashboard(named, Effect.never)
      const { url } = yield* serve([late], { deadline: 200 })
      const headers = { ...sse.headers, prefer: "handling=lenient" }
      const reply = yield* ask(`${url}/dashboard?id=1`, { headers })

      assert.strictEqual(reply.headers.get("preference-applied"), "handling=lenient")
      assert.deepStrictEqual(eventsOf(reply.text).slice(1).map(told), [
        { event: "source", source: "profile", outcome: "succeeded" },
        { event: "source", source: "orders", outcome: "timed-out" },
        { event: "answer", complete: false, answer: { name: "user 1", orders: null } },
        { event: "receipt", outcome: "partial", type: undefined }
      ])
    })
  )

  live("shows no values unless the endpoint says so, and then as it says", () =>
    Effect.gen(function* () {
      const secret = dashboard(() => Effect.succeed("secret"), Effect.succeed(5))
      const hidden = Aggregation.make("hidden", { ...secret, merge: () => ({ name: null, orders: 1 }) })
      const masked = Endpoint.make(hidden, {
        path: "/masked",
        values: (source, value) => (source === "profile" ? Symbol("x") : value)
      })
      const { url } = yield* serve([hidden, masked])
      const bare = yield* ask(`${url}/hidden?id=1`, sse)
      const shown = yield* ask(`${url}/masked?id=1`, sse)

      assert.notInclude(bare.text, "secret")
      assert.notInclude(shown.text, "secret")
      // What is no JSON is left out.
      assert.deepStrictEqual(eventsOf(shown.text).slice(1, 3).map(told), [
        { event: "source", source: "profile", outcome: "succeeded" },
        { event: "source", source: "orders", outcome: "succeeded", value: 5 }
      ])
    })
  )

  live("ends with a problem for a bug, also one in the answer", () =>
    Effect.gen(function* () {
      const buggy = dashboard(() => Effect.die("oops"), Effect.succeed(1))
      const circle = Aggregation.make("circle", {
        input: Schema.Struct({}),
        output: Schema.Unknown,
        sources: () => ({ one: Source.required(Effect.succeed(1)) }),
        merge: () => {
          const circle: Array<unknown> = []
          circle.push(circle)
          return circle
        }
      })
      const deep = Aggregation.make("deep", {
        ...circle,
        merge: () => Array.from({ length: 100_000 }).reduce<unknown>((inner) => ({ inner }), 1)
      })
      const { log, url } = yield* serve([buggy, circle, deep])

      for (const [path, type] of [
        ["/dashboard?id=1", "internal-error"],
        ["/circle", "answer-unwritable"],
        ["/deep", "answer-unwritable"]
      ] as const) {
        const events = eventsOf((yield* ask(`${url}${path}`, sse)).text)
        assert.deepStrictEqual(
          events.slice(-2).map(({ data, event }) => [event, data["type"]]),
          [
            ["problem", `/docs#${type}`],
            ["receipt", undefined]
          ],
          path
        )
        assert.strictEqual((yield* ask(`${url}${path}`)).json()["type"], `/docs#${type}`, path)
      }
      assert.strictEqual(
        (yield* ask(`${url}/deep`)).json()["detail"],
        "It is nested too deeply, some 1,000 levels are enough"
      )
      assert.lengthOf(
        log.filter(({ level }) => level === "ERROR"),
        7
      )
    })
  )

  live("gives signs of life while nothing happens", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([dashboard(named, Effect.never)], { heartbeat: 20 })
      for (const [accept, beat] of [
        ["text/event-stream", ": heartbeat\n\n"],
        ["application/x-ndjson", '{"event":"heartbeat"}\n']
      ]) {
        const { received } = yield* wire(url, get("/dashboard?id=1", `accept: ${accept}`))
        yield* until("there are two", () => received().split(beat!).length > 2)
      }
    })
  )

  live("tells a browser that has seen all of it to stop asking", () =>
    Effect.gen(function* () {
      let asked = 0
      const counting = dashboard(() => Effect.sync(() => `${asked++}`), Effect.succeed(1))
      const { url } = yield* serve([counting])
      const again = (id: string) =>
        Effect.map(
          ask(`${url}/dashboard?id=1`, { headers: { ...sse.headers, "last-event-id": id } }),
          (reply) => reply.status
        )

      assert.deepStrictEqual([yield* again("end"), asked], [204, 0])
      assert.deepStrictEqual([yield* again("other"), asked], [200, 1])
    })
  )

  live("does not hold its sources for a client that reads slowly, which keeps its place until it has read", () =>
    Effect.gen(function* () {
      let asked = 0
      const big = "x".repeat(1_000_000)
      const many = Aggregation.make("many", {
        input: Schema.Struct({}),
        output: Schema.Unknown,
        sources: () =>
          Object.fromEntries(
            Array.from({ length: 20 }, (_, index) => [`s${index}`, Effect.sync(() => ((asked += 1), big))])
          ),
        merge: () => null
      })
      const { admin, url } = yield* serve([Endpoint.make(many, { values: true })])
      const { socket } = yield* wire(url)
      socket.pause()
      socket.write(get("/many", "accept: text/event-stream", "connection: close"))

      yield* until("all are asked", () => asked === 20)
      const inFlight = Effect.map(ask(`${admin}/readyz`), ({ json }) => json()["inFlight"])
      assert.strictEqual(yield* inFlight, 1)
      socket.resume()
      while ((yield* inFlight) !== 0) yield* Effect.sleep(1)
    })
  )

  live("has a body that curl and fetch read to its end", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([dashboard(named, Effect.succeed(1))])
      const replies = yield* Effect.fork(Effect.replicateEffect(ask(`${url}/dashboard?id=1`, sse), 5))

      for (const { status, text } of yield* Fiber.join(replies))
        assert.deepStrictEqual([status, text.endsWith("\n\n")], [200, true])
    })
  )
})
