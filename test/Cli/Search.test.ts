import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { typed } from "./Typed.ts"

const query = ["search", "phone tablet headphones"]

interface Printed {
  readonly total: number
  readonly results: ReadonlyArray<{ readonly model: string; readonly price: number; readonly source: string }>
  readonly errors: ReadonlyArray<{ readonly source: string; readonly reason: string; readonly message: string }>
  readonly receipt: { readonly elapsed: number; readonly outcome: string }
}

const parsed = (line: string | undefined) => JSON.parse(line ?? "null") as Printed

describe.concurrent("muster search", () => {
  it.live(
    "without a URL asks stores of the demo, and needs no server",
    () =>
      Effect.gen(function* () {
        const { err, exitCode, out } = yield* typed([...query, "--limit", "2s"], { columns: 80 })
        const { errors, receipt, results, total } = parsed(out[0])

        assert.deepStrictEqual([exitCode, out.length, total], [0, 1, 6])
        assert.deepStrictEqual(
          results.map(({ price }) => price),
          [149.99, 799.99, 849.99, 899.99, 1299.99, 1799.99]
        )
        assert.deepStrictEqual(
          errors.map(({ reason, source }) => [source, reason]),
          [
            ["slow", "timed-out"],
            ["failing", "failed"]
          ]
        )
        assert.strictEqual(receipt.outcome, "partial")
        assert.include(err, "sqlite: 6 found; still awaited: slow")
      }),
    20_000
  )

  it.live(
    "prints what each store found as it comes, when told to",
    () =>
      Effect.gen(function* () {
        const { exitCode, out } = yield* typed(["search", "tablet", "--limit", "2s", "--stream"])
        const lines = out.map((line) => JSON.parse(line) as { source?: string; total?: number })

        assert.deepStrictEqual(
          lines.map(({ source }) => source),
          ["failing", "sqlite", "slow", undefined]
        )
        assert.deepStrictEqual([exitCode, lines.at(-1)?.total], [0, 1])
      }),
    20_000
  )

  it.live(
    "exits with 1 when nothing is found, and says why",
    () =>
      Effect.gen(function* () {
        const { err, exitCode, out } = yield* typed(["search", "submarine", "--limit", "1s"])

        assert.deepStrictEqual([exitCode, parsed(out[0]).total], [1, 0])
        assert.match(err.join("\n"), /nothing was found; .*slow: .*; failing: .*key eviction due to memory pressure/)
      }),
    20_000
  )

  it.live("refuses what is no query and no URL, and shows no secret", () =>
    Effect.gen(function* () {
      const refused = (...args: ReadonlyArray<string>) =>
        Effect.map(typed(["search", ...args]), ({ err, exitCode, out }) => {
          assert.deepStrictEqual([exitCode, out, err.length], [2, [], 1])
          return err[0]
        })

      assert.include(yield* refused(" , "), "the query must be 1 to 20 types of products")
      const line = yield* refused("phone", "--postgres", "https://me:secret@host")
      assert.strictEqual(line, `muster: --postgres must be a URL like "postgres://localhost"`)
    })
  )
})
