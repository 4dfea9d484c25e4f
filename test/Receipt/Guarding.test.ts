import { assert, describe, it } from "@effect/vitest"
import { Exit, Schema } from "effect"
import { Receipt } from "../../src/Receipt.ts"
import { maxAttempts } from "../../src/Receipt/Guarding.ts"
import { recording, source } from "./ByHand.ts"

describe("Guarding: what the guards of a source did", () => {
  it("stands in the receipt with the times of each call, and goes through JSON and back", () => {
    const { begun, clock, recorder } = recording()
    const a = begun("a")
    a.queued(1.25)
    a.queued(2)
    clock.at = 5
    const failed = a.attempt("first")
    clock.at = 8
    failed("failed")
    const lost = a.attempt("retry")
    clock.at = 9
    const won = a.attempt("hedge")
    clock.at = 12
    won("succeeded")
    lost("cancelled")
    a.ended(Exit.succeed(1))

    const { guards } = source(recorder, "a")
    assert.deepStrictEqual(guards, {
      calls: 3,
      attempts: [
        { kind: "first", start: 5, end: 8, outcome: "failed" },
        { kind: "retry", start: 8, end: 12, outcome: "cancelled" },
        { kind: "hedge", start: 9, end: 12, outcome: "succeeded" }
      ],
      queued: 3.25,
      served: null,
      refused: null
    })
    const receipt = recorder.receipt()
    assert.deepStrictEqual(Schema.decodeUnknownSync(Receipt)(JSON.parse(JSON.stringify(receipt))), receipt)
  })

  it("says why there was no second call, and a receipt without that is read as well", () => {
    const { begun, recorder } = recording()
    begun("a").unhedged("budget")
    begun("b").refused("breaker")

    assert.deepInclude(source(recorder, "a").guards, { calls: 0, refused: null, unhedged: "budget" })
    assert.notProperty(source(recorder, "b").guards, "unhedged")
    const receipt = recorder.receipt()
    assert.deepStrictEqual(Schema.decodeUnknownSync(Receipt)(JSON.parse(JSON.stringify(receipt))), receipt)
  })

  it("says where a value came from, and who refused a call", () => {
    const { begun, recorder } = recording()
    begun("a").served("stale")
    begun("b").refused("breaker")
    begun("c")

    assert.deepInclude(source(recorder, "a").guards, { calls: 0, served: "stale", refused: null })
    assert.deepInclude(source(recorder, "b").guards, { attempts: [], served: null, refused: "breaker" })
    assert.notProperty(source(recorder, "c"), "guards")
  })

  it("counts every call, and lists the first hundred", () => {
    const { begun, recorder } = recording()
    const a = begun("a")
    for (let n = 0; n < maxAttempts + 5; n++) a.attempt("retry")("failed")

    const guards = source(recorder, "a").guards!
    assert.deepStrictEqual(
      [guards.calls, guards.attempts.length, guards.attempts.at(-1)!.outcome],
      [105, 100, "failed"]
    )
  })
})
