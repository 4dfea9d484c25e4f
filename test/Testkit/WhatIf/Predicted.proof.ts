import { assert, describe, it } from "@effect/vitest"
import type { Setting } from "../../../src/Testkit/WhatIf.ts"
import { holds, measured, observed, play, steady, troubled } from "./Predicted.ts"

const p = (percentile: number, ratio?: number) => ({
  after: { percentile },
  ...(ratio === undefined ? {} : { budget: { ratio, burst: 10 } })
})

const settings: Readonly<Record<"steady" | "guarded" | "troubled", ReadonlyArray<Setting>>> = {
  steady: [
    { deadline: 80 },
    { optional: ["recs"] },
    { hedges: { recs: p(0.95) } },
    { hedges: { recs: p(0.9) } },
    { hedges: { recs: 40 } },
    { hedges: { recs: p(0.95, 0.2) }, deadline: 200 },
    { hedges: { recs: p(0.95), profile: p(0.98) }, deadline: 250 }
  ],
  guarded: [{ hedges: { recs: p(0.95) } }, { hedges: { recs: 100 }, deadline: 150 }],
  troubled: [
    { hedges: { recs: p(0.95) }, deadline: 300 },
    { hedges: { recs: p(0.95, 0.2) } },
    { hedges: { recs: 60 }, optional: ["profile"] }
  ]
}

describe("what is predicted from 4,000 receipts happens when the load is run with the setting", () => {
  const missed: Array<string> = []
  for (const [name, tried] of Object.entries(settings)) {
    const world = name === "troubled" ? troubled : steady
    const isGuarded = name !== "steady"
    let recorded: ReturnType<typeof observed> | undefined
    for (const setting of tried)
      it(`${name}, ${JSON.stringify(setting)}: the second calls are as many, to 1 % of the calls`, async () => {
        recorded ??= observed(play(world, {}, isGuarded))
        const estimate = recorded.estimate(setting)
        const { complete, extraLoad } = measured(play(world, setting, isGuarded), "recs")
        const { high, low, share } = estimate.complete
        const [said, was] = [estimate.extraLoad["recs"] ?? 0, extraLoad]
        const percent = (share: number) => `${(share * 100).toFixed(2)} %`
        const line = `predicted ${percent(share)} [${percent(low)}, ${percent(high)}], measured ${percent(complete)}`
        console.log(`${line}; extra load ${percent(said)}, measured ${percent(was)}`)
        if (!holds(estimate, complete)) missed.push(`${name}, ${JSON.stringify(setting)}: ${line}`)
        assert.approximately(said, was, 0.01)
        // So that vitest, which gives up after a minute of silence, can say where it is.
        await new Promise(setImmediate)
      })
  }

  it("the measured share lies inside the 99 % interval in at least 11 of 12 settings", () => {
    assert.strictEqual(Object.values(settings).flat().length, 12)
    assert.isAtMost(missed.length, 1, missed.join("\n"))
  })
})
