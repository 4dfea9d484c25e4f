import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as fc from "fast-check"
import { Asking } from "../../src/Receipt/Asking.ts"
import { Holding } from "../../src/Receipt/Holding.ts"
import { recording } from "./ByHand.ts"

describe("Holding: which sources hold the answer", () => {
  it("an overdue one does once every other that is asked is overdue or has ended", () => {
    const { begun, entry } = recording()
    const [a, b, c] = [begun("a"), begun("b"), begun("c")]
    entry("not asked")
    const told: Array<string> = []
    a.overdue(() => told.push("a"))
    c.ended(Exit.succeed(1))
    assert.deepStrictEqual(told, [])

    b.overdue(() => told.push("b"))
    assert.deepStrictEqual(told, ["a", "b"])
  })

  it("a source that is told to stop is not asked any more", () => {
    const { begun } = recording()
    const [a, b] = [begun("a"), begun("b")]
    let told = false
    a.overdue(() => (told = true))
    b.cancelled()

    assert.isTrue(told)
  })

  it("is told once, not after it was told enough or has ended, and again only to others", () => {
    const { begun } = recording()
    const [a, b, c] = [begun("a"), begun("b"), begun("c")]
    const told: Array<string> = []
    a.overdue(() => told.push("a"))()
    b.overdue(() => told.push("b"))
    c.ended(Exit.succeed(1))
    const d = begun("d")
    d.overdue(() => told.push("d"))
    b.ended(Exit.succeed(1))

    assert.deepStrictEqual(told, ["b", "d"])
  })

  it.effect("outside any gather it does at once", () =>
    Effect.gen(function* () {
      let told = false
      const asking = yield* Asking
      asking.overdue(() => (told = true))()

      assert.isTrue(told)
    })
  )

  it("is what counting them each time would say", () => {
    const event = fc.record({ do: fc.constantFrom("begin", "overdue", "stop", "end"), which: fc.nat(5) })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const holding = new Holding()
        const state = new Map<number, "asked" | "overdue">()
        const told = new Set<number>()
        const expected = new Set<number>()
        const untold = new Map<number, () => void>()
        for (const { do: what, which } of events) {
          const now = state.get(which)
          if (what === "begin" && now === undefined && !told.has(which)) {
            state.set(which, "asked")
            holding.began()
          }
          if (what === "overdue" && now === "asked") {
            state.set(which, "overdue")
            untold.set(which, () => {})
            untold.set(
              which,
              holding.overdue(which, () => told.add(which))
            )
          }
          if (what === "stop") {
            untold.get(which)?.()
            untold.delete(which)
          }
          if (what === "end" && now !== undefined) {
            state.delete(which)
            untold.delete(which)
            holding.ended(which)
          }
          if (Array.from(state.values()).every((one) => one === "overdue")) {
            for (const one of untold.keys()) expected.add(one)
            untold.clear()
          }
          assert.deepStrictEqual(told, expected)
        }
      }),
      { numRuns: 300 }
    )
  })
})
