import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Recording from "../../src/Receipt/Recording.ts"
import { receipt, source } from "./Receipts.ts"
import { typed } from "./Typed.ts"

const lines = (count: number) =>
  Array.from({ length: count }, (_, n) => Recording.line(receipt([source("profile", n)], { id: `${n}` }))).join("")

/** Types a command in a folder of its own, with a recording in it. */
const view = (text: string, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-view-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const file = join(folder, "receipts.ndjson")
    mkdirSync(join(folder, "taken"))
    writeFileSync(file, text)
    const said = yield* typed(["view", file, ...flags.map((flag) => flag.replace("FOLDER", folder))])
    const replaced = (line: string) => line.replaceAll(folder, "FOLDER")
    return { ...said, out: said.out.map(replaced), err: said.err.map(replaced), folder, files: readdirSync(folder) }
  })

const shown = (html: string): ReadonlyArray<{ readonly id: string }> =>
  JSON.parse(/id="receipts">([^]*?)<\/script>/.exec(html)![1]!)

describe("muster view", () => {
  it.scopedLive("writes a page of the receipts, says so, and leaves nothing beside it", () =>
    Effect.gen(function* () {
      const { exitCode, files, folder, out } = yield* view(lines(2), "--out", "FOLDER/report.html")

      assert.deepStrictEqual([exitCode, out], [0, [`FOLDER/report.html shows 2 receipts of "FOLDER/receipts.ndjson"`]])
      assert.sameMembers(files, ["receipts.ndjson", "report.html", "taken"])
      assert.strictEqual(shown(readFileSync(join(folder, "report.html"), "utf8")).length, 2)
    })
  )

  it.scopedLive("prints the page when it is told no file", () =>
    Effect.gen(function* () {
      const { exitCode, out } = yield* view(lines(1))

      assert.strictEqual(exitCode, 0)
      assert.match(out.join("\n"), /^<!doctype html>[^]*<\/html>\n$/)
    })
  )

  it.scopedLive("shows the last thousand of more", () =>
    Effect.gen(function* () {
      const { folder, out } = yield* view(lines(2_345), "--out", "FOLDER/report.html")
      const ids = shown(readFileSync(join(folder, "report.html"), "utf8")).map(({ id }) => id)

      assert.match(out[0]!, /shows the last 1000 of 2345 receipts/)
      assert.deepStrictEqual([ids.length, ids[0], ids.at(-1)], [1_000, "1345", "2344"])
    })
  )

  it.scopedLive("says what is wrong with a line, a file or a folder, and writes nothing", () =>
    Effect.gen(function* () {
      const bad = yield* view(`${lines(1)}{"version":2}\n`, "--out", "FOLDER/report.html")
      assert.deepStrictEqual(
        [bad.exitCode, bad.err, bad.files],
        [
          2,
          [
            `muster: "FOLDER/receipts.ndjson": line 2 is not a receipt: it has version 2; this muster reads version 1; --skip-bad goes on without such lines`
          ],
          ["receipts.ndjson", "taken"]
        ]
      )
      const skipped = yield* view(`${lines(1)}nonsense\n`, "--out", "FOLDER/report.html", "--skip-bad")
      assert.match(skipped.out[0]!, /shows 1 receipt of .*; 1 line is no receipt$/)

      const empty = yield* view("\n")
      assert.deepStrictEqual(
        [empty.exitCode, empty.err],
        [2, [`muster: "FOLDER/receipts.ndjson" has no receipt in it`]]
      )

      const nowhere = yield* view(lines(1), "--out", "FOLDER/none/report.html")
      assert.strictEqual(nowhere.exitCode, 1)
      assert.include(nowhere.err.join(), "cannot be written: no such file or directory")

      const taken = yield* view(lines(1), "--out", "FOLDER/taken")
      assert.include(taken.err.join(), "cannot be written: it is a directory")
      assert.deepStrictEqual(taken.files, ["receipts.ndjson", "taken"])
    })
  )
})
