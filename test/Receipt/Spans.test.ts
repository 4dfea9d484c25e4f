import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, TestClock, Tracer } from "effect"
import * as Spans from "../../src/Receipt/Spans.ts"
import { keeping } from "../Tracing.ts"

describe("a span that is made by a direct call", () => {
  const made = Effect.withFiberRuntime<Spans.Spans | undefined>((fiber) => Effect.succeed(Spans.of(fiber)))

  it.effect("is the one that Effect makes, with all that stands around it", () =>
    Effect.gen(function* () {
      const parent = Tracer.externalSpan({ spanId: "caller", traceId: "trace" })
      const other = Tracer.externalSpan({ spanId: "other", traceId: "elsewhere" })
      const options = { attributes: { source: "a" }, kind: "client" } as const
      const spans: Array<Tracer.Span> = []
      const both = (given: Spans.SpanOptions) =>
        Effect.gen(function* () {
          const { end, start } = (yield* made) ?? assert.fail("tracing is on")
          const span = start("ask", given)
          yield* TestClock.adjust(5)
          end(span, Exit.void)
          yield* TestClock.setTime(1_000)
          const current = Effect.zipLeft(Effect.currentSpan, TestClock.adjust(5))
          spans.push(span, yield* Effect.withSpan(current, "ask", { ...given, captureStackTrace: false }))
        })
      yield* Effect.gen(function* () {
        yield* TestClock.setTime(1_000)
        yield* both({ ...options, parent })
        yield* TestClock.setTime(1_000)
        yield* both({})
      }).pipe(
        Effect.annotateSpans("port", 8080),
        Effect.linkSpans(other),
        Effect.withSpan("around"),
        Effect.withTracer(keeping)
      )

      const told = spans.map(({ attributes, kind, links, name, parent, status }) => {
        assert(status._tag === "Ended")
        const { endTime, startTime } = status
        return { name, kind, parent, attributes: [...attributes], links, startTime, endTime }
      })
      assert.lengthOf(told, 4)
      assert.deepStrictEqual(told[0], told[1])
      assert.deepStrictEqual(told[2], told[3])
      assert.deepStrictEqual([told[0]!.kind, told[0]!.attributes.length, told[0]!.links.length], ["client", 2, 1])
    })
  )

  it.effect("is not made where tracing is off", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* Effect.withTracerEnabled(made, false))
    })
  )
})
