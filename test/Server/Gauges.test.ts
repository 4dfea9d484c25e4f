import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Metric, Stream, TestClock } from "effect"
import * as Memory from "../../src/Memory.ts"
import * as Breaker from "../../src/Resilience/Breaker.ts"
import * as Bulkhead from "../../src/Resilience/Bulkhead.ts"
import * as Gauges from "../../src/Server/Gauges.ts"
import * as InFlight from "../../src/Server/InFlight.ts"

/** Those of one guard, as lines. */
const linesOf = ({ gauges }: Gauges.Gauges, name: string) =>
  gauges.flatMap(({ labels, metric, value }) =>
    Object.values(labels).includes(name) ? [`${metric} ${labels["state"] ?? ""} ${value}`.replace("  ", " ")] : []
  )

describe("what a server does now", () => {
  it.effect("is the state of each breaker, and what a bulkhead holds and lets wait", () =>
    Effect.gen(function* () {
      const breaker = Breaker.make({ name: "gauged-breaker", trip: Breaker.consecutive(1) })
      const bulkhead = Bulkhead.make({ name: "gauged-bulkhead", limit: 1, queue: 5 })
      assert.deepStrictEqual(linesOf(yield* Gauges.now, "gauged-breaker"), ["muster_breakers closed 1"])
      yield* Effect.ignore(Breaker.with(breaker)(Effect.fail("down")))
      const calls = yield* Effect.forkAll(Array.from({ length: 3 }, () => Bulkhead.with(bulkhead)(Effect.never)))
      yield* Effect.yieldNow()
      const now = yield* Gauges.now

      assert.sameMembers(linesOf(now, "gauged-breaker"), ["muster_breakers closed 0", "muster_breakers open 1"])
      assert.sameMembers(linesOf(now, "gauged-bulkhead"), ["muster_bulkhead_in_flight 1", "muster_bulkhead_waiting 2"])
      yield* Fiber.interrupt(calls)
      assert.include(linesOf(yield* Gauges.now, "gauged-bulkhead"), "muster_bulkhead_waiting 0")
    })
  )

  it.effect("is told at once, and then when it has changed, with the second at which it was seen", () =>
    Effect.gen(function* () {
      const requests = InFlight.make(10, new Memory.Budget(Infinity))
      const told = yield* Effect.fork(Stream.runCollect(Stream.take(Gauges.changes(requests), 3)))
      yield* TestClock.adjust("5 seconds")
      const leave = yield* requests.enter()
      yield* TestClock.adjust("5 seconds")
      leave()
      yield* TestClock.adjust("5 seconds")

      assert.deepStrictEqual(
        Chunk.toReadonlyArray(yield* told).map(({ at }) => at),
        [0, 6_000, 11_000]
      )
    })
  )

  it.effect("has an end: of sources without end five hundred gauges, and all guards", () =>
    Effect.gen(function* () {
      const sources = Metric.tagged(Metric.gauge("muster_sources_in_flight"), "aggregation", "gauged-many")
      const set = (value: number) =>
        Effect.forEach(Array.from({ length: 600 }), (_, index) =>
          Metric.set(Metric.tagged(sources, "source", String(index)), value)
        )
      Breaker.make({ name: "gauged-late" })
      yield* set(1)
      const now = yield* Gauges.now
      yield* set(0)

      assert.lengthOf(now.gauges, 500)
      assert.deepStrictEqual(linesOf(now, "gauged-late"), ["muster_breakers closed 1"])
      assert.deepStrictEqual(linesOf(yield* Gauges.now, "gauged-many"), [])
    })
  )
})
