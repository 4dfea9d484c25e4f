import { assert, describe, it } from "vitest"
import * as Progress from "../../../src/Cli/Batch/Progress.ts"

const seen: Progress.Seen = {
  done: 412,
  failed: 3,
  inFlight: 50,
  total: 600,
  sealed: false,
  pausedUntil: 0,
  rate: 48.4,
  expected: 1_000,
  now: 1_000
}

describe("Progress.words", () => {
  it("say how many are done, have failed and run, how fast it goes, and how long it will", () => {
    assert.strictEqual(Progress.words(seen), "412 of 1,000 done, 3 failed, 50 in flight, 48/s, 13s to go")
  })

  it("leave out what is not known or is nothing", () => {
    assert.strictEqual(
      Progress.words({ ...seen, failed: 0, expected: undefined, rate: 0 }),
      "412 done, 50 in flight, 0.0/s"
    )
  })

  it("say that nothing is started for a while", () => {
    assert.include(Progress.words({ ...seen, pausedUntil: 3_500 }), ", slowed down for 3s")
    assert.notInclude(Progress.words({ ...seen, pausedUntil: 1_000 }), "slowed")
  })
})

describe("Progress.bar", () => {
  const bar = (part: Partial<Progress.Seen>, columns = 120) =>
    Progress.bar({ ...seen, ...part }, { columns, color: false }).split("  ")[0]!

  it("is as full as what has ended, and shows a failure however few there are", () => {
    assert.strictEqual(bar({}), `${"█".repeat(15)}▓${"░".repeat(24)}`)
    assert.strictEqual(bar({ done: 1_000, failed: 0 }), "█".repeat(40))
    assert.strictEqual(bar({ done: 0, failed: 0 }), "░".repeat(40))
    assert.strictEqual(bar({ done: 999, failed: 1 }), `${"█".repeat(39)}▓`)
  })

  it("is never wider than the terminal, and gives way to the words", () => {
    for (let columns = 10; columns < 130; columns++) {
      const line = Progress.bar(seen, { columns, color: false })
      assert.isBelow(line.length, columns)
    }
    assert.notInclude(Progress.bar(seen, { columns: 60, color: false }), "█")
  })

  it("has colours only where there may be some", () => {
    assert.include(Progress.bar(seen, { columns: 120, color: true }), "\u001b[32m█")
    assert.notInclude(Progress.bar(seen, { columns: 120, color: false }), "\u001b")
  })
})
