import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Explained } from "../../../src/Page.ts"
import type { Receipt } from "../../../src/Receipt.ts"
import * as Recording from "../../../src/Receipt/Recording.ts"
import { hundred, receipt, source } from "../Receipts.ts"
import { typed } from "../Typed.ts"

/** Types a command in a folder of its own, with a recording in it. */
const explain = (receipts: ReadonlyArray<Receipt>, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-explain-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const file = join(folder, "receipts.ndjson")
    writeFileSync(file, receipts.map(Recording.line).join(""))
    const said = yield* typed(["explain", file, ...flags.map((flag) => flag.replace("FOLDER", folder))])
    const replaced = (line: string) => line.replaceAll(folder, "FOLDER")
    const shown = (): ReadonlyArray<Explained> =>
      JSON.parse(/id="explained">([^]*?)<\/script>/.exec(readFileSync(join(folder, "report.html"), "utf8"))![1]!)
    return { ...said, out: said.out.map(replaced), err: said.err.map(replaced), files: readdirSync(folder), shown }
  })

describe("muster explain --out", () => {
  it.scopedLive("writes a page of every setting, with its bounds and what would have been printed, and says so", () =>
    Effect.gen(function* () {
      const flags = ["--deadline", "500ms", "--optional", "orders"]
      const { exitCode, files, out, shown } = yield* explain(hundred, ...flags, "--out", "FOLDER/report.html")
      const printed = yield* explain(hundred, ...flags)
      const [first, ...others] = shown()
      const [recorded, deadline, optional] = first!.settings

      assert.deepStrictEqual([exitCode, out], [0, [`FOLDER/report.html shows 4 settings of "FOLDER/receipts.ndjson"`]])
      assert.sameMembers(files, ["receipts.ndjson", "report.html"])
      assert.deepStrictEqual([first!.title, others, first!.lines], ["dashboard", [], printed.out])
      assert.deepStrictEqual(
        first!.settings.map(({ isRecorded, label }) => [label, isRecorded]),
        [
          ["as recorded", true],
          ["deadline 500ms", false],
          ["optional orders", false],
          ["all together", false]
        ]
      )
      assert.deepStrictEqual(recorded!.times.p95, { value: 950, low: 900, high: 1_000 })
      assert.approximately(deadline!.shares.complete.value, 0.47, 1e-9)
      assert.approximately(deadline!.shares.complete.low, 0.375107, 1e-6)
      assert.approximately(optional!.shares.complete.value, 0.97, 1e-9)
      assert.approximately(optional!.shares.answered.value, 0.99, 1e-9)
      assert.isTrue(optional!.shares.answered.low < 0.99 && optional!.shares.answered.high > 0.99)
    })
  )

  it.scopedLive("has no number for what is not known", () =>
    Effect.gen(function* () {
      const endless = receipt([source("a", 50, { outcome: "timed-out" })], { outcome: "timed-out", deadline: 50 })
      const { shown } = yield* explain([endless], "--deadline", "2s", "--out", "FOLDER/report.html")
      const { p50 } = shown()[0]!.settings[0]!.times
      const free = receipt([source("a", 50)], { deadline: null })
      const unbounded = (yield* explain([free], "--out", "FOLDER/report.html")).shown()[0]!.settings[0]!.times.p99

      assert.strictEqual(p50.value, 50)
      assert.deepStrictEqual(unbounded, { value: 50, low: 0, high: null })
    })
  )

  it.scopedLive("says why it cannot, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const both = yield* explain(hundred, "--json", "--out", "FOLDER/report.html")
      assert.deepStrictEqual(
        [both.exitCode, both.out, both.err, both.files],
        [2, [], ["muster: --json prints what --out writes as a page; leave one of them out"], ["receipts.ndjson"]]
      )

      const nowhere = yield* explain(hundred, "--out", "FOLDER/none/report.html")
      assert.deepStrictEqual([nowhere.exitCode, nowhere.out], [1, []])
      assert.include(nowhere.err.join(), "cannot be written: no such file or directory")

      const empty = yield* explain([], "--out", "FOLDER/report.html")
      assert.deepStrictEqual([empty.exitCode, empty.files], [2, ["receipts.ndjson"]])
    })
  )
})
