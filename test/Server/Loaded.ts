/**
 * The server of the load test: a process of its own, so that what it holds can be counted. Its arguments are
 * the upstream that it asks, and how many it answers at once. It says where it listens, and where a server does
 * that does nothing, and for each line on stdin what it
 * holds once garbage has been collected.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Logger, Metric, Schema } from "effect"
import { createServer, type Server as HttpServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Aggregation from "../../src/Aggregation.ts"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Outcome from "../../src/Outcome.ts"
import { Server } from "../../src/Server.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import * as Http from "../../src/Source/Http.ts"

const Part = Schema.Struct({ of: Schema.String, id: Schema.String, pad: Schema.String })

const upstream = process.argv[2]!
const maxInFlight = Number(process.argv[3])

const part = (of: string, id: string) => Http.json(`${upstream}/${of}/${encodeURIComponent(id)}`, { schema: Part })

const user = Aggregation.make("user", {
  input: Schema.Struct({ id: Schema.NonEmptyString }),
  output: Schema.Record({ key: Schema.String, value: Schema.NullOr(Part) }),
  sources: ({ id }) => ({ profile: part("profile", id), orders: part("orders", id) }),
  merge: (answers) => answers,
  partial: ({ orders, profile }) => ({
    profile: Outcome.$is("Succeeded")(profile) ? profile.value : null,
    orders: Outcome.$is("Succeeded")(orders) ? orders.value : null
  })
})

const endpoints = [
  Endpoint.make(user, { path: "/users/:id", values: true }),
  Endpoint.make(user, { path: "/users", method: "POST", maxBody: 1_000 })
]

// A deadline that none of the answers needs: those that are late say so themselves.
const options = { port: 0, maxInFlight, deadline: "30 seconds", writeTimeout: "1 second" } as const

/** Effect counts its own fibers. */
const fibers = Effect.map(Metric.snapshot, (pairs) => {
  const pair = pairs.find(({ metricKey }) => metricKey.name === "effect_fiber_active")
  return Number((pair?.metricState as { count?: number | bigint } | undefined)?.count ?? 0)
})

const asked = Effect.async<void>((resume) => {
  const wake = () => resume(Effect.void)
  process.stdin.once("data", wake)
  return Effect.sync(() => process.stdin.off("data", wake))
})

const tell = Effect.gen(function* () {
  for (let round = 0; round < 4; round++) {
    global.gc!()
    yield* Effect.sleep(20)
  }
  const sockets = process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length
  console.log(JSON.stringify({ heap: process.memoryUsage().heapUsed, sockets, fibers: yield* fibers }))
})

/** A server that does nothing, for what the machine takes for that. */
const bare = Effect.acquireRelease(
  Effect.async<{ readonly server: HttpServer; readonly url: string }>((resume) => {
    const server = createServer((_, response) => void response.writeHead(503).end("{}"))
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}` }))
    })
  }),
  ({ server }) => Effect.sync(() => (server.close(), server.closeAllConnections()))
)

const program = Effect.gen(function* () {
  const { url } = yield* Server
  console.log(JSON.stringify({ url, bare: (yield* bare).url }))
  yield* Effect.forever(Effect.zipRight(asked, tell))
})

program.pipe(
  Effect.scoped,
  Effect.provide(Server.layer(endpoints, options)),
  Effect.provide(Aggregator.layer({ logger: Logger.none })),
  Effect.provide(Http.layer()),
  Effect.provide(Logger.remove(Logger.defaultLogger)),
  NodeRuntime.runMain({ disablePrettyLogger: true })
)
