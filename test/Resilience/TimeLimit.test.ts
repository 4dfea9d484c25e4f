import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FiberRef } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import { timeLimit } from "../../src/Resilience/TimeLimit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import * as Testkit from "../../src/Testkit.ts"
import { failureOf, onMachine, timed } from "./Calls.ts"

const { hangs, succeeds } = Testkit

describe("timeLimit", () => {
  onMachine(
    "also strikes where nothing can be interrupted, and waits for no cleanup",
    Effect.gen(function* () {
      const slow = hangs({ cleanup: 500 })
      const [elapsed, exit] = yield* timed(Effect.uninterruptible(timeLimit(slow, 100)))

      assert.strictEqual(elapsed, 100)
      assert.deepInclude(failureOf(exit), { _tag: "SourceTimedOut", limit: 100 })
      assert.deepStrictEqual(slow.seen.interrupted, [100])
      yield* Cleanup.settled
      assert.deepStrictEqual(slow.seen.cleaned, [600])
    })
  )

  onMachine(
    "is interrupted at once, and so is what it limits",
    Effect.gen(function* () {
      const slow = hangs({ cleanup: 500 })
      const fiber = yield* Effect.fork(timeLimit(slow, 100))
      yield* Effect.sleep(50)
      const [elapsed] = yield* timed(Fiber.interrupt(fiber))

      assert.deepStrictEqual([elapsed, slow.seen.interrupted], [0, [50]])
    })
  )

  it("leaves nothing behind when the call ends in time, nor when it is interrupted", () => {
    const inTime = Machine.run(timeLimit(succeeds(1, { after: 10 }), "1 hour"))
    const interrupted = Machine.run(Effect.timeoutOption(timeLimit(hangs(), "1 hour"), 10))

    assert.deepStrictEqual([inTime.settled, inTime.fibers], [10, 0])
    assert.deepStrictEqual([interrupted.settled, interrupted.fibers], [10, 0])
  })

  onMachine(
    "carries over what an effect has set that ends in time",
    Effect.gen(function* () {
      const ref = FiberRef.unsafeMake("before")
      const limited = timeLimit(Effect.zipRight(succeeds(1, { after: 10 }), FiberRef.set(ref, "set")), 100)
      const [, exit] = yield* timed(Effect.zipRight(limited, FiberRef.get(ref)))

      assert.deepStrictEqual(exit, Exit.succeed("set"))
    })
  )
})
