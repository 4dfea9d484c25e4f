import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schema, Scope, Stream } from "effect"
import * as fc from "fast-check"
import { afterAll, beforeAll } from "vitest"
import { JsonNumber } from "../../../src/Json.ts"
import { SourceError } from "../../../src/Source.ts"
import * as Sqlite from "../../../src/Source/Sqlite.ts"
import { file, processes } from "./Adapter.ts"

const failing = <A>(effect: Effect.Effect<A, SqlError>) =>
  Effect.map(Effect.flip(effect), ({ cause }) => {
    assert(Schema.is(SourceError)(cause))
    return cause
  })

/** Bytes as a literal. */
const hex = (bytes: Uint8Array | string) => `x'${Buffer.from(bytes).toString("hex")}'`

/** Bytes that no text in UTF-8 has. */
const wrong = "4f726ce9"

for (const [where, make] of [
  ["in its own process", Sqlite.make],
  ["inside the program", Sqlite.makeInside]
] as const)
  describe(`values of SQLite ${where}`, () => {
    const scope = Effect.runSync(Scope.make())
    let sql: SqlClient.SqlClient
    beforeAll(async () => {
      const made = Effect.flatMap(file, (filename) => make({ filename }))
      sql = await Effect.runPromise(Scope.extend(made, scope))
      await Effect.runPromise(sql`CREATE TABLE kept (id INTEGER PRIMARY KEY, value)`)
    })
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

    /** Writes a value, and reads it by each way that gives rows. */
    const readings = (value: string) =>
      Effect.gen(function* () {
        const [returned] = yield* sql<{ id: number; value: unknown }>`
          INSERT INTO kept (value) VALUES (${value}) RETURNING *`
        const id = returned!.id
        const found = [returned!.value]
        for (const query of [
          sql`SELECT value FROM kept WHERE id = ${id}`,
          sql`WITH k AS (SELECT value FROM kept WHERE id = ${id}) SELECT * FROM k`,
          sql`VALUES (${value})`,
          sql`UPDATE kept SET value = ${value} WHERE id = ${id} RETURNING value AS "an,other""name)"`,
          sql`DELETE FROM kept WHERE id = ${id} RETURNING value`
        ])
          found.push(...(yield* query).flatMap((row) => Object.values(row)))
        return found
      })

    const value = fc.oneof(
      fc.fullUnicodeString(),
      fc.string16bits(),
      fc.constantFrom("", "\0", "a\0b", "\uFEFFa", "\uD800", "a\uDC00b"),
      fc.uint8Array({ maxLength: 40 }),
      fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
      fc.double(),
      fc.integer(),
      fc.boolean()
    )

    const isHeld = (value: unknown) => {
      if (typeof value === "string") return !/\p{Surrogate}/u.test(value)
      if (typeof value === "bigint") return BigInt.asIntN(64, value) === value
      return !Number.isNaN(value)
    }

    const asRead = (value: unknown) => {
      if (typeof value === "boolean") return Number(value)
      return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value
    }

    it("comes out as it went in, or is refused", async () => {
      const property = fc.asyncProperty(value, async (given) => {
        // The cast: the type of a parameter is narrower than what it takes.
        const exit = await Effect.runPromise(Effect.either(readings(given as string)))
        if (!isHeld(given)) {
          assert(exit._tag === "Left" && Schema.is(SourceError)(exit.left.cause))
          assert.strictEqual(exit.left.cause._tag, "SourceRejected")
        } else {
          assert(exit._tag === "Right")
          assert.lengthOf(exit.right, 6)
          for (const found of exit.right) assert.deepStrictEqual(found, large(found, asRead(given)))
        }
      })
      await fc.assert(property, { numRuns: 200 })
    })

    /** A whole number beyond 2^53 is stored as an integer, and so read as a `bigint`. */
    const large = (found: unknown, given: unknown) =>
      typeof found === "bigint" && typeof given === "number" && Number.isInteger(given) ? BigInt(given) : given

    it("bytes that are cast to text come out as that text, or are SourceMalformed", async () => {
      const texts = fc.oneof(
        fc.uint8Array({ maxLength: 12 }),
        fc.fullUnicodeString().map((text) => new Uint8Array(Buffer.from(text)))
      )
      const before = processes()
      const property = fc.asyncProperty(texts, async (bytes) => {
        const query = sql.unsafe<{ v: string }>(`SELECT CAST(${hex(bytes)} AS TEXT) AS v, 1 AS w`)
        const exit = await Effect.runPromise(Effect.either(query))
        let text: string | undefined
        try {
          text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
        } catch {
          assert(exit._tag === "Left" && Schema.is(SourceError)(exit.left.cause))
          assert.strictEqual(exit.left.cause._tag, "SourceMalformed")
          assert.include(exit.left.cause.reason, `the text in the column "v" is not UTF-8`)
        }
        if (text !== undefined) assert(exit._tag === "Right" && exit.right[0]!.v === text)
      })
      await fc.assert(property, { numRuns: 200 })
      assert.deepStrictEqual(processes(), before)
    })

    it.live("a text that is none ends no transaction before it, and no stream but its own", () =>
      Effect.gen(function* () {
        yield* sql`DELETE FROM kept`
        const insert = sql.unsafe(
          `INSERT INTO kept (value) VALUES ('good'), (CAST(x'${wrong}' AS TEXT)) RETURNING value`
        )
        assert.strictEqual((yield* failing(insert))._tag, "SourceMalformed")
        assert.deepStrictEqual(yield* sql`SELECT * FROM kept`, [])

        yield* sql.unsafe(`INSERT INTO kept (value) VALUES ('good'), (CAST(x'${wrong}' AS TEXT))`)
        const stream = Stream.runDrain(sql`SELECT value FROM kept ORDER BY id`.stream)
        assert.strictEqual((yield* failing(stream))._tag, "SourceMalformed")
        assert.deepStrictEqual(yield* sql`SELECT value FROM kept WHERE value = 'good'`, [{ value: "good" }])
        yield* sql`DELETE FROM kept`
      })
    )

    it.live("what a statement returns is asked for as it is written, with its parameters in their places", () =>
      Effect.gen(function* () {
        yield* sql`DELETE FROM kept`
        const rows = yield* sql`INSERT INTO kept (id, value) VALUES (${7}, ${"a\0b"}), (${8}, ${"it's"})
          RETURNING id, -- a comment, with a comma
            *, coalesce(value, ')') || ${"x,\0"} "both", /* , */ kept.value AS [again], random() IS NULL, typeof(value);`
          .values
        assert.deepStrictEqual(rows, [
          [7, 7, "a\0b", "a\0bx,\0", "a\0b", 0, "text"],
          [8, 8, "it's", "it'sx,\0", "it's", 0, "text"]
        ])
      })
    )

    it.live("follows a table that changes, also where it returns what it writes", () =>
      Effect.gen(function* () {
        yield* sql`CREATE TABLE moving (a)`
        const insert = sql`INSERT INTO moving (a) VALUES (1) RETURNING *`
        assert.deepStrictEqual(yield* insert, [{ a: 1 }])
        yield* sql`ALTER TABLE moving ADD COLUMN b DEFAULT 2`
        assert.deepStrictEqual(yield* insert, [{ a: 1, b: 2 }])
        yield* sql`ALTER TABLE moving RENAME COLUMN b TO c`
        assert.deepStrictEqual(yield* insert, [{ a: 1, c: 2 }])
        yield* sql`DROP TABLE moving`
      })
    )

    it.live("follows a table that another client changes, in what it reads and in what it returns", () =>
      Effect.gen(function* () {
        const filename = yield* file
        const [mine, other] = [
          yield* make({ filename, maxConnections: 1 }),
          yield* make({ filename, maxConnections: 1 })
        ]
        yield* mine`CREATE TABLE moving (a)`
        const both = Effect.all([
          mine`INSERT INTO moving (a) VALUES (1) RETURNING *`,
          mine`SELECT * FROM moving LIMIT 1`
        ])
        assert.deepStrictEqual(yield* both, [[{ a: 1 }], [{ a: 1 }]])
        yield* other`ALTER TABLE moving ADD COLUMN b DEFAULT 2`
        assert.deepStrictEqual(yield* both, [[{ a: 1, b: 2 }], [{ a: 1, b: 2 }]])
        yield* other`ALTER TABLE moving RENAME COLUMN b TO c`
        assert.deepStrictEqual(yield* both, [[{ a: 1, c: 2 }], [{ a: 1, c: 2 }]])
        yield* other`ALTER TABLE moving DROP COLUMN c`
        assert.deepStrictEqual(yield* both, [[{ a: 1 }], [{ a: 1 }]])
      }).pipe(Effect.scoped)
    )

    it.live("two columns of one name are refused by it, before anything is written", () =>
      Effect.gen(function* () {
        yield* sql`DELETE FROM kept`
        for (const query of [
          sql`SELECT 1 AS id, 2 AS id`,
          sql`INSERT INTO kept (value) VALUES (1) RETURNING id, value AS id`
        ]) {
          const error = yield* failing(query)
          assert.strictEqual(error._tag, "SourceRejected")
          assert.include(error.reason, `more than one column named "id"`)
        }
        assert.deepStrictEqual(yield* sql`SELECT * FROM kept`, [])
        assert.deepStrictEqual(yield* sql`SELECT 1 AS id, 2 AS id`.values, [[1, 2]])
        const [row] = yield* sql`SELECT 1 AS "__proto__", 2 AS "constructor"`
        assert.deepStrictEqual(Object.entries(row!), [
          ["__proto__", 1],
          ["constructor", 2]
        ])
      })
    )

    it.live("loses no digit: of integers, infinities, a negative zero, and the numbers in JSON", () =>
      Effect.gen(function* () {
        const [row] = yield* sql`SELECT 9007199254740993 AS big, -9223372036854775808 AS least, 9e999 AS infinite,
          -9e999 AS less, -0.0 AS zero, json('{"a":1285704473650888702,"b":1e400}') AS json`
        assert.deepStrictEqual(row, {
          big: 9007199254740993n,
          least: -(2n ** 63n),
          infinite: Infinity,
          less: -Infinity,
          zero: -0,
          json: `{"a":1285704473650888702,"b":1e400}`
        })
      })
    )

    it.live("a number of JSON is bound as an integer of 64 bits, or refused", () =>
      Effect.gen(function* () {
        // The cast: as above.
        const typed = (text: string) =>
          sql<{
            v: unknown
            t: string
          }>`SELECT ${new JsonNumber(text) as unknown as string} AS v, typeof(${new JsonNumber(text) as unknown as string}) AS t`
        assert.deepStrictEqual(yield* typed("1285704473650888702"), [{ v: 1285704473650888702n, t: "integer" }])
        assert.deepStrictEqual(yield* typed("-9223372036854775808"), [{ v: -(2n ** 63n), t: "integer" }])
        assert.deepStrictEqual(yield* typed("-0"), [{ v: -0, t: "real" }])
        for (const text of ["9223372036854775808", "1e400", "0.1000000000000000055"]) {
          const error = yield* failing(typed(text))
          assert.strictEqual(error._tag, "SourceRejected")
          assert.include(
            error.reason,
            `parameter 1 is the number ${text}, which SQLite cannot hold without losing digits`
          )
        }
      })
    )

    it.live("a statement with a NUL or half of a surrogate pair in it is refused", () =>
      Effect.gen(function* () {
        for (const text of ["SELECT 'a\0b'", "SELECT '\uD800'"])
          assert.include((yield* failing(sql.unsafe(text))).reason, "the statement has NUL or half of a surrogate pair")
      })
    )

    it.live("files beside the database are out of reach", () =>
      Effect.gen(function* () {
        for (const text of [
          "ATTACH '/tmp/other.db' AS other",
          "CREATE TABLE a (b); ATTACH '/tmp/other.db' AS other",
          "VACUUM INTO '/tmp/other.db'",
          "VACUUM main INTO '/tmp/other.db'",
          "SELECT readfile('/etc/passwd')",
          `SELECT "WriteFile"('/tmp/x', 'a')`,
          "INSERT INTO kept (value) VALUES (readfile ('/etc/passwd'))",
          "SELECT * FROM fsdir('/tmp')",
          "SELECT 1 FROM kept, [fsdir] WHERE path = '/tmp'",
          "SELECT load_extension('/tmp/x')",
          "EXPLAIN SELECT load_extension('/tmp/x')"
        ]) {
          const error = yield* failing(sql.unsafe(text))
          assert.strictEqual(error._tag, "SourceRejected", text)
          assert.match(error.reason, /is turned off/, text)
        }
        yield* sql`CREATE VIEW secrets AS SELECT 'readfile(' AS readfile`
        assert.deepStrictEqual(yield* sql`SELECT readfile FROM secrets`, [{ readfile: "readfile(" }])
        yield* sql`DROP VIEW secrets`
      })
    )

    it.live("a database in UTF-16 gives its texts too, and refuses those that are none", () =>
      Effect.gen(function* () {
        for (const encoding of ["UTF-16le", "UTF-16be"]) {
          const utf16 = yield* make({ filename: yield* file, maxConnections: 1 })
          yield* utf16.unsafe(`PRAGMA encoding = '${encoding}'`)
          yield* utf16`CREATE TABLE kept (value TEXT)`
          for (const text of ["", "é\0\u{1F600}\uFEFF"]) {
            assert.deepStrictEqual(yield* utf16`INSERT INTO kept VALUES (${text}) RETURNING *`, [{ value: text }])
            assert.deepStrictEqual(yield* utf16`SELECT * FROM kept WHERE value = ${text}`, [{ value: text }])
          }
          const error = yield* failing(utf16`SELECT CAST(x'00D8' || x'D800' AS TEXT) AS v`)
          assert.include(error.reason, `the text in the column "v" is not UTF-16`)
        }
      }).pipe(Effect.scoped)
    )
  })
