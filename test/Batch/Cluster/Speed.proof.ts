/** How many items that do nothing one worker runs in a second, on Postgres, and that more of them cost no more each. */
import { assert, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import * as Sql from "../../../src/Batch/Ledger/Sql.ts"
import type { Manifest } from "../../../src/Batch/Manifest.ts"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Servers from "../../Servers.ts"

const member = fileURLToPath(new URL("../Member.ts", import.meta.url))

const start = (...args: ReadonlyArray<string>) =>
  spawn(process.execPath, ["--import", "tsx", member, ...args], { stdio: ["ignore", "pipe", "inherit"] })

/** Seconds of CPU that a process has used, and the most memory it has had, in MB. */
const used = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return { cpu: (Number(stat[11]) + Number(stat[12])) / 100, peak: Number(peak) / 1_024 }
}

const run = async (url: string, count: number): Promise<Manifest> => {
  const child = start("run", url, String(count))
  let output = ""
  child.stdout.on("data", (data) => (output += data))
  await once(child, "close")
  // The cast: it is what it prints.
  return JSON.parse(output) as Manifest
}

Servers.suite("postgres", "one worker on Postgres", () => {
  it.scopedLive("runs 5,000 items a second, each at the same cost", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.postgres()
      const sql = yield* Postgres.make(url)
      // As Postgres has it by default.
      yield* sql`ALTER ROLE CURRENT_USER SET synchronous_commit = on`
      const ledger = yield* Sql.make(sql)
      const worker = yield* Effect.acquireRelease(
        Effect.sync(() => start("work", url, "", "0")),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      yield* Effect.repeat(sql`SELECT 1 FROM pg_locks WHERE locktype = 'advisory'`, {
        until: (locks) => locks.length >= 300,
        schedule: Schedule.spaced(200)
      })
      // The first one warms it up.
      const rows: Array<{
        readonly count: number
        readonly rate: number
        readonly each: number
        readonly peak: number
      }> = []
      for (const count of [2_000, 10_000, 100_000]) {
        const before = used(worker.pid!)
        const { done, elapsed } = yield* Effect.promise(() => run(url, count))
        const { cpu, peak } = used(worker.pid!)
        assert.strictEqual(done, count)
        rows.push({ count, rate: (count * 1_000) / elapsed, each: ((cpu - before.cpu) * 1e6) / count, peak })
        yield* Effect.retry(ledger.purge("translate"), Schedule.upTo(Schedule.spaced(100), "10 seconds"))
      }
      for (const { count, each, peak, rate } of rows) {
        console.log(
          `${count} items: ${Math.round(rate)} a second, ${Math.round(each)} µs of CPU each in the worker, ` +
            `whose memory came to ${Math.round(peak)} MB`
        )
      }
      const [, small, large] = rows
      // 5,000 on two cores that do nothing else.
      assert.isAbove(large!.rate, 3_000)
      assert.isBelow(large!.each, small!.each * 1.5)
    })
  )
})
