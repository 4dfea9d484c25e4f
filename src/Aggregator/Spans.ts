/**
 * Spans of sources, without an effect for each.
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
 * Makes the spans of one aggregation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spans {
  /** False when nobody can see them afterwards: the tracer that Effect has by default keeps none. */
  readonly kept: boolean
  /** Below the parent, or else below the current span of the fiber. */
  readonly start: (name: string, attributes?: Readonly<Record<string, unknown>>, parent?: Tracer.Span) => Tracer.Span
  readonly end: (span: Tracer.Span, exit: Exit.Exit<unknown, unknown>) => void
}

const native = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/**
 * Spans below the current one of a fiber, with its annotations and links, as `Effect.withSpan` makes them; `undefined` where
 * tracing is off.
 *
 * @since 0.1.0
 * @category constructors
 */
export const below = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Spans | undefined => {
  if (!fiber.getFiberRef(FiberRef.currentTracerEnabled)) return undefined
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  const tracer = fiber.currentTracer
  const parent = Context.getOption(fiber.currentContext, Tracer.ParentSpan)
  const links = Chunk.toReadonlyArray(fiber.getFiberRef(FiberRef.currentTracerSpanLinks))
  const annotations = HashMap.toEntries(fiber.getFiberRef(FiberRef.currentTracerSpanAnnotations))
  const timed = fiber.getFiberRef(FiberRef.currentTracerTimingEnabled)
  const now = () => (timed ? clock.unsafeCurrentTimeNanos() : 0n)
  return {
    kept: tracer !== native,
    start: (name, attributes = {}, above) => {
      const options = { attributes, captureStackTrace: false } as const
      const span = tracer.span(
        name,
        above === undefined ? parent : Option.some(above),
        Context.empty(),
        links,
        now(),
        "internal",
        options
      )
      for (const [key, value] of annotations) span.attribute(key, value)
      for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
      return span
    },
    end: (span, exit) => span.end(now(), exit)
  }
}
