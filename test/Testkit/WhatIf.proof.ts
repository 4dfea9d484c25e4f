import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Gather from "../../src/Gather.ts"
import type { Receipt } from "../../src/Receipt.ts"
import * as Testkit from "../../src/Testkit.ts"
import { wilson } from "../../src/Testkit/WhatIf.ts"
import { Latencies } from "../../src/Testkit/WhatIf/Latencies.ts"
import { random, Reservoir } from "../../src/Testkit/WhatIf/Reservoir.ts"

interface Call {
  readonly after: number
  readonly ok: boolean
}

/** Receipts of real gathers over calls drawn from a distribution, in virtual time. */
const record = async (
  count: number,
  deadline: number | undefined,
  draw: () => Readonly<Record<string, Call>>
): Promise<Testkit.Observations> => {
  const observations = new Testkit.Observations()
  for (let n = 0; n < count; n++) {
    const sources = Object.fromEntries(
      Object.entries(draw()).map(([name, { after, ok }]) => [
        name,
        { ends: ok ? { succeed: n } : { fail: "no" }, after, cleanup: 0, uninterruptible: false } as const
      ])
    )
    const { receipts } = await Effect.runPromise(
      Testkit.reproduce((all: Record<string, Testkit.Scripted<number, string>>) => Gather.failFast(all, { deadline }), {
        sources,
        ties: "forward"
      })
    )
    observations.add(receipts[0] as Receipt)
  }
  return observations
}

const exponential = (uniform: () => number, mean: number) => -mean * Math.log(1 - uniform())
const inside = ({ high, low, share }: { low: number; high: number; share: number }, truth: number) => {
  // 95 % intervals of a fixed seed: twice their width is a bound that a right estimate meets for all but 1 in 10,000.
  const spare = (high - low) / 2
  assert.isTrue(truth >= low - spare && truth <= high + spare, `${truth} is not near [${low}, ${high}] (${share})`)
}

describe("what if", { timeout: 30_000 }, () => {
  it("gives the chance of two exponential sources meeting a shorter deadline, within its own error", async () => {
    const uniform = random(11)
    const seen = await record(3_000, undefined, () => ({
      a: { after: exponential(uniform, 100), ok: true },
      b: { after: exponential(uniform, 50), ok: true }
    }))
    for (const deadline of [50, 200, 400]) {
      const truth = (1 - Math.exp(-deadline / 100)) * (1 - Math.exp(-deadline / 50))
      const { complete, late, unknown } = seen.estimate({ deadline })
      inside(complete, truth)
      inside(late, 1 - truth)
      assert.strictEqual(unknown, 0)
    }
    // P(a and b meet it) = 0.9 at 238.3 ms, from the same closed form.
    assert.approximately(seen.deadlineFor(0.9, {}), 238.3, 12)
  })

  it("is not misled by calls that were cut off because another failed first", async () => {
    const uniform = random(12)
    // a fails half the time, after 30 ms on average, and cuts b off: of b only the fast calls end.
    const seen = await record(3_000, undefined, () => ({
      a: { after: exponential(uniform, 30), ok: uniform() < 0.5 },
      b: { after: exponential(uniform, 60), ok: true }
    }))
    const deadline = 100
    const { complete, partial } = seen.estimate({ deadline, optional: ["a"] })
    const b = 1 - Math.exp(-deadline / 60)
    const a = 0.5 * (1 - Math.exp(-deadline / 30))
    inside(complete, a * b)
    inside(partial, b - a * b)
  })

  it("says of how many it cannot know, when the new deadline is longer than the recorded one", async () => {
    const uniform = random(13)
    const seen = await record(1_000, 100, () => ({ a: { after: exponential(uniform, 100), ok: true } }))

    const longer = seen.estimate({ deadline: 300 })
    assert.approximately(longer.unknown, Math.exp(-1), 0.05)
    assert.strictEqual(seen.estimate({ deadline: 80 }).unknown, 0)
    assert.strictEqual(seen.deadlineFor(0.9, {}), Infinity)
  })

  it("gives the gain and the price of a hedge", async () => {
    const uniform = random(14)
    // 2 % of the calls are slow by 100x: hedged after 20 ms, an answer is late only when both calls are slow.
    const seen = await record(4_000, undefined, () => ({ a: { after: uniform() < 0.02 ? 1_000 : 10, ok: true } }))

    const plain = seen.estimate({ deadline: 100 })
    const hedged = seen.estimate({ deadline: 100, hedges: { a: 20 } })
    inside(plain.late, 0.02)
    inside(hedged.late, 0.0004)
    assert.approximately(hedged.extraLoad["a"]!, 0.02, 0.007)
    assert.strictEqual(plain.p99, 100)
    assert.strictEqual(hedged.p99, 30)
  })

  it("tells complete, partial, failed and late apart, and who is on the critical path", async () => {
    const calls: ReadonlyArray<Readonly<Record<string, Call>>> = [
      { a: { after: 10, ok: true }, b: { after: 20, ok: true } },
      { a: { after: 30, ok: true }, b: { after: 5, ok: false } },
      { a: { after: 30, ok: true }, b: { after: 90, ok: true } },
      { a: { after: 40, ok: false }, b: { after: 90, ok: true } }
    ]
    let next = 0
    const recorded = await record(4, undefined, () => calls[next++]!)

    const strict = recorded.estimate({ deadline: 60 })
    assert.deepStrictEqual(
      [strict.complete.share, strict.partial.share, strict.failed.share, strict.late.share],
      [0.25, 0, 0.5, 0.25]
    )
    const lenient = recorded.estimate({ deadline: 60, optional: ["b"] })
    assert.deepStrictEqual(
      [lenient.complete.share, lenient.failed.share, lenient.late.share, lenient.p50],
      [0.25, 0.25, 0, 30]
    )
    assert.strictEqual(recorded.count, 4)
    assert.deepStrictEqual(recorded.sources, ["a", "b"])
  })

  it("keeps a fair sample of any number of receipts, in constant memory", () => {
    const reservoir = new Reservoir<number>(1_000, 5)
    for (let n = 0; n < 100_000; n++) reservoir.add(n)

    assert.deepStrictEqual([reservoir.items.length, reservoir.count], [1_000, 100_000])
    const mean = reservoir.items.reduce((sum, n) => sum + n, 0) / 1_000
    // The mean of a fair sample has a standard error of 100,000 / sqrt(12) / sqrt(1,000) = 913.
    assert.approximately(mean, 50_000, 4 * 913)
  })

  it("draws latencies beyond what was cut off from those that were seen to last longer", () => {
    const latencies = new Latencies([
      { took: 10, ending: "ok" },
      { took: 20, ending: "cut" },
      { took: 30, ending: "failed" },
      { took: 40, ending: "ok" }
    ])
    assert.deepStrictEqual({ ...latencies.draw(0) }.took, 10)
    assert.strictEqual(latencies.drawBeyond(15, 0).took, 30)
    assert.strictEqual(latencies.drawBeyond(15, 0.9).took, 40)
    assert.strictEqual(latencies.drawBeyond(40, 0.5).took, Infinity)
  })

  it("gives the interval of Wilson", () => {
    const { high, low } = wilson(0.5, 100)
    assert.approximately(low, 0.4038, 0.0005)
    assert.approximately(high, 0.5962, 0.0005)
    assert.deepStrictEqual(wilson(0, 0), { share: 0, low: 0, high: 1 })
  })
})
