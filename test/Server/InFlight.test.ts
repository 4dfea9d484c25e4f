import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { gzipSync } from "node:zlib"
import * as Memory from "../../src/Memory.ts"
import * as Aggregation from "../../src/Aggregation.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import * as Http from "../../src/Source/Http.ts"
import * as InFlight from "../../src/Server/InFlight.ts"
import { ask, dashboard, get, named, post, serve, until, upstream, wire } from "./Stage.ts"

describe("InFlight", () => {
  it.effect("refuses at once who comes when all places are taken, and lets in who comes after one has left", () =>
    Effect.gen(function* () {
      const { count, enter } = InFlight.make(2, new Memory.Budget(Infinity))
      const leave = yield* enter()
      yield* enter()
      const refused = yield* Effect.flip(enter())

      assert.deepStrictEqual([refused.kind, refused.headers["retry-after"], count()], ["overloaded", "1", 2])
      leave()
      leave()
      assert.strictEqual(count(), 1)
      yield* enter()
      yield* Effect.flip(enter())
    })
  )

  it.scopedLive("the answer is a 503 within 5 ms, while the others are answered, and the probe says so", () =>
    Effect.gen(function* () {
      let asked = 0
      let open = false
      const held = dashboard(
        (id) =>
          Effect.as(
            Effect.zipRight(
              Effect.sync(() => asked++),
              until("it opens", () => open)
            ),
            id
          ),
        Effect.succeed(1)
      )
      const { admin, log, url } = yield* serve([held], { maxInFlight: 2 })
      const within = yield* Effect.fork(
        Effect.all([ask(`${url}/dashboard?id=1`), ask(`${url}/dashboard?id=2`)], { concurrency: 2 })
      )
      yield* until("both are asked", () => asked === 2)
      const refused = yield* Effect.replicateEffect(ask(`${url}/dashboard?id=3`), 8)

      for (const { headers, json, status } of refused)
        assert.deepStrictEqual([status, json()["type"], headers.get("retry-after")], [503, "/docs#overloaded", "1"])
      const took = log.flatMap(({ annotations }) =>
        annotations["status"] === 503 ? [Number(annotations["duration"])] : []
      )
      assert.isBelow(took.toSorted((a, b) => a - b)[4]!, 5)
      assert.strictEqual((yield* ask(`${url}/readyz`)).json()["status"], "overloaded")
      assert.strictEqual((yield* ask(`${admin}/readyz`)).json()["inFlight"], 2)
      open = true
      assert.deepStrictEqual(
        (yield* Fiber.join(within)).map(({ status }) => status),
        [200, 200]
      )
      assert.strictEqual((yield* ask(`${url}/dashboard?id=4`)).status, 200)
      assert.strictEqual(asked, 3)
    })
  )

  it.scopedLive("a place is held until the answer has been sent, and free when its client goes away before", () =>
    Effect.gen(function* () {
      const large = dashboard(() => Effect.succeed("x".repeat(20_000_000)), Effect.succeed(1))
      const { admin, url } = yield* serve([Endpoint.make(large, { values: true })], { maxInFlight: 1 })
      const inFlight = Effect.map(ask(`${admin}/readyz`), ({ json }) => json()["inFlight"])
      for (const accept of ["application/json", "text/event-stream"])
        for (const end of ["resume", "destroy"] as const) {
          const { received, socket } = yield* wire(url)
          socket.write(get("/dashboard?id=1", `accept: ${accept}`))
          yield* until("it begins", () => received() !== "")
          socket.pause()
          assert.strictEqual((yield* ask(`${url}/dashboard?id=1`, { method: "HEAD" })).status, 503)
          assert.strictEqual(yield* inFlight, 1)
          socket[end]()
          while ((yield* inFlight) !== 0) yield* Effect.sleep(1)
        }
    })
  )

  it.scopedLive("what is compressed takes the memory of what it is without", () =>
    Effect.gen(function* () {
      const coded = gzipSync(JSON.stringify("x".repeat(5_000)))
      const source = yield* upstream((_, response) =>
        response.writeHead(200, { "content-encoding": "gzip" }).end(coded)
      )
      const reading = dashboard(named, Http.json(source.url, { schema: Schema.Unknown }).pipe(Effect.as(1)))
      const posted = Endpoint.make(dashboard(named, Effect.succeed(1)), { method: "POST", path: "/posted" })
      const { url } = yield* serve([reading, posted], { maxBuffered: 4_000 })
      const read = yield* ask(`${url}/dashboard?id=1`)
      const sent = yield* ask(`${url}/posted`, {
        method: "POST",
        headers: { "content-type": "application/json", "content-encoding": "gzip" },
        body: gzipSync(JSON.stringify({ id: "1", pad: "x".repeat(5_000) }))
      })

      assert.deepStrictEqual([read.status, sent.status, sent.json()["type"]], [502, 503, "/docs#overloaded"])
      assert.include(read.json()["reason"], "there is no memory left for its answer (ENOMEM)")
    })
  )

  it.scopedLive(
    "what would take more memory than there is for all is refused: an answer, what a source reads, a body",
    () =>
      Effect.gen(function* () {
        const source = yield* upstream((_, response) => void response.end(JSON.stringify("x".repeat(5_000))))
        const large = dashboard((id) => Effect.succeed("x".repeat(Number(id))), Effect.succeed(1))
        const reading = dashboard(named, Http.json(source.url, { schema: Schema.Unknown }).pipe(Effect.as(1)))
        const posted = Endpoint.make(large, { method: "POST", path: "/posted" })
        const { admin, url } = yield* serve([large, Endpoint.make(reading, { path: "/reading" }), posted], {
          maxBuffered: 4_000
        })
        const replies = [
          yield* ask(`${url}/dashboard?id=5000`),
          yield* ask(`${url}/reading?id=1`),
          yield* post(`${url}/posted`, { id: "1", pad: "x".repeat(5_000) })
        ]

        assert.deepStrictEqual(
          replies.map(({ json, status }) => [status, json()["type"]]),
          [
            [503, "/docs#overloaded"],
            [502, "/docs#source-failed"],
            [503, "/docs#overloaded"]
          ]
        )
        assert.include(replies[1]!.json()["reason"], "there is no memory left for its answer (ENOMEM)")
        assert.strictEqual((yield* ask(`${url}/dashboard?id=3000`)).status, 200)
        assert.strictEqual((yield* ask(`${admin}/readyz`)).json()["inFlight"], 0)
      })
  )

  it.scopedLive("probes are answered when all memory is used up", () =>
    Effect.gen(function* () {
      const { admin, url } = yield* serve([dashboard(named, Effect.succeed(5))], { maxBuffered: 1 })

      assert.strictEqual((yield* ask(`${url}/dashboard?id=1`)).status, 503)
      for (const path of [`${url}/healthz`, `${url}/readyz`, `${admin}/readyz`, `${admin}/metrics`])
        assert.strictEqual((yield* ask(path)).status, 200, path)
    })
  )

  it.scopedLive("a place is free again after a bug, also one in what says whom to ask", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(
        [
          Aggregation.make("broken", {
            input: Schema.Struct({}),
            output: Schema.Unknown,
            sources: (): {} => {
              throw new Error("no")
            },
            merge: () => null
          })
        ],
        { maxInFlight: 1 }
      )
      for (let round = 0; round < 3; round++) assert.strictEqual((yield* ask(`${url}/broken`)).status, 500)
    })
  )

  it.scopedLive("a place is free again when a client goes away, and when a stream has asked its last source", () =>
    Effect.gen(function* () {
      let ended = 0
      const held = dashboard(
        (id) =>
          id === "hang"
            ? Effect.ensuring(
                Effect.never,
                Effect.sync(() => ended++)
              )
            : named(id),
        Effect.succeed(1)
      )
      const { admin, url } = yield* serve([held], { maxInFlight: 1 })
      const inFlight = Effect.map(ask(`${admin}/readyz`), ({ json }) => json()["inFlight"])
      for (const accept of ["application/json", "text/event-stream"]) {
        const gone = yield* Effect.fork(ask(`${url}/dashboard?id=hang`, { headers: { accept } }))
        while ((yield* inFlight) !== 1) yield* Effect.sleep(1)
        yield* Fiber.interrupt(gone)
        while ((yield* inFlight) !== 0) yield* Effect.sleep(1)
      }
      const headers = { accept: "text/event-stream" }
      for (let round = 0; round < 3; round++)
        assert.strictEqual((yield* ask(`${url}/dashboard?id=1`, { headers })).status, 200)
      assert.deepStrictEqual([ended, yield* inFlight], [2, 0])
    })
  )
})
