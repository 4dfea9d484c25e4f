import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Console from "../Cli/Batch/Console.ts"

describe("muster batch demo", () => {
  it.scopedLive(
    "keeps 999 translations, lists the one that was refused, and redrive runs it alone",
    () =>
      Effect.gen(function* () {
        const { batch, path, read } = yield* Console.make()
        const folder = path("demo")
        const first = yield* batch(`demo --folder ${folder}`)

        assert.strictEqual(first.exitCode, 3)
        assert.deepStrictEqual(first.out.slice(0, 2), [
          "1,000 documents, one of a tenant whose quota is used up. All is in demo",
          "translate: 999 of 1,000 done, 1 failed, in … s"
        ])
        assert.match(first.out[2]!, /^ {2}429: .* answered 429 \(doc-617\)$/)
        assert.strictEqual(
          first.out[4],
          "Run what failed again: muster batch redrive --ledger demo/ledger.db --name translate"
        )
        assert.strictEqual(read("demo/results.ndjson").split("\n").length, 1_000)
        const before = JSON.parse((yield* batch(`status --json --ledger ${folder}/ledger.db`)).out[0]!)

        const again = yield* batch(`redrive --ledger ${folder}/ledger.db`)
        assert.deepStrictEqual([again.exitCode, again.out[0]], [0, "translate: 1,000 of 1,000 done, in … s"])
        const after = JSON.parse((yield* batch(`status --json --ledger ${folder}/ledger.db`)).out[0]!)
        // The three attempts of the one that was refused are forgotten, and the one that worked counts.
        assert.deepStrictEqual([before.attempts, after.attempts], [1_002, 1_000])
        assert.include(
          read("demo/results.ndjson"),
          `{"id":"doc-617","result":{"text":"away amplay andway 617 oremay"}}`
        )
      }),
    60_000
  )
})
