/**
 * A tracer that is not the one that Effect has when there is none: of that one nobody sees more than ids. Its spans are of a
 * class, as those of real ones are: objects with functions of their own made ten sources take 46 us instead of 19.
 */
import { type Context, type Exit, type Option, Tracer } from "effect"

class Kept implements Tracer.Span {
  readonly _tag = "Span"
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  readonly traceId: string
  status: Tracer.SpanStatus

  constructor(
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Context.Context<never>,
    readonly links: ReadonlyArray<Tracer.SpanLink>,
    startTime: bigint,
    readonly kind: Tracer.SpanKind
  ) {
    this.traceId = parent._tag === "Some" ? parent.value.traceId : name
    this.status = { _tag: "Started", startTime }
  }

  get spanId(): string {
    return this.name
  }

  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
  }

  event(): void {}

  addLinks(): void {}
}

export const keeping = Tracer.make({
  span: (name, parent, context, links, startTime, kind) => new Kept(name, parent, context, links, startTime, kind),
  context: (run) => run()
})
