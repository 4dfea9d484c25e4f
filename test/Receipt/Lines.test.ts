import { assert, describe, it } from "@effect/vitest"
import { Effect, FiberRef, HashSet, Logger, LogLevel } from "effect"
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
        write(LogLevel.Warning, "GET /x 500", { path: "/x", status: 500, key: undefined, traceId: null })
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
})
