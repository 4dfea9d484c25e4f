/** What one writes with @effect/platform, following its documentation. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const origins = process.argv.slice(2)
const router = HttpRouter.empty.pipe(
  HttpRouter.get(
    "/dashboard/:id",
    Effect.gen(function* () {
      const { id } = yield* HttpRouter.params
      const answer = yield* Effect.all(
        Object.fromEntries(
          origins.map((origin, index) => [
            `s${index}`,
            HttpClient.get(`${origin}/${id}`).pipe(
              Effect.flatMap(HttpClientResponse.filterStatusOk),
              Effect.flatMap((response) => response.json)
            )
          ])
        ),
        { concurrency: "unbounded" }
      ).pipe(Effect.timeout("2 seconds"))
      return yield* HttpServerResponse.json(answer)
    }).pipe(Effect.catchAll(() => HttpServerResponse.empty({ status: 502 })))
  )
)
const server = createServer()
server.once("listening", () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
const app = HttpServer.serve(router).pipe(
  Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
  Layer.provide(NodeHttpClient.layerUndici)
)
NodeRuntime.runMain(Layer.launch(app))
