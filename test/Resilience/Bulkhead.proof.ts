import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Deadline from "../../src/Deadline.ts"
import * as Bulkhead from "../../src/Resilience/Bulkhead.ts"
import { Wards } from "../../src/Resilience/Bulkhead/Wards.ts"
import { type Arrival, arrival } from "../../src/Resilience/Patience.ts"

const waiters = 100_000

setFlagsFromString("--expose-gc")
const gc = runInNewContext("gc") as () => void
const heap = () => {
  gc()
  gc()
  return process.memoryUsage().heapUsed
}

/** Microseconds of this process. */
const cpu = () => {
  const { system, user } = process.cpuUsage()
  return user + system
}

/** What it costs to let so many calls through ten places, each after one turn of the event loop. */
const through = (calls: number) =>
  Effect.gen(function* () {
    const bulkhead = Bulkhead.make({ limit: 10, queue: "unbounded" })
    const call = Bulkhead.with(bulkhead)(Effect.yieldNow())
    const before = cpu()
    const fibers: Array<Fiber.RuntimeFiber<void, Bulkhead.BulkheadFull>> = []
    for (let n = 0; n < calls; n++) fibers.push(yield* Effect.fork(Deadline.within("1 hour")(call)))
    let waited = yield* bulkhead.waiting
    for (const fiber of fibers) yield* Fiber.join(fiber)
    assert.deepStrictEqual([yield* bulkhead.inFlight, yield* bulkhead.waiting], [0, 0])
    return { micros: cpu() - before, waited }
  })

/** How many bytes an entry of the queue takes. */
const entries = (came: Arrival) => {
  const wards = new Wards({ name: "measured", limit: 10, queue: Infinity })
  // Room for the list that keeps them here is not the queue's.
  const calls = new Array<unknown>(waiters).fill(undefined)
  const before = heap()
  for (let n = 0; n < waiters; n++) calls[n] = wards.enter(undefined, 1, came)
  return { bytes: (heap() - before) / calls.length, wards }
}

describe(`a bulkhead with ${waiters} waiters on ten places`, () => {
  it.live("takes CPU in proportion to their number", () =>
    Effect.gen(function* () {
      yield* through(10_000)
      const few = yield* through(waiters / 10)
      const many = yield* through(waiters)
      const each = (cost: { micros: number }, calls: number) => cost.micros / calls

      console.log(
        `${waiters} waiters with a deadline: ${(many.micros / 1e6).toFixed(2)} s of CPU, ${each(many, waiters).toFixed(1)} µs each; ` +
          `with a tenth of them ${each(few, waiters / 10).toFixed(1)} µs each`
      )
      // Ten times the waiters: ten times the cost where it is linear, a hundred times where it is quadratic.
      assert.isBelow(many.micros / few.micros, 20)
      assert.isBelow(many.micros, 60e6)
    })
  )

  it.live("takes at most 300 bytes for each entry of the queue, also for one with a deadline", () =>
    Effect.gen(function* () {
      const kept: Array<Wards> = []
      for (const [what, here] of [
        ["without a deadline", arrival],
        ["with a deadline", Deadline.within("1 hour")(arrival)]
      ] as const) {
        const { bytes, wards } = entries(yield* here)
        // Kept to the end: what one of them frees while another is measured would be missing from its bytes.
        kept.push(wards)
        console.log(`an entry ${what}: ${bytes.toFixed(0)} bytes`)

        assert.isAbove(bytes, 50)
        assert.isAtMost(bytes, 300)
      }
      for (const wards of kept) assert.strictEqual(wards.permits(undefined)?.waiting(), waiters - 10)
    })
  )

  it.live("takes little more for a fiber that waits in it than for one that waits for anything", () =>
    Effect.gen(function* () {
      const cost = (call: Effect.Effect<unknown, unknown>) =>
        Effect.gen(function* () {
          const before = heap()
          const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
          for (let n = 0; n < waiters; n++) fibers.push(Effect.runFork(call))
          yield* Effect.sleep(100)
          const bytes = (heap() - before) / waiters
          yield* Fiber.interruptAll(fibers)
          return bytes
        })
      const resumes: Array<unknown> = []
      const parked = Effect.uninterruptibleMask((restore) =>
        Effect.matchCauseEffect(restore(Effect.async<void>((resume) => void resumes.push(resume))), {
          onSuccess: () => Effect.void,
          onFailure: Effect.failCause
        })
      )
      yield* cost(parked)
      resumes.length = 0
      const any = yield* cost(parked)
      resumes.length = 0
      const bulkhead = Bulkhead.make({ limit: 10, queue: "unbounded" })
      const holders = yield* Effect.forEach(Array.from({ length: 10 }), () =>
        Effect.fork(Bulkhead.with(bulkhead)(Effect.never))
      )
      yield* Effect.sleep(10)
      const waiting = yield* cost(Bulkhead.with(bulkhead)(Effect.void))
      yield* Fiber.interruptAll(holders)
      console.log(`a fiber that waits: ${waiting.toFixed(0)} bytes in a bulkhead, ${any.toFixed(0)} elsewhere`)

      assert.isBelow(waiting - any, 1_500)
    })
  )
})
