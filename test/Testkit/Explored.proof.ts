import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { insideLimits, onTheMachine, timeOfSchedules, underTestClock } from "./explored.ts"

onTheMachine(10_000)
insideLimits(2_000)
underTestClock(100)

it.effect(
  "a schedule takes less than a fifth of the time on the explorer's machine that it takes under TestClock",
  () =>
    Effect.gen(function* () {
      yield* timeOfSchedules(100)
      const { machine, testClock } = yield* timeOfSchedules(300)

      console.log(
        `A schedule takes ${machine.toFixed(2)} ms on the machine, ${testClock.toFixed(2)} ms under TestClock`
      )
      assert.isBelow(machine * 5, testClock)
    })
)
