/**
 * Where an exchange takes place: whom it is for, how long it may take, and its span.
 *
 * @since 0.1.0
 */
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Clock, Context, type Exit, type Tracer } from "effect"
import * as Deadline from "../../Deadline.ts"
import type { Where } from "../../Gather/Calling.ts"
import type { Spans } from "../../Receipt/Spans.ts"
import type { Target } from "./Target.ts"

/**
 * What the fiber that asks knows, read by direct calls: with an effect for each, an answer over two services cost 40 % more.
 *
 * @since 0.1.0
 * @category models
 */
export class Place {
  /** What errors call the source. */
  readonly source: string
  readonly clock: Clock.Clock
  /** `undefined` where nobody would see it. */
  readonly span: Tracer.Span | undefined
  private readonly deadline: number
  private readonly spans: Spans | undefined
  /** What the server is told that it is a part of. */
  private readonly trace: Tracer.Span | undefined

  constructor({ asking, deadline, fiber, parent, spans }: Where) {
    this.source = asking.name
    this.deadline = deadline
    this.clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    this.spans = spans
    // A span that nobody keeps is worth no more than the one above it.
    const isEnough = spans === undefined || (!spans.kept && parent?._tag === "Span")
    this.span = isEnough ? undefined : spans.start("Http.json", { kind: "client", parent })
    this.trace = this.span ?? (spans !== undefined && parent?._tag === "Span" ? parent : undefined)
  }

  /** Says what is asked. */
  asks(method: string, target: Target): void {
    this.span?.attribute("http.request.method", method)
    this.span?.attribute("server.address", target.hostname)
    this.span?.attribute("server.port", target.port)
    this.span?.attribute("url.path", target.pathname)
  }

  ended(exit: Exit.Exit<unknown, unknown>): void {
    if (this.span !== undefined) this.spans?.end(this.span, exit)
  }

  /** Writes the deadline and the trace into the headers of what is asked. */
  sign(headers: Record<string, string>): Record<string, string> {
    if (this.deadline !== Infinity) {
      const left = this.deadline - Number(this.clock.unsafeCurrentTimeNanos()) / 1e6
      Object.assign(headers, Deadline.headersOf(Math.max(0, left)))
    }
    return this.trace === undefined ? headers : Object.assign(headers, HttpTraceContext.toHeaders(this.trace))
  }
}
