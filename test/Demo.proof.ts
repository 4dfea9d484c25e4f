import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { domino } from "./Demo/Real.ts"

describe("the mock services", () => {
  it.live("Domino: the order service sees its request closed, and says so, within 50 ms of the failure", () =>
    Effect.gen(function* () {
      for (let run = 0; run < 10; run++) {
        const { at, lines } = yield* domino
        assert.isBelow(Math.abs(lines[0]!.at - at), 50)
      }
    })
  )
})
