/**
 * A table of routes, and the application that it makes.
 *
 * @since 0.1.0
 */
import * as FindMyWay from "find-my-way-ts"
import type { Answer, App, Exchange } from "./Exchange.ts"
import * as Problem from "./Problem.ts"

/**
 * The segments of a path that stand for fields, as they were before they were percent-encoded.
 *
 * @since 0.1.0
 * @category models
 */
export type Params = Readonly<Record<string, string | undefined>>

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
  readonly handler: (exchange: Exchange, params: Params) => Answer
}

/**
 * Makes an application of routes. `hint` is what is said of what there is to whoever asks for something else.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (routes: ReadonlyArray<Route>, hint: string): App => {
  const router = FindMyWay.make<Route["handler"]>({
    // What is not the path that was given is another path.
    caseSensitive: true,
    ignoreDuplicateSlashes: false,
    ignoreTrailingSlash: false,
    // As long as the head of a request may be: an input says itself how long it may be.
    maxParamLength: 1_000_000
  })
  for (const { handler, method, path } of routes) router.on("GET", path, method === "*" ? handler : reading(handler))
  return (exchange) => {
    const { path, url } = exchange
    if (url.includes("#")) return fragment
    // To the router, what follows a semicolon is no part of the path.
    const found = router.find("GET", path.includes(";") ? path.replaceAll(";", "%3B") : path)
    return found === undefined ? nowhere(exchange, hint) : found.handler(exchange, found.params)
  }
}

const reading =
  (handler: Route["handler"]): Route["handler"] =>
  (exchange, params) =>
    exchange.method === "GET" || exchange.method === "HEAD" ? handler(exchange, params) : notAllowed

const notAllowed = Problem.respond(Problem.notAllowed("GET, HEAD"))

const fragment = Problem.respond(
  Problem.make("invalid-input", `A request has no fragment: write # as %23`, { field: "" })
)

const nowhere = ({ path }: Exchange, hint: string) => {
  try {
    decodeURI(path)
    return Problem.respond(Problem.make("not-found", hint))
  } catch {
    return Problem.respond(Problem.make("invalid-input", "The path is not percent-encoded UTF-8", { field: "" }))
  }
}
