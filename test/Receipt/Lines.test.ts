import { assert, describe, it } from "@effect/vitest"
import { Effect, FiberRef, HashSet, Logger, LogLevel, Tracer } from "effect"
import * as Lines from "../../src/Receipt/Lines.ts"

const writing = Effect.withFiberRuntime<Lines.Lines | undefined>((fiber) => Effect.succeed(Lines.of(fiber)))

describe("a line that is written by a direct call", () => {
  const collecting = Effect.gen(function* () {
    const lines: Array<unknown> = []
    const logger = Logger.map(Logger.structuredLogger, ({ annotations, logLevel, message, spans, timestamp }) => {
      lines.push({ annotations, logLevel, message, spans: Object.keys(spans), timestamp })
    })
    return { lines, around: Logger.replace(Logger.defaultLogger, logger) }
  })

  it.effect("is the one that Effect writes, with all that stands around it", () =>
    Effect.gen(function* () {
      const { around, lines } = yield* collecting
      yield* Effect.gen(function* () {
        const { write } = (yield* writing) ?? assert.fail("nobody reads it")
        write(LogLevel.Warning, "GET /x 500", { path: "/x", status: 500, key: undefined })
        yield* Effect.annotateLogs(Effect.logWarning("GET /x 500"), { path: "/x", status: 500 })
      }).pipe(Effect.annotateLogs("port", 8080), Effect.withLogSpan("serving"), Effect.provide(around))

      assert.lengthOf(lines, 2)
      assert.deepStrictEqual(lines[0], lines[1])
    })
  )

  it.effect("is not written below the level that is wanted", () =>
    Effect.gen(function* () {
      const { around, lines } = yield* collecting
      yield* Effect.gen(function* () {
        const { write } = (yield* writing) ?? assert.fail("nobody reads it")
        write(LogLevel.Info, "GET /x 200", {})
        write(LogLevel.Warning, "GET /x 500", {})
      }).pipe(Logger.withMinimumLogLevel(LogLevel.Warning), Effect.provide(around))

      assert.lengthOf(lines, 1)
    })
  )

  it.effect("is not made where nobody would read an error", () =>
    Effect.gen(function* () {
      const { around } = yield* collecting
      const none = Logger.withMinimumLogLevel(writing, LogLevel.None)
      assert.isUndefined(yield* Effect.provide(none, around))
      assert.isUndefined(yield* Effect.locally(writing, FiberRef.currentLoggers, HashSet.empty()))
    })
  )

  it.effect("reaches a logger that takes it as it is, unless something stands around it", () =>
    Effect.gen(function* () {
      const direct: Array<Lines.Line> = []
      const whole: Array<unknown> = []
      const logger = Lines.direct(
        Logger.make(({ annotations }) => void whole.push(Object.fromEntries(annotations))),
        (line) => direct.push(line)
      )
      const logged = Effect.map(writing, (lines) => lines?.write(LogLevel.Info, "GET /x 200", { status: 200 }))
      yield* Effect.gen(function* () {
        yield* logged
        yield* Effect.annotateLogs(logged, "port", 8080)
        yield* Effect.withLogSpan(logged, "serving")
        yield* Effect.logInfo("by Effect")
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))

      assert.deepStrictEqual(
        direct.map(({ beside, level, text, time }) => [level, text, beside, time]),
        [[LogLevel.Info, "GET /x 200", { status: 200 }, 0]]
      )
      assert.deepStrictEqual(whole, [{ status: 200, port: 8080 }, { status: 200 }, {}])
    })
  )

  it.effect("becomes an event of the span, where somebody keeps spans", () =>
    Effect.gen(function* () {
      const native = yield* Effect.tracer
      const events = (tracer: Tracer.Tracer) =>
        Effect.gen(function* () {
          const lines = yield* writing
          lines?.write(LogLevel.Info, "GET /x 200", { status: 200 })
          const span = yield* Effect.currentSpan
          // The cast: every tracer here makes spans of Effect's own kind.
          return (span as unknown as { readonly events: ReadonlyArray<readonly [string]> }).events.map(([name]) => name)
        }).pipe(Effect.withSpan("serving"), Effect.withTracer(tracer))

      assert.deepStrictEqual(yield* events(Tracer.make({ span: native.span, context: native.context })), ["GET /x 200"])
      assert.deepStrictEqual(yield* events(native), [])
    })
  )
})
