/**
 * Which pages of other origins may ask, and read the answers.
 *
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 * @since 0.1.0
 */
import type { App, Exchange } from "./Exchange.ts"
import * as Reply from "./Reply.ts"

const exposed = [
  "server-timing",
  "muster-complete",
  "muster-receipt",
  "preference-applied",
  "retry-after",
  "x-request-id"
]

/**
 * The same application, for pages of these origins too; `*` is all. A preflight is answered whatever it is about.
 *
 * @since 0.1.0
 * @category handlers
 */
export const shared = (app: App, origins: ReadonlyArray<string>): App =>
  origins.length === 0
    ? app
    : (exchange) => {
        exchange.shared = allowing(origins, exchange)
        return exchange.method === "OPTIONS" ? Reply.empty(preflight(exchange)) : app(exchange)
      }

const allowing = (origins: ReadonlyArray<string>, { headers: { origin = "" } }: Exchange) => {
  const allowed = origins.includes("*") ? "*" : origins.find((one) => one === origin)
  return {
    ...(allowed !== undefined && { "access-control-allow-origin": allowed }),
    // What is said to one origin is not for the next, so that a cache must tell them apart.
    ...(allowed !== "*" && { vary: "Origin" }),
    "access-control-expose-headers": exposed.join(",")
  }
}

const preflight = ({ headers }: Exchange) => {
  const asked = headers["access-control-request-headers"]
  return {
    "access-control-allow-methods": "GET, HEAD, POST",
    ...(asked !== undefined && { "access-control-allow-headers": asked }),
    "access-control-max-age": "600"
  }
}
