import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Stream } from "effect"
import { EventEmitter } from "node:events"
import pg from "pg"
import * as Exchange from "../../../src/Source/Postgres/Exchange.ts"
import { type Client as Driver, Wire } from "../../../src/Source/Postgres/Wire.ts"
import * as Servers from "../../Servers.ts"
import { administrator } from "./Adapter.ts"
import * as Client from "./Client.ts"

Servers.suite("postgres", "Statements of PostgreSQL", () => {
  it.scopedLive("give rows as objects, as arrays, and as the driver has them", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()
      const statement = sql<{ readonly n: number; readonly t: string }>`SELECT ${1}::int AS n, ${"x"}::text AS t`

      assert.deepStrictEqual(yield* statement, [{ n: 1, t: "x" }])
      assert.deepStrictEqual(yield* statement.values, [[1, "x"]])
      const raw = (yield* statement.raw) as { readonly command: string; readonly rowCount: number }
      assert.deepStrictEqual([raw.command, raw.rowCount], ["SELECT", 1])
    })
  )

  it.scopedLive("may be several in one text, as long as nothing is bound", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()

      assert.deepStrictEqual<unknown>(yield* sql`SELECT 1 AS a; SELECT 2 AS b, 3 AS c`, [[{ a: 1 }], [{ b: 2, c: 3 }]])
      assert.deepStrictEqual(yield* sql``, [])
    })
  )

  it.scopedLive("take the helpers of @effect/sql, and names in another case", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({
        transformQueryNames: (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        transformResultNames: (name) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
      })
      const people = sql(Client.fresh("people"))
      yield* sql`CREATE TABLE ${people} (id int PRIMARY KEY, first_name text)`

      yield* sql`INSERT INTO ${people} ${sql.insert([
        { id: 1, firstName: "Ada" },
        { id: 2, firstName: `"; DROP TABLE people` }
      ])}`
      yield* sql`UPDATE ${people} SET ${sql.update({ id: 1, firstName: "Alice" }, ["id"])} WHERE id = ${1}`
      yield* sql`UPDATE ${people} SET first_name = data.first_name FROM ${sql.updateValues([{ id: 2, firstName: "Bob" }], "data")} WHERE ${people}.id = data.id::int`

      const rows = sql`SELECT * FROM ${people} WHERE ${sql.in("id", [1, 2, 3])} ORDER BY id`
      assert.deepStrictEqual<unknown>(yield* rows, [
        { id: 1, firstName: "Alice" },
        { id: 2, firstName: "Bob" }
      ])
      const plain = sql.withoutTransforms()
      assert.deepStrictEqual<unknown>(yield* plain`SELECT first_name FROM ${people} WHERE id = 1`, [
        { first_name: "Alice" }
      ])
    })
  )

  it.scopedLive("that cannot be sent are refused, and the connection goes on", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })
      const circle: { self?: unknown } = {}
      circle.self = circle

      const { reason } = yield* Client.failed(sql`SELECT ${circle}::json`, "SourceRejected")

      assert.strictEqual(reason, "a parameter cannot be sent")
      assert.lengthOf(yield* sql`SELECT 1`, 1)
    })
  )

  it.scopedLive("are refused when their answer is too long, counted exactly, also as one value", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1, maxBytes: 1_000 })

      assert.lengthOf(yield* sql`SELECT repeat('x', 900)`, 1)
      const rows = yield* Client.failed(sql`SELECT repeat('x', 100) FROM generate_series(1, 11)`, "SourceMalformed")
      const value = yield* Client.failed(sql`SELECT repeat('x', 20000000)`, "SourceMalformed")

      assert.deepStrictEqual([rows.reason, value.reason], Array(2).fill("the answer is longer than 1000 bytes"))
      assert.lengthOf(yield* sql`SELECT 1`, 1)
    })
  )

  it.scopedLive("read values as the program wants them", () =>
    Effect.gen(function* () {
      const getTypeParser = (oid: number) => (text: string) => (oid === 1700 ? Number(text) : text)
      const sql = yield* Client.make({ types: { getTypeParser } })

      assert.deepStrictEqual<unknown>(yield* sql`SELECT 799.99::numeric AS price, 1::int AS n`, [
        { price: 799.99, n: "1" }
      ])
    })
  )
})

Servers.suite("postgres", "Streams of PostgreSQL", () => {
  it.scopedLive("give every row, page by page", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()
      const counted = (rows: number) =>
        Effect.map(
          Stream.runCollect(
            Stream.chunks(sql<{ n: number }>`SELECT n FROM generate_series(1, ${rows}::int) AS n`.stream)
          ),
          (pages) => [Chunk.size(pages), Chunk.size(Chunk.flatten(pages))]
        )

      assert.deepStrictEqual(yield* counted(300), [3, 300])
      assert.deepStrictEqual(yield* counted(128), [1, 128])
      assert.deepStrictEqual(yield* counted(0), [0, 0])
    })
  )

  it.scopedLive("read no further than they are wanted, and leave nothing behind when they are ended early", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })
      const calls = Client.fresh("calls")
      yield* sql`CREATE SEQUENCE ${sql(calls)}`

      const some = yield* Stream.runCollect(
        Stream.take(sql`SELECT nextval(${calls}) FROM generate_series(1, 100000)`.stream, 3)
      )

      assert.lengthOf(some, 3)
      assert.deepStrictEqual<unknown>(yield* sql`SELECT last_value FROM ${sql(calls)}`, [{ last_value: "128" }])
      assert.deepStrictEqual(yield* sql`SELECT name FROM pg_cursors WHERE name <> ''`, [])
    })
  )

  it.scopedLive("stop in the server when they are interrupted in the middle of a page", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })
      const { adminUrl } = yield* Servers.shared("postgres")
      const ask = yield* administrator(adminUrl)
      const mark = Client.fresh("slowly")
      const slow = sql.unsafe(
        `SELECT /* ${mark} */ n, pg_sleep(CASE WHEN n > 200 THEN 60 END) FROM generate_series(1, 1000) AS n`
      )
      const active = ask(
        `SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT /* ${mark} */%'`
      )
      const fiber = yield* Effect.fork(Stream.runDrain(slow.stream))
      yield* Effect.repeat(active, { until: (rows) => rows.length === 1 })

      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(active, { until: (rows) => rows.length === 0 })

      assert.lengthOf(yield* sql`SELECT 1`, 1)
    })
  )

  it.scopedLive("fail in the middle as statements do, and the connection goes on", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1, maxBytes: 50_000 })
      const broken = sql`SELECT 1 / (200 - n) FROM generate_series(1, 1000) AS n`

      const { reason } = yield* Client.failed(Stream.runDrain(broken.stream), "SourceRejected")
      assert.strictEqual(reason, "a division by zero (22012)")
      yield* Client.failed(Stream.runDrain(sql`SELECT repeat('x', 60000)`.stream), "SourceMalformed")
      // Of a stream, each page may be as long.
      yield* Stream.runDrain(sql`SELECT repeat('x', 300) FROM generate_series(1, 1000)`.stream)

      assert.lengthOf(yield* sql`SELECT 1`, 1)
    })
  )

  it.scopedLive("in a transaction, keep other statements from their connection until they have ended", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()
      const rows = sql<{ n: number }>`SELECT n FROM generate_series(1, 1000) AS n`.stream

      const exit = yield* sql
        .withTransaction(
          Effect.gen(function* () {
            const { reason } = yield* Client.failed(
              Stream.runDrain(Stream.mapEffect(rows, () => sql`SELECT 1`)),
              "SourceRejected"
            )
            assert.strictEqual(reason, "a stream over this connection is not read to its end")
            yield* Stream.runDrain(Stream.take(rows, 10))
            return yield* sql`SELECT 2 AS n`
          })
        )
        .pipe(Effect.exit)

      assert.deepStrictEqual<unknown>(exit, Exit.succeed([{ n: 2 }]))
    })
  )
})

/** What the driver is to a query, so far as it matters here: it tells of an error, and only later that it is ready. */
const makeDriver = () => {
  const connection = Object.assign(new EventEmitter(), { stream: new EventEmitter(), query: () => {} })
  Object.assign(connection.stream, { cork: () => {}, uncork: () => {}, destroy: () => {} })
  let asked: { readonly submit: (to: object) => unknown; readonly handleError: (error: unknown) => void } | undefined
  const client = Object.assign(new EventEmitter(), {
    connection,
    connect: (then: () => void) => then(),
    query: (query: typeof asked | string, then?: (error: null, result: object) => void) => {
      if (typeof query === "string") return then?.(null, { rows: [{ limit: "0" }] })
      asked = query
      query?.submit(connection)
    },
    getTransactionStatus: () => "I",
    processID: null
  })
  // The cast: it has what is used here.
  return {
    wire: new Wire(client as unknown as Driver),
    connection,
    fail: (error: unknown) => asked?.handleError(error)
  }
}

describe("An exchange with PostgreSQL", () => {
  const query = { text: "SELECT 1", params: [], rows: "objects", maxBytes: 100, timeLimit: Infinity } as const
  // The cast: as in the adapter.
  const execute = Exchange.execute(pg as unknown as Exchange.Module)
  const error = Object.assign(new Error("no"), { severity: "ERROR", code: "42601" })

  it.effect("is refused as soon as more has come than may be, before there is any row", () =>
    Effect.gen(function* () {
      const { connection, fail, wire } = makeDriver()
      yield* wire.open
      const fiber = yield* Effect.fork(execute(wire, query))
      yield* Effect.yieldNow()

      connection.stream.emit("data", Buffer.alloc(101))
      assert.isFalse(wire.alive)
      fail(new Error("Connection terminated unexpectedly"))

      assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), { reason: "the answer is longer than 100 bytes" })
    })
  )

  for (const event of ["readyForQuery", "end"])
    it.effect(`that fails is over only when the server is ready, or gone: ${event}`, () =>
      Effect.gen(function* () {
        const { connection, fail, wire } = makeDriver()
        yield* wire.open
        const fiber = yield* Effect.fork(execute(wire, query))
        yield* Effect.yieldNow()

        fail(error)
        yield* Effect.yieldNow()
        assert.isNull(fiber.unsafePoll())
        connection.emit(event)

        assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), { reason: "no (42601)" })
        assert.deepStrictEqual(connection.eventNames(), [])
      })
    )
})
