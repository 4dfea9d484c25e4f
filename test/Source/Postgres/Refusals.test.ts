import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Refusals from "../../../src/Source/Postgres/Refusals.ts"
import * as Servers from "../../Servers.ts"
import * as Client from "./Client.ts"

type Statement = (sql: SqlClient.SqlClient) => Effect.Effect<unknown, SqlError>

/** What is asked, and what is said of it. */
const rejected: ReadonlyArray<readonly [statement: Statement, reason: string]> = [
  [(sql) => sql`SELECT nope`, `column "nope" does not exist (42703)`],
  [(sql) => sql`SELECT * FROM nowhere`, `relation "nowhere" does not exist (42P01)`],
  [(sql) => sql`SELEKT 1`, `syntax error at or near "SELEKT" (42601)`],
  [(sql) => sql`SELECT ${"s3cret"}::text::uuid`, "a value does not fit its type (22P02)"],
  [(sql) => sql`SELECT ${"9999999999"}::bigint::int`, "a number is out of range (22003)"],
  [(sql) => sql`SELECT 1 / 0`, "a division by zero (22012)"],
  [(sql) => sql`SELECT ${"s3cret"}::text::date`, "a date or time cannot be read (22007)"],
  [(sql) => sql`SELECT convert_from('\\x80', ${"UTF8"})`, "a value does not fit (22021)"],
  [(sql) => sql`DO $$ BEGIN RAISE EXCEPTION 's3cret'; END $$`, "a function raised an error (P0001)"],
  [(sql) => sql`SELECT pg_stat_reset()`, "permission denied for function pg_stat_reset (42501)"],
  [
    (sql) => sql.withTransaction(Effect.zipRight(Effect.ignore(sql`SELECT nope`), sql`SELECT 1`)),
    "current transaction is aborted, commands ignored until end of transaction block (25P02)"
  ]
]

Servers.suite("postgres", "What PostgreSQL refuses", () => {
  it.scopedLive("is rejected, in words that quote no value", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })

      for (const [statement, reason] of rejected) {
        const error = yield* Client.failed(statement(sql), "SourceRejected")
        assert.strictEqual(error.reason, reason)
        assert.notInclude(JSON.stringify(error), "s3cret")
      }
    })
  )

  it.scopedLive("tells a program which constraint it was, and nobody which value", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()
      const table = Client.fresh("people")
      yield* sql`CREATE TABLE ${sql(table)} (email text CONSTRAINT ${sql(`${table}_email`)} UNIQUE, age int NOT NULL CHECK (age > 0))`
      const insert = (email: string, age: number | null) => sql`INSERT INTO ${sql(table)} ${sql.insert({ email, age })}`
      yield* insert("ada@s3cret", 36)

      const unique = yield* Client.failed(insert("ada@s3cret", 37), "SourceRejected")
      const missing = yield* Client.failed(insert("bob@s3cret", null), "SourceRejected")
      const wrong = yield* Client.failed(insert("bob@s3cret", -1), "SourceRejected")

      assert.strictEqual(unique.reason, `duplicate key value violates unique constraint "${table}_email" (23505)`)
      assert.deepStrictEqual(unique.cause, { code: "23505", schema: "public", table, constraint: `${table}_email` })
      assert.deepStrictEqual(missing.cause, { code: "23502", schema: "public", table, column: "age" })
      assert.deepInclude(wrong.cause, { code: "23514", table })
      assert.notInclude(JSON.stringify([unique, missing, wrong]), "s3cret")
    })
  )

  it.scopedLive("is unavailable where another moment may change it", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make()
      const other = yield* Client.make({ applicationName: "the other" })
      const table = sql(Client.fresh("things"))
      yield* sql`CREATE TABLE ${table} (id int)`

      const wanted = other.withTransaction(other`LOCK TABLE ${table} NOWAIT`)
      const locked = sql.withTransaction(
        Effect.zipRight(sql`LOCK TABLE ${table}`, Client.failed(wanted, "SourceUnavailable"))
      )
      assert.match((yield* locked).reason, /^could not obtain lock on relation .* \(55P03\)$/)
      const { reason } = yield* Client.failed(sql`SELECT pg_terminate_backend(pg_backend_pid())`, "SourceUnavailable")
      assert.strictEqual(reason, "terminating connection due to administrator command (57P01)")
      assert.lengthOf(yield* sql`SELECT 1`, 1)
    })
  )

  it.scopedLive("of a login is rejected, without a password", () =>
    Effect.gen(function* () {
      const { password, url } = yield* Servers.shared("postgres")
      const at = (url: string) =>
        Effect.flatMap(Client.make({ url }), (sql) => Client.failed(sql`SELECT 1`, "SourceRejected"))

      const database = yield* at(url.replace(/\/postgres$/, "/nowhere"))
      const user = yield* at(url.replace(/\/\/.*?:/, "//nobody:"))
      const none = yield* at(url.replace(`:${password}`, ""))
      const tls = yield* at(`${url}?sslmode=verify-full`)

      assert.strictEqual(database.reason, `database "nowhere" does not exist (3D000)`)
      assert.strictEqual(user.reason, `password authentication failed for user "nobody" (28P01)`)
      assert.strictEqual(none.reason, "the password is missing, or cannot be used for its kind of login")
      assert.strictEqual(tls.reason, "it speaks no TLS, which was asked for")
      assert.notInclude(JSON.stringify([database, user, none, tls]), password)
    })
  )
})

describe("Refusals", () => {
  it("reads what the driver itself says", () => {
    const code = (code: string) => Refusals.read(Object.assign(new Error("secret"), { code }))

    assert.deepStrictEqual(code("ECONNREFUSED"), {
      kind: "unavailable",
      reason: "the connection was refused (ECONNREFUSED)"
    })
    assert.deepStrictEqual(code("ENOTFOUND"), { kind: "unavailable", reason: "the host is not known (ENOTFOUND)" })
    assert.strictEqual(code("DEPTH_ZERO_SELF_SIGNED_CERT").kind, "rejected")
    assert.strictEqual(code("ERR_TLS_CERT_ALTNAME_INVALID").kind, "rejected")
    assert.deepStrictEqual(Refusals.read(new Error("Connection terminated unexpectedly")), {
      kind: "unavailable",
      reason: "the connection broke off"
    })
    assert.deepStrictEqual(Refusals.read("?"), { kind: "unavailable", reason: "the connection broke off" })
  })

  it("takes each kind of SQLSTATE for what it is", () => {
    const kind = (code: string) => Refusals.read(Object.assign(new Error("m"), { code, severity: "ERROR" })).kind

    for (const code of [
      "08006",
      "40001",
      "40P01",
      "53300",
      "53200",
      "55P03",
      "57014",
      "57P03",
      "58030",
      "XX000",
      "25P03"
    ])
      assert.strictEqual(kind(code), "unavailable", code)
    for (const code of [
      "0A000",
      "22P02",
      "23505",
      "25006",
      "28P01",
      "3D000",
      "42601",
      "42P01",
      "55000",
      "P0001",
      "ZZ999"
    ])
      assert.strictEqual(kind(code), "rejected", code)
  })
})
