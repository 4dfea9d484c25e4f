/**
 * The routes of the public port.
 *
 * @since 0.1.0
 */
import type { Context } from "effect"
import type { Aggregator } from "../Aggregator.ts"
import * as Json from "../Json.ts"
import * as Options from "../Options.ts"
import * as Docs from "./Docs.ts"
import type { Drain } from "./Drain.ts"
import type { Endpoint } from "./Endpoint.ts"
import type { App } from "./Exchange.ts"
import * as Handler from "./Handler.ts"
import * as Health from "./Health.ts"
import * as OpenApi from "./OpenApi.ts"
import * as Problem from "./Problem.ts"
import type { Recent } from "./Recent.ts"
import * as Reply from "./Reply.ts"
import * as Router from "./Router.ts"

/**
 * What the routes are made of.
 *
 * @since 0.1.0
 * @category models
 */
export interface RoutesOptions extends Handler.Settings {
  readonly info: OpenApi.Info
  readonly drain: Drain
  readonly recent: Recent
}

/**
 * All that the sources of the endpoints require, whatever it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Served {
  readonly _: unique symbol
}

/**
 * The probes, which are answered at all times.
 *
 * @since 0.1.0
 * @category models
 */
export const probes: ReadonlySet<string> = new Set(["/healthz", "/readyz"])

/** What is said to whoever asks for something else. */
const hint = "See /docs for what there is"

const own = new Set([...probes, "/openapi.json", "/docs"])

/**
 * The endpoints, `/openapi.json`, `/docs`, `/healthz` and `/readyz`. Two endpoints of one path and method, or one on a path
 * of ours, are an `InvalidOption`.
 *
 * @since 0.1.0
 * @category handlers
 */
export const make = (
  endpoints: ReadonlyArray<Endpoint<Served>>,
  services: Context.Context<Aggregator | Served>,
  options: RoutesOptions
): App => {
  const byPath = new Map<`/${string}`, Array<Endpoint<Served>>>()
  for (const endpoint of endpoints) {
    const { method, path } = endpoint
    const alike = endpoints.find((one) => shapeOf(one.path) === shapeOf(path))!
    const there = byPath.get(path) ?? []
    if (own.has(path) || alike.path !== path || there.some((one) => one.method === method))
      Options.refuse(
        "Server.layer",
        "endpoints",
        `${method} ${path}`,
        "served once, and at no path of the server's own"
      )
    byPath.set(path, [...there, endpoint])
  }
  const { drain, inFlight, info, recent } = options
  const openApi = Json.stringify(OpenApi.document(endpoints, info))!
  const document = Reply.make(openApi, { type: "application/json" })
  const docs = Docs.respond(endpoints, info)
  return Router.make(
    [
      ...Array.from(byPath, ([path, there]) => ({
        method: "*" as const,
        path,
        handler: dispatch(there, services, options)
      })),
      get("/openapi.json", () => document),
      get("/docs", () => docs),
      get("/healthz", Health.live),
      get("/readyz", () => Health.ready(drain, inFlight, recent, "summary"))
    ],
    hint
  )
}

/** Two paths that differ in the names of their fields alone are one. */
const shapeOf = (path: string) => path.replace(/:\w+/g, ":")

const get = (path: Router.Route["path"], handler: Router.Route["handler"]): Router.Route => ({
  method: "GET",
  path,
  handler
})

/** The endpoint for the method; `HEAD` is a `GET` whose body is not sent. */
const dispatch = (
  endpoints: ReadonlyArray<Endpoint<Served>>,
  services: Context.Context<Aggregator | Served>,
  settings: RoutesOptions
): Router.Route["handler"] => {
  const handlers = new Map<string, Router.Route["handler"]>(
    endpoints.map((endpoint) => [endpoint.method, Handler.make(endpoint, services, settings)])
  )
  const allow = Array.from(handlers.keys(), (method) => (method === "GET" ? "GET, HEAD" : method)).join(", ")
  const unserved = Problem.respond(Problem.notAllowed(allow))
  return (exchange, params) => {
    exchange.route = endpoints[0]!.path
    const handler = handlers.get(exchange.method === "HEAD" ? "GET" : exchange.method)
    return handler === undefined ? unserved : handler(exchange, params)
  }
}
