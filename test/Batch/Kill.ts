/** Kills a batch at random moments, and says whether it kept its word. */
import { assert, describe, it } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Manifest } from "../../src/Batch/Manifest.ts"
import * as Sqlite from "../../src/Source/Sqlite.ts"

const count = 200
const worker = fileURLToPath(new URL("Worker.ts", import.meta.url))

interface Line {
  readonly what: string
  readonly id: string
  readonly at: number
  readonly pid: number
}

const linesOf = (log: string): ReadonlyArray<Line> =>
  (existsSync(log) ? readFileSync(log, "utf8") : "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" "))
    .map(([what, id, at, pid]) => ({ what: what!, id: id!, at: Number(at), pid: Number(pid) }))

/** Those that the ledger says have ended. */
const recorded = (filename: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ id: string }>`SELECT id FROM muster_items WHERE state IN (2, 3)`
    return new Set(rows.map(({ id }) => id))
  }).pipe(
    Effect.provide(Sqlite.layer({ filename })),
    Effect.catchTag("SqlError", () => Effect.succeed(new Set<string>()))
  )

/** Those that still run, for a trial that fails half-way. */
const started = new Set<ChildProcess>()

const start = (...args: ReadonlyArray<string>): ChildProcess & { readonly output: () => string } => {
  const child = spawn(process.execPath, ["--import", "tsx", worker, ...args], { stdio: ["ignore", "pipe", "inherit"] })
  started.add(child)
  child.once("close", () => started.delete(child))
  let output = ""
  child.stdout.on("data", (data) => (output += data))
  return Object.assign(child, { output: () => output })
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once("close", resolve))
const killAfter = async (child: ChildProcess, millis: number) => {
  const closed = ended(child)
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, millis))])
  child.kill("SIGKILL")
  await closed
  return Date.now()
}

/** One trial: killed `kills` times at random, then run to its end. */
const trial = async (kills: number) => {
  const folder = mkdtempSync(join(tmpdir(), "muster-kill-"))
  const [ledger, log] = [join(folder, "ledger.db"), join(folder, "log.txt")]
  const again: Array<number> = []
  try {
    for (let kill = 0; kill < kills; kill++) {
      // A process takes about a second to start, and all items together about half of one.
      const killedAt = await killAfter(start(ledger, log, String(count), "40"), 700 + Math.random() * 900)
      const done = await Effect.runPromise(recorded(ledger))
      const before = linesOf(log).length

      const next = start(ledger, log, String(count), "40")
      for (const until = Date.now() + 20_000; linesOf(log).length === before && next.exitCode === null;) {
        assert.isBelow(Date.now(), until, "nothing began within 20 seconds")
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const first = linesOf(log)[before]
      if (first !== undefined) again.push(first.at - killedAt)
      await killAfter(next, Math.random() * 300)
      const repeated = linesOf(log)
        .slice(before)
        .filter(({ id, what }) => what === "begin" && done.has(id))
      assert.deepStrictEqual(repeated, [], "what was recorded runs again")
    }
    const last = start(ledger, log, String(count), "40")
    await ended(last)
    // The cast: it is what the worker prints.
    return {
      manifest: JSON.parse(last.output()) as Manifest,
      begun: new Set(linesOf(log).map(({ id }) => id)),
      again
    }
  } finally {
    for (const child of started) child.kill("SIGKILL")
    rmSync(folder, { recursive: true })
  }
}

export const killSuite = (trials: number, kills: number) =>
  describe("a batch that is killed", () => {
    const again: Array<number> = []
    for (let n = 1; n <= trials; n++) {
      it(`loses nothing and repeats nothing that was recorded, trial ${n}`, { timeout: 120_000 }, async () => {
        const { again: waits, begun, manifest } = await trial(kills)
        again.push(...waits)

        assert.strictEqual(begun.size, count)
        assert.deepInclude(manifest, { outcome: "partial", total: count, done: count - 4, failed: 4, notStarted: 0 })
        assert.deepStrictEqual(
          manifest.failures.map(({ id }) => id),
          ["doc-49", "doc-99", "doc-149", "doc-199"]
        )
      })
    }

    it("is gone on with soon, once the next process runs", () => {
      again.sort((a, b) => a - b)
      console.log(`From the kill to the next item: ${again.map(Math.round).join(", ")} ms, with the start of a process`)
      assert.isBelow(again[Math.floor(again.length / 2)] ?? 0, 5_000)
    })
  })
