/**
 * Where an exchange takes place: whom it is for, how long it may take, and its span.
 *
 * @since 0.1.0
 */
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Clock, Context, type Exit, type Tracer } from "effect"
import * as Deadline from "../../Deadline.ts"
import type { Where } from "../../Gather/Calling.ts"
import * as Spans from "../../Receipt/Spans.ts"
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
  /** `undefined` where tracing is off. */
  readonly span: Tracer.Span | undefined
  private readonly deadline: number
  private readonly spans: Spans.Spans | undefined

  constructor({ asking, deadline, fiber, parent }: Where) {
    this.source = asking.name
    this.deadline = deadline
    this.clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    this.spans = Spans.of(fiber)
    this.span = this.spans?.start("Http.json", { kind: "client", parent })
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

  /** The deadline and the trace, as an upstream service is told of them. */
  headers(): Readonly<Record<string, string>> {
    const left =
      this.deadline === Infinity
        ? Infinity
        : Math.max(0, this.deadline - Number(this.clock.unsafeCurrentTimeNanos()) / 1e6)
    return { ...Deadline.headersOf(left), ...(this.span && HttpTraceContext.toHeaders(this.span)) }
  }
}
