import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Console from "./Console.ts"

describe("muster batch worker", () => {
  it.scoped("needs a ledger that all workers reach, and so does whoever leaves items to them", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      const expected = "muster: workers need a ledger that all of them reach; say --ledger postgres://…"
      write("docs.ndjson", Console.documents(2))
      write("translate.mjs", "export default ({ n }) => n")
      const [docs, module] = [write("docs.ndjson", Console.documents(2)), write("t.mjs", "export default ({ n }) => n")]

      const run = yield* batch(["run", "--input", docs, "--module", module, "--workers"])
      assert.deepStrictEqual([run.exitCode, run.out, run.err], [2, [], [expected]])

      const worker = yield* batch(["worker", "--module", module, "--name", "docs"])
      assert.deepStrictEqual([worker.exitCode, worker.out, worker.err], [2, [], [expected]])
    })
  )

  it.effect.each([
    ["--at", "somewhere", 'host and a port, like "10.0.0.7:34431", but it is "somewhere"'],
    ["--at", "10.0.0.7:99999", 'host and a port, like "10.0.0.7:34431", but it is "10.0.0.7:99999"'],
    ["--rate", "fast", 'a rate like "50/s"'],
    ["--concurrency", "0", "a whole number from 1 up"]
  ])("refuses %s %s", ([flag, value, expected]) =>
    Effect.gen(function* () {
      const { batch } = yield* Console.make()
      const { err, exitCode } = yield* batch(["worker", flag!, value!])

      assert.strictEqual(exitCode, 2)
      assert.include(err.join("\n"), `${flag} must be`)
      assert.include(err.join("\n"), expected!)
    }).pipe(Effect.scoped)
  )
})
