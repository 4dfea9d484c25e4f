import { assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Second } from "./Storm.ts"

const parts = ["all is well", "it is down", "all is well again", "it can do 600 of 1,000", "all is well after that"]
const hour = 3_600_000

/** What happened in each part of the storm. */
const storming = async (guards: string) => {
  const program = fileURLToPath(new URL("Storming.ts", import.meta.url))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--max-semi-space-size=256", "--import", "tsx", program, guards],
    { maxBuffer: 1e8 }
  )
  const seconds = JSON.parse(stdout) as ReadonlyArray<Second> // It is the program beside this file.
  const all = parts.map((name, index) => summary(name, seconds.slice(index * 120, (index + 1) * 120)))
  const lines = all.map(
    ({ answered, load, name, recovery }) =>
      `  ${name.padEnd(24)} load ${load.toFixed(2)}x, answered ${(100 * answered).toFixed(1)} %, 99 % after ${recovery} s`
  )
  console.log([`a thousand callers a second with ${guards}`, ...lines].join("\n"))
  return all as [Summary, Summary, Summary, Summary, Summary] // There are five parts.
}

type Summary = ReturnType<typeof summary>

const summary = (name: string, seconds: ReadonlyArray<Second>) => {
  const sum = (what: keyof Second) => seconds.reduce((all, second) => all + second[what], 0)
  const found = seconds.findIndex(({ answered, callers }) => answered >= 0.99 * callers)
  return {
    name,
    seconds,
    load: sum("load") / sum("callers"),
    answered: sum("answered") / sum("callers"),
    /** After how many seconds 99 % of the callers of one were answered. */
    recovery: found === -1 ? Infinity : found
  }
}

describe("ten minutes of storm, a thousand callers a second", () => {
  let without: Awaited<ReturnType<typeof storming>>
  let guarded: Awaited<ReturnType<typeof storming>>
  beforeAll(async () => {
    ;[without, guarded] = await Promise.all([storming("no guards"), storming("the standard guards")])
  }, hour)

  it("without guards, three calls each: three times the load in an outage, and an overload that outlives its cause", () => {
    const [, outage, , overload, after] = without

    assert.isAbove(outage.load, 2.9)
    assert.isAbove(overload.load, 2.5)
    assert.isBelow(overload.answered, 0.05)
    assert.deepStrictEqual([after.recovery, after.answered < 0.01], [Infinity, true])
  })

  it("with the standard guards the source is hardly asked in an outage, and answers seconds after it", () => {
    const [fine, outage, after] = guarded

    assert.isAbove(fine.answered, 0.999)
    assert.isBelow(fine.load, 1.06)
    // Before the breaker opens, too, the load stays within the budgets of retries and hedges.
    for (const { callers, load } of outage.seconds) assert.isAtMost(load, 1.2 * 1.05 * callers + 30)
    assert.isBelow(outage.load, 0.1)
    assert.isAtMost(after.recovery, 10)
  })

  it("with the standard guards the source does what it can in an overload, and all of it seconds after", () => {
    const [, , , overload, after] = guarded

    assert.isAbove(overload.answered, 0.55)
    assert.isBelow(overload.load, 0.7)
    assert.isAtMost(after.recovery, 10)
    assert.isAbove(after.answered, 0.98)
  })
})
