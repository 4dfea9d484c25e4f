/**
 * The rules of an endpoint, read and refused by name.
 *
 * @since 0.1.0
 */
import * as Options from "../../Options.ts"
import type { EndpointOptions } from "../Endpoint.ts"

/**
 * Named in the message about a wrong option.
 *
 * @since 0.1.0
 * @category models
 */
export const where = "Endpoint.make"

/**
 * A path, whose segments are fields of the input or stand for themselves.
 *
 * @since 0.1.0
 * @category constructors
 */
export const readPath = (path: string): `/${string}` => {
  const segments = path.slice(1).split("/")
  const params = segments.filter((segment) => segment.startsWith(":"))
  const fits =
    path.startsWith("/") &&
    segments.every((segment) => /^(?::[A-Za-z_]\w*|(?!\.{1,2}$)[\w.~-]+)$/.test(segment)) &&
    new Set(params).size === params.length
  return fits
    ? (path as `/${string}`)
    : Options.refuse(where, "path", path, `a path like "/search" or "/users/:id/dashboard"`)
}

/**
 * How an endpoint may be asked, which depends on whether it has something to give without all its sources.
 *
 * @since 0.1.0
 * @category constructors
 */
export const readHandling = (handling: EndpointOptions["handling"], lenient: boolean) => {
  if (handling === undefined) return lenient ? "either" : "strict"
  return lenient || handling === "strict"
    ? handling
    : Options.refuse(where, "handling", handling, `"strict" for an aggregation without partial`)
}

/** Those that belong to one connection, or that we say ourselves. */
const ours =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-.*|expect|prefer|accept|accept-encoding|range|if-.*|traceparent|tracestate|b3|x-b3-.*|grpc-.*|x-envoy-.*)$/

/**
 * The name of a header that is sent on, in lower case.
 *
 * @since 0.1.0
 * @category constructors
 */
export const readForwarded = (name: string) => {
  const lower = name.toLowerCase()
  return /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(lower) && !ours.test(lower)
    ? lower
    : Options.refuse(where, "forward", name, "the name of a header that is neither of one connection nor set by muster")
}
