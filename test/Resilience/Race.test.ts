import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Race } from "../../src/Resilience/Race.ts"
import * as Testkit from "../../src/Testkit.ts"
import { watching } from "../Cleanup/Watching.ts"

describe("a race", () => {
  it.effect("is won by the first success, which stops the others in that instant, before any waiter has woken", () =>
    Effect.gen(function* () {
      const { heard, watch } = yield* watching("race")
      const race = new Race<number, string>()
      const slow = Testkit.hangs({ cleanup: 30 })
      const seen: Array<boolean> = []
      yield* race.start(slow, watch)
      yield* race.start(Testkit.succeeds(1, { after: 10 }), {
        ...watch,
        ended: () => void seen.push(heard.includes("cancelled at 10"))
      })
      yield* TestClock.adjust(10)

      assert.deepStrictEqual(seen, [true])
      assert.deepStrictEqual(slow.seen.interrupted, [10])
      yield* TestClock.adjust(30)
      assert.deepStrictEqual(heard, ["cancelled at 10", "cleaned at 40"])
    })
  )

  it.effect("goes on after a failure, with those that still run", () =>
    Effect.gen(function* () {
      const { watch } = yield* watching("race")
      const race = new Race<number, string>()
      const slow = Testkit.succeeds(2, { after: 20 })
      yield* race.start(Testkit.fails("no", { after: 10 }), watch)
      const winner = yield* race.start(slow, watch)
      yield* TestClock.adjust(10)

      assert.deepStrictEqual(slow.seen.interrupted, [])
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* race.answer(winner), 2)
    })
  )

  it.effect("waits at most for its time, and says so by the function that it was given", () =>
    Effect.gen(function* () {
      const race = new Race<number, string>()
      const times: Array<string> = []
      const waiting = (isSo: () => boolean) =>
        Effect.uninterruptibleMask((restore) =>
          race.within(10, isSo, restore, () => {
            times.push("up")
            race.ring()
          })
        )
      const [elapsed] = yield* Testkit.timed(waiting(() => times.length > 0))
      yield* Testkit.timed(waiting(() => true))

      assert.strictEqual(elapsed, 10)
      assert.deepStrictEqual(times, ["up"])
    })
  )
})
