/** A hundred thousand items, by command and as it is installed; `npm run bench:batch -- --million` runs ten times as many. */
import { assert, describe, it } from "vitest"
import { build } from "../bench/Batch/Build.ts"
import * as Measure from "../bench/Batch/Measure.ts"

describe("muster batch run, 100,000 items", () => {
  it("takes less than 250 MB, and for each of them as long as for each of 20,000", async () => {
    const built = build()
    try {
      const measure = (items: number) =>
        Measure.measure(built, Measure.muster, { items, concurrency: 10, waits: false })
      // What it takes to start, and until the code is warm.
      const start = await measure(5_000)
      const few = await measure(20_000)
      const many = await measure(100_000)
      const each = ({ cpuMillis, items }: Measure.Took) => (cpuMillis - start.cpuMillis) / (items - start.items)

      assert.isBelow(many.rssBytes, 250e6)
      assert.isAtMost(each(many) / each(few), 1.3)
    } finally {
      built.remove()
    }
  })
})
