import { assert, describe, it } from "@effect/vitest"
import { holds, measured, observed, play, steady } from "./Predicted.ts"

describe("what is predicted from a recording", () => {
  it("happens when the load is run with the setting, also where the budget of the hedge is used up", () => {
    const world = { ...steady, count: 800 }
    const setting = { hedges: { recs: { after: { percentile: 0.95 } } } }
    const estimate = observed(play(world, {})).estimate(setting)
    const receipts = play(world, setting)
    const { complete, extraLoad } = measured(receipts, "recs")

    assert.isTrue(holds(estimate, complete), `${complete} is not in ${JSON.stringify(estimate.complete)}`)
    assert.approximately(estimate.extraLoad["recs"]!, extraLoad, 0.01)
    // Receipts say why there was no second call; the prediction had it so.
    const because = receipts.filter(({ sources }) => sources[1]!.guards?.unhedged === "budget").length / 800
    const { unhedged, wanted } = estimate.secondCalls["recs"]!
    assert.isAbove(because, 0.02)
    assert.approximately(unhedged.budget * wanted, because, 0.01)
    // What was recorded with the hedge predicts the same.
    assert.isTrue(holds(observed(receipts).estimate(setting), complete))
  })
})
