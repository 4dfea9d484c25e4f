/**
 * The span of each request, by direct calls.
 *
 * @since 0.1.0
 */
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Chunk, Context, Effect, Exit, FiberRef, HashMap, Option, Tracer } from "effect"
import type { Answer, Exchange } from "./Exchange.ts"

/**
 * Makes the spans of a server's requests.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spans {
  /** Starts one, in the trace that the request is part of; `undefined` where tracing is off. */
  readonly start: (name: string, exchange: Exchange, route: string) => Tracer.Span | undefined
  /** Ends it when there is a reply. */
  readonly end: (span: Tracer.Span, answer: Answer) => void
}

/**
 * Spans of the tracer of the fiber that runs this, with its annotations and links, as `Effect.withSpan` makes them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Spans> = Effect.withFiberRuntime((fiber) => {
  const enabled = fiber.getFiberRef(FiberRef.currentTracerEnabled)
  const timed = fiber.getFiberRef(FiberRef.currentTracerTimingEnabled)
  const annotations = HashMap.toEntries(fiber.getFiberRef(FiberRef.currentTracerSpanAnnotations))
  const links = Chunk.toReadonlyArray(fiber.getFiberRef(FiberRef.currentTracerSpanLinks))
  const around = Context.getOption(fiber.currentContext, Tracer.ParentSpan)
  const tracer = fiber.currentTracer
  return Effect.map(Effect.clock, (clock): Spans => {
    const now = () => (timed ? clock.unsafeCurrentTimeNanos() : 0n)
    const ended = (span: Tracer.Span, exit: Exit.Exit<{ readonly status: number }>) => {
      span.attribute("http.response.status_code", Exit.isSuccess(exit) ? exit.value.status : 500)
      span.end(now(), exit)
    }
    return {
      start: (name, { headers, method }, route) => {
        if (!enabled) return undefined
        // The cast: these are headers, which the platform gives a prototype of its own.
        const caller = HttpTraceContext.fromHeaders(headers as Parameters<typeof HttpTraceContext.fromHeaders>[0])
        const parent = Option.isSome(caller) ? caller : around
        const options = { captureStackTrace: false } as const
        const span = tracer.span(name, parent, Context.empty(), links, now(), "server", options)
        for (const [key, value] of annotations) span.attribute(key, value)
        span.attribute("http.request.method", method)
        span.attribute("http.route", route)
        return span
      },
      end: (span, answer) => {
        if ("body" in answer) ended(span, Exit.succeed(answer))
        else answer.addObserver((exit) => ended(span, exit))
      }
    }
  })
})
