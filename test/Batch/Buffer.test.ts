import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Buffer from "../../src/Batch/Buffer.ts"
import * as Testkit from "../../src/Testkit.ts"

/** A buffer whose every write takes 10 ms, and what was written when. */
const slow = (most: number) => {
  const writes: Array<ReadonlyArray<number>> = []
  const buffer = Buffer.make<number>(most, (items) =>
    Effect.delay(
      Effect.sync(() => void writes.push(items)),
      10
    )
  )
  return { buffer, writes }
}

describe("Buffer", () => {
  it.effect("writes what came while it was writing in one go, in order, and ends when it is told to", () =>
    Effect.gen(function* () {
      const { buffer, writes } = slow(100)
      const running = yield* Effect.fork(buffer.run)
      buffer.push(1)
      yield* Testkit.timed(Effect.sleep(5))
      buffer.push(2)
      buffer.push(3)
      yield* Testkit.timed(Effect.sleep(10))
      buffer.push(4)
      buffer.end()
      yield* Testkit.timed(Fiber.join(running))

      assert.deepStrictEqual(writes, [[1], [2, 3], [4]])
    })
  )

  it.effect("writes at most so many at once, and makes whoever fills it wait for room", () =>
    Effect.gen(function* () {
      const { buffer, writes } = slow(2)
      yield* Effect.fork(buffer.run)
      const [elapsed] = yield* Testkit.timed(
        Effect.forEach([1, 2, 3, 4, 5], (n) =>
          Effect.zipRight(
            buffer.room,
            Effect.sync(() => buffer.push(n))
          )
        )
      )
      buffer.end()
      yield* Testkit.timed(Effect.sleep(100))

      // 1 and 2 are being written at once, 3 and 4 fill it again; 5 waits for the first write to end.
      assert.strictEqual(elapsed, 10)
      assert.deepStrictEqual(writes, [[1, 2], [3, 4], [5]])
    })
  )

  it.effect("loses nothing when the writer is interrupted", () =>
    Effect.gen(function* () {
      const { buffer, writes } = slow(2)
      const running = yield* Effect.fork(buffer.run)
      for (const n of [1, 2, 3]) buffer.push(n)
      yield* Testkit.timed(Effect.sleep(5))
      const [waited] = yield* Testkit.timed(Fiber.interrupt(running))
      assert.strictEqual(waited, 5)
      buffer.end()
      yield* Testkit.timed(buffer.run)

      assert.deepStrictEqual(writes, [[1, 2], [3]])
    })
  )
})
