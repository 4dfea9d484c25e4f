import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { criticalPath } from "../../src/Receipt/CriticalPath.ts"

interface Linked {
  readonly name: string
  readonly start: number | null
  readonly end: number | null
  readonly after: Linked | undefined
}

/** What happens when so many sources are asked at most `concurrency` at a time, in order. */
const schedule = (durations: ReadonlyArray<number>, concurrency: number): ReadonlyArray<Linked> => {
  const lanes: Array<Linked | undefined> = Array.from({ length: concurrency }, () => undefined)
  return durations.map((duration, index) => {
    const free = lanes.map((one) => one?.end ?? 0)
    const lane = free.indexOf(Math.min(...free))
    const [start, after] = [free[lane]!, lanes[lane]]
    return (lanes[lane] = { name: String(index), start, end: start + duration, after })
  })
}

const names = (path: ReadonlyArray<Linked>) => path.map((one) => one.name)

describe("CriticalPath", () => {
  it("is the source that decided when all were asked at once", () => {
    assert.deepStrictEqual(names(criticalPath(schedule([300, 500, 100], 3)[1]!)), ["1"])
  })

  it("goes through the source whose end made room, one at a time", () => {
    assert.deepStrictEqual(names(criticalPath(schedule([300, 500, 100], 1)[2]!)), ["0", "1", "2"])
  })

  it("goes through the source whose end made room, two at a time", () => {
    // 0 takes one lane for 400 ms; 1, then 2, then 3 share the other.
    const all = schedule([400, 100, 200, 300], 2)

    assert.deepStrictEqual(names(criticalPath(all[3]!)), ["1", "2", "3"])
    assert.deepStrictEqual(names(criticalPath(all[0]!)), ["0"])
  })

  it("passes over sources that took no time, which made no other wait", () => {
    const all = schedule([0, 0, 100, 0, 50], 1)

    assert.deepStrictEqual(names(criticalPath(all[4]!)), ["2", "4"])
    assert.deepStrictEqual(names(criticalPath(all[3]!)), ["2", "3"])
  })

  it("does not go back from a source that did not have to wait, although another had ended before it was asked", () => {
    const early: Linked = { name: "early", start: 0, end: 50, after: undefined }
    const late: Linked = { name: "late", start: 100, end: 200, after: undefined }
    const awaited: Linked = { name: "awaited", start: 100, end: 200, after: early }

    assert.deepStrictEqual(names(criticalPath(late)), ["late"])
    assert.deepStrictEqual(names(criticalPath(awaited)), ["early", "awaited"])
  })

  it("leads without a gap from the start to the last end, for any durations and any concurrency", () => {
    const durations = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 40, size: "max" })

    fc.assert(
      fc.property(durations, fc.integer({ min: 1, max: 8 }), (durations, concurrency) => {
        const path = criticalPath(schedule(durations, concurrency).at(-1)!)

        assert.strictEqual(path[0]!.start, 0)
        path.slice(1).forEach((one, index) => assert.strictEqual(one.start, path[index]!.end))
      })
    )
  })
})
