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

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

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
    Effect.provide(Sqlite.layerInside({ filename })),
    Effect.catchTag("SqlError", () => Effect.succeed(new Set<string>()))
  )

/** Those that still run, for a trial that fails half-way. */
const started = new Set<ChildProcess>()

/** A process of the batch. `closed` is known from its start: one that ended by itself closes before anybody waits. */
interface Worker {
  readonly child: ChildProcess
  readonly closed: Promise<void>
  readonly output: () => string
}

const start = (...args: ReadonlyArray<string>): Worker => {
  const child = spawn(process.execPath, ["--import", "tsx", worker, ...args], { stdio: ["ignore", "pipe", "inherit"] })
  started.add(child)
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve())).then(() => {
    started.delete(child)
  })
  let output = ""
  child.stdout.on("data", (data) => (output += data))
  return { child, closed, output: () => output }
}

/** Waits until the log has `lines` lines, or the process has ended. */
const reached = async (log: string, lines: number, { child }: Worker) => {
  for (const until = Date.now() + 20_000; linesOf(log).length < lines && child.exitCode === null;) {
    assert.isBelow(Date.now(), until, `the log did not come to ${lines} lines within 20 seconds`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const kill = async ({ child, closed }: Worker) => {
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
    for (let n = 0; n < kills; n++) {
      // By lines rather than by time: a process starts in 0.5 to 1.5 s, and has done all items half a second later.
      const first = start(ledger, log, String(count), "40")
      await reached(log, linesOf(log).length + 1 + Math.floor(Math.random() * 150), first)
      await pause(Math.random() * 20)
      const killedAt = await kill(first)
      const done = await Effect.runPromise(recorded(ledger))
      const before = linesOf(log)

      const next = start(ledger, log, String(count), "40")
      await reached(log, before.length + 1, next)
      const line = linesOf(log)[before.length]
      if (line !== undefined) again.push(line.at - killedAt)
      await pause(Math.random() * 300)
      await kill(next)
      const repeated = linesOf(log)
        .slice(before.length)
        .filter(({ id, what }) => what === "begin" && done.has(id))
      assert.deepStrictEqual(repeated, [], "what was recorded runs again")
    }
    const last = start(ledger, log, String(count), "40")
    await last.closed
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
