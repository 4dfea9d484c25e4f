import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, FiberId, Logger, LogLevel, TestClock } from "effect"
import * as Json from "../../../src/Cli/Logging/Json.ts"
import * as Lines from "../../../src/Receipt/Lines.ts"

/** What is written of the same by ours and by Effect's. */
const written = (logged: Effect.Effect<void>) =>
  Effect.map(Effect.all([by(Json.logger, logged), by(theirs, logged)]), ([ours, theirs]) => ({ ours, theirs }))

const theirs = (write: (line: string) => void) => Logger.map(Logger.jsonLogger, write)

const by = (logger: typeof Json.logger, logged: Effect.Effect<void>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const around = Logger.replace(
      Logger.defaultLogger,
      logger((line) => lines.push(line))
    )
    return Effect.as(Effect.provide(logged, around), lines)
  })

describe("a line of JSON", () => {
  it.effect("is what Effect writes, whatever is logged", () =>
    Effect.gen(function* () {
      const logged = Effect.gen(function* () {
        yield* Effect.logInfo("served", { deep: [1] })
        yield* Effect.logWarning('a "quoted"\n text \u2028', Cause.die(new TypeError("broken")))
      })
      const { ours, theirs } = yield* written(
        logged.pipe(Effect.annotateLogs("port", 8080), Effect.withLogSpan("whole"))
      )
      assert.lengthOf(ours, 2)
      assert.deepStrictEqual(ours, theirs)
    })
  )

  it.effect("of our own is that too, in the order in which it was said", () =>
    Effect.gen(function* () {
      const beside = { path: '/a "b"\n\u2028', status: 200, whole: true, key: undefined, constructor: "x", late: NaN }
      const logged = Effect.withFiberRuntime<void>((fiber) => {
        Lines.of(fiber)?.write(LogLevel.Warning, "GET /", beside)
        return Effect.void
      })
      const { ours, theirs } = yield* written(logged)
      assert.lengthOf(ours, 1)
      assert.deepStrictEqual(JSON.parse(ours[0]!), JSON.parse(theirs[0]!))
      assert.deepStrictEqual(Object.keys(JSON.parse(ours[0]!).annotations), [
        "path",
        "status",
        "whole",
        "constructor",
        "late"
      ])
    })
  )

  it.effect("has the instant and the thread of its own, whatever was said last", () =>
    Effect.gen(function* () {
      const logged = (thread: number) =>
        Effect.withFiberRuntime<void>((fiber) => {
          Lines.of(fiber, undefined, FiberId.make(thread, 0))?.write(LogLevel.Info, "GET /", {})
          return Effect.void
        })
      const lines: Array<string> = []
      const around = Logger.replace(
        Logger.defaultLogger,
        Json.logger((line) => lines.push(line))
      )
      yield* Effect.gen(function* () {
        yield* logged(1)
        yield* logged(2)
        yield* TestClock.adjust(1)
        yield* logged(2)
        yield* logged(1)
      }).pipe(Effect.provide(around))

      assert.deepStrictEqual(
        lines.map((line) => [JSON.parse(line).timestamp, JSON.parse(line).fiberId]),
        [
          ["1970-01-01T00:00:00.000Z", "#1"],
          ["1970-01-01T00:00:00.000Z", "#2"],
          ["1970-01-01T00:00:00.001Z", "#2"],
          ["1970-01-01T00:00:00.001Z", "#1"]
        ]
      )
    })
  )
})
