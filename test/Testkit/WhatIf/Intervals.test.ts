import { assert, describe, it } from "@effect/vitest"
import { quantile } from "../../../src/Testkit/WhatIf/Intervals.ts"
import { random } from "../../../src/Testkit/WhatIf/Reservoir.ts"

describe("the interval of a percentile", () => {
  it("holds the truth in at least 95 of 100 samples, less what chance allows", () => {
    const uniform = random(21)
    for (const [share, count] of [
      [0.5, 60],
      [0.95, 400],
      [0.99, 800]
    ] as const) {
      let held = 0
      for (let n = 0; n < 1_000; n++) {
        const { high, low } = quantile(
          Array.from({ length: count }, uniform).sort((a, b) => a - b),
          share
        )
        if (low <= share && share <= high) held += 1
      }
      // Of 1,000 samples, 950 with a standard deviation of 7; the interval is at most a few per cent too wide.
      assert.isTrue(held >= 950 - 3 * 7 && held <= 990, `${share}: ${held}`)
    }
  })

  it("has no end where there are too few to bound it", () => {
    const hundred = Array.from({ length: 100 }, (_, n) => n + 1)

    assert.deepStrictEqual(quantile(hundred, 0.99), { value: 99, low: 97, high: Infinity })
    assert.deepStrictEqual(quantile(hundred, 0.5), { value: 50, low: 40, high: 60 })
    assert.deepStrictEqual(quantile([], 0.5), { value: 0, low: 0, high: Infinity })
  })
})
