import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Option, Stream } from "effect"
import * as Mysql from "../../../src/Source/Mysql.ts"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Sql from "../../../src/Source/Sql.ts"
import * as Columns from "../../../src/Source/Sql/Columns.ts"
import * as Servers from "../../Servers.ts"

describe("Columns of a result", () => {
  it("are refused when two have one name, which is shown, but not at any length", () => {
    assert.isUndefined(Columns.checkNames(["a", "b", "A", "__proto__", "constructor"]))
    assert.strictEqual(
      Columns.checkNames(["id", "a", "b", "id", "a"])?.reason,
      'the result has more than one column named "id": give each its own name with AS'
    )
    assert.isBelow(Columns.checkNames(["x".repeat(9_000), "x".repeat(9_000)])!.reason.length, 250)
  })
})

const clients = [
  ["postgres", (url: string) => Postgres.make({ url, maxConnections: 1 }), `"`],
  ["mariadb", (url: string) => Mysql.make({ url, maxConnections: 1 }), "`"]
] as const

for (const [kind, make, quote] of clients)
  Servers.suite(kind, `Columns of ${kind}`, () => {
    const client = Effect.flatMap(Servers.shared(kind), ({ url }) => make(url))

    it.scopedLive("of one name are the fault of the query, with parameters and without, and read page by page", () =>
      Effect.gen(function* () {
        const sql = yield* client

        for (const statement of [sql`SELECT 1 AS id, 2 AS id`, sql`SELECT 1 AS id, ${2} AS id`]) {
          const error = yield* Effect.flip(Sql.typed(statement))
          assert.strictEqual(error._tag, "SourceRejected")
          assert.match(
            error.reason,
            /: the result has more than one column named "id": give each its own name with AS$/
          )
        }
        const pages = yield* Effect.flip(Sql.typed(Stream.runCollect(sql`SELECT 1 AS id, 2 AS id`.stream)))
        assert.strictEqual(pages._tag, "SourceRejected")
        // As a list, a row has them both; and the connection goes on.
        assert.lengthOf((yield* sql`SELECT 1 AS id, 2 AS id`.values)[0]!, 2)
      })
    )

    it.scopedLive("named as what an object inherits are fields of the row", () =>
      Effect.gen(function* () {
        const sql = yield* client
        const names = ["__proto__", "constructor", "toString"]
        const statement = sql.unsafe(
          `SELECT ${names.map((name, index) => `'${index}' AS ${quote}${name}${quote}`).join()}`
        )

        const rows = yield* statement
        const streamed = yield* Stream.runCollect(statement.stream)
        for (const row of [rows[0], Option.getOrUndefined(Chunk.head(streamed))])
          assert.deepStrictEqual(Object.entries(row as object), [
            ["__proto__", "0"],
            ["constructor", "1"],
            ["toString", "2"]
          ])
      })
    )
  })
