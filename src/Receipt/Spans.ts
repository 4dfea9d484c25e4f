/**
 * Spans by direct calls, without an effect for each.
 *
 * @since 0.1.0
 */
import {
  Chunk,
  Clock,
  Context,
  DefaultServices,
  type Exit,
  type Fiber,
  FiberRef,
  HashMap,
  Option,
  Tracer
} from "effect"

/**
 * What a span is besides its name.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpanOptions {
  readonly attributes?: Readonly<Record<string, unknown>>
  /** What it stands below; default: the current span of the fiber. */
  readonly parent?: Tracer.AnySpan | undefined
  /** Default `internal`. */
  readonly kind?: Tracer.SpanKind
}

/**
 * Makes spans as `Effect.withSpan` does in one fiber.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spans {
  /** Of {@link isKept}. */
  readonly kept: boolean
  readonly start: (name: string, options?: SpanOptions) => Tracer.Span
  readonly end: (span: Tracer.Span, exit: Exit.Exit<unknown, unknown>) => void
}

const native = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/**
 * False when nobody can see the spans of this fiber afterwards: the tracer that Effect has by default keeps none.
 *
 * @since 0.1.0
 * @category getters
 */
export const isKept = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => fiber.currentTracer !== native

/**
 * Spans of a fiber's tracer, with its annotations and links; `undefined` where tracing is off.
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Spans | undefined => {
  if (!fiber.getFiberRef(FiberRef.currentTracerEnabled)) return undefined
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  const tracer = fiber.currentTracer
  const around = Context.getOption(fiber.currentContext, Tracer.ParentSpan)
  const links = Chunk.toReadonlyArray(fiber.getFiberRef(FiberRef.currentTracerSpanLinks))
  const annotations = fiber.getFiberRef(FiberRef.currentTracerSpanAnnotations)
  const timed = fiber.getFiberRef(FiberRef.currentTracerTimingEnabled)
  const now = () => (timed ? clock.unsafeCurrentTimeNanos() : 0n)
  return {
    kept: isKept(fiber),
    start: (name, { attributes = {}, kind = "internal", parent } = {}) => {
      const above = parent === undefined ? around : Option.some(parent)
      const options = { attributes, captureStackTrace: false } as const
      const span = tracer.span(name, above, Context.empty(), links, now(), kind, options)
      HashMap.forEach(annotations, (value, key) => span.attribute(key, value))
      for (const name in attributes) span.attribute(name, attributes[name])
      return span
    },
    end: (span, exit) => span.end(now(), exit)
  }
}
