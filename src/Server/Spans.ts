/**
 * The span of each request, by direct calls.
 *
 * @since 0.1.0
 */
import { Effect, Exit, type Tracer } from "effect"
import * as Direct from "../Receipt/Spans.ts"
import * as TraceContext from "../TraceContext.ts"
import type { Exchange } from "./Exchange.ts"
import type { Reply } from "./Reply.ts"

/**
 * Makes the spans of a server's requests.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spans {
  /** Starts one, in the trace that the request is part of. Where tracing is off it gives the span of the caller, if there is one. */
  readonly start: (name: string, exchange: Exchange, route: string) => Tracer.AnySpan | undefined
  /** Ends it: there is a reply, or there will be none. */
  readonly end: (span: Tracer.Span, exit: Exit.Exit<Reply>) => void
}

/**
 * Spans of the tracer of the fiber that runs this.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Spans> = Effect.withFiberRuntime((fiber) => {
  const spans = Direct.of(fiber)
  return Effect.succeed({
    start: (name, { headers, method }, route) => {
      const parent = TraceContext.fromHeaders(headers)
      const attributes = { "http.request.method": method, "http.route": route }
      return spans === undefined ? parent : spans.start(name, { attributes, kind: "server", parent })
    },
    end: (span, exit) => {
      span.attribute("http.response.status_code", Exit.isSuccess(exit) ? exit.value.status : 500)
      spans?.end(span, exit)
    }
  })
})
