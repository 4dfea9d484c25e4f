import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { criticalPath } from "../../src/Receipt/CriticalPath.ts"

interface Timed {
  readonly name: string
  readonly start: number | null
  readonly end: number | null
  readonly tag?: string
}

/** What happens when so many sources are asked at most `concurrency` at a time, in order. */
const schedule = (durations: ReadonlyArray<number>, concurrency: number): ReadonlyArray<Timed> => {
  const lanes = Array.from({ length: concurrency }, () => 0)
  return durations.map((duration, index) => {
    const lane = lanes.indexOf(Math.min(...lanes))
    const start = lanes[lane]!
    lanes[lane] = start + duration
    return { name: String(index), start, end: start + duration }
  })
}

const last = (all: ReadonlyArray<Timed>): Timed =>
  all.reduce((latest, one) => ((one.end ?? 0) >= (latest.end ?? 0) ? one : latest))

const names = (path: ReadonlyArray<Timed>) => path.map((one) => one.name)

describe("CriticalPath", () => {
  it("is the source that decided when all were asked at once", () => {
    const all = schedule([300, 500, 100], 3)

    assert.deepStrictEqual(names(criticalPath(all, all[1]!, false)), ["1"])
    assert.deepStrictEqual(names(criticalPath(all, all[1]!, true)), ["1"])
  })

  it("goes through the source whose end made room, one at a time", () => {
    const all = schedule([300, 500, 100], 1)

    assert.deepStrictEqual(names(criticalPath(all, all[2]!, true)), ["0", "1", "2"])
  })

  it("goes through the source whose end made room, two at a time", () => {
    // 0 takes one lane for 400 ms; 1, then 2, then 3 share the other.
    const all = schedule([400, 100, 200, 300], 2)

    assert.deepStrictEqual(
      all.map((one) => one.start),
      [0, 0, 100, 300]
    )
    assert.deepStrictEqual(names(criticalPath(all, all[3]!, true)), ["1", "2", "3"])
    assert.deepStrictEqual(names(criticalPath(all, all[0]!, true)), ["0"])
  })

  it("of two that end in the same instant takes one", () => {
    const all = schedule([100, 100, 300], 2)

    assert.deepStrictEqual(names(criticalPath(all, all[2]!, true)), ["1", "2"])
  })

  it("passes over sources that took no time, which made nobody wait", () => {
    const all = schedule([0, 0, 100, 0, 50], 1)

    assert.deepStrictEqual(names(criticalPath(all, all[4]!, true)), ["2", "4"])
  })

  it("leaves out what was told to stop in the very instant in which another made room", () => {
    const done: Timed = { name: "done", start: 0, end: 10, tag: "Succeeded" }
    const stopped: Timed = { name: "stopped", start: 0, end: 10, tag: "Cancelled" }
    const failed: Timed = { name: "failed", start: 10, end: 10, tag: "Failed" }

    assert.deepStrictEqual(names(criticalPath([done, stopped, failed], failed, true)), ["done", "failed"])
  })

  it("is the source alone when that was never asked, or has not ended", () => {
    const never: Timed = { name: "never", start: null, end: null }
    const open: Timed = { name: "open", start: 100, end: null }
    const all = [...schedule([100], 1), open, never]

    assert.deepStrictEqual(names(criticalPath(all, never, true)), ["never"])
    assert.deepStrictEqual(names(criticalPath(all, open, true)), ["0", "open"])
  })

  it("leads without a gap from the start to the last end, for any durations and any concurrency", () => {
    const durations = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 40, size: "max" })

    fc.assert(
      fc.property(durations, fc.integer({ min: 1, max: 8 }), (durations, concurrency) => {
        const all = schedule(durations, concurrency)
        const path = criticalPath(all, last(all), concurrency < durations.length)

        assert.strictEqual(path[0]!.start, 0)
        assert.strictEqual(path.at(-1), last(all))
        path.slice(1).forEach((one, index) => assert.strictEqual(one.start, path[index]!.end))
      })
    )
  })

  it("ends for any times at all, and never names a source twice", () => {
    const instant = fc.option(fc.integer({ min: 0, max: 20 }))
    const timed = fc.record({ name: fc.uuid(), start: instant, end: instant })

    fc.assert(
      fc.property(fc.array(timed, { minLength: 1, maxLength: 20, size: "max" }), (all) => {
        const path = criticalPath(all, all[0]!, true)

        assert.strictEqual(new Set(path).size, path.length)
      })
    )
  })
})
