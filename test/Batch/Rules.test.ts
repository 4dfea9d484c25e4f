import { assert, describe, it } from "@effect/vitest"
import { Cause } from "effect"
import * as Rules from "../../src/Batch/Rules.ts"
import * as Source from "../../src/Source.ts"

const unavailable = new Source.SourceUnavailable({ source: "api", reason: "down" })
const busy = new Source.SourceUnavailable({ source: "api", reason: "busy", retryAfter: 250 })
const answered = (status: number) => Object.assign(new Error("no"), { _tag: "SourceUnavailable", status })
const rejected = (status: number) => new Source.SourceRejected({ source: "api", reason: "no", status })

describe("Rules: the class of a failure", () => {
  it.each<[string, unknown, string, Rules.Action]>([
    ["is its HTTP status", rejected(401), "401", "stop"],
    ["is its HTTP status", rejected(404), "404", "record"],
    ["is 429 when it says when to come back", busy, "429", "slow"],
    ["is its HTTP status, for which others wait", answered(429), "429", "slow"],
    ["is its HTTP status, and without a rule for that goes by its tag", answered(503), "503", "retry"],
    ["is its tag", unavailable, "SourceUnavailable", "retry"],
    ["is its name, where it has no tag", new TypeError("no"), "TypeError", "record"],
    ["is what it is, where it is no object", "no", "string", "record"],
    ["is that of what an aggregation wrapped", { _tag: "SourceFailed", error: rejected(403) }, "403", "stop"],
    ["is not the name of a member of every object", { _tag: "constructor" }, "constructor", "record"]
  ])("%s: %o", (_, error, expected, action) => {
    const classified = Rules.classify(Cause.fail(error))

    assert.deepStrictEqual([classified.failure.class, classified.action], [expected, action])
  })

  it("is what the batch says, which rules of its own go by", () => {
    const rules: Rules.Rules = { quota: "stop", default: "retry" }
    const classOf = (error: { readonly code: string } | string) => (typeof error === "string" ? undefined : error.code)

    assert.strictEqual(Rules.classify(Cause.fail({ code: "quota" }), rules, classOf).action, "stop")
    assert.strictEqual(Rules.classify(Cause.fail("other"), rules, classOf).action, "retry")
  })

  it("is Defect for a bug, which is recorded whatever the default is, unless a rule names it", () => {
    const classified = Rules.classify(Cause.die(new Error("bug")), { default: "retry" })

    assert.deepStrictEqual(classified, {
      failure: { class: "Defect", message: "bug" },
      action: "record",
      retryAfter: undefined
    })
    assert.strictEqual(Rules.classify(Cause.die("bug"), { Defect: "stop", default: "record" }).action, "stop")
  })

  it("comes with how long to wait, in milliseconds", () => {
    assert.strictEqual(Rules.classify(Cause.fail(busy)).retryAfter, 250)
  })
})

describe("Rules.backoff", () => {
  it("is a second, doubled for each failure, a minute at the most", () => {
    assert.deepStrictEqual([1, 2, 3, 7, 500].map(Rules.backoff), [1_000, 2_000, 4_000, 60_000, 60_000])
  })
})

describe("Rules.exceeds", () => {
  it("tolerates as many as it says, and no more", () => {
    const exceeds = Rules.exceeds("here", { count: 2 })
    assert.deepStrictEqual([exceeds({ done: 0, failed: 2 }), exceeds({ done: 0, failed: 3 })], [false, true])
  })

  it("tolerates a part, once enough have ended to judge", () => {
    const exceeds = Rules.exceeds("here", { ratio: 0.05 })
    assert.isFalse(exceeds({ done: 0, failed: 99 }))
    assert.isFalse(exceeds({ done: 95, failed: 5 }))
    assert.isTrue(exceeds({ done: 94, failed: 6 }))
  })

  it("tolerates everything when nothing is said, and nothing at zero", () => {
    assert.isFalse(Rules.exceeds("here", undefined)({ done: 0, failed: 1e9 }))
    assert.isTrue(Rules.exceeds("here", { count: 0 })({ done: 5, failed: 1 }))
  })

  it.each([{ count: -1 }, { count: 1.5 }, { ratio: NaN }, { least: 0 }])("refuses %o", (tolerance) => {
    assert.throws(() => Rules.exceeds("here", tolerance), /^here: tolerance\.\w+ must be/)
  })
})
