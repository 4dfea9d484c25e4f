import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema, Tracer } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import { Aggregator } from "../../src/Aggregator.ts"
import { InvalidOption } from "../../src/Options.ts"
import { SourceRejected } from "../../src/Source.ts"
import * as Faults from "../../src/Source/Fault.ts"
import * as Pool from "../../src/Source/Pool.ts"
import * as Sql from "../../src/Source/Sql.ts"
import * as Scripted from "./Pool/Scripted.ts"

const Product = Schema.Struct({ model: Schema.String, price: Schema.Number })

/** A client of a database that answers what a test says, and the statements that it was sent. */
const setup = (
  answer: (query: Sql.Query) => ReturnType<Sql.Adapter<Scripted.Connection>["execute"]>,
  maxBytes?: number
) =>
  Effect.gen(function* () {
    const server = Scripted.make()
    const sent: Array<Sql.Query> = []
    const pool = yield* Pool.make(server.driver)
    const execute = (_: Scripted.Connection, query: Sql.Query) => {
      sent.push(query)
      return answer(query)
    }
    const adapter: Sql.Adapter<Scripted.Connection> = {
      compiler: Statement.makeCompilerSqlite(),
      spanAttributes: [["db.system.name", "scripted"]],
      execute,
      cursor: () => ({ next: Effect.succeed([]), close: Effect.void })
    }
    const sql = yield* Sql.make({ pool, adapter, maxBytes })
    return { sql, sent, pool }
  })

const rows = (...rows: ReadonlyArray<unknown>) => Effect.succeed({ rows, raw: rows })
const fails = (fault: Faults.Fault) => Effect.fail(fault)

describe("Sql", () => {
  it.scoped("a statement is a source whose rows fit, or that says which field does not", () =>
    Effect.gen(function* () {
      const good = { model: "iPhone 15", price: 799.99 }
      const { sql } = yield* setup(({ params }) =>
        rows(good, params[0] === 1 ? good : { model: "Pixel", price: "s3cret" })
      )
      const ask = (n: number) => Sql.query(Product, sql`SELECT * FROM products WHERE n = ${n}`)

      assert.deepStrictEqual(yield* ask(1), [good, good])
      const error = yield* Effect.flip(ask(2))
      assert.deepInclude(error, { _tag: "SourceMalformed", reason: "1.price: expected number, but it is a string" })
    })
  )

  it.effect("its errors name the source, and are in the SqlError too", () =>
    Effect.gen(function* () {
      const { sql } = yield* setup(() => fails(Faults.rejected("no such table")))
      const statement = sql`SELECT 1`

      const outcomes = yield* Aggregator.collect("page", { typed: Sql.query(Product, statement), raw: statement })

      const { raw, typed } = outcomes
      assert(typed._tag === "Failed" && raw._tag === "Failed")
      assert.deepInclude(typed.error, { _tag: "SourceRejected", source: "typed" })
      assert.deepInclude(raw.error.cause, { _tag: "SourceRejected", source: "raw" })
      assert.strictEqual(raw.error.message, 'Source "raw" rejected the request: scripted at nowhere: no such table')
    }).pipe(Effect.scoped, Effect.provide(Aggregator.layer()))
  )

  it.effect("typed leaves other errors alone, and says nothing of another client's that it does not know", () =>
    Effect.gen(function* () {
      const rejected = new SourceRejected({ source: "shop", reason: "no" })
      const foreign = new SqlError({ cause: Object.assign(new Error("s3cret"), { code: "ER_DUP" }), message: "s3cret" })

      assert.strictEqual(yield* Effect.flip(Sql.typed(Effect.fail("other"))), "other")
      assert.strictEqual(yield* Effect.flip(Sql.typed(Effect.fail(new SqlError({ cause: rejected })))), rejected)
      const error = yield* Effect.flip(Sql.typed(Effect.fail(foreign)))
      assert.deepInclude(error, { _tag: "SourceUnavailable", reason: "the statement failed (ER_DUP)" })
      assert.notInclude(JSON.stringify(error), "s3cret")
    })
  )

  it.scoped("says how long an answer may be: the client's limit, or the one of the source", () =>
    Effect.gen(function* () {
      const { sent, sql } = yield* setup(() => rows(), 500)
      const usual = yield* setup(() => rows())

      yield* sql`SELECT 1`
      yield* Sql.query(Product, sql`SELECT 2`, { maxBytes: 7 })
      yield* usual.sql`SELECT 3`

      assert.deepStrictEqual(
        [...sent, ...usual.sent].map(({ maxBytes }) => maxBytes),
        [500, 7, 10_000_000]
      )
      const wrong = yield* Effect.exit(Sql.query(Product, sql`SELECT 4`, { maxBytes: 0 }))
      assert(Exit.isFailure(wrong) && Cause.squash(wrong.cause) instanceof InvalidOption)
    })
  )

  it.scoped("a transaction is rolled back however it fails, also where the driver knows nothing of transactions", () =>
    Effect.gen(function* () {
      const { sent, sql } = yield* setup(() => rows())
      const statements = () => sent.splice(0).map(({ text }) => text)

      yield* Effect.ignore(sql.withTransaction(Effect.zipRight(sql`SELECT 1`, Effect.fail("no"))))
      yield* Cleanup.settled
      assert.deepStrictEqual(statements(), ["BEGIN", "SELECT 1", "ROLLBACK"])

      yield* Effect.ignore(sql.withTransaction(sql.withTransaction(Effect.zipRight(sql`SELECT 2`, Effect.fail("no")))))
      yield* Cleanup.settled
      assert.deepStrictEqual(statements(), [
        "BEGIN",
        "SAVEPOINT muster_1",
        "SELECT 2",
        "ROLLBACK TO SAVEPOINT muster_1",
        "ROLLBACK"
      ])
    })
  )

  it.scoped("its spans have the statement with placeholders, and no parameter", () =>
    Effect.gen(function* () {
      const { sent, sql } = yield* setup(() => rows())
      const spans: Array<Tracer.Span> = []
      const tracer = yield* Effect.tracer
      const noting = Tracer.make({
        context: (run) => run(),
        span: (...args) => {
          const span = tracer.span(...args)
          spans.push(span)
          return span
        }
      })

      yield* Effect.withTracer(sql.withTransaction(sql`SELECT * FROM users WHERE password = ${"s3cret"}`), noting)

      assert.deepStrictEqual(
        sent.map(({ text }) => text),
        ["BEGIN", "SELECT * FROM users WHERE password = ?", "COMMIT"]
      )
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["sql.transaction", "sql.execute"]
      )
      const attributes = spans.map(({ attributes }) => Object.fromEntries(attributes))
      assert.deepInclude(attributes[1], { "db.query.text": "SELECT * FROM users WHERE password = ?" })
      assert.notInclude(JSON.stringify(attributes), "s3cret")
      for (const span of attributes) assert.strictEqual(span["db.system.name"], "scripted")
    })
  )
})
