import { describe, it } from "@effect/vitest"
import { setImmediate } from "node:timers/promises"
import * as Laws from "./Pool/Laws.ts"

describe("Pool, 10,000 times whatever happens", () => {
  it("nobody is hit by another's cancel, nobody waits for ever, and nothing is left", async () => {
    for (let round = 0; round < 20; round++) {
      Laws.hold(500)
      // The runner wants to hear something now and then.
      await setImmediate()
    }
  })
})
