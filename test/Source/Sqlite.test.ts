import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Config, Effect, Fiber, Layer, Option, Schema, type Scope, Stream } from "effect"
import { existsSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import * as Deadline from "../../src/Deadline.ts"
import { InvalidOption } from "../../src/Options.ts"
import { SourceError } from "../../src/Source.ts"
import * as Sqlite from "../../src/Source/Sqlite.ts"
import { suite } from "./contract.ts"
import { adapter, collect, file } from "./Sqlite/Adapter.ts"

suite(adapter, "short")

/** A database of the test's own, with a table of what was sold. */
const shop = (settings?: Partial<Sqlite.Settings>) =>
  Effect.gen(function* () {
    const filename = settings?.filename ?? (yield* file)
    // The process of the driver takes some time to start, and runs the same.
    const sql = yield* Sqlite.makeInside({ filename, ...settings })
    yield* sql`CREATE TABLE IF NOT EXISTS sold (id INTEGER PRIMARY KEY, name TEXT UNIQUE, amount)`
    return sql
  })

const count = (sql: SqlClient.SqlClient) =>
  Effect.map(sql<{ count: number }>`SELECT COUNT(*) AS count FROM sold`, ([row]) => row!.count)

/** Counts to so many, row by row. */
const counting = (to: number) => `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${to})`
const forEver = 1e9

/** Writes row after row, in one statement. */
const writing = (sql: SqlClient.SqlClient) => sql.unsafe(`INSERT INTO sold (name) ${counting(forEver)} SELECT x FROM c`)

const failing = <A>(effect: Effect.Effect<A, SqlError>) =>
  Effect.map(Effect.flip(effect), ({ cause }) => {
    assert(Schema.is(SourceError)(cause))
    return cause
  })

/** The longest time for which the event loop stood still while something ran, and how long that took. */
const standstill = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    let last = performance.now()
    let longest = 0
    const look = () => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
    const timer = setInterval(look, 1)
    const start = last
    const value = yield* Effect.ensuring(
      effect,
      Effect.sync(() => clearInterval(timer))
    )
    look()
    return { value, longest, took: performance.now() - start }
  })

describe("Sqlite", () => {
  const live = (title: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
    it.scopedLive(title, body, 30_000)

  live("loses nothing of a value: whole numbers, large ones, fractions, truths, dates, bytes, nothing", () =>
    Effect.gen(function* () {
      const sql = yield* shop()
      const bytes = new Uint8Array([0, 1, 255])

      for (const [given, read, type] of [
        [1, 1, "integer"],
        [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, "integer"],
        [9_007_199_254_740_993n, 9_007_199_254_740_993n, "integer"],
        [-(2n ** 63n), -(2n ** 63n), "integer"],
        [7n, 7, "integer"],
        [1.5, 1.5, "real"],
        [1e300, 1e300, "real"],
        ["1", "1", "text"],
        [true, 1, "integer"],
        [false, 0, "integer"],
        [new Date(0), "1970-01-01T00:00:00.000Z", "text"],
        [bytes, bytes, "blob"],
        [null, null, "null"]
      ] as const) {
        // The type of a parameter is narrower than what it takes.
        const value = given as string
        assert.deepStrictEqual(yield* sql`SELECT ${value} AS value, typeof(${value}) AS type`, [{ value: read, type }])
      }
    })
  )

  live("refuses a parameter that SQLite has no type for, by its place", () =>
    Effect.gen(function* () {
      const sql = yield* shop()

      for (const [given, reason] of [
        [undefined, "parameter 2 is undefined; for NULL give null"],
        [{ a: 1 }, "parameter 2 is an object, which SQLite does not have"],
        [new Date(NaN), "parameter 2 is an invalid date, which SQLite does not have"],
        [Symbol("x"), "parameter 2 is a symbol, which SQLite does not have"]
      ] as const) {
        const error = yield* failing(sql`SELECT ${1}, ${given as unknown as string}`)
        assert.strictEqual(error._tag, "SourceRejected")
        assert.include(error.reason, reason)
      }
    })
  )

  live("gives the rows of what it writes, or how many there were", () =>
    Effect.gen(function* () {
      const sql = yield* shop()
      const insert = (...names: ReadonlyArray<string>) => sql.insert(names.map((name) => ({ name })))

      assert.deepStrictEqual(yield* sql`INSERT INTO sold ${insert("a", "b").returning("id, name")}`, [
        { id: 1, name: "a" },
        { id: 2, name: "b" }
      ])
      assert.deepStrictEqual(yield* sql`INSERT INTO sold ${insert("c")}`, [])
      const raw = yield* sql`INSERT INTO sold ${insert("d", "e")}`.raw
      assert.deepStrictEqual(raw, { changes: 2, lastInsertRowid: 5 })
      assert.deepStrictEqual(yield* sql`SELECT id, id, name FROM sold WHERE id < 2`.values, [[1, 1, "a"]])
    })
  )

  live("says what is wrong with a statement, and that a constraint is broken, without the value", () =>
    Effect.gen(function* () {
      const sql = yield* shop()
      yield* sql`INSERT INTO sold (name) VALUES ('s3cret')`

      for (const [statement, reason] of [
        [sql`SELEC 1`, `near "SELEC": syntax error (SQLITE_ERROR)`],
        [sql`SELECT * FROM nowhere`, "no such table: nowhere (SQLITE_ERROR)"],
        [sql`SELECT nowhere FROM sold`, "no such column: nowhere (SQLITE_ERROR)"],
        [
          sql`INSERT INTO sold (name) VALUES (${"s3cret"})`,
          "UNIQUE constraint failed: sold.name (SQLITE_CONSTRAINT_UNIQUE)"
        ]
      ] as const) {
        const error = yield* failing(statement)
        assert.strictEqual(error._tag, "SourceRejected")
        assert.isTrue(error.reason.endsWith(`: ${reason}`), error.reason)
      }
    })
  )

  live("a statement that takes long does not hold up the event loop, wherever in it the time goes", () =>
    Effect.gen(function* () {
      const sql = yield* shop()

      // Its second row is found only after all the work; the driver would look for it on the event loop.
      for (const statement of [
        `${counting(2e6)} SELECT x FROM c WHERE x IN (1, 1900000)`,
        `-- first\n /* and */ ${counting(2e6)} SELECT x FROM c WHERE x IN (1, 1900000);`
      ]) {
        const { longest, took, value } = yield* standstill(sql.unsafe(statement))
        assert.deepStrictEqual(value, [{ x: 1 }, { x: 1_900_000 }])
        assert.isBelow(longest, took / 2)
      }
    })
  )

  live("nor does the garbage of the statements before it", () =>
    Effect.gen(function* () {
      const sql = yield* shop({ maxConnections: 1 })
      for (let i = 0; i < 20; i++) yield* sql.unsafe(`SELECT ${i}`)
      const long = yield* Effect.fork(sql.unsafe(`${counting(5e7)} SELECT COUNT(*) FROM c`))
      yield* Effect.sleep(20)

      const { took } = yield* standstill(
        Effect.forEach([1, 2], () => Effect.zipRight(Effect.sync(collect), Effect.sleep(1)))
      )

      // Else they would be collected only when the statement had ended, and all would wait for that.
      assert.isNull(yield* Fiber.poll(long).pipe(Effect.map(Option.getOrNull)))
      assert.isBelow(took, 5_000)
      yield* Fiber.interrupt(long)
    })
  )

  live("more statements run at once than there are cores", () =>
    Effect.gen(function* () {
      const sql = yield* shop({ maxConnections: 10 })
      const long = sql.unsafe(`${counting(forEver)} SELECT COUNT(*) FROM c`)
      const running = yield* Effect.all(Array.from({ length: 9 }, () => Effect.fork(long)))
      yield* Effect.sleep(50)

      assert.strictEqual(yield* Effect.timeout(count(sql), "10 seconds"), 0)

      yield* Fiber.interruptAll(running)
    })
  )

  live("follows a table that changes", () =>
    Effect.gen(function* () {
      const sql = yield* shop()
      yield* sql`INSERT INTO sold (name) VALUES ('a')`
      const all = sql`SELECT * FROM sold`

      assert.deepStrictEqual(yield* all, [{ id: 1, name: "a", amount: null }])
      yield* sql`ALTER TABLE sold ADD COLUMN price INTEGER DEFAULT 7`
      assert.deepStrictEqual(yield* all, [{ id: 1, name: "a", amount: null, price: 7 }])
      yield* sql`ALTER TABLE sold RENAME COLUMN price TO cost`
      assert.deepStrictEqual(yield* all, [{ id: 1, name: "a", amount: null, cost: 7 }])
    })
  )

  live("a connection that has seen many statements is replaced, and nobody notices", () =>
    Effect.gen(function* () {
      const sql = yield* shop({ maxConnections: 1 })
      // It belongs to its connection.
      yield* sql`CREATE TEMP TABLE mine (id)`

      for (let i = 0; i < 450; i++) assert.deepStrictEqual(yield* sql.unsafe(`SELECT ${i} AS i`), [{ i }])
      const counted = sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`INSERT INTO sold (name) VALUES ('kept')`
          for (let i = 0; i < 250; i++) yield* sql.unsafe(`SELECT ${i} AS j`)
          return yield* count(sql)
        })
      )
      assert.strictEqual(yield* counted, 1)
      assert.strictEqual(yield* count(sql), 1)
      assert.include((yield* failing(sql`SELECT * FROM mine`)).reason, "no such table: mine")
    })
  )

  live("what is stopped leaves its connection as it was", () =>
    Effect.gen(function* () {
      const sql = yield* shop({ maxConnections: 1, grace: "5 seconds" })
      // It belongs to its connection.
      yield* sql`CREATE TEMP TABLE mine (id)`

      for (const statement of [sql.unsafe(`${counting(forEver)} SELECT COUNT(*) FROM c`), writing(sql)]) {
        yield* Effect.timeoutOption(statement, 50)
        assert.deepStrictEqual(yield* sql`SELECT * FROM mine`, [])
        assert.strictEqual(yield* count(sql), 0)
      }
    })
  )

  live("reads a stream page by page, and lets go of its snapshot when nobody reads on", () =>
    Effect.gen(function* () {
      const sql = yield* shop({ maxConnections: 1 })
      yield* sql.unsafe(`INSERT INTO sold (amount) ${counting(20_000)} SELECT x FROM c`)
      const numbers = sql<{ amount: number }>`SELECT amount FROM sold ORDER BY id`.stream
      const sum = Stream.runFold(numbers, 0, (sum, { amount }) => sum + amount)

      assert.strictEqual(yield* sum, 200_010_000)
      const first = yield* Stream.runCollect(Stream.take(numbers, 3))
      assert.deepStrictEqual(
        Array.from(first, ({ amount }) => amount),
        [1, 2, 3]
      )
      yield* sql`INSERT INTO sold (name) VALUES ('a')`
      // It is busy as long as anybody reads what was there before.
      const [checkpoint] = yield* sql<{ busy: number }>`PRAGMA wal_checkpoint(TRUNCATE)`
      assert.strictEqual(checkpoint!.busy, 0)
    })
  )

  live("fifty transactions that read and then write, over two clients of one file, take turns", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const clients = [yield* shop({ filename, maxConnections: 4 }), yield* shop({ filename, maxConnections: 4 })]
      const next = (sql: SqlClient.SqlClient) =>
        sql.withTransaction(
          Effect.flatMap(count(sql), (count) =>
            Effect.zipRight(Effect.yieldNow(), sql`INSERT INTO sold (id) VALUES (${count})`)
          )
        )

      yield* Effect.forEach(Array.from({ length: 50 }), (_, i) => next(clients[i % 2]!), { concurrency: "unbounded" })

      assert.strictEqual(yield* count(clients[0]!), 50)
    })
  )

  live("who waits for another to stop writing can be interrupted, and waits no longer than it may", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const [writer, other] = [yield* shop({ filename }), yield* shop({ filename, busyTimeout: 200 })]
      const [written, release] = [yield* Effect.makeLatch(), yield* Effect.makeLatch()]
      const insert = other`INSERT INTO sold (name) VALUES ('b')`
      const holding = yield* Effect.fork(
        writer.withTransaction(
          Effect.zipRight(Effect.zipRight(writer`INSERT INTO sold (name) VALUES ('a')`, written.open), release.await)
        )
      )
      yield* written.await

      // Until its own limit, until the deadline, until it is interrupted.
      const start = performance.now()
      const error = yield* failing(insert)
      assert.strictEqual(error._tag, "SourceUnavailable")
      assert.include(error.reason, "another connection is writing to the database (SQLITE_BUSY)")
      assert.isAtLeast(performance.now() - start, 190)
      const late = yield* failing(Deadline.within(50)(insert))
      assert.include(late.reason, "there was no answer before the deadline")
      yield* Effect.timeoutOption(insert, 50)

      yield* release.open
      yield* Fiber.join(holding)
      yield* insert
      assert.strictEqual(yield* count(other), 2)
    })
  )

  live("a transaction of one's own that comes too late to write fails, and the connection is not used again", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const [first, second] = [yield* shop({ filename }), yield* shop({ filename, maxConnections: 1 })]

      // Not with `withTransaction`, which begins with the right to write.
      const connection = yield* second.reserve
      const run = (text: string) => connection.executeUnprepared(text, [], undefined)
      yield* run("BEGIN")
      yield* run("SELECT COUNT(*) FROM sold")
      yield* first`INSERT INTO sold (name) VALUES ('a')`
      const error = yield* failing(run("INSERT INTO sold (name) VALUES ('b')"))

      assert.strictEqual(error._tag, "SourceUnavailable")
      assert.include(error.reason, "SQLITE_BUSY_SNAPSHOT")
      assert.include((yield* failing(run("COMMIT"))).reason, "the connection was lost")
    }).pipe(Effect.scoped)
  )

  live("what comes after a statement that was stopped while it wrote is no part of half a transaction", () =>
    Effect.gen(function* () {
      const sql = yield* shop({ maxConnections: 1 })
      const stopped = Effect.timeoutOption(writing(sql), 50)
      const insert = sql`INSERT INTO sold (name) VALUES ('after')`

      for (const inner of [stopped, Effect.timeoutOption(sql.withTransaction(writing(sql)), 50)]) {
        const error = yield* failing(
          sql.withTransaction(Effect.all([sql`INSERT INTO sold (name) VALUES ('before')`, inner, insert]))
        )
        assert.strictEqual(error._tag, "SourceUnavailable")
        assert.include(error.reason, "its transaction was rolled back when a statement in it was stopped")
        assert.strictEqual(yield* count(sql), 0)
      }
      yield* sql.withTransaction(insert)
      assert.strictEqual(yield* count(sql), 1)
    })
  )

  live("what a transaction that failed has written is gone, also that of a savepoint alone", () =>
    Effect.gen(function* () {
      const sql = yield* shop()
      const insert = (name: string) => sql`INSERT INTO sold (name) VALUES (${name})`

      yield* Effect.exit(sql.withTransaction(Effect.zipRight(insert("a"), Effect.fail("no"))))
      assert.strictEqual(yield* count(sql), 0)
      yield* sql.withTransaction(
        Effect.zipRight(insert("b"), Effect.exit(sql.withTransaction(Effect.zipRight(insert("c"), Effect.fail("no")))))
      )
      assert.deepStrictEqual(yield* sql`SELECT name FROM sold`, [{ name: "b" }])
    })
  )

  live("a transaction begun by hand and left open is rolled back when its connection is given back", () =>
    Effect.gen(function* () {
      const sql = yield* shop({ maxConnections: 1 })

      yield* Effect.gen(function* () {
        const connection = yield* sql.reserve
        yield* connection.executeUnprepared("BEGIN", [], undefined)
        yield* connection.executeUnprepared("INSERT INTO sold (name) VALUES ('a')", [], undefined)
      }).pipe(Effect.scoped)

      assert.strictEqual(yield* count(sql), 0)
    })
  )

  live("what is in memory outlives cancels, and ends with its client, leaving nothing behind", () =>
    Effect.gen(function* () {
      let folder = ""
      yield* Effect.gen(function* () {
        const sql = yield* shop({ filename: ":memory:", idleTimeout: 1 })
        yield* sql`INSERT INTO sold (name) VALUES ('a')`
        yield* Effect.timeoutOption(writing(sql), 30)
        yield* Effect.sleep(10)

        assert.strictEqual(yield* count(sql), 1)
        const [database] = yield* sql<{ file: string }>`PRAGMA database_list`
        folder = dirname(database!.file)
        assert.isTrue(existsSync(folder))
      }).pipe(Effect.scoped)

      assert.isFalse(existsSync(folder))
    })
  )

  live("a file that is none, or no database, is SourceRejected, and only once it is asked", () =>
    Effect.gen(function* () {
      const folder = dirname(yield* file)
      writeFileSync(`${folder}/text`, "no database, but long enough to have a header of sixteen bytes and more")

      for (const [filename, reason] of [
        [`${folder}/nowhere/test.db`, "the file cannot be opened"],
        [folder, "the file cannot be opened"],
        [`sqlite:${folder}/text`, "the file is no database (SQLITE_NOTADB)"]
      ] as const) {
        const sql = yield* Sqlite.make({ filename })
        const error = yield* failing(sql`SELECT * FROM sqlite_master`)
        assert.strictEqual(error._tag, "SourceRejected")
        assert.include(error.reason, reason)
      }
    })
  )

  live("names the option that cannot be meant", () =>
    Effect.gen(function* () {
      for (const [settings, message] of [
        [{ filename: "" }, `Sqlite.make: filename must be a path, or ":memory:", but it is ""`],
        [
          { filename: "libsql://db.example" },
          `Sqlite.make: filename must be a path, or ":memory:", but it is "libsql://db.example"`
        ],
        [{ filename: "a", busyTimeout: -1 }, "busyTimeout must be a duration of zero or more"],
        [{ filename: "a", maxConnections: 0 }, "maxConnections must be a whole number from 1 up"]
      ] as const) {
        const defect = Cause.squash(yield* Effect.flip(Effect.sandbox(Sqlite.make(settings))))
        assert(defect instanceof InvalidOption)
        assert.include(defect.message, message)
      }
    })
  )

  live("is made from a config too", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const layer = Sqlite.layerConfig({ filename: Config.string("SHOP") }).pipe(
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["SHOP", filename]]))))
      )

      yield* Effect.provide(
        Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE made (id)`),
        layer
      )

      assert.isTrue(existsSync(filename))
    })
  )
})
