/** `muster batch` on a disk that is full: a file system of its own in memory, which only root can make. */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import * as Sqlite from "../../../src/Source/Sqlite.ts"
import { documents } from "./Console.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "muster-disk-"))
const count = 10_000

const mounted: Array<string> = []

const diskOf = (name: string, size: string) => {
  const disk = join(folder, name)
  mkdirSync(disk)
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk])
  mounted.push(disk)
  return {
    path: (file: string) => join(disk, file),
    grow: () => execFileSync("mount", ["-o", "remount,size=20m", disk])
  }
}

const muster = (args: ReadonlyArray<string>, said: (err: string) => void = () => {}) =>
  new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/main.ts", "batch", ...args], { cwd: root })
    const text = { out: "", err: "" }
    child.stdout.on("data", (data) => (text.out += data))
    child.stderr.on("data", (data) => said((text.err += data)))
    child.once("close", (code) => resolve({ code, ...text }))
  })

/** Notes outside the disk whom it runs. */
const asked = () => readFileSync(join(folder, "asked.txt"), "utf8").split("\n").slice(0, -1)

const recorded = (filename: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ id: string }>`SELECT id FROM muster_items WHERE state = 2`
    return rows.map(({ id }) => id)
  }).pipe(Effect.provide(Sqlite.layer({ filename })), Effect.orDie, Effect.runPromise)

describe.runIf(process.getuid?.() === 0)("muster batch on a full disk", () => {
  beforeAll(() => {
    writeFileSync(join(folder, "docs.ndjson"), documents(count))
    writeFileSync(
      join(folder, "note.mjs"),
      `import { appendFileSync } from "node:fs"
       export default ({ id, n }) => (appendFileSync(${JSON.stringify(join(folder, "asked.txt"))}, id + "\\n"), n * 2)`
    )
  })
  afterAll(() => {
    // Lazily: the driver may not have closed the ledger yet that was looked into.
    for (const disk of mounted) execFileSync("umount", ["-l", disk])
    rmSync(folder, { recursive: true })
  })

  const begin = (ledger: string) => {
    writeFileSync(join(folder, "asked.txt"), "")
    return ["run", "--input", join(folder, "docs.ndjson"), "--module", join(folder, "note.mjs"), "--ledger", ledger]
  }

  it("ends with what is wrong and how to go on, and loses nothing that was written down", async () => {
    const disk = diskOf("first", "1m")
    const ledger = disk.path("ledger.db")
    const { code, err, out } = await muster(begin(ledger))

    assert.deepStrictEqual([code, out], [1, ""])
    assert.include(err, "ledger.db: the disk is full (SQLITE_FULL); it is asked again for 30 seconds")
    assert.include(
      err,
      `What it has is safe; go on with: npx tsx src/main.ts batch resume --ledger ${ledger} --name docs`
    )

    disk.grow()
    const before = { asked: asked().length, recorded: new Set(await recorded(ledger)) }
    assert.isAbove(before.recorded.size, 0)
    const resumed = await muster(["resume", "--ledger", ledger])
    assert.strictEqual(resumed.code, 0)
    assert.include(resumed.out, "docs: 10,000 of 10,000 done")
    const again = asked().slice(before.asked)
    assert.deepStrictEqual(
      again.filter((id) => before.recorded.has(id)),
      [],
      "what was written down runs again"
    )
    assert.strictEqual(before.recorded.size + again.length, count)
  })

  it("goes on by itself once there is room again", async () => {
    const disk = diskOf("second", "1m")
    let full = false
    const { code, out } = await muster(begin(disk.path("ledger.db")), (err) => {
      if (full || !err.includes("the disk is full")) return
      full = true
      disk.grow()
    })

    assert.isTrue(full)
    assert.strictEqual(code, 0)
    assert.include(out, "docs: 10,000 of 10,000 done")
    assert.lengthOf(asked(), count)
  })

  it("leaves no half of the results, and those from before as they were", async () => {
    const disk = diskOf("third", "100k")
    const [ledger, results] = [join(folder, "ledger.db"), disk.path("results.ndjson")]
    writeFileSync(results, "from before\n")
    const { code, err, out } = await muster([...begin(ledger), "--out", results])

    assert.strictEqual(code, 1)
    assert.include(out, "docs: 10,000 of 10,000 done")
    assert.include(err, "results.ndjson cannot be written: no space left on device; no result is lost")
    assert.deepStrictEqual(readdirSync(disk.path("")), ["results.ndjson"])
    assert.strictEqual(readFileSync(results, "utf8"), "from before\n")
    disk.grow()
    assert.strictEqual((await muster(["export", "--ledger", ledger, "--out", results])).code, 0)
    assert.lengthOf(readFileSync(results, "utf8").split("\n"), count + 1)
    assert.lengthOf(asked(), count)
  })
})
