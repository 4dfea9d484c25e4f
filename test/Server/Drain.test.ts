import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as Drain from "../../src/Server/Drain.ts"

/** Waits for a fiber, which `stop` is to end. */
const track = (drain: Drain.Drain, fiber: Fiber.RuntimeFiber<unknown, unknown>, stop: () => void) => {
  const tracked = { place: undefined, stop }
  drain.track(tracked)
  fiber.addObserver(() => drain.untrack(tracked))
}

describe("Drain", () => {
  it.effect("ends when what is in flight has, and tells who waits for it", () =>
    Effect.gen(function* () {
      const drain = Drain.make()
      const heard: Array<string> = []
      drain.on("draining", () => heard.push("draining"))
      drain.on("cut", () => heard.push("cut"))
      drain.on("cut", () => heard.push("never"))()
      track(drain, yield* Effect.fork(Effect.sleep("1 second")), () => heard.push("stopped"))
      assert.strictEqual(drain.phase(), "open")

      const draining = yield* Effect.fork(drain.run(5_000, 1_000))
      yield* TestClock.adjust(999)
      assert.deepStrictEqual([drain.phase(), heard, draining.unsafePoll()], ["draining", ["draining"], null])
      yield* TestClock.adjust(1)
      yield* Fiber.join(draining)
      assert.deepStrictEqual(heard, ["draining", "cut"])
    })
  )

  it.effect("knows what is in flight, in whatever order it ends, and stops each of the rest once", () =>
    Effect.gen(function* () {
      const drain = Drain.make()
      const stopped: Array<string> = []
      const tracked = (name: string) => {
        const one: Drain.Tracked = {
          place: undefined,
          stop: () => {
            stopped.push(name)
            drain.untrack(one)
          }
        }
        drain.track(one)
        return one
      }
      const [a, b, c, d] = [tracked("a"), tracked("b"), tracked("c"), tracked("d")]
      drain.untrack(a)
      drain.untrack(d)
      drain.untrack(d)
      const draining = yield* Effect.fork(drain.run(5_000, 1_000))
      yield* TestClock.adjust(1)
      drain.untrack(b)
      const e = tracked("e")
      yield* TestClock.adjust(1)
      assert.isNull(draining.unsafePoll())
      drain.cut()
      yield* Fiber.join(draining)

      assert.deepStrictEqual(stopped, ["c", "e"])
      assert.deepStrictEqual(
        [a, b, c, d, e].map(({ place }) => place),
        [undefined, undefined, undefined, undefined, undefined]
      )
    })
  )

  it.effect("stops what takes longer than its limit, and waits for that no longer than the grace", () =>
    Effect.gen(function* () {
      const drain = Drain.make()
      const stuck = yield* Effect.forkDaemon(Effect.uninterruptible(Effect.sleep("1 hour")))
      const polite = yield* Effect.fork(Effect.never)
      track(drain, stuck, () => {})
      track(drain, polite, () => void polite.unsafeInterruptAsFork(stuck.id()))
      const draining = yield* Effect.fork(drain.run(5_000, 1_000))

      yield* TestClock.adjust(4_999)
      assert.strictEqual(drain.phase(), "draining")
      yield* TestClock.adjust(1)
      yield* Fiber.await(polite)
      assert.deepStrictEqual([drain.phase(), draining.unsafePoll()], ["cut", null])
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(draining)
    })
  )

  it.effect("waits no longer than the grace for what is stuck, also when it is cut", () =>
    Effect.gen(function* () {
      const drain = Drain.make()
      track(drain, yield* Effect.forkDaemon(Effect.uninterruptible(Effect.sleep("1 hour"))), () => {})
      const draining = yield* Effect.fork(drain.run(60_000, 1_000))
      yield* TestClock.adjust(1)
      drain.cut()
      yield* TestClock.adjust(999)
      assert.isNull(draining.unsafePoll())
      yield* TestClock.adjust(1)
      yield* Fiber.join(draining)
    })
  )

  it.effect("can be cut, which means nothing while the server is open", () =>
    Effect.gen(function* () {
      const drain = Drain.make()
      drain.cut()
      assert.strictEqual(drain.phase(), "open")

      const fiber = yield* Effect.fork(Effect.never)
      track(drain, fiber, () => void fiber.unsafeInterruptAsFork(fiber.id()))
      const draining = yield* Effect.fork(drain.run(5_000, 1_000))
      yield* TestClock.adjust(1)
      drain.cut()
      yield* Fiber.join(draining)
      assert.strictEqual(drain.phase(), "cut")
    })
  )
})
