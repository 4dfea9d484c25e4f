/** `muster batch run --workers` and `muster batch worker`, as processes. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Sql from "../../../src/Batch/Ledger/Sql.ts"
import { table } from "../../../src/Resilience/RateLimit/Postgres.ts"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Servers from "../../Servers.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** A folder, and processes that end with it. */
const office = (url: string) => {
  const folder = mkdtempSync(join(tmpdir(), "muster-workers-"))
  const children = new Set<ChildProcess>()
  const log = join(folder, "log.txt")
  const muster = (...args: ReadonlyArray<string>) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/main.ts", "batch", ...args, "--name", "docs"], {
      cwd: root,
      env: { ...process.env, MUSTER_LEDGER: url },
      stdio: ["ignore", "pipe", "pipe"]
    })
    children.add(child)
    const text = { out: "", err: "" }
    child.stdout.on("data", (data) => (text.out += data))
    child.stderr.on("data", (data) => (text.err += data))
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve)).then((code) => {
      children.delete(child)
      return { code, ...text }
    })
    return { child, ended, said: () => text.err }
  }
  return {
    muster,
    /** Writes the input, and what runs its items, each for so many milliseconds. */
    prepare: (count: number, millis: number) => {
      const lines = Array.from({ length: count }, (_, n) => JSON.stringify({ id: `doc-${n + 1}`, n: n + 1 }))
      writeFileSync(join(folder, "docs.ndjson"), `${lines.join("\n")}\n`)
      writeFileSync(
        join(folder, "translate.mjs"),
        `import { appendFileSync } from "node:fs"
        export default async ({ id, n }) => {
          await new Promise((resolve) => setTimeout(resolve, ${millis}))
          appendFileSync(${JSON.stringify(log)}, id + " " + process.pid + "\\n")
          return n * 2
        }`
      )
      return ["--input", join(folder, "docs.ndjson"), "--module", join(folder, "translate.mjs")]
    },
    path: (name: string) => join(folder, name),
    /** The ids that were run, and by whom. */
    ran: () =>
      (existsSync(log) ? readFileSync(log, "utf8") : "")
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split(" ") as [id: string, pid: string]),
    close: async () => {
      for (const child of children) child.kill("SIGKILL")
      while (children.size > 0) await pause(10)
      rmSync(folder, { recursive: true })
    }
  }
}

const opened = Effect.gen(function* () {
  const { url } = yield* Servers.postgres()
  const sql = yield* Postgres.make(url)
  yield* Sql.make(sql)
  return {
    sql,
    ...(yield* Effect.acquireRelease(
      Effect.sync(() => office(url)),
      ({ close }) => Effect.promise(close)
    ))
  }
})

const until = async (ready: () => boolean, what: () => string) => {
  for (const end = Date.now() + 60_000; !ready(); await pause(20)) assert.isBelow(Date.now(), end, what())
}

/** The most of these times that lie in one second. */
const mostInASecond = (times: ReadonlyArray<number>) =>
  times.reduce(
    (most, at, n) =>
      Math.max(
        most,
        times.slice(n).findIndex((one) => one >= at + 1_000)
      ),
    0
  )

Servers.suite("postgres", "muster batch worker", () => {
  it.scopedLive("three of them keep to 50 a second together, on the clock of the store", () =>
    Effect.gen(function* () {
      const { muster, prepare, ran, sql } = yield* opened
      // Who counts is Postgres, each time a turn is taken.
      yield* sql.unsafe(table)
      yield* sql.unsafe("CREATE TABLE turns (at DOUBLE PRECISION, taken INT)")
      yield* sql.unsafe(`CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO turns SELECT NEW.at, NEW.taken WHERE NEW.taken > 0; RETURN NEW; END $$`)
      yield* sql.unsafe(`CREATE TRIGGER noted AFTER INSERT OR UPDATE ON muster_rate_limits
        FOR EACH ROW EXECUTE FUNCTION note()`)
      const [, , ...module] = prepare(1_060, 0)
      const workers = [1, 2, 3].map(() => muster("worker", ...module, "--rate", "50/s"))
      yield* Effect.promise(() =>
        until(
          () => workers.every(({ said }) => said().includes("works at")),
          () => workers.map(({ said }) => said()).join("\n")
        )
      )
      yield* Effect.sleep(2_000)
      const { code, err } = yield* Effect.promise(() => muster("run", ...prepare(1_060, 0), "--workers").ended)

      assert.strictEqual(code, 0, err)
      assert.strictEqual(new Set(ran().map(([id]) => id)).size, 1_060)
      assert.lengthOf(ran(), 1_060)
      const rows = yield* sql<{ at: number; taken: number }>`SELECT at, taken FROM turns ORDER BY at`
      const turns = rows.flatMap(({ at, taken }) => Array.from({ length: taken }, () => at))
      // After the first second, in which there is a burst.
      const from = turns[0]! + 1_000
      const counted = turns.filter((at) => at >= from && at < from + 20_000).length
      const shares = new Map<string, number>()
      for (const [, pid] of ran()) shares.set(pid, (shares.get(pid) ?? 0) + 1)
      console.log(
        `${counted / 20} a second for 20 s, at most ${mostInASecond(turns)} in a second; ` +
          `the workers ran ${Array.from(shares.values()).join(" + ")}`
      )
      assert.strictEqual(turns.length, 1_060)
      assert.closeTo(counted / 20, 50, 0.5)
      assert.isAtMost(mostInASecond(turns), 55)
      assert.strictEqual(shares.size, 3)
    })
  )

  it.scopedLive("comes and goes: what is in flight when it is stopped is finished, and the others do the rest", () =>
    Effect.gen(function* () {
      const { muster, path, prepare, ran } = yield* opened
      const input = prepare(600, 100)
      const first = muster("worker", ...input.slice(2))
      const run = muster("run", ...input, "--workers", "--out", path("results.ndjson"))
      yield* Effect.promise(() => until(() => ran().length > 50, first.said))
      // It says nothing of how to run an item: the batch does.
      const second = muster("worker")
      first.child.kill("SIGTERM")
      const left = yield* Effect.promise(() => first.ended)
      const { code, err, out } = yield* Effect.promise(() => run.ended)
      second.child.kill("SIGINT")

      assert.strictEqual(left.code, 0, left.err)
      assert.match(left.err, /left "docs": \d+ items? in flight finished, 0 items given back\n$/)
      assert.strictEqual(code, 0, err)
      assert.match(out, /^docs: 600 of 600 done, in /)
      assert.lengthOf(ran(), 600, "none was run twice")
      assert.lengthOf(readFileSync(path("results.ndjson"), "utf8").split("\n"), 601)
      assert.deepInclude(yield* Effect.promise(() => second.ended), { code: 0 })
    })
  )

  it.scopedLive("stops when whoever began the batch is stopped, which says how to go on", () =>
    Effect.gen(function* () {
      const { muster, prepare, ran } = yield* opened
      const input = prepare(2_000, 50)
      const worker = muster("worker", ...input.slice(2))
      const run = muster("run", ...input, "--workers")
      yield* Effect.promise(() => until(() => ran().length > 50, worker.said))
      const stopped = Date.now()
      run.child.kill("SIGINT")
      const { code, err } = yield* Effect.promise(() => run.ended)
      assert.isBelow(Date.now() - stopped, 5_000)
      const { length } = ran()
      yield* Effect.sleep(1_000)

      assert.strictEqual(code, 130)
      assert.include(err, "batch resume --name docs")
      assert.lengthOf(ran(), length, "nothing runs any more")
      worker.child.kill("SIGTERM")
      yield* Effect.promise(() => worker.ended)
    })
  )
})
