import * as SqlResolver from "@effect/sql/SqlResolver"
import { assert, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Schema } from "effect"
import * as Cleanup from "../../../src/Cleanup.ts"
import * as Proxy from "../../Proxy.ts"
import * as Servers from "../../Servers.ts"
import * as Client from "../Postgres/Client.ts"

/** A client, and a table of numbers. */
const setup = (maxConnections = 2) =>
  Effect.gen(function* () {
    const sql = yield* Client.make({ maxConnections })
    const table = sql(Client.fresh("numbers"))
    yield* sql`CREATE TABLE ${table} (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)`
    const insert = (n: number) => sql`INSERT INTO ${table} VALUES (${n})`
    const numbers = Effect.map(sql<{ readonly n: number }>`SELECT n FROM ${table} ORDER BY n`, (rows) =>
      rows.map(({ n }) => n)
    )
    return { sql, table, insert, numbers }
  })

Servers.suite("postgres", "A transaction", () => {
  it.scopedLive("is kept as a whole when it succeeds, and not at all when it fails", () =>
    Effect.gen(function* () {
      const { insert, numbers, sql } = yield* setup(1)

      yield* sql.withTransaction(Effect.zipRight(insert(1), insert(2)))
      const failed = yield* Effect.flip(sql.withTransaction(Effect.zipRight(insert(3), Effect.fail("no"))))
      const died = yield* Effect.exit(sql.withTransaction(Effect.zipRight(insert(4), Effect.die("bug"))))

      assert.deepStrictEqual([failed, died], ["no", Exit.die("bug")])
      assert.deepStrictEqual(yield* numbers, [1, 2])
    })
  )

  it.scopedLive("that is interrupted in a query is rolled back, without its caller waiting", () =>
    Effect.gen(function* () {
      const { insert, numbers, sql } = yield* setup(1)
      const begun = yield* Deferred.make<void>()
      const slow = Effect.zipRight(Deferred.succeed(begun, undefined), sql`SELECT pg_sleep(60)`)
      const fiber = yield* Effect.fork(sql.withTransaction(Effect.zipRight(insert(1), slow)))
      yield* Deferred.await(begun)
      yield* Effect.sleep(20)

      const start = performance.now()
      yield* Fiber.interrupt(fiber)
      const back = performance.now() - start

      assert.deepStrictEqual(yield* numbers, [])
      assert.isBelow(back, 1_000)
      assert.isBelow(performance.now() - start, 5_000)
    })
  )

  it.scopedLive("that is interrupted between two queries is rolled back too", () =>
    Effect.gen(function* () {
      const { insert, numbers, sql } = yield* setup(1)
      const begun = yield* Deferred.make<void>()
      const between = Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
      const fiber = yield* Effect.fork(sql.withTransaction(Effect.zipRight(insert(1), between)))
      yield* Deferred.await(begun)

      yield* Fiber.interrupt(fiber)

      assert.deepStrictEqual(yield* numbers, [])
    })
  )

  it.scopedLive("whose server is frozen lets go of its caller at once, and of its connection after the grace", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.shared("postgres")
      const proxy = yield* Proxy.make(url)
      const sql = yield* Client.make({ url: proxy.through(url), maxConnections: 1 })
      const begun = yield* Deferred.make<void>()
      const between = Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
      const fiber = yield* Effect.fork(sql.withTransaction(between))
      yield* Deferred.await(begun)
      yield* proxy.freeze

      const start = performance.now()
      yield* Fiber.interrupt(fiber)
      const back = performance.now() - start
      yield* Cleanup.settled
      const settled = performance.now() - start
      yield* proxy.heal

      assert.isBelow(back, 150)
      assert(settled > 200 && settled < 2_000, `${settled}`)
      assert.lengthOf(yield* sql`SELECT 1`, 1)
    })
  )

  it.scopedLive("can be interrupted while it waits for a connection", () =>
    Effect.gen(function* () {
      const { insert, sql } = yield* setup(1)
      const holder = yield* sql.reserve
      const fiber = yield* Effect.fork(sql.withTransaction(insert(1)))
      yield* Effect.sleep(20)

      const start = performance.now()
      yield* Fiber.interrupt(fiber)

      assert.isBelow(performance.now() - start, 1_000)
      yield* holder.executeUnprepared("SELECT 1", [], undefined)
    })
  )

  it.scopedLive("whose commit fails fails, with what the server says", () =>
    Effect.gen(function* () {
      const { insert, numbers, sql } = yield* setup(1)

      const { cause } = yield* Client.failed(
        sql.withTransaction(Effect.zipRight(insert(1), insert(1))),
        "SourceRejected"
      )

      assert.deepInclude(cause, { code: "23505" })
      assert.deepStrictEqual(yield* numbers, [])
    })
  )

  it.scopedLive("goes on after a savepoint that failed or was interrupted in it", () =>
    Effect.gen(function* () {
      const { insert, numbers, sql } = yield* setup(1)
      const inner = <A, E>(effect: Effect.Effect<A, E>) => Effect.exit(sql.withTransaction(effect))

      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* insert(1)
          yield* inner(Effect.zipRight(insert(2), Effect.fail("no")))
          yield* inner(Effect.zipRight(insert(3), sql`SELECT nonsense`))
          yield* inner(Effect.zipRight(insert(4), Effect.timeout(sql`SELECT pg_sleep(60)`, 30)))
          yield* inner(Effect.zipRight(insert(5), inner(Effect.zipRight(insert(6), Effect.fail("no")))))
          yield* insert(7)
        })
      )

      assert.deepStrictEqual(yield* numbers, [1, 5, 7])
    })
  )

  it.scopedLive("that somebody began by hand and forgot is rolled back before another has the connection", () =>
    Effect.gen(function* () {
      const { insert, numbers, sql } = yield* setup(1)

      yield* Effect.scoped(
        Effect.flatMap(sql.reserve, (connection) =>
          Effect.zipRight(
            connection.executeUnprepared("BEGIN", [], undefined),
            connection.execute(...insert(1).compile(), undefined)
          )
        )
      )

      assert.deepStrictEqual(yield* numbers, [])
    })
  )

  it.scopedLive("is of one client: those of another are not part of it, nor is it of theirs", () =>
    Effect.gen(function* () {
      const { insert, numbers, sql } = yield* setup(1)
      const { insert: insertOther, numbers: others, sql: other } = yield* setup(1)

      const failed = sql.withTransaction(
        Effect.gen(function* () {
          yield* insert(1)
          yield* insertOther(1)
          yield* other.withTransaction(Effect.zipRight(insert(2), insertOther(2)))
          return yield* Effect.fail("no")
        })
      )
      yield* Effect.ignore(failed)

      assert.deepStrictEqual([yield* numbers, yield* others], [[], [1, 2]])
    })
  )

  it.scopedLive("is what a resolver of @effect/sql reads in", () =>
    Effect.gen(function* () {
      const { insert, sql, table } = yield* setup()
      // With a context of its own it hands on no other mark of a transaction than that of @effect/sql.
      const resolver = yield* SqlResolver.findById("Number", {
        withContext: true,
        Id: Schema.Number,
        Result: Schema.Struct({ n: Schema.Number }),
        ResultId: ({ n }) => n,
        execute: (ids) => sql`SELECT n FROM ${table} WHERE ${sql.in("n", ids)}`
      })

      const found = yield* sql.withTransaction(
        Effect.zipRight(
          Effect.zipRight(insert(1), insert(2)),
          Effect.forEach([1, 2, 3], resolver.execute, { batching: true })
        )
      )

      assert.deepStrictEqual(
        found.map((one) => one._tag),
        ["Some", "Some", "None"]
      )
    })
  )

  it.scopedLive("that may not be interrupted is not, also not while it waits", () =>
    Effect.gen(function* () {
      const { insert, numbers, sql } = yield* setup(1)
      const asked = yield* Effect.fork(sql`SELECT pg_sleep(0.1)`)
      yield* Effect.sleep(10)
      const fiber = yield* Effect.fork(Effect.uninterruptible(sql.withTransaction(insert(1))))
      yield* Effect.sleep(10)

      const exit = yield* Fiber.interrupt(fiber)
      yield* Fiber.join(asked)

      assert(Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause))
      assert.deepStrictEqual(yield* numbers, [1])
    })
  )
})
