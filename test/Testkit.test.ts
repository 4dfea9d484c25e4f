import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, TestClock } from "effect"
import * as Testkit from "../src/Testkit.ts"

describe("Testkit.timed", () => {
  it.effect("moves the clock on from waking to waking, and says how long the effect took", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const [elapsed, exit] = yield* Testkit.timed(
        Effect.all([Effect.sleep("10 seconds"), Effect.as(Effect.sleep("1 minute"), "done")], { concurrency: 2 })
      )

      assert.deepStrictEqual([elapsed, exit], [60_000, Exit.succeed([undefined, "done"])])
    })
  )

  it.effect("does not move the clock for what the effect left behind", () =>
    Effect.gen(function* () {
      const [elapsed] = yield* Testkit.timed(Effect.forkDaemon(Effect.sleep("1 hour")))

      assert.strictEqual(elapsed, 0)
      assert.strictEqual(yield* TestClock.currentTimeMillis, 0)
    })
  )

  it.effect("dies when the effect waits for something that no time will bring", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Testkit.timed(Effect.flatMap(Deferred.make<void>(), Deferred.await)))

      assert(Exit.isFailure(exit))
      assert.match(Cause.pretty(exit.cause), /waits for something that no passing of time will bring/)
    })
  )

  it.live("lets what comes from outside the clock arrive", () =>
    Effect.gen(function* () {
      const [, exit] = yield* Testkit.timed(
        Effect.promise(() => new Promise((done) => setImmediate(() => done("here"))))
      )

      assert.deepStrictEqual(exit, Exit.succeed("here"))
    }).pipe(Effect.provide(Testkit.context))
  )
})

describe("a scripted source", () => {
  it.effect("does what its script says, and remembers what was done to it", () =>
    Effect.gen(function* () {
      const good = Testkit.succeeds("A", { after: 100 })
      const bad = Testkit.fails("no", { after: 100, cleanup: 50 })
      assert.deepStrictEqual(yield* Testkit.timed(good), [100, Exit.succeed("A")])
      const fiber = yield* Effect.fork(bad)
      yield* TestClock.adjust(30)
      const [elapsed] = yield* Testkit.timed(Fiber.interrupt(fiber))

      assert.strictEqual(elapsed, 50)
      assert.deepStrictEqual(good.seen, { asked: [0], ended: [100], interrupted: [], cleaned: [] })
      assert.deepStrictEqual(bad.seen, { asked: [100], ended: [], interrupted: [130], cleaned: [180] })
    })
  )

  it.effect("that is uninterruptible goes on to its end", () =>
    Effect.gen(function* () {
      const source = Testkit.succeeds("A", { after: 100, uninterruptible: true })
      const fiber = yield* Effect.fork(source)
      yield* TestClock.adjust(30)
      const [elapsed] = yield* Testkit.timed(Fiber.interrupt(fiber))

      assert.deepStrictEqual([elapsed, source.seen.ended], [70, [100]])
    })
  )

  it.effect("dies, hangs and breaks in its cleanup when told to", () =>
    Effect.gen(function* () {
      const [, died] = yield* Testkit.timed(Testkit.dies("bug", { after: 10 }))
      assert.deepStrictEqual(died, Exit.die("bug"))

      const fiber = yield* Effect.fork(Testkit.hangs({ cleanupDefect: "leak" }))
      yield* TestClock.adjust("1 day")
      const exit = yield* Fiber.interrupt(fiber)
      assert(Exit.isFailure(exit))
      assert.deepStrictEqual([...Cause.defects(exit.cause)], ["leak"])
    })
  )
})
