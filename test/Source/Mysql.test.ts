import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Config,
  ConfigProvider,
  Effect,
  Fiber,
  Layer,
  Redacted,
  Schema,
  type Scope,
  Stream
} from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Deadline from "../../src/Deadline.ts"
import { InvalidOption } from "../../src/Options.ts"
import { SourceError } from "../../src/Source.ts"
import * as Mysql from "../../src/Source/Mysql.ts"
import { check } from "../../src/Source/Mysql/Settings.ts"
import * as Proxy from "../Proxy.ts"
import * as Servers from "../Servers.ts"
import { suite } from "./contract.ts"
import { until } from "./contract/Stage.ts"
import { adapter } from "./Mysql/Adapter.ts"

suite(adapter, "short")

/** A client of the server that all share, and a table that nobody else has. */
const shop = (settings?: Omit<Mysql.Settings, "url">) =>
  Effect.gen(function* () {
    const { url } = yield* Servers.shared("mariadb")
    const sql = yield* Mysql.make({ url, ...settings })
    const sold = `sold_${Math.random().toString(36).slice(2)}`
    yield* sql`CREATE TABLE ${sql(sold)} (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20) UNIQUE, amount INT NOT NULL DEFAULT 1)`
    yield* Effect.addFinalizer(() => Effect.ignore(sql`DROP TABLE ${sql(sold)}`))
    return { sql, sold, table: sql(sold) }
  })

type Shop = Effect.Effect.Success<ReturnType<typeof shop>>

const count = ({ sql, table }: Shop) =>
  Effect.map(sql<{ count: number }>`SELECT COUNT(*) AS count FROM ${table}`, ([row]) => row!.count)

const failing = <A>(effect: Effect.Effect<A, SqlError>) =>
  Effect.map(Effect.flip(effect), ({ cause }) => {
    assert(Schema.is(SourceError)(cause))
    return cause
  })

Servers.suite("mariadb", "Mysql", () => {
  const live = (title: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
    it.scopedLive(title, body, 30_000)

  live("loses nothing of a value: large numbers, decimals, text, dates, bytes, nothing", () =>
    Effect.gen(function* () {
      const { sql } = yield* shop()
      const bytes = Buffer.from([0, 1, 255])

      for (const [given, read] of [
        [1, 1],
        [1.5, 1.5],
        [true, 1],
        ["Zoë 🦉", "Zoë 🦉"],
        [bytes, bytes],
        [null, null]
      ] as const) {
        // The type of a parameter is narrower than what it takes.
        assert.deepStrictEqual(yield* sql`SELECT ${given as string} AS value`, [{ value: read }])
      }
      const wide = { big: 9007199254740993n, small: 5, price: "799.99" }
      // With parameters and without, a statement is sent in different ways.
      const columns = "CAST(9007199254740993 AS SIGNED) AS big, CAST(5 AS SIGNED) AS small, 799.99 AS price"
      assert.deepStrictEqual(yield* sql.unsafe(`SELECT ${columns}`), [wide])
      assert.deepStrictEqual(yield* sql.unsafe(`SELECT ${columns} WHERE ?`, [1]), [wide])
      const date = new Date(Date.UTC(2026, 0, 31, 12, 30))
      assert.deepStrictEqual(yield* sql`SELECT CAST(${date} AS DATETIME) AS value`, [{ value: "2026-01-31T12:30:00" }])
    })
  )

  live("gives rows as objects or arrays, and what a statement changed", () =>
    Effect.gen(function* () {
      const { sql, table } = yield* shop({ transformResultNames: (name) => name.toUpperCase() })

      const raw = yield* sql`INSERT INTO ${table} ${sql.insert([{ name: "a" }, { name: "b" }])}`.raw
      const { affectedRows, insertId } = raw as { affectedRows: number; insertId: number }
      assert.deepStrictEqual([affectedRows, insertId], [2, 1])
      assert.deepStrictEqual(yield* sql`INSERT INTO ${table} (name) VALUES ('c')`, [])
      assert.deepStrictEqual(yield* sql`SELECT id, name FROM ${table} WHERE id < ${2}`, [{ ID: 1, NAME: "a" }])
      assert.deepStrictEqual(yield* sql`SELECT id, id, name FROM ${table} WHERE id < 2`.values, [[1, 1, "a"]])
      assert.deepStrictEqual(yield* sql`SELECT id FROM ${table} WHERE id > 99`, [])
    })
  )

  live("says what is wrong with a statement, and that a constraint is broken, without the value", () =>
    Effect.gen(function* () {
      const { sold, sql, table } = yield* shop()
      yield* sql`INSERT INTO ${table} (name) VALUES ('s3cret')`

      for (const [statement, reason] of [
        [sql`SELEC 1`, /You have an error in your SQL syntax.*\(ER_PARSE_ERROR 1064\)$/],
        [sql`SELECT * FROM nowhere`, /Table 'muster.nowhere' doesn't exist \(ER_NO_SUCH_TABLE 1146\)$/],
        [
          sql`INSERT INTO ${table} (name) VALUES (${"s3cret"})`,
          /: a value that must be unique is there already \(ER_DUP_ENTRY 1062\)$/
        ],
        [
          sql`INSERT INTO ${table} (name) VALUES (${"s3cret".repeat(9)})`,
          /: a value is too long for its column \(ER_DATA_TOO_LONG 1406\)$/
        ],
        [sql`SELECT ${undefined as unknown as string}`, /: parameter 1 is undefined; for NULL give null$/],
        // A statement is one statement, and no file of this machine is sent.
        [sql`SELECT 1; SELECT 2`, /ER_PARSE_ERROR/],
        [sql.unsafe(`LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE ${sold} (name)`), /\(.*\d+\)$/]
      ] as const) {
        const error = yield* failing(statement)
        assert.strictEqual(error._tag, "SourceRejected")
        assert.match(error.reason, reason)
        assert.notInclude(JSON.stringify(error), "s3cret")
      }
      assert.strictEqual((yield* sql`SELECT * FROM ${table}`).length, 1)
    })
  )

  live("a deadlock is SourceUnavailable: asking again helps", () =>
    Effect.gen(function* () {
      const { sql, table } = yield* shop()
      yield* sql`INSERT INTO ${table} (name) VALUES ('a'), ('b')`
      const update = (id: number) => sql`UPDATE ${table} SET amount = amount + 1 WHERE id = ${id}`
      const both = yield* Effect.makeLatch()
      let there = 0
      const meet = Effect.suspend(() => ((there += 1) === 2 ? both.open : both.await))
      const one = (first: number, second: number) =>
        Effect.either(sql.withTransaction(Effect.all([update(first), meet, update(second)])))

      const ends = yield* Effect.all([one(1, 2), one(2, 1)], { concurrency: 2 })

      const errors = ends.flatMap((end) => (end._tag === "Left" ? [end.left] : []))
      assert.lengthOf(errors, 1)
      assert(Schema.is(SourceError)(errors[0]!.cause))
      assert.strictEqual(errors[0]!.cause._tag, "SourceUnavailable")
      assert.include(errors[0]!.cause.reason, "it was the victim of a deadlock (ER_LOCK_DEADLOCK 1213)")
    })
  )

  live(
    "what a transaction that failed has written is gone, also that of a savepoint, or of one left open by hand",
    () =>
      Effect.gen(function* () {
        const made = yield* shop({ maxConnections: 1 })
        const { sql, table } = made
        const insert = (name: string) => sql`INSERT INTO ${table} (name) VALUES (${name})`

        yield* Effect.exit(sql.withTransaction(Effect.zipRight(insert("a"), Effect.fail("no"))))
        assert.strictEqual(yield* count(made), 0)
        yield* sql.withTransaction(
          Effect.zipRight(
            insert("b"),
            Effect.exit(sql.withTransaction(Effect.zipRight(insert("c"), Effect.fail("no"))))
          )
        )
        assert.strictEqual(yield* count(made), 1)
        yield* Effect.gen(function* () {
          const connection = yield* sql.reserve
          yield* connection.executeUnprepared("START TRANSACTION", [], undefined)
          yield* connection.executeUnprepared(`DELETE FROM ${made.sold}`, [], undefined)
        }).pipe(Effect.scoped)
        assert.strictEqual(yield* count(made), 1)
      })
  )

  live("a transaction interrupted in the middle of a statement is rolled back, and its locks are free", () =>
    Effect.gen(function* () {
      const made = yield* shop()
      const { sql, table } = made
      const held = sql.withTransaction(
        Effect.zipRight(sql`INSERT INTO ${table} (name) VALUES ('a')`, sql`SELECT SLEEP(30)`)
      )

      yield* Effect.timeoutOption(held, 100)

      // It would wait for the lock of the other.
      yield* Effect.timeout(sql`INSERT INTO ${table} (name) VALUES ('a')`, "5 seconds")
      assert.strictEqual(yield* count(made), 1)
    })
  )

  live("reads a stream no faster than it is wanted, and stops the server when it is no longer wanted", () =>
    Effect.gen(function* () {
      const server = yield* Servers.mariadb()
      const watch = yield* adapter.watch(server)
      const sql = yield* Mysql.make({ url: server.url, maxConnections: 1, maxBytes: 2_000_000, grace: "20 seconds" })
      const rows = (to: number) =>
        sql<{ seq: number; text: string }>`
        SELECT seq, REPEAT('x', 1000) AS text FROM ${sql(`seq_1_to_${to}`)} WHERE seq > ${0}`.stream

      // Longer than an answer may be: of a stream, each page counts.
      const sum = yield* Stream.runFold(rows(5_000), 0, (sum, { seq }) => sum + seq)
      assert.strictEqual(sum, 12_502_500)

      const first = yield* Stream.runCollect(Stream.take(rows(100_000_000), 3))
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(first).map(({ seq }) => seq),
        [1, 2, 3]
      )
      yield* until("calls", watch.busy, 0)
      yield* until("connections", watch.connections, 1)
      assert.deepStrictEqual(yield* sql`SELECT ${1} AS one`, [{ one: 1 }])

      let seen = 0
      const slow = yield* Effect.fork(
        Stream.runForEach(rows(100_000_000), () => ((seen += 1) === 10 ? Effect.never : Effect.void))
      )
      yield* until(
        "rows",
        Effect.sync(() => seen),
        10
      )
      const before = process.memoryUsage().rss
      yield* Effect.sleep(200)
      assert.isBelow(process.memoryUsage().rss - before, 50_000_000)
      yield* Fiber.interrupt(slow)
      yield* until("calls", watch.busy, 0)
      assert.deepStrictEqual(yield* sql`SELECT ${1} AS one`, [{ one: 1 }])
    })
  )

  live("a statement that was cancelled before it was begun is not begun", () =>
    Effect.gen(function* () {
      const made = yield* shop()
      const { url } = yield* Servers.shared("mariadb")
      const proxy = yield* Proxy.make(url)
      const sql = yield* Mysql.make({ url: proxy.through(url), grace: "5 seconds" })
      yield* sql`SELECT 1`

      // It is prepared, which takes two journeys, and then sent, which takes a third.
      yield* proxy.delay(50)
      yield* Effect.timeoutOption(sql`INSERT INTO ${sql(made.sold)} (name) VALUES (${"a"})`, 75)
      yield* Cleanup.settled

      assert.strictEqual(yield* count(made), 0)
      yield* proxy.heal
      assert.deepStrictEqual(yield* sql`SELECT 1 AS one`, [{ one: 1 }])
    })
  )

  live("the deadline of a statement is the limit of its session, and does not stay for the next", () =>
    Effect.gen(function* () {
      const { sql } = yield* shop({ maxConnections: 1 })
      const limit = Effect.map(sql<{ limit: number }>`SELECT @@max_statement_time AS \`limit\``, ([row]) => row!.limit)

      assert.strictEqual(yield* limit, 0)
      assert.approximately(yield* Deadline.within("20 seconds")(limit), 20, 5)
      assert.approximately(yield* Deadline.within("2 days")(limit), 172_800, 60)
      assert.strictEqual(yield* Deadline.within("400 days")(limit), 0)
      assert.strictEqual(yield* limit, 0)
    })
  )

  live("keeps no more prepared statements in the server than it may", () =>
    Effect.gen(function* () {
      const { sql } = yield* shop({ maxConnections: 1 })

      for (let i = 0; i < 300; i++) yield* sql.unsafe(`SELECT ${i} + ?`, [1])

      const [row] = yield* sql<{ Value: string }>`SHOW SESSION STATUS LIKE 'Com_stmt_close'`
      assert.isAtLeast(Number(row!.Value), 190)
    })
  )

  live("a server that answers late and in pieces is read all the same", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.shared("mariadb")
      const proxy = yield* Proxy.make(url)
      yield* proxy.delay(5)
      const sql = yield* Mysql.make({ url: Redacted.make(proxy.through(url)) })

      const rows = yield* sql`SELECT REPEAT('x', 100000) AS text FROM seq_1_to_20 WHERE seq < ${20}`

      assert.lengthOf(rows, 19)
    })
  )

  live("is made from a config too", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.shared("mariadb")
      const layer = Mysql.layerConfig({ url: Config.redacted("SHOP") }).pipe(
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["SHOP", url]]))))
      )

      const rows = yield* Effect.provide(
        Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT 1 AS one`),
        layer
      )

      assert.deepStrictEqual(rows, [{ one: 1 }])
    })
  )
})

describe("Mysql.Settings", () => {
  const refused = (settings: Mysql.Settings) => {
    try {
      check(settings)
    } catch (error) {
      assert(error instanceof InvalidOption)
      return error.message
    }
    return assert.fail("it was taken")
  }

  it("reads a URL", () => {
    const { driver, name } = check({ url: "mysql://me:p%40ss@db.internal:3307/shop%20a?ssl-mode=VERIFY_IDENTITY" })

    const { database, host, password, port, ssl, user } = driver
    assert.deepStrictEqual([user, password, host, port, database], ["me", "p@ss", "db.internal", 3307, "shop a"])
    assert.deepStrictEqual(ssl, { rejectUnauthorized: true, verifyIdentity: true })
    assert.strictEqual(name, "mysql at db.internal:3307")
    assert.strictEqual(check({ url: "mariadb://[::1]/" }).driver.host, "::1")
    assert.strictEqual(check({}).name, "mysql at localhost:3306")
    assert.deepStrictEqual(check({ url: "mysql://a?ssl-mode=REQUIRED", driver: { ssl: { ca: "x" } } }).driver.ssl, {
      ca: "x",
      rejectUnauthorized: false
    })
  })

  it("refuses what is no such URL, without saying what it was", () => {
    for (const url of [
      "mysql:",
      "postgres://me:p4ss@db/shop",
      "mysql://me:p4ss@db/shop?multipleStatements=true",
      "mysql://me:p4ss@db/shop?ssl-mode=MAYBE",
      "mysql://me:p4ss@db/%ff",
      "p4ss"
    ]) {
      const message = refused({ url: Redacted.make(url) })
      assert.match(message, /^Mysql.make: url must be a URL like "mysql:/)
      assert.notInclude(message, "p4ss")
    }
  })

  it("lets no option make one statement several, or send files", () => {
    const { driver } = check({ driver: { multipleStatements: true, flags: ["LOCAL_FILES"], namedPlaceholders: true } })

    assert.deepStrictEqual([driver.multipleStatements, driver.namedPlaceholders], [false, false])
    assert.strictEqual(driver.flags?.at(-1), "-LOCAL_FILES")
  })

  it.effect("names the option that cannot be meant", () =>
    Effect.gen(function* () {
      const defect = Cause.squash(yield* Effect.flip(Effect.sandbox(Effect.scoped(Mysql.make({ maxConnections: 0 })))))

      assert(defect instanceof InvalidOption)
      assert.include(defect.message, "maxConnections must be a whole number from 1 up")
    })
  )

  it("takes a time zone that the server knows too, and only character sets with every character", () => {
    for (const timezone of ["Z", "local", "+05:30"]) check({ driver: { timezone } })
    check({ driver: { charset: "utf8mb4_bin" } })

    assert.throws(
      () => check({ driver: { timezone: "Europe/Paris" } }),
      /driver.timezone must be "Z", "local" or an offset/
    )
    assert.throws(() => check({ driver: { charset: "latin1" } }), /driver.charset must be one of utf8mb4/)
  })
})
