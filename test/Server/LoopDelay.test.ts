import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LoopDelay from "../../src/Server/LoopDelay.ts"

const { interval } = LoopDelay

describe("LoopDelay", () => {
  const watched = () => {
    const clock = { now: 0 }
    return { clock, delay: new LoopDelay.LoopDelay(() => clock.now) }
  }

  it("says that nothing waited while the loop turns quickly", () => {
    const { clock, delay } = watched()
    for (let turn = 0; turn < 100; turn++) {
      clock.now += interval
      delay.look()
      assert.strictEqual(delay.late(), 0)
      delay.turned()
    }
  })

  it("what is read in the turn after a block may have arrived at its beginning", () => {
    const { clock, delay } = watched()
    clock.now = 1_000
    delay.look()
    assert.strictEqual(delay.late(), 1_000 - interval)
    delay.turned()
    clock.now += 5
    assert.strictEqual(delay.late(), 0)
  })

  it("what is read late in a long turn may have arrived at its beginning", () => {
    const { clock, delay } = watched()
    delay.look()
    delay.turned()
    clock.now = 500
    assert.strictEqual(delay.late(), 500 - interval)
  })

  it.scopedLive("sees a loop that was blocked, in what is read right after", () =>
    Effect.gen(function* () {
      const delay = yield* LoopDelay.make
      yield* Effect.sleep(50)
      const seen = yield* Effect.async<number>((resume) => {
        setTimeout(() => {
          const end = performance.now() + 200
          while (performance.now() < end);
          setImmediate(() => resume(Effect.succeed(delay.late())))
        }, 1)
      })
      assert.isAtLeast(seen, 200 - 2 * interval)
    })
  )
})
