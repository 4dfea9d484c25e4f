import { PgClient } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted } from "effect"
import { InvalidOption } from "../../../src/Options.ts"
import * as RateLimit from "../../../src/Resilience/RateLimit.ts"
import * as RateLimitPostgres from "../../../src/Resilience/RateLimit/Postgres.ts"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Sqlite from "../../../src/Source/Sqlite.ts"
import * as Servers from "../../Servers.ts"
import { failureOf } from "../Calls.ts"
import { fresh, shared, suite } from "./contract.ts"

const { slidingWindow, tokenBucket } = RateLimit
const server = Servers.shared("postgres")
const connect = Effect.flatMap(server, ({ url }) => Effect.orDie(Postgres.make(url)))
const theirs = Effect.gen(function* () {
  const { url } = yield* server
  const context = yield* Effect.orDie(Layer.build(PgClient.layer({ url: Redacted.make(url) })))
  return Context.get(context, SqlClient.SqlClient)
})

Servers.suite("postgres", "a rate limit in Postgres", () => {
  // One of the two is our own client, the other that of @effect/sql-pg.
  suite(
    Effect.gen(function* () {
      return [yield* RateLimitPostgres.make(yield* connect), yield* RateLimitPostgres.make(yield* theirs)] as const
    })
  )

  it.scopedLive("makes its table when it is not there, also when several machines do so at once", () =>
    Effect.gen(function* () {
      const own = yield* Servers.postgres()
      const rule = tokenBucket({ limit: 1, per: "1 hour", burst: 3 })
      const stores = yield* Effect.all(
        Array.from({ length: 5 }, () => Effect.flatMap(Effect.orDie(Postgres.make(own.url)), RateLimitPostgres.make))
      )
      const taken = yield* Effect.all(
        stores.map((store) => store.take(rule, "key", 1, 1)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(taken.filter(({ count }) => count === 1).length, 3)

      yield* own.kill
      const limit = yield* shared(stores[0]!, { name: "down", rule })
      const error = failureOf(yield* Effect.exit(RateLimit.with(limit)(Effect.void)))
      assert.instanceOf(error, RateLimit.StoreUnavailable)
      assert.match(error.message, /^The rate limit cannot be read from postgres: postgres at 127\.0\.0\.1:\d+: /)
    })
  )

  it.scopedLive("takes its turns outside the transaction of the caller, who would hold up everybody", () =>
    Effect.gen(function* () {
      const sql = yield* connect
      const options = { name: fresh(), rule: tokenBucket({ limit: 1_000, burst: 100 }) }
      const limit = yield* shared(yield* RateLimitPostgres.make(sql), options)
      let inside = () => {}
      const begun = Effect.async<void>((resume) => void (inside = () => resume(Effect.void)))
      const body = Effect.zipRight(
        Effect.sync(() => inside()),
        Effect.never
      )
      const holding = yield* Effect.fork(sql.withTransaction(RateLimit.with(limit)(body)))
      yield* begun

      const other = yield* shared(yield* RateLimitPostgres.make(yield* theirs), options)
      yield* Effect.timeout(RateLimit.with(other)(Effect.void), "5 seconds")
      yield* Fiber.interrupt(holding)
    })
  )

  it.scopedLive("removes the rows of keys that say nothing any more", () =>
    Effect.gen(function* () {
      const sql = yield* connect
      const names = [fresh(), fresh(), fresh()]
      const store = yield* RateLimitPostgres.make(sql)
      yield* store.take(tokenBucket({ limit: 1_000, burst: 1 }), names[0]!, 1, 1)
      yield* store.take(slidingWindow({ limit: 5, per: 10 }), names[1]!, 1, 1)
      yield* store.take(tokenBucket({ limit: 1, per: "1 hour", burst: 1 }), names[2]!, 1, 1)
      yield* Effect.sleep(50)
      // A store sweeps with its first turn, and then once a minute.
      const next = yield* RateLimitPostgres.make(sql)
      yield* next.take(tokenBucket({ limit: 1 }), fresh(), 1, 1)

      const rows = yield* sql<{ key: string }>`SELECT key FROM muster_rate_limits WHERE ${sql.in("key", names)}`
      assert.deepStrictEqual(rows, [{ key: names[2]! }])
    })
  )

  it.scopedLive("refuses the client of another database", () =>
    Effect.gen(function* () {
      const sql = yield* Effect.orDie(Sqlite.make({ filename: ":memory:" } as never))
      const exit = yield* Effect.exit(RateLimitPostgres.make(sql))
      assert.isTrue(exit._tag === "Failure" && String(exit.cause).includes("the client of a Postgres"))
      assert.isDefined(InvalidOption)
    })
  )
})
