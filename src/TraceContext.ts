/**
 * Trace context in HTTP headers: `traceparent` and `tracestate` of the W3C, and `b3`.
 *
 * @see https://www.w3.org/TR/trace-context/
 * @since 0.1.0
 */
import { Context, DefaultServices, Option, Tracer } from "effect"

type Headers = Readonly<Record<string, string | undefined>>

/** What came with the span of a caller besides its ids. */
class Received extends Context.Tag("effect-muster/TraceContext/Received")<
  Received,
  {
    readonly state: string | undefined
    /** Whether the trace id was said to be random. */
    readonly random: boolean
  }
>() {}

/**
 * The span of a caller; `undefined` where the headers have none that is valid. Names of headers are in lower case, and headers
 * that were sent twice are joined by commas: a second `traceparent` makes it invalid.
 *
 * @since 0.1.0
 * @category headers
 */
export const fromHeaders = (headers: Headers): Tracer.ExternalSpan | undefined => {
  const { traceparent } = headers
  return (traceparent === undefined ? undefined : fromParent(traceparent, headers["tracestate"])) ?? fromB3(headers)
}

/** version-traceid-parentid-flags, and more of it in versions to come. */
const parent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

const fromParent = (text: string, state: string | undefined): Tracer.ExternalSpan | undefined => {
  const [, version, traceId, spanId, flags, more] = parent.exec(text.trim()) ?? []
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined
  const bits = parseInt(flags ?? "", 16)
  const received = { state: state === undefined ? undefined : stateOf(state), random: (bits & 2) !== 0 }
  return external(traceId, spanId, (bits & 1) !== 0, Context.make(Received, received))
}

const b3 = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/i

const fromB3 = (headers: Headers): Tracer.ExternalSpan | undefined => {
  const one = headers["b3"] ?? inOne(headers)
  if (one === undefined) return undefined
  const [, traceId, spanId, sampled] = b3.exec(one.trim()) ?? []
  return external(traceId?.toLowerCase().padStart(32, "0"), spanId?.toLowerCase(), sampled !== "0")
}

/** The several headers of B3 as its one. */
const inOne = (headers: Headers): string | undefined => {
  const [traceId, spanId] = [headers["x-b3-traceid"], headers["x-b3-spanid"]]
  if (traceId === undefined || spanId === undefined) return undefined
  const sampled = headers["x-b3-flags"] === "1" ? "d" : headers["x-b3-sampled"]
  return `${traceId}-${spanId}${sampled === undefined ? "" : `-${sampled}`}`
}

const external = (
  traceId: string | undefined,
  spanId: string | undefined,
  sampled: boolean,
  context: Context.Context<never> = Context.empty()
) =>
  // All zeros stand for no id.
  traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)
    ? undefined
    : Tracer.externalSpan({ traceId, spanId, sampled, context })

const maxMembers = 32
const maxState = 512

/** `key=value`, where the key may be `tenant@system` (Trace Context, 3.3.1.3). */
const member = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/**
 * A `tracestate` of at most 32 members and 512 characters: those of more than 128 characters are left out first, then the last
 * ones (3.3.1.5). One that is malformed is none.
 */
const stateOf = (text: string): string | undefined => {
  const members = text
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "")
  if (!members.every((one) => member.test(one))) return undefined
  members.splice(maxMembers)
  while (members.join(",").length > maxState) {
    // -1 is the last one.
    members.splice(
      members.findLastIndex(({ length }) => length > 128),
      1
    )
  }
  return members.length === 0 ? undefined : members.join(",")
}

/**
 * The span outside of this process that a span stands below, or that it is itself.
 *
 * @since 0.1.0
 * @category getters
 */
export const callerOf = (span: Tracer.AnySpan | undefined): Tracer.ExternalSpan | undefined => {
  let above = span
  while (above?._tag === "Span") above = Option.getOrUndefined(above.parent)
  return above
}

/**
 * The headers that make what is asked a part of the trace of a span. What its caller does not sample stays so, and the
 * `tracestate` of the caller goes along.
 *
 * @since 0.1.0
 * @category headers
 */
export const toHeaders = (span: Tracer.AnySpan): Readonly<Record<string, string>> => {
  const { spanId, traceId } = span
  const caller = callerOf(span)
  const received = caller === undefined ? undefined : Option.getOrUndefined(Context.getOption(caller.context, Received))
  const sampled = span.sampled && caller?.sampled !== false
  const above = span._tag === "Span" && span.parent._tag === "Some" ? `-${span.parent.value.spanId}` : ""
  const flags = (sampled ? 1 : 0) + (received?.random === true ? 2 : 0)
  const headers = {
    traceparent: `00-${traceId}-${spanId}-0${flags}`,
    b3: `${traceId}-${spanId}-${sampled ? 1 : 0}${above}`
  }
  return received?.state === undefined ? headers : { ...headers, tracestate: received.state }
}

/**
 * A tracer that records nothing below a span that is not sampled.
 *
 * @since 0.1.0
 * @category constructors
 */
export const sampledOnly = (tracer: Tracer.Tracer): Tracer.Tracer =>
  Tracer.make({
    context: (f, fiber) => tracer.context(f, fiber),
    span: (...span) => {
      const [, parent] = span
      return parent._tag === "Some" && !parent.value.sampled
        ? Object.assign(unrecorded.span(...span), { sampled: false })
        : tracer.span(...span)
    }
  })

/** Its spans go nowhere. */
const unrecorded = Context.get(DefaultServices.liveServices, Tracer.Tracer)
