import { assert, describe, it } from "@effect/vitest"
import { quantile, shareOf, wilson } from "../../../src/Testkit/WhatIf/Intervals.ts"
import { random } from "../../../src/Testkit/WhatIf/Reservoir.ts"

const equal = (values: ReadonlyArray<number>) => values.map((value) => ({ value, weight: 1 }))

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
        const { high, low } = quantile(equal(Array.from({ length: count }, uniform).sort((a, b) => a - b)), share)
        if (low <= share && share <= high) held += 1
      }
      // Of 1,000 samples, 950 with a standard deviation of 7; the interval is at most a few per cent too wide.
      assert.isTrue(held >= 950 - 3 * 7 && held <= 990, `${share}: ${held}`)
    }
  })

  it("has no end where there are too few to bound it", () => {
    const hundred = Array.from({ length: 100 }, (_, n) => n + 1)

    assert.deepStrictEqual(quantile(equal(hundred), 0.99), { value: 99, low: 97, high: Infinity })
    assert.deepStrictEqual(quantile(equal(hundred), 0.5), { value: 50, low: 40, high: 60 })
    assert.deepStrictEqual(quantile([], 0.5), { value: 0, low: 0, high: Infinity })
  })
})

describe("a share of a sample in which some stand for more than others", () => {
  it("is as sure as Wilson says where all stand for as many", () => {
    const all = Array.from({ length: 50 }, (_, n) => ({ value: n < 10, weight: 20 }))

    assert.deepStrictEqual(shareOf(all), wilson(0.2, 50))
    assert.deepStrictEqual(shareOf(all, 0.99), wilson(0.2, 50, 0.99))
    assert.deepStrictEqual(shareOf([]), { share: 0, low: 0, high: 1 })
  })

  it("holds the truth in 95 of 100 samples that keep every failure and a twentieth of the rest, and is tighter for it", () => {
    const uniform = random(22)
    let held = 0
    let [narrow, wide] = [0, 0]
    for (let n = 0; n < 1_000; n++) {
      const sample: Array<{ value: boolean; weight: number }> = []
      for (let m = 0; m < 4_000; m++) {
        const failed = uniform() < 0.04
        if (failed || uniform() < 0.05) sample.push({ value: failed, weight: failed ? 1 : 20 })
      }
      const { high, low } = shareOf(sample)
      if (low <= 0.04 && 0.04 <= high) held += 1
      narrow += high - low
      const fair = wilson(0.04, sample.length)
      wide += fair.high - fair.low
    }
    assert.isTrue(held >= 950 - 3 * 7 && held <= 990, `${held}`)
    // sqrt((160 * 0.92 + 192 * 0.64 + 200) / 4,000²) is 0.52 of sqrt(0.04 * 0.96 / 352).
    assert.isBelow(narrow, 0.6 * wide)
  })
})
