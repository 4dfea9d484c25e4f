import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema, Scope } from "effect"
import { spawn } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"
import { SourceError } from "../../../src/Source.ts"
import * as Sqlite from "../../../src/Source/Sqlite.ts"
import { until } from "../contract/Stage.ts"
import { childrenOf, file, processes } from "./Adapter.ts"

const failing = <A>(effect: Effect.Effect<A, SqlError>) =>
  Effect.map(Effect.flip(effect), ({ cause }) => {
    assert(Schema.is(SourceError)(cause))
    return cause
  })

/** A process that starts anew may take long on a busy machine. */
const make = (settings: Sqlite.Settings) => Sqlite.make({ connectTimeout: "30 seconds", ...settings })

const count = (sql: SqlClient.SqlClient, to: number) =>
  sql.unsafe(
    `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${to}) SELECT COUNT(*) AS n FROM c`
  )

const running = (number: number) =>
  until(
    "processes",
    Effect.sync(() => processes().length),
    number
  )

const root = new URL("../../../", import.meta.url)

/** Runs a program that has asked SQLite, and says so. */
const program = (folder: string, then: string) => {
  const path = `${folder}/program.mts`
  const source = new URL("src/Source/Sqlite.ts", root).href
  writeFileSync(
    path,
    `import { Effect, Exit, Scope } from "${pathToFileURL(fileURLToPath(new URL("node_modules/effect/dist/esm/index.js", root))).href}"
     import * as Sqlite from "${source}"
     const scope = await Effect.runPromise(Scope.make())
     const sql = await Effect.runPromise(Scope.extend(Sqlite.make({ filename: ":memory:", idleTimeout: Infinity }), scope))
     const [row] = await Effect.runPromise(sql\`SELECT 1 AS one\`)
     console.log("asked", row.one)
     ${then}`
  )
  return spawn(process.execPath, ["--import", "tsx", path], {
    cwd: fileURLToPath(root),
    stdio: ["ignore", "pipe", "inherit"]
  })
}

describe("the process of the SQLite driver", () => {
  it.scopedLive(
    "ends at a text that the driver reads by itself: that is SourceMalformed, and what comes next is answered",
    () =>
      Effect.gen(function* () {
        const [sql, other] = [yield* make({ filename: yield* file }), yield* make({ filename: yield* file })]
        yield* sql`CREATE TABLE t (a)`
        yield* sql`PRAGMA writable_schema = 1`
        const [first] = processes()

        // The name of a column, as another program may have written it.
        const definition = Buffer.from('CREATE TABLE t ("aé")', "latin1").toString("hex")
        yield* sql.unsafe(`UPDATE sqlite_schema SET sql = CAST(x'${definition}' AS TEXT) WHERE name = 't'`)
        const again = yield* make({ filename: (yield* sql<{ file: string }>`PRAGMA database_list`)[0]!.file })
        const pids = processes()
        assert.lengthOf(pids, 3)
        const error = yield* failing(again`SELECT * FROM t`)

        assert.strictEqual(error._tag, "SourceMalformed")
        assert.include(error.reason, "text that is not UTF-8")
        assert.deepStrictEqual(yield* again`SELECT 1 AS one`, [{ one: 1 }])
        assert.deepStrictEqual(yield* other`SELECT 1 AS one`, [{ one: 1 }])
        assert.include(processes(), first)
        assert.lengthOf(
          processes().filter((pid) => pids.includes(pid)),
          2
        )
      })
  )

  it.scopedLive("killed, it fails what it runs as SourceUnavailable, and is started again", () =>
    Effect.gen(function* () {
      const sql = yield* make({ filename: yield* file, maxConnections: 2 })
      yield* sql`CREATE TABLE kept (a)`
      const asked = yield* Effect.all([Effect.fork(failing(count(sql, 1e10))), Effect.fork(failing(count(sql, 1e10)))])
      yield* Effect.sleep(50)
      const [pid] = processes()

      process.kill(Number(pid), "SIGKILL")

      for (const error of yield* Effect.all(asked.map((fiber) => Fiber.join(fiber)))) {
        assert.strictEqual(error._tag, "SourceUnavailable")
        assert.include(error.reason, "the process of the driver ended")
      }
      assert.deepStrictEqual(yield* sql`INSERT INTO kept VALUES (1) RETURNING a`, [{ a: 1 }])
      assert.notInclude(processes(), pid)
    })
  )

  it.scopedLive("a transaction that it had begun when it was killed is rolled back", () =>
    Effect.gen(function* () {
      const sql = yield* make({ filename: yield* file, maxConnections: 1 })
      yield* sql`CREATE TABLE kept (a)`
      const killed = sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`INSERT INTO kept VALUES (1)`
          process.kill(Number(processes()[0]), "SIGKILL")
          yield* sql`INSERT INTO kept VALUES (2)`
        })
      )
      assert.strictEqual((yield* failing(killed))._tag, "SourceUnavailable")
      assert.deepStrictEqual(yield* sql`SELECT * FROM kept`, [])
    })
  )

  it.live("ends with its scope, also in the middle of a statement", () =>
    Effect.gen(function* () {
      yield* running(0)
      const scope = yield* Scope.make()
      const sql = yield* Scope.extend(make({ filename: ":memory:" }), scope)
      assert.lengthOf(processes(), 1)
      const asked = yield* Effect.fork(failing(count(sql, 1e10)))
      yield* Effect.sleep(20)

      yield* Scope.close(scope, Exit.void)

      assert.lengthOf(processes(), 0)
      assert.strictEqual((yield* Fiber.join(asked))._tag, "SourceUnavailable")
    })
  )

  for (const [how, then, code] of [
    ["exits", "process.exit(3)", 3],
    ["ends by itself, with its scope open", "", 0],
    [
      "is killed in the middle of a statement",
      `Effect.runFork(sql.unsafe("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c")); setTimeout(() => process.kill(process.pid, "SIGKILL"), 50)`,
      null
    ],
    [
      "waits for an answer, and for nothing else",
      `await Effect.runPromise(sql.unsafe("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1e6) SELECT COUNT(*) FROM c")); console.log("answered"); await Effect.runPromise(Scope.close(scope, Exit.void))`,
      0
    ]
  ] as const)
    it.scopedLive(`ends with its program, when that ${how}`, () =>
      Effect.gen(function* () {
        const folder = (yield* file).replace("/test.db", "")
        const child = program(folder, then)
        const children = new Set<string>()
        let said = ""
        child.stdout.on("data", (text) => {
          said += text
          for (const pid of childrenOf(child.pid!)) children.add(pid)
        })
        const ended = yield* Effect.async<number | null>(
          (resume) => void child.on("exit", (code) => resume(Effect.succeed(code)))
        )

        assert.include(said, "asked 1")
        assert.strictEqual(ended, code)
        if (how.startsWith("waits")) assert.include(said, "answered")
        if (code !== 0) assert.isAbove(children.size, 0)
        yield* until(
          "processes",
          Effect.sync(() => [...children].filter((pid) => childrenOf(undefined).includes(pid)).length),
          0
        )
        rmSync(folder, { recursive: true, force: true })
      })
    )

  it.scopedLive("is not ended by the signals that a terminal sends to it too", () =>
    Effect.gen(function* () {
      const sql = yield* make({ filename: yield* file })
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(Number(processes()[0]), signal)
      assert.deepStrictEqual(yield* sql`SELECT 1 AS one`, [{ one: 1 }])
      assert.lengthOf(processes(), 1)
    })
  )

  it.scopedLive("gives rows of ten million bytes one by one, and refuses what is longer than it may be", () =>
    Effect.gen(function* () {
      const sql = yield* make({ filename: yield* file, maxBytes: 35_000_000 })
      const rows = (number: number) =>
        sql.unsafe<{ x: string; t: string; b: Uint8Array }>(
          `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${number})
           SELECT x, printf('%*d', 10000000, x) AS t, CAST('é' || x AS BLOB) AS b FROM c`
        )

      const three = yield* rows(3)
      assert.deepStrictEqual(
        three.map(({ b, t, x }) => [x, t.length, Number(t), Buffer.from(b).toString()]),
        [1, 2, 3].map((x) => [x, 10_000_000, x, `é${x}`])
      )
      const error = yield* failing(rows(50))
      assert.strictEqual(error._tag, "SourceMalformed")
      assert.include(error.reason, "the answer is longer than 35000000 bytes")
      assert.lengthOf(processes(), 1)
    })
  )
})
