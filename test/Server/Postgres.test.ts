import { assert, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import { Server } from "../../src/Server.ts"
import * as Config from "../../src/Server/Config.ts"
import * as Drivers from "../../src/Source/Drivers.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Servers from "../Servers.ts"
import { administrator } from "../Source/Postgres/Adapter.ts"
import { within, written } from "./Config/files.ts"
import { ask, get, silent, until, wire } from "./Stage.ts"

/** An endpoint that asks a database and a service, of which none comes to an end by itself. */
const file = `
services:
  database: { postgres: "\${DATABASE_URL}" }
  service: { http: "\${SERVICE_URL}" }
endpoints:
  report:
    input: { tag: string }
    deadline: 60s
    sources:
      rows: { ask: database, sql: "SELECT pg_sleep(60), {tag}::text" }
      more: { ask: database, sql: "SELECT pg_sleep(50), {tag}::text" }
      part: { ask: service, get: "/{tag}" }
`

/** Serves it in a scope of its own, and sees what the database and the service do. */
const served = Effect.gen(function* () {
  const address = yield* Servers.shared("postgres")
  const service = yield* silent
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const endpoints = yield* Config.load(yield* written(file)).pipe(
    Effect.provide(Drivers.layer),
    within({ DATABASE_URL: address.url, SERVICE_URL: service.url }),
    Scope.extend(scope)
  )
  const layer = Server.layer(endpoints, { port: 0, drain: "50 millis", accessLog: false }).pipe(
    Layer.provide(Aggregator.layer({ logger: Logger.none })),
    Layer.provide(Logger.replace(Logger.defaultLogger, Testkit.silent))
  )
  const { url } = Context.get(yield* Layer.buildWithScope(layer, scope), Server)
  const query = yield* administrator(address.adminUrl)
  const running = Effect.map(
    query(`SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(_0), $1::text'`),
    (rows) => rows.length
  )
  const runs = (count: number) =>
    Effect.gen(function* () {
      for (const end = performance.now() + 10_000; (yield* running) !== count;)
        if (performance.now() > end) return assert.fail(`waited in vain until ${count} queries run`)
    })
  return { url, service, runs, close: Scope.close(scope, Exit.void) }
})

Servers.suite("postgres", "a server over Postgres", () => {
  it.scopedLive(
    "cancels all that was asked within 50 ms when a client goes away, seen in the database and at the service",
    () =>
      Effect.gen(function* () {
        const { runs, service, url } = yield* served
        const delays: Array<number> = []
        for (let round = 1; round <= 5; round++) {
          const { socket } = yield* wire(url, get(`/report?tag=round${round}`))
          yield* runs(2)
          yield* until("the service is asked", () => service.requests.length === round)
          const gone = performance.now()
          socket.destroy()
          yield* runs(0)
          const idle = performance.now()
          yield* until("it is closed at the service", () => service.closes.length === round)
          delays.push(Math.max(idle, service.closes.at(-1)!) - gone)
        }

        // The first ones run code that is not compiled yet, and the machine may be busy.
        assert(Math.min(...delays.slice(1)) <= 50 && Math.max(...delays) < 5_000, `${delays}`)
      }),
    60_000
  )

  it.scopedLive(
    "cancels the queries that are left when its drain is over",
    () =>
      Effect.gen(function* () {
        const { close, runs, url } = yield* served
        const asked = yield* Effect.fork(ask(`${url}/report?tag=left`))
        yield* runs(2)
        yield* close

        assert.strictEqual((yield* Fiber.join(asked)).status, 503)
        yield* runs(0)
      }),
    60_000
  )
})
