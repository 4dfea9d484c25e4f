/** Kills `muster batch run` at random moments, on real processes, and goes on with `resume`. */
import { assert, describe, it } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Sqlite from "../../src/Source/Sqlite.ts"
import * as Servers from "../Servers.ts"
import { documents } from "./Batch/Console.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
/** More than the ledger takes at once, so that the input is read for as long as they run. */
const count = 14_000
const failing = Array.from({ length: 7 }, (_, n) => `doc-${(n + 1) * 2_000}`)

/** Notes outside the ledger whom it runs, and how it ended. */
const module = (log: string) => `
import { appendFileSync } from "node:fs"
export default async ({ id, n }) => {
  appendFileSync(${JSON.stringify(log)}, "begin " + id + "\\n")
  await new Promise((resolve) => setTimeout(resolve, 3))
  if (n % 2000 === 0) throw Object.assign(new Error("no such document"), { status: 404 })
  return n * 2
}`

const folders = (): { readonly path: (name: string) => string; readonly remove: () => void } => {
  const folder = mkdtempSync(join(tmpdir(), "muster-kill-command-"))
  return { path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true }) }
}

const started = new Set<ChildProcess>()

const muster = (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/main.ts", "batch", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"]
  })
  started.add(child)
  const text = { out: "", err: "" }
  child.stdout.on("data", (data) => (text.out += data))
  child.stderr.on("data", (data) => (text.err += data))
  const ended = new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((resolve) =>
    child.once("close", (code) => {
      started.delete(child)
      resolve({ code, ...text })
    })
  )
  return { child, ended }
}

const begun = (log: string) => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [])

const until = async (ready: () => boolean) => {
  for (const end = Date.now() + 60_000; !ready();) {
    assert.isBelow(Date.now(), end, "it did not happen within a minute")
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const inLedger = (filename: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ id: string }>`SELECT id FROM muster_items WHERE state IN (2, 3)`
    const [input] = yield* sql<{ offset: number; read: number }>`
      SELECT input_offset AS offset, input_read AS read FROM muster_batches`
    return { recorded: new Set(rows.map(({ id }) => id)), ...input! }
  }).pipe(Effect.provide(Sqlite.layerInside({ filename })), Effect.orDie, Effect.runPromise)

/** How far the input had been read at each kill. */
const read: Array<number> = []

const trial = async (kills: number) => {
  const { path, remove } = folders()
  const [ledger, log, input] = [path("ledger.db"), path("log.txt"), path("docs.ndjson")]
  writeFileSync(input, documents(count))
  writeFileSync(path("translate.mjs"), module(log))
  const run = ["run", "--input", input, "--module", path("translate.mjs"), "--concurrency", "20"]
  try {
    let seen = 0
    let recorded = new Set<string>()
    for (let kill = 0; kill <= kills; kill++) {
      const [first, ...rest] = kill === 0 ? [...run, "--out", path("results.ndjson")] : ["resume"]
      const { child, ended } = muster(first!, ...rest, "--ledger", ledger)
      if (kill < kills) {
        await until(() => begun(log).length > seen || child.exitCode !== null)
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 700))
        child.kill("SIGKILL")
      }
      const { code, err, out } = await ended
      const lines = begun(log)
      const repeated = lines.slice(seen).filter((line) => recorded.has(line.slice("begin ".length)))
      assert.deepStrictEqual(repeated, [], "what was recorded runs again")
      seen = lines.length
      if (kill === kills) return { code, err, out, lines, results: readFileSync(path("results.ndjson"), "utf8") }
      const now = await inLedger(ledger)
      recorded = now.recorded
      read.push(now.read)
      // The offset is the end of the last line that was read.
      assert.strictEqual(now.offset, Buffer.byteLength(documents(now.read)))
      assert.isAtMost(now.offset, statSync(input).size)
    }
    return assert.fail("there is a last run")
  } finally {
    for (const child of started) child.kill("SIGKILL")
    remove()
  }
}

describe("muster batch run, killed", () => {
  for (let n = 1; n <= 5; n++) {
    it(`loses nothing and repeats nothing that was recorded, trial ${n}`, { timeout: 300_000 }, async () => {
      const { code, err, lines, out, results } = await trial(2)

      assert.strictEqual(code, 3, err)
      assert.strictEqual(new Set(lines).size, count)
      assert.include(out, `docs: 13,993 of 14,000 done, 7 failed`)
      const expected = documents(count)
        .split("\n")
        .slice(0, -1)
        // The casts: they are documents.
        .map((line) => JSON.parse(line) as { id: string; n: number })
        .filter(({ id }) => !failing.includes(id))
        .map(({ id, n }) => `{"id":"${id}","result":${n * 2}}\n`)
      assert.strictEqual(results, expected.join(""))
    })
  }

  it("was killed in the middle of reading its input, at least once", () => {
    console.log(`Lines read at the kills: ${read.join(", ")} of ${count}`)
    assert.isAbove(read.filter((lines) => lines > 0 && lines < count).length, 0)
  })
})

describe("muster batch run, interrupted", () => {
  it("stops cleanly at Ctrl-C, says how to go on, and that works", { timeout: 120_000 }, async () => {
    const { path, remove } = folders()
    try {
      writeFileSync(path("docs.ndjson"), documents(2_000))
      writeFileSync(path("translate.mjs"), module(path("log.txt")))
      const where = ["--ledger", path("ledger.db")]
      const run = ["run", "--input", path("docs.ndjson"), "--module", path("translate.mjs"), "--concurrency", "4"]
      const { child, ended } = muster(...run, ...where)
      await until(() => begun(path("log.txt")).length > 100)
      child.kill("SIGINT")
      const { code, err, out } = await ended
      const said = err
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => String(JSON.parse(line).message))

      assert.deepStrictEqual([code, out], [130, ""])
      assert.match(said.at(-2)!, /^stopped. docs: \d+ of 2,000 done, [\d,]+ to do$/)
      assert.strictEqual(said.at(-1), `Go on with: npx tsx src/main.ts batch resume ${where.join(" ")} --name docs`)
      const { recorded } = await inLedger(path("ledger.db"))
      const before = begun(path("log.txt")).length
      assert.isAtMost(before - recorded.size, 4)

      const rest = await muster("resume", ...where).ended
      assert.strictEqual(rest.code, 3)
      const after = begun(path("log.txt")).slice(before)
      assert.strictEqual(after.length, 2_000 - recorded.size)
    } finally {
      for (const child of started) child.kill("SIGKILL")
      remove()
    }
  })
})

Servers.suite("postgres", "muster batch, with its ledger in Postgres", () => {
  it.scopedLive(
    "runs, tells and goes on, and never shows the URL",
    () =>
      Effect.gen(function* () {
        const { url } = yield* Servers.postgres()
        const { path, remove } = folders()
        yield* Effect.addFinalizer(() => Effect.sync(remove))
        writeFileSync(path("docs.ndjson"), documents(2_001))
        writeFileSync(path("translate.mjs"), module(path("log.txt")))
        const typed = (...args: ReadonlyArray<string>) =>
          Effect.promise(() => muster(...args, "--ledger", url, "--name", "docs").ended)

        const ran = yield* typed("run", "--input", path("docs.ndjson"), "--module", path("translate.mjs"))
        assert.strictEqual(ran.code, 3, ran.err)
        assert.match(ran.out, /^docs: 2,000 of 2,001 done, 1 failed, in /)
        assert.notInclude(ran.out + ran.err, url)
        assert.include((yield* typed("status")).out, "docs: 2,000 of 2,001 done, 1 failed")
        assert.strictEqual((yield* typed("redrive")).code, 3)
        assert.lengthOf(begun(path("log.txt")), 2_002)
        assert.include((yield* typed("purge")).out, "docs is forgotten, with 2,001 items")
      }),
    120_000
  )
})
