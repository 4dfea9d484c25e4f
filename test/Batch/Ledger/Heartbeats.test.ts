import { assert, describe, it } from "@effect/vitest"
import { Heartbeats, type Looked, type Owner } from "../../../src/Batch/Ledger/Heartbeats.ts"

const owner = (beats: number, name = "a"): Owner => ({ owner: name, exclusive: true, lease: 1_000, beats })

const kindOf = (looked: Looked) => (["dead", "alive", "unknown"] as const).filter((kind) => looked[kind].length > 0)

describe("Heartbeats", () => {
  it("an owner is dead once its count has stood still for its lease before the eyes of one observer", () => {
    const heartbeats = new Heartbeats()
    const look = (beats: number, now: number) => kindOf(heartbeats.look("b", [owner(beats)], now)).join()

    assert.deepStrictEqual(
      [look(7, 5_000), look(7, 5_999), look(8, 6_500), look(8, 7_499), look(8, 7_500), look(9, 7_500)],
      ["unknown", "unknown", "alive", "alive", "dead", "alive"]
    )
  })

  it("an observer that was itself away does not take an owner for dead whose count has grown", () => {
    const heartbeats = new Heartbeats()
    heartbeats.look("b", [owner(1)], 0)
    assert.deepStrictEqual(kindOf(heartbeats.look("b", [owner(2)], 1e9)), ["alive"])
  })

  it("what this process has written itself counts as seen, and an owner that was gone is a new one", () => {
    const heartbeats = new Heartbeats()
    heartbeats.wrote("b", "a", 0, 100)
    assert.deepStrictEqual(kindOf(heartbeats.look("b", [owner(0)], 1_000)), ["alive"])
    assert.deepStrictEqual(kindOf(heartbeats.look("b", [owner(0)], 1_100)), ["dead"])
    heartbeats.look("b", [], 1_200)
    assert.deepStrictEqual(kindOf(heartbeats.look("b", [owner(0)], 9_000)), ["unknown"])
  })
})
