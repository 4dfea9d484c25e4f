import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import * as Gather from "../../src/Gather.ts"
import type { Receipt } from "../../src/Receipt.ts"
import * as Recording from "../../src/Receipt/Recording.ts"
import * as Testkit from "../../src/Testkit.ts"

const { receipts } = await Effect.runPromise(
  Testkit.reproduce((sources: { a: Testkit.Scripted<number> }) => Gather.failFast(sources), {
    sources: { a: { ends: { succeed: 1 }, after: 10, cleanup: 0, uninterruptible: false } },
    ties: "forward"
  })
)
const receipt: Receipt = receipts[0]!

describe("a recording", () => {
  it.effect("is read as it was written", () =>
    Effect.gen(function* () {
      const text = Recording.line(receipt) + "\n" + Recording.line({ ...receipt, aggregation: "line\nbreak" })
      const lines = yield* Stream.runCollect(Recording.lines(Stream.make(...text.match(/[^]{1,7}/g)!)))

      assert.deepStrictEqual(Chunk.toReadonlyArray(lines), [
        { receipt },
        { receipt: { ...receipt, aggregation: "line\nbreak" } }
      ])
    })
  )

  it.effect("says how many receipts one stands for, at least one", () =>
    Effect.gen(function* () {
      const sampled = { ...receipt, weight: 20 }
      assert.deepStrictEqual(yield* Recording.parse(Recording.line(sampled)), sampled)
      for (const weight of [0, 0.5, -1, null, "2"]) {
        const { reason } = yield* Effect.flip(Recording.parse(JSON.stringify({ ...receipt, weight })))
        assert.match(reason, /^weight: Expected/)
      }
    })
  )

  const wrong = {
    "is not JSON": [`{"version":1`, /Line 3 is not a receipt: it is not JSON/],
    "has no version": [`{}`, /Line 3 .*it has no version; a receipt has version 1/],
    "is no object": [`17`, /Line 3 .*it has no version/],
    "has another version": [`{"version":2}`, /Line 3 .*it has version 2; this muster reads version 1/],
    "lacks a field": [JSON.stringify({ ...receipt, elapsed: undefined }), /Line 3 .*elapsed: is missing/],
    "has a wrong field": [
      JSON.stringify({ ...receipt, sources: [{ ...receipt.sources[0], outcome: "lost" }] }),
      /Line 3 .*sources\.0\.outcome: Expected/
    ]
  } as const
  for (const [what, [line, message]] of Object.entries(wrong)) {
    it.effect(`names the line that ${what}, and goes on after it`, () =>
      Effect.gen(function* () {
        const text = Recording.line(receipt) + "\n" + line + "\n" + Recording.line(receipt)
        const lines = Chunk.toReadonlyArray(yield* Stream.runCollect(Recording.lines(Stream.make(text))))

        assert.strictEqual(lines.length, 3)
        const [, second, third] = lines
        assert(second !== undefined && "unreadable" in second && third !== undefined && "receipt" in third)
        assert.match(second.unreadable.message, message)
      })
    )
  }
})
