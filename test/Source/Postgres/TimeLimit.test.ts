import type * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Deadline from "../../../src/Deadline.ts"
import * as Proxy from "../../Proxy.ts"
import * as Servers from "../../Servers.ts"
import { administrator } from "./Adapter.ts"
import * as Client from "./Client.ts"

/** In milliseconds, as it holds for the statement that asks; 0 for none. */
const limitOf = (sql: SqlClient.SqlClient) =>
  Effect.map(
    sql<{ readonly ms: string }>`SELECT setting AS ms FROM pg_settings WHERE name = 'statement_timeout'`,
    ([row]) => Number(row!.ms)
  )

Servers.suite("postgres", "The deadline of a statement", () => {
  it.scopedLive("goes along with it, and with it alone", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })
      const limit = limitOf(sql)

      const within = yield* Deadline.within("10 seconds")(limit)
      const without = yield* limit

      assert(within > 9_000 && within <= 10_021, `${within}`)
      assert.strictEqual(without, 0)
      const commented = sql`-- The limit,
 /* of a * statement */ (SELECT current_setting('statement_timeout') AS limit)`.values
      assert.notDeepEqual(yield* Deadline.within("10 seconds")(commented), [["0"]])
      assert.strictEqual(yield* Deadline.within("1000 days")(limit), 2_147_483_647)
    })
  )

  it.scopedLive("is kept by the server", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()
      const { adminUrl, url } = yield* Servers.shared("postgres")
      const proxy = yield* Proxy.make(url)
      const ask = yield* administrator(adminUrl)
      const mark = Client.fresh("late")
      const active = ask(
        `SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT /* ${mark} */%'`
      )
      const behind = yield* Client.make({ url: proxy.through(url) })
      const start = performance.now()
      yield* Effect.fork(Deadline.within(400)(behind.unsafe(`SELECT /* ${mark} */ pg_sleep($1)`, [60])))
      yield* Effect.repeat(active, { until: (rows) => rows.length === 1 })

      yield* proxy.freeze
      yield* Effect.repeat(active, { until: (rows) => rows.length === 0 })

      assert(performance.now() - start > 350)
      // What the server says of a limit of its own.
      const own = sql.withTransaction(Effect.zipRight(sql`SET LOCAL statement_timeout = 20`, sql`SELECT pg_sleep(60)`))
      const { reason } = yield* Client.failed(own, "SourceUnavailable")
      assert.strictEqual(reason, "canceling statement due to statement timeout (57014)")
    })
  )

  it.scopedLive("holds in a transaction for the statements inside it, and not for those after", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })
      const limit = limitOf(sql)

      const limits = yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`
          const inside = yield* Deadline.within("10 seconds")(limit)
          return [inside > 0, yield* limit]
        })
      )

      assert.deepStrictEqual(limits, [true, 0])
    })
  )

  it.scopedLive("never makes longer what the server's own limit says", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.shared("postgres")
      const sql = yield* Client.make({ url: `${url}?options=${encodeURIComponent("-c statement_timeout=5s")}` })
      const limit = limitOf(sql)

      assert.strictEqual(yield* limit, 5_000)
      assert.strictEqual(yield* Deadline.within("1 minute")(limit), 5_000)
      assert.isBelow(yield* Deadline.within("2 seconds")(limit), 2_021)
    })
  )

  it.scopedLive("does not keep a statement from being what it is", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()
      const table = sql(Client.fresh("things"))

      yield* Effect.gen(function* () {
        yield* sql`CREATE TABLE ${table} (id int)`
        yield* sql`VACUUM ${table}`
        yield* sql`INSERT INTO ${table} VALUES (1); INSERT INTO ${table} VALUES (2)`
        yield* sql`/* counted */ -- twice
          (SELECT count(*) FROM ${table})`
        yield* Stream.runDrain(sql`SELECT * FROM ${table}`.stream)
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`
            yield* sql`SELECT 1`
            yield* Effect.ignore(sql.withTransaction(sql`SELECT nonsense`))
            yield* sql`INSERT INTO ${table} VALUES (3)`
            yield* sql`ALTER TABLE ${table} ADD COLUMN name text`
          })
        )
      }).pipe(Deadline.within("10 seconds"))

      assert.lengthOf(yield* sql`SELECT * FROM ${table}`, 3)
    })
  )

  it.scopedLive("passed before it was asked, keeps it from being asked", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()
      const table = sql(Client.fresh("things"))
      yield* sql`CREATE TABLE ${table} (id int)`
      const connection = yield* sql.reserve

      const { reason } = yield* Client.failed(
        Deadline.within(0)(connection.executeUnprepared("INSERT INTO things VALUES (1)", [], undefined)),
        "SourceUnavailable"
      )

      assert.strictEqual(reason, "the deadline had passed before it was asked")
    })
  )
})
