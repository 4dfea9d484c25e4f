import { Clock, Context, DefaultServices } from "effect"
import { assert, describe, it, vi } from "vitest"
import { after } from "../../../src/Aggregator/Engine/Asking.ts"
import type { Place } from "../../../src/Aggregator/Engine/Place.ts"

const clock = Context.get(DefaultServices.liveServices, Clock.Clock)

describe("the timer of a deadline", () => {
  it("does not strike early, when Node calls it up to a millisecond too soon", () => {
    const now = vi.spyOn(performance, "now").mockReturnValue(0)
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      let struck = 0
      // The cast: of where it runs, it reads no more than the clock.
      const stop = after({ clock } as Place<never>, 1_500, () => void (struck += 1))
      now.mockReturnValue(1_499.3)
      vi.advanceTimersByTime(1_500)
      assert.strictEqual(struck, 0)

      now.mockReturnValue(1_500.4)
      vi.advanceTimersByTime(1)
      assert.strictEqual(struck, 1)
      stop()
      assert.strictEqual(vi.getTimerCount(), 0)
    } finally {
      vi.useRealTimers()
      now.mockRestore()
    }
  })
})
