import { assert, describe, it } from "@effect/vitest"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach } from "vitest"
import { LineFile } from "../../../src/Aggregator/Recorder/File.ts"

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "muster-lines-"))))
afterEach(() => rmSync(folder, { recursive: true }))

const read = () =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), "utf8")])
  )

describe("a file of lines", () => {
  it("moves a full file away and removes the oldest, and no line is torn", async () => {
    const file = await LineFile.open(join(folder, "r"), { maxBytes: 10, files: 3 })
    await file.append(["aaa\n", "bbb\n", "ccc\n"])
    assert.deepStrictEqual(read(), { r: "ccc\n", "r.1": "aaa\nbbb\n" })
    await file.append(["ddd\n"])
    await file.append(["eee\n", "fff\n", "ggg\n", "a line that is longer than a file may be\n", "hhh\n"])
    await file.close()

    assert.deepStrictEqual(read(), {
      r: "hhh\n",
      "r.1": "a line that is longer than a file may be\n",
      "r.2": "ggg\n"
    })
  })

  it("counts bytes, also of what stood there before, and goes on after a torn line", async () => {
    writeFileSync(join(folder, "r"), "torn")
    const file = await LineFile.open(join(folder, "r"), { maxBytes: 12, files: 2 })
    await file.append(["ä\n"])
    await file.append(["bbb\n"])
    assert.deepStrictEqual(read(), { r: "torn\nä\nbbb\n" })
    await file.append(["c\n"])
    await file.close()
    assert.deepStrictEqual(read(), { r: "c\n", "r.1": "torn\nä\nbbb\n" })
  })

  it.runIf(existsSync("/dev/null"))("never moves what is no file", async () => {
    const link = join(folder, "r")
    symlinkSync("/dev/null", link)
    const file = await LineFile.open(link, { maxBytes: 4, files: 2 })
    await file.append(["aaa\n", "bbb\n"])
    await file.close()
    assert.deepStrictEqual(readdirSync(folder), ["r"])
  })

  it("begins anew where it may have one file only", async () => {
    const file = await LineFile.open(join(folder, "r"), { maxBytes: 4, files: 1 })
    await file.append(["aaa\n", "bbb\n"])
    await file.close()
    assert.deepStrictEqual(read(), { r: "bbb\n" })
  })
})
