import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Drivers } from "../../src/Source.ts"
import { layer as drivers } from "../../src/Source/Drivers.ts"
import * as Redis from "../../src/Source/Redis.ts"
import * as MongoStub from "../MongoStub.ts"
import * as Servers from "../Servers.ts"
import { typed } from "./Typed.ts"

const query = ["search", "phone tablet headphones"]

interface Printed {
  readonly total: number
  readonly results: ReadonlyArray<{ readonly model: string; readonly price: number; readonly source: string }>
  readonly errors: ReadonlyArray<{ readonly source: string; readonly reason: string; readonly message: string }>
  readonly receipt: { readonly elapsed: number; readonly outcome: string }
}

const parsed = (line: string | undefined) => JSON.parse(line ?? "null") as Printed

/** Statements for a database that is a test's own. */
const sql = (kind: "postgres" | "mysql", url: string, ...statements: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const ask = yield* (yield* Drivers)[kind]({ url: Redacted.make(url) })
      for (const text of statements) yield* ask({ text: [text], params: [] })
    })
  ).pipe(Effect.provide(drivers))

const phones = `('phone', 'Apple', 'iPhone 15', 799.99), ('phone', 'Samsung', 'Galaxy S24 Ultra', 1299.99),
  ('phone', 'Google', 'Pixel 8 Pro', 899.99), ('laptop', 'Apple', 'MacBook Air', 1099.00)`
const others = `('headphones', 'Sony', 'WH-CH720N', 149.99), ('phone', 'Samsung', 'Galaxy Z Fold 5', 1799.99),
  ('tablet', 'Samsung', 'Galaxy Tab S9 Ultra', 849.99), ('phone', 'Google', 'Pixel 8 Pro', 949.00)`

/** A table, and a view of it that takes its time. */
const stocked = (rows: string, sleep: string) => [
  `CREATE TABLE stock (type VARCHAR(20), manufacturer VARCHAR(50), model VARCHAR(50), price DECIMAL(10, 2))`,
  `INSERT INTO stock VALUES ${rows}`,
  `CREATE VIEW products AS SELECT stock.* FROM (SELECT ${sleep} AS slept) AS wait, stock WHERE slept IS NOT NULL`
]

Servers.suite("postgres", "muster search, on real servers", () => {
  Servers.suite("mariadb", "and MariaDB", () => {
    Servers.suite("redis", "and Redis", () => {
      it.scopedLive(
        "finds six products in time, cheapest first, and reports the store that is late and the one that fails",
        () =>
          Effect.gen(function* () {
            const [postgres, mariadb, redis] = yield* Effect.all(
              [Servers.postgres(), Servers.mariadb(), Servers.redis()],
              { concurrency: 3 }
            )
            const mongo = yield* MongoStub.make({ collections: { products: [] }, slow: { products: 30_000 } })
            yield* sql("postgres", postgres.url, ...stocked(phones, "pg_sleep(0.5)::text"))
            yield* sql("mysql", mariadb.url, ...stocked(others, "SLEEP(0.7)"))
            const client = yield* Redis.make(redis.url)
            yield* client.command("SET", "products:phone", "[]")

            const urls = ["--postgres", postgres.url, "--mysql", mariadb.url, "--redis", redis.url]
            const { err, exitCode, out } = yield* typed([...query, ...urls, "--mongo", mongo.url])
            const { errors, receipt, results, total } = parsed(out[0])

            assert.deepStrictEqual([exitCode, total], [0, 6], err.join("\n"))
            assert.deepStrictEqual(
              results.map(({ model, price, source }) => [model, price, source]),
              [
                ["WH-CH720N", 149.99, "mysql"],
                ["iPhone 15", 799.99, "postgres"],
                ["Galaxy Tab S9 Ultra", 849.99, "mysql"],
                ["Pixel 8 Pro", 899.99, "postgres"],
                ["Galaxy S24 Ultra", 1299.99, "postgres"],
                ["Galaxy Z Fold 5", 1799.99, "mysql"]
              ]
            )
            assert.deepStrictEqual(
              errors.map(({ reason, source }) => [source, reason]),
              [
                ["redis", "failed"],
                ["mongo", "timed-out"]
              ]
            )
            assert.match(
              errors[0]!.message,
              /products:tablet, products:headphones: .*key eviction under memory pressure/
            )
            assert.isAtLeast(receipt.elapsed, 3_000)
            assert.isBelow(receipt.elapsed, 4_000)
          }),
        60_000
      )
    })
  })
})
