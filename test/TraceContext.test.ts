import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FastCheck as fc, Option, Tracer } from "effect"
import * as TraceContext from "../src/TraceContext.ts"
import { keeping } from "./Tracing.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const spanId = "00f067aa0ba902b7"
const valid = `00-${traceId}-${spanId}-01`

/** What an upstream is told of the trace of a caller. */
const passed = (headers: Readonly<Record<string, string>>) => {
  const caller = TraceContext.fromHeaders(headers)
  return caller === undefined ? undefined : TraceContext.toHeaders(caller)
}

const parent = (headers: Readonly<Record<string, string>>) => passed(headers)?.["traceparent"]

const state = (tracestate: string) => passed({ traceparent: valid, tracestate })?.["tracestate"]

describe("a traceparent", () => {
  it("goes on as it came, with the flags that are known", () => {
    for (const flags of ["00", "01", "02", "03"])
      assert.strictEqual(
        parent({ traceparent: `00-${traceId}-${spanId}-${flags}` }),
        `00-${traceId}-${spanId}-${flags}`
      )
    assert.strictEqual(parent({ traceparent: `00-${traceId}-${spanId}-ff` }), `00-${traceId}-${spanId}-03`)
  })

  it("of a version to come is read as far as it is known, and goes on as version 00", () => {
    for (const text of [
      `cc-${traceId}-${spanId}-01`,
      `01-${traceId}-${spanId}-01-and-more`,
      `cc-${traceId}-${spanId}-01-`
    ])
      assert.strictEqual(parent({ traceparent: text }), valid, text)
  })

  // https://www.w3.org/TR/trace-context/#traceparent-header-field-values
  it.each([
    ["version ff", `ff-${traceId}-${spanId}-01`],
    ["version 00 with more", `${valid}-extra`],
    ["version 00 with a dash", `${valid}-`],
    ["a version to come whose flags go on", `cc-${traceId}-${spanId}-01.what`],
    ["a trace id in capitals", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["a span id in capitals", `00-${traceId}-${spanId.toUpperCase()}-01`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
    ["a span id of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["a short trace id", `00-${traceId.slice(1)}-${spanId}-01`],
    ["a letter that is no digit", `00-${traceId.slice(1)}g-${spanId}-01`],
    ["short flags", `00-${traceId}-${spanId}-1`],
    ["no flags", `00-${traceId}-${spanId}`],
    ["nothing", ""],
    ["two headers", `${valid}, 00-${traceId}-${spanId}-00`],
    ["two headers of a version to come", `cc${valid.slice(2)}, cc${valid.slice(2)}`]
  ])("is none with %s", (_, traceparent) => {
    assert.isUndefined(TraceContext.fromHeaders({ traceparent, tracestate: "a=1" }))
  })

  it("is none for any text but one of its form", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0f-g ,") }), (text) => {
        assert.isUndefined(TraceContext.fromHeaders({ traceparent: text }))
      })
    )
  })
})

describe("a tracestate", () => {
  it("goes on with its traceparent, and not without", () => {
    assert.strictEqual(state("congo=t61rcWkgMzE"), "congo=t61rcWkgMzE")
    assert.strictEqual(state("rojo=00f067,\t congo@vendor=a b , ,x-_*/=!"), "rojo=00f067,congo@vendor=a b,x-_*/=!")
    assert.isUndefined(state(" , "))
    assert.isUndefined(passed({ tracestate: "a=1" }))
  })

  it("is none when it is malformed, and the traceparent stays", () => {
    for (const text of [
      "a",
      "=1",
      "a=",
      "A=1",
      "a=1=2",
      "a=é",
      "a=1,b",
      `${"k".repeat(257)}=1`,
      `a=${"v".repeat(257)}`
    ])
      assert.deepStrictEqual(
        [state(text), parent({ traceparent: valid, tracestate: text })],
        [undefined, valid],
        text.slice(0, 20)
      )
  })

  it("has at most 32 members and 512 characters: long members go first, then the last ones, none is cut", () => {
    const members = (count: number, of: (at: number) => string) => Array.from({ length: count }, (_, at) => of(at))
    const short = members(33, (at) => `k${at}=v`)
    assert.strictEqual(state(short.join(",")), short.slice(0, 32).join(","))
    const long = `long=${"x".repeat(200)}`
    const middle = members(10, (at) => `key${at}=${"y".repeat(40)}`)
    assert.strictEqual(state([long, ...middle].join(",")), middle.join(","))
    const wide = members(20, (at) => `key${at}=${"y".repeat(100)}`)
    assert.strictEqual(state(wide.join(",")), wide.slice(0, 4).join(","))
  })

  it("is never longer, and made of whole members of what came", () => {
    const one = fc
      .tuple(fc.stringMatching(/^[a-z0-9][a-z0-9_*/-]{0,20}$/), fc.stringMatching(/^[!-+\x2d-<>-~]{1,200}$/))
      .map((pair) => pair.join("="))
    fc.assert(
      fc.property(fc.array(one, { maxLength: 40 }), (members) => {
        const sent = state(members.join(","))?.split(",") ?? []
        assert.isAtMost(sent.join(",").length, 512)
        assert.isAtMost(sent.length, 32)
        let from = 0
        for (const member of sent) {
          from = members.indexOf(member, from) + 1
          assert.isAbove(from, 0)
        }
        if (members.length <= 32 && members.join(",").length <= 512) assert.deepStrictEqual(sent, members)
      })
    )
  })
})

describe("b3", () => {
  it("is read where there is no traceparent, in one header or several", () => {
    assert.strictEqual(parent({ b3: `${traceId}-${spanId}-1-${spanId}` }), valid)
    assert.strictEqual(parent({ b3: `${traceId}-${spanId}-d` }), valid)
    assert.strictEqual(parent({ b3: `${traceId}-${spanId}-0` }), `00-${traceId}-${spanId}-00`)
    assert.strictEqual(parent({ b3: `${spanId}-${spanId}` }), `00-${"0".repeat(16)}${spanId}-${spanId}-01`)
    const several = { "x-b3-traceid": traceId, "x-b3-spanid": spanId }
    assert.strictEqual(parent(several), valid)
    assert.strictEqual(parent({ ...several, "x-b3-sampled": "0" }), `00-${traceId}-${spanId}-00`)
    assert.strictEqual(parent({ ...several, "x-b3-sampled": "0", "x-b3-flags": "1" }), valid)
    for (const b3 of ["0", "x", `${traceId}-x`, `${"0".repeat(32)}-${spanId}`]) assert.isUndefined(parent({ b3 }))
  })
})

describe("a span below a caller", () => {
  const spanBelow = (caller: Tracer.AnySpan | undefined, tracer: Tracer.Tracer) =>
    Effect.currentSpan.pipe(
      Effect.withSpan("inner"),
      Effect.withSpan("outer", { parent: caller }),
      Effect.withTracer(tracer),
      Effect.runSync
    )

  it("takes the tracestate along, and is not sampled where the caller is not", () => {
    const headers = { traceparent: `00-${traceId}-${spanId}-02`, tracestate: "a=1" }
    const span = spanBelow(TraceContext.fromHeaders(headers), keeping)
    const sent = TraceContext.toHeaders(span)
    assert.strictEqual(sent["traceparent"], `00-${traceId}-${span.spanId}-02`)
    assert.strictEqual(sent["tracestate"], "a=1")
    assert.strictEqual(sent["b3"], `${traceId}-${span.spanId}-0-${Option.getOrThrow(span.parent).spanId}`)
    assert.isUndefined(TraceContext.toHeaders(spanBelow(undefined, keeping))["tracestate"])
  })

  it("is recorded only where the caller is sampled", () => {
    const recorded: Array<string> = []
    const recording = Tracer.make({
      context: (f) => f(),
      span: (name, ...rest) => {
        recorded.push(name)
        return keeping.span(name, ...rest)
      }
    })
    const tracer = TraceContext.sampledOnly(recording)
    const caller = (sampled: boolean) => Tracer.externalSpan({ traceId, spanId, sampled, context: Context.empty() })
    const unsampled = spanBelow(caller(false), tracer)
    assert.deepStrictEqual([recorded, unsampled.sampled, unsampled.traceId], [[], false, traceId])
    spanBelow(caller(true), tracer)
    spanBelow(undefined, tracer)
    assert.deepStrictEqual(recorded, ["outer", "inner", "outer", "inner"])
  })
})
