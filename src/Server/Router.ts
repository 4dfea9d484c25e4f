/**
 * A table of routes, and the application that it makes.
 *
 * @since 0.1.0
 */
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import type { HttpServerResponse } from "@effect/platform/HttpServerResponse"
import { Effect, type Scope } from "effect"
import type { Current } from "./Exchange.ts"
import * as Problem from "./Problem.ts"

/**
 * What a handler may require: it is there for every request.
 *
 * @since 0.1.0
 * @category models
 */
export type Needs = HttpServerRequest | Scope.Scope | Current

/**
 * An answer to whatever is asked; fails with `RouteNotFound` for what there is no route for.
 *
 * @since 0.1.0
 * @category models
 */
export type App = Effect.Effect<HttpServerResponse, unknown, Needs>

/**
 * One path, and who answers there.
 *
 * @since 0.1.0
 * @category models
 */
export interface Route {
  /** `GET` answers `HEAD` too, and everything else with a 405; `*` is any. */
  readonly method: "*" | "GET"
  readonly path: `/${string}`
  readonly handler: Effect.Effect<HttpServerResponse, never, Needs | HttpLayerRouter.RouteContext>
}

/**
 * Makes an application of routes. A handler is interrupted when its client goes away.
 *
 * It is made without a layer: two routers of one memo map would be one, and the admin port is no part of the public one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (routes: ReadonlyArray<Route>): Effect.Effect<App> =>
  Effect.gen(function* () {
    const router = yield* Effect.provideService(HttpLayerRouter.make, HttpLayerRouter.RouterConfig, config)
    for (const { handler, method, path } of routes) {
      // What the handlers require is there for every request; the router wants it to be said in its own types.
      yield* router.add("*", path, method === "*" ? handler : reading(handler)) as Effect.Effect<void>
    }
    return router.asHttpEffect()
  })

const reading = (handler: Route["handler"]): Route["handler"] =>
  Effect.flatMap(HttpServerRequest, ({ method }) =>
    method === "GET" || method === "HEAD" ? handler : Effect.succeed(Problem.respond(Problem.notAllowed("GET, HEAD")))
  )

/** What is not the path that was given is another path, and the slashes in a query are not touched. */
const config = { caseSensitive: true, ignoreDuplicateSlashes: false, ignoreTrailingSlash: false, maxParamLength: 2_000 }
