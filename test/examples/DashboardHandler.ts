/**
 * The dashboard handler: `GET /dashboard?id=42` asks for the user and their orders at once. A service that is down or late
 * is a 502 or 504 at once, and a client that goes away stops both.
 */
import {
  FetchHttpClient,
  HttpClient,
  HttpLayerRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Context, Effect, Layer, Logger, Schema } from "effect"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { Aggregator } from "../../src/index.ts"

export class ServiceDown extends Schema.TaggedError<ServiceDown>()("ServiceDown", { service: Schema.String }) {}

export class Users extends Context.Tag("Users")<
  Users,
  { readonly nameOf: (id: number) => Effect.Effect<string, ServiceDown> }
>() {}

export class Orders extends Context.Tag("Orders")<
  Orders,
  { readonly countOf: (id: number) => Effect.Effect<number, ServiceDown> }
>() {}

const Query = Schema.Struct({ id: Schema.NumberFromString })

const dashboard = Effect.gen(function* () {
  const { id } = yield* HttpServerRequest.schemaSearchParams(Query)
  const { countOf } = yield* Orders
  const { nameOf } = yield* Users
  const { orders, user } = yield* Aggregator.gather("dashboard", { user: nameOf(id), orders: countOf(id) })
  return HttpServerResponse.text(`Hello ${user}, you have ${orders} orders`)
}).pipe(
  Effect.catchTags({
    ParseError: () => HttpServerResponse.text("id must be a number", { status: 400 }),
    SourceFailed: ({ source }) => HttpServerResponse.text(`${source} is not available`, { status: 502 }),
    DeadlineExceeded: ({ pending }) => HttpServerResponse.text(`${pending.join(", ")} took too long`, { status: 504 })
  })
)

const routes = HttpLayerRouter.use((router) =>
  Effect.flatMap(Effect.context<Aggregator | Users | Orders>(), (services) =>
    router.add("GET", "/dashboard", Effect.provide(dashboard, services))
  )
)

/** Serves the dashboard on a free port of the loopback; a service would `Layer.launch` it, on a port of its own. */
export const server = HttpLayerRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

const services = Layer.merge(
  Layer.succeed(Users, { nameOf: (id) => Effect.delay(Effect.succeed(`User-${id}`), "50 millis") }),
  Layer.succeed(Orders, { countOf: () => Effect.delay(Effect.succeed(2), "50 millis") })
)

export const program = HttpClient.get("/dashboard?id=42").pipe(
  Effect.flatMap((response) => response.text),
  Effect.flatMap((text) => Console.log(text)),
  Effect.provide(HttpServer.layerTestClient),
  Effect.provide([server, FetchHttpClient.layer]),
  Effect.provide(Aggregator.layer({ deadline: "1 second", logger: Logger.withConsoleError(Logger.jsonLogger) })),
  Effect.provide(services)
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
