import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FiberRef, Layer, Logger, LogLevel, Option, Stream } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Group from "../../src/Group.ts"
import * as Hedge from "../../src/Resilience/Hedge.ts"
import * as SingleFlight from "../../src/Resilience/SingleFlight.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { byCall } from "../Gather/ByCall.ts"
import { logging } from "./Watching.ts"

const failing = Effect.delay(Effect.fail("down"), 10)
const dying = Effect.delay(Effect.die(new Error("bug")), 10)
const late = Testkit.hangs({ cleanup: 5 })
const three = { failing, dying, late }
const items = Object.values(three)
const options = { deadline: 20 }
const flights = SingleFlight.make<never, string>()

/** Every way in which a source that fails is asked. */
const programs: Record<string, Effect.Effect<unknown, unknown, Aggregator>> = {
  "Gather.failFast": Gather.failFast(three, options),
  "Gather.collect": Gather.collect(three, options),
  "Gather.collect, two at a time": Gather.collect(three, { ...options, concurrency: 2 }),
  "Gather.quorum": Gather.quorum(three, 2, options),
  "Gather.first": Gather.first(three, options),
  "Gather.stream": Stream.runDrain(Gather.stream(three, options)),
  "Gather.forEach": Gather.forEach(items, (item) => item, options),
  "Gather.collectEach": Gather.collectEach(items, (item) => item, options),
  "Gather.forEach over a stream": Gather.forEach(Stream.fromIterable(items), (item) => item, options),
  "Gather.forEach over a stream, one at a time": Gather.forEach(Stream.fromIterable(items), (item) => item, {
    ...options,
    concurrency: 1
  }),
  "Gather.forEach over a stream that fails": Gather.forEach(Stream.fail("torn"), () => Effect.void, options),
  "Gather.forEach over a stream that dies": Gather.forEach(Stream.die("torn"), () => Effect.void, options),
  "Gather.collectEach over a stream that fails": Gather.collectEach(Stream.fail("torn"), () => Effect.void, options),
  "Gather.failFast with a wrong option": Gather.failFast(three, { concurrency: 0 }),
  Group: Effect.scoped(
    Effect.gen(function* () {
      const group = yield* Group.make<string>({ ...options, limit: 2 })
      for (const item of items) yield* group.go(item)
      yield* group.wait
    })
  ),
  "Aggregator.gather": Aggregator.gather("test", three, options),
  "Aggregator.gather, by calls": Aggregator.gather(
    "test",
    { failing: byCall(failing), dying: byCall(dying), late: byCall(late) },
    options
  ),
  "Aggregator.collect": Aggregator.collect("test", three, options),
  "Aggregator.quorum": Aggregator.quorum("test", three, 2, options),
  "Aggregator.stream": Stream.runDrain(Aggregator.stream("test", three, options)),
  "Aggregator.collectEach": Aggregator.collectEach("test", items, (item) => item, options),
  "Aggregator.forEach over a stream": Aggregator.forEach("test", Stream.fromIterable(items), (item) => item, options),
  "Source.timeLimit": Source.timeLimit(failing, 20),
  "Source.timeLimit that is reached": Source.timeLimit(late, 20),
  Hedge: Hedge.after(5)(failing),
  "Hedge of what dies": Hedge.after(5)(dying),
  SingleFlight: Effect.all([failing, failing].map(SingleFlight.with(flights, { caller: "none", call: ["key"] })), {
    concurrency: "unbounded",
    mode: "either"
  })
}

const loud = (lines: Layer.Layer<never>) => Layer.merge(lines, Logger.minimumLogLevel(LogLevel.All))
const unhandled = (lines: ReadonlyArray<string>) => lines.filter((line) => line.includes("unhandled"))

describe("a failure that is handled is no unhandled one", () => {
  for (const [name, program] of Object.entries(programs)) {
    it.effect(`${name} logs no failing source as an unhandled error`, () => {
      const { layer, lines } = logging()
      return Effect.gen(function* () {
        yield* Testkit.timed(Effect.exit(program))
        yield* Testkit.timed(Cleanup.settled)
        yield* Testkit.timed(Aggregator.settled)

        assert.deepStrictEqual(unhandled(lines), [])
      }).pipe(
        Effect.provide(Aggregator.layer()),
        Effect.withUnhandledErrorLogLevel(Option.some(LogLevel.Fatal)),
        Effect.provide(loud(layer))
      )
    })
  }

  it.effect("what a source forks itself and leaves alone still reports that it failed", () => {
    const { layer, lines } = logging()
    return Effect.gen(function* () {
      const forks = Effect.zipRight(Effect.forkDaemon(Effect.die(new Error("nobody looks"))), Effect.fail("down"))
      yield* Testkit.timed(Effect.exit(Gather.failFast({ forks })))
      yield* Testkit.timed(Effect.exit(Aggregator.gather("test", { forks })))

      assert.deepStrictEqual(unhandled(lines), [
        "FATAL | Fiber terminated with an unhandled error | Error: nobody looks",
        "FATAL | Fiber terminated with an unhandled error | Error: nobody looks"
      ])
    }).pipe(
      Effect.provide(Aggregator.layer()),
      Effect.withUnhandledErrorLogLevel(Option.some(LogLevel.Fatal)),
      Effect.provide(loud(layer))
    )
  })

  it.effect("the level that the program has set is the same after a gather and inside its sources", () =>
    Effect.gen(function* () {
      const level = FiberRef.get(FiberRef.unhandledErrorLogLevel)
      const caught = Effect.zipRight(Effect.ignore(failing), level)
      const [[, [within]], after] = yield* Effect.zip(Testkit.timed(Gather.failFast([caught])), level).pipe(
        Effect.map(([[millis, exit], after]) => [[millis, Exit.getOrElse(exit, () => [])], after] as const),
        Effect.withUnhandledErrorLogLevel(Option.some(LogLevel.Warning))
      )

      assert.deepStrictEqual([within, after], [Option.some(LogLevel.Warning), Option.some(LogLevel.Warning)])
    })
  )
})
