import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import { request } from "node:http"
import type { Receipt } from "../../src/Receipt.ts"
import type { Gauges } from "../../src/Server/Gauges.ts"
import { ask, dashboard, down, eventsOf, get, named, serve, until, wire } from "./Stage.ts"

const fine = dashboard(named, Effect.succeed(5))

/** Asks under a name of one's own, which fetch does not allow. */
const askAs = (url: string, host: string) =>
  Effect.async<number>((resume) => {
    request(url, { headers: { host, connection: "close" } }, (response) => {
      response.resume()
      resume(Effect.succeed(response.statusCode ?? 0))
    }).end()
  })

const receiptsAt = (admin: string) =>
  Effect.map(ask(`${admin}/receipts`), ({ text }) =>
    text
      .trimEnd()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Receipt)
  )

describe("the admin port", () => {
  const live = it.scopedLive

  live("has the last receipts, one a line, the oldest first", () =>
    Effect.gen(function* () {
      const { admin, url } = yield* serve([fine])
      assert.deepStrictEqual(yield* receiptsAt(admin), [])
      const ids: Array<string | null> = []
      for (const id of ["1", "2", "3"])
        ids.push((yield* ask(`${url}/dashboard?id=${id}`)).headers.get("muster-receipt"))

      const { headers } = yield* ask(`${admin}/receipts`)
      assert.strictEqual(headers.get("content-type"), "application/x-ndjson")
      assert.deepStrictEqual(
        (yield* receiptsAt(admin)).map(({ id, settled }) => [id, settled !== null]),
        ids.map((id) => [id, true])
      )
    })
  )

  live("streams them, those there are and those that come, until the server drains", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { admin, url } = yield* Scope.extend(serve([fine], { heartbeat: 20, drain: "5 seconds" }), scope)
      const first = (yield* ask(`${url}/dashboard?id=1`)).headers.get("muster-receipt")
      const { closed, received } = yield* wire(admin, get("/receipts", "accept: text/event-stream"))
      yield* until("the first is there", () => received().includes(`id: ${first}\n`))
      const second = (yield* ask(`${url}/dashboard?id=2`)).headers.get("muster-receipt")
      yield* until("the second has come", () => received().includes(`id: ${second}\n`))
      yield* until("it gives signs of life", () => received().includes(": heartbeat\n\n"))

      const start = performance.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(performance.now() - start, 3_000)
      yield* until("it has ended", closed)
      const events = eventsOf(received().replace(/\r\n[0-9a-f]+\r\n/g, ""))
      assert.deepStrictEqual([events.at(-1)?.event, events.at(-1)?.data["type"]], ["problem", "/docs#draining"])
    })
  )

  live("tells who follows what is in flight, when it began to be and when it has ended", () =>
    Effect.gen(function* () {
      const slow = dashboard(() => Effect.delay(named("1"), "1200 millis"), Effect.succeed(5))
      const { admin, url } = yield* serve([slow])
      const { received } = yield* wire(admin, get("/receipts", "accept: text/event-stream"))
      const states = () =>
        eventsOf(received().replace(/\r\n[0-9a-f]+\r\n/g, "")).flatMap(({ data, event }) =>
          event === "gauges" ? [data as unknown as Gauges] : []
        )
      const requests = () =>
        states().map(
          ({ gauges }) => gauges.find(({ metric }) => metric === "muster_http_requests_in_flight")?.value ?? 0
        )
      yield* until("it says what there is at first", () => states().length === 1)
      yield* ask(`${url}/dashboard?id=1`)
      yield* until("it has ended", () => requests().length === 3)

      assert.deepStrictEqual(requests(), [0, 1, 0])
      const during = states()[1]!.gauges.filter(({ labels }) => labels["aggregation"] === "dashboard")
      assert.deepStrictEqual(
        during.map(({ labels, metric, value }) => [metric, labels["source"], value]),
        [
          ["muster_aggregations_in_flight", undefined, 1],
          ["muster_sources_in_flight", "profile", 1]
        ]
      )
      assert.approximately(states()[0]!.at, Date.now(), 10_000)
    })
  )

  live("counts requests, aggregations and sources for Prometheus", () =>
    Effect.gen(function* () {
      const { admin, url } = yield* serve([fine])
      yield* ask(`${url}/dashboard?id=1`)
      yield* ask(`${url}/dashboard`)
      const { headers, text } = yield* ask(`${admin}/metrics`)

      assert.strictEqual(headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
      for (const line of [
        /^muster_http_requests_total\{route="\/dashboard",method="GET",status="200"\} [1-9]/m,
        /^muster_http_requests_total\{route="\/dashboard",method="GET",status="400"\} [1-9]/m,
        /^muster_http_request_duration_ms_bucket\{route="\/dashboard",method="GET",status="200",le="\+Inf"\} [1-9]/m,
        /^muster_sources_total\{aggregation="dashboard",source="profile",outcome="succeeded"\} [1-9]/m,
        /^muster_aggregations_in_flight\{aggregation="dashboard",policy="failFast"\} 0$/m,
        /^muster_http_requests_in_flight 0$/m,
        /^process_resident_memory_bytes [1-9]/m,
        /^process_cpu_seconds_total 0?\.?\d/m
      ])
        assert.match(text, line)
    })
  )

  live("knows how each source has done lately", () =>
    Effect.gen(function* () {
      const half = dashboard((id) => (id === "bad" ? Effect.fail(down("profile")) : named(id)), Effect.succeed(5))
      const { admin, url } = yield* serve([half])
      const health = Effect.map(ask(`${admin}/readyz`), ({ json, status }) => {
        assert.strictEqual(status, 200)
        const sources = json()["sources"] as Array<Record<string, unknown>>
        return sources.map(({ failing, last, source }) => [source, last, failing])
      })
      const summary = Effect.map(ask(`${url}/readyz`), ({ json }) => json())
      assert.deepStrictEqual(yield* health, [])
      yield* ask(`${url}/dashboard?id=bad`)
      yield* ask(`${url}/dashboard?id=bad`)

      assert.deepStrictEqual((yield* health)[0], ["profile", "failed", 2])
      assert.deepStrictEqual(yield* summary, { status: "ready", sources: "failing" })
      yield* ask(`${url}/dashboard?id=1`)
      assert.deepStrictEqual(yield* health, [
        ["profile", "succeeded", 0],
        ["orders", "succeeded", 0]
      ])
      assert.deepStrictEqual(yield* summary, { status: "ready", sources: "well" })
    })
  )

  live("is no part of the public one, nor the public one of it", () =>
    Effect.gen(function* () {
      const { admin, url } = yield* serve([fine])
      for (const path of ["/metrics", "/receipts"]) assert.strictEqual((yield* ask(`${url}${path}`)).status, 404)
      const nowhere = yield* ask(`${admin}/dashboard?id=1`)
      assert.deepStrictEqual(
        [nowhere.status, nowhere.json()["detail"]],
        [404, "There is /, /metrics, /receipts, /healthz, /readyz"]
      )
    })
  )

  live("answers nobody who comes under another name, as the page of somebody else would", () =>
    Effect.gen(function* () {
      const { admin } = yield* serve([fine])
      const { port } = new URL(admin)
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `127.1.2.3`, `[::1]:${port}`])
        assert.strictEqual(yield* askAs(`${admin}/metrics`, host), 200, host)
      for (const host of [
        "evil.example.com",
        `evil.example.com:${port}`,
        "127.0.0.1.example.com",
        "localhost.evil",
        "127.0.0.1:80:80"
      ])
        assert.strictEqual(yield* askAs(`${admin}/metrics`, host), 421, host)
      assert.strictEqual(yield* askAs(`${admin}/healthz`, "evil.example.com"), 200)
    })
  )

  live("asks for its token, except for the probes", () =>
    Effect.gen(function* () {
      const token = "a-token-of-the-test"
      const { admin, url } = yield* serve([fine], {
        admin: { port: 0, host: "0.0.0.0", token: Redacted.make(token) }
      })
      const base = admin.replace("0.0.0.0", "127.0.0.1")
      yield* ask(`${url}/dashboard?id=1`)
      const asking = (path: string, authorization?: string) =>
        ask(`${base}${path}`, authorization === undefined ? {} : { headers: { authorization } })

      for (const path of ["/metrics", "/receipts"]) {
        assert.strictEqual((yield* asking(path)).status, 401)
        assert.strictEqual((yield* asking(path, "Bearer a-token-of-another")).status, 401)
        assert.strictEqual((yield* asking(path, `Bearer ${token}`)).status, 200)
      }
      assert.strictEqual((yield* asking("/healthz")).status, 200)
      assert.strictEqual((yield* asking("/readyz")).json()["sources"], "well")
      assert.isArray((yield* asking("/readyz", `Bearer ${token}`)).json()["sources"])
    })
  )
})
