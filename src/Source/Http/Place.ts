/**
 * Where an exchange takes place: whom it is for, how long it may take, and its span.
 *
 * @since 0.1.0
 */
import { Clock, Context, type Exit, Option, Tracer } from "effect"
import * as Deadline from "../../Deadline.ts"
import type { Where } from "../../Gather/Calling.ts"
import type { Asked } from "../../Receipt/Asking.ts"
import type { Spans } from "../../Receipt/Spans.ts"
import * as Attempt from "../../Resilience/Attempt.ts"
import * as TraceContext from "../../TraceContext.ts"
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
  private readonly trace: Tracer.AnySpan | undefined
  private readonly asking: Asked
  private reconnect: Attempt.Attempt | undefined = undefined

  constructor({ asking, context, deadline, fiber, parent, spans }: Where) {
    this.asking = asking
    this.source = asking.name
    this.deadline = deadline
    this.clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    this.spans = spans
    // A span that is not kept is worth no more than the one above it, and less than that of the caller, who may keep it.
    const isEnough = spans === undefined || (!spans.kept && parent !== undefined)
    this.span = isEnough ? undefined : spans.start("Http.json", { kind: "client", parent })
    if (spans?.kept === true) this.trace = this.span
    else if (spans === undefined) this.trace = TraceContext.callerOf(parent ?? around(context))
    else this.trace = this.span ?? TraceContext.callerOf(parent) ?? parent
  }

  /** The request goes out once more, over a new connection. */
  reconnects(): void {
    this.reconnect = Attempt.begin(this.asking, "reconnect")
  }

  /** Says what is asked. */
  asks(method: string, target: Target): void {
    this.span?.attribute("http.request.method", method)
    this.span?.attribute("server.address", target.hostname)
    this.span?.attribute("server.port", target.port)
    this.span?.attribute("url.path", target.pathname)
  }

  ended(exit: Exit.Exit<unknown, unknown>): void {
    this.reconnect?.ended(exit)
    if (this.span !== undefined) this.spans?.end(this.span, exit)
  }

  /** Writes the deadline and the trace into the headers of what is asked. */
  sign(headers: Record<string, string>): Record<string, string> {
    if (this.deadline !== Infinity) {
      const left = this.deadline - Number(this.clock.unsafeCurrentTimeNanos()) / 1e6
      Object.assign(headers, Deadline.headersOf(Math.max(0, left)))
    }
    return this.trace === undefined ? headers : Object.assign(headers, TraceContext.toHeaders(this.trace))
  }
}

/** Where tracing is off, the span of the caller is there all the same. */
const around = (context: Context.Context<never>) => Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
