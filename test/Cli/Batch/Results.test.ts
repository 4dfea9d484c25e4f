import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { readdirSync } from "node:fs"
import { Ledger, LedgerUnavailable, type Row, type Service } from "../../../src/Batch/Ledger.ts"
import * as Memory from "../../../src/Batch/Ledger/Memory.ts"
import * as Results from "../../../src/Cli/Batch/Results.ts"
import * as Console from "./Console.ts"

const row = (n: number): Row => ({
  ...{ id: `"${n}"`, position: n, state: "done", attempts: 1, item: "1", failure: null, endedAt: 1, absent: false },
  result: `{"n":${n}}`
})

const ledger = (rows: Service["rows"]) => Effect.provideService(Ledger, { ...Memory.make(), rows })

describe("Results.write", () => {
  it.scopedLive("puts the file in the place of the old one once it is whole", () =>
    Effect.gen(function* () {
      const { path, read, write } = yield* Console.make()
      write("out.ndjson", "old")
      const rows = () =>
        Stream.tap(Stream.range(1, 3), () => Effect.sync(() => assert.strictEqual(read("out.ndjson"), "old")))
      const written = yield* ledger(() => Stream.map(rows(), row))(Results.write("docs", path("out.ndjson")))

      assert.strictEqual(written, 3)
      assert.strictEqual(read("out.ndjson"), [1, 2, 3].map((n) => `{"id":"\\"${n}\\"","result":{"n":${n}}}\n`).join(""))
      assert.deepStrictEqual(readdirSync(path("")), ["out.ndjson"])
    })
  )

  it.scopedLive("leaves the old file as it is when it cannot be written to its end, and nothing beside it", () =>
    Effect.gen(function* () {
      const { path, read, write } = yield* Console.make()
      write("out.ndjson", "old")
      const rows = () => Stream.concat(Stream.make(row(1)), Stream.fail(new LedgerUnavailable({ reason: "gone" })))
      const error = yield* Effect.flip(ledger(rows)(Results.write("docs", path("out.ndjson"))))

      assert.strictEqual(error._tag, "LedgerUnavailable")
      assert.strictEqual(read("out.ndjson"), "old")
      assert.deepStrictEqual(readdirSync(path("")), ["out.ndjson"])
    })
  )
})
