import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as fc from "fast-check"
import * as Json from "../../../src/Json.ts"
import * as Fault from "../../../src/Source/Fault.ts"
import * as Mysql from "../../../src/Source/Mysql.ts"
import * as Reading from "../../../src/Source/Mysql/Values.ts"
import { plain } from "../../../src/Source/Plain.ts"
import * as Sql from "../../../src/Source/Sql.ts"
import * as Servers from "../../Servers.ts"
import * as Values from "../Values.ts"

const client = (settings?: Mysql.Settings) =>
  Effect.flatMap(Servers.shared("mariadb"), ({ url }) => Mysql.make({ url, maxConnections: 1, ...settings }))

const fresh = () => `values_${Math.random().toString(36).slice(2)}`

describe("Values of MySQL", () => {
  it("of type JSON, which MySQL and MariaDB say in different ways, are read digit for digit, or refused", () => {
    const readers = [
      { columnType: 245, decimals: 0 },
      { columnType: 252, decimals: 0, extendedFormat: "json" }
    ].map((column) => Reading.reader(column, {}))

    for (const read of readers) {
      assert.deepStrictEqual(read!('{"id":9007199254740993}'), { id: new Json.JsonNumber("9007199254740993") })
      assert.isNull(read!("null"))
      const deep = Either.try({
        try: () => read!("[".repeat(1_001) + "]".repeat(1_001)),
        catch: (error) => error
      })
      assert.deepStrictEqual(
        Either.flip(deep),
        Either.right(Fault.malformed("a value of type JSON is nested more than 1,000 levels deep"))
      )
    }
    assert.isUndefined(Reading.reader({ columnType: 252, decimals: 0 }, {}))
  })
})

Servers.suite("mariadb", "Values of MySQL", () => {
  it.scopedLive("are read digit for digit, with parameters and without", () =>
    Effect.gen(function* () {
      const sql = yield* client()
      const t = sql(fresh())
      yield* sql`SET SESSION sql_mode = ''`
      yield* sql`CREATE TEMPORARY TABLE ${t} (d date, dt datetime(3), dt0 datetime, ts timestamp(6) NULL, t time(3), y year, de decimal(40,10), b bigint, ub bigint unsigned, f double, j json, by_ blob, la varchar(50) CHARACTER SET latin1, tx text CHARACTER SET utf8mb4)`
      yield* sql`INSERT INTO ${t} VALUES
        ('1975-05-11', '2026-03-29 02:30:00.12', '2026-03-29 02:30:00', '2026-03-29 02:30:00.000001', '-838:59:59', 2026, 12345678901234567890.1234567890, 9007199254740993, 18446744073709551615, 1.5, '{"id":1285704473650888702,"big":1e400,"n":null}', x'00ff10', 'Orléans', '🎉'),
        ('0000-00-00', '2026-01-00', '0000-00-00', '0000-00-00', '00:00:01.5', 0, 0, -9007199254740993, 9007199254740992, 0, 'null', '', '', ''),
        ('2026-02-00', '9999-12-31 23:59:59.999', '0000-00-00 00:00:01', NULL, NULL, NULL, NULL, 9007199254740991, 0, NULL, NULL, NULL, NULL, NULL)`
      const expected = [
        `{"d":"1975-05-11","dt":"2026-03-29T02:30:00.120","dt0":"2026-03-29T02:30:00","ts":"2026-03-29T02:30:00.000001Z","t":"-838:59:59.000","y":2026,"de":"12345678901234567890.1234567890","b":9007199254740993,"ub":18446744073709551615,"f":1.5,"j":{"id":1285704473650888702,"big":1e400,"n":null},"by_":"AP8Q","la":"Orléans","tx":"🎉"}`,
        `{"d":"0000-00-00","dt":"2026-01-00T00:00:00.000","dt0":"0000-00-00T00:00:00","ts":"0000-00-00T00:00:00.000000","t":"00:00:01.500","y":0,"de":"0.0000000000","b":-9007199254740993,"ub":9007199254740992,"f":0,"j":null,"by_":"","la":"","tx":""}`,
        `{"d":"2026-02-00","dt":"9999-12-31T23:59:59.999","dt0":"0000-00-00T00:00:01","ts":null,"t":null,"y":null,"de":null,"b":9007199254740991,"ub":0,"f":null,"j":null,"by_":null,"la":null,"tx":null}`
      ]

      for (const rows of [yield* sql`SELECT * FROM ${t}`, yield* sql`SELECT * FROM ${t} WHERE ${1} = 1`])
        assert.deepStrictEqual(
          rows.map((row) => Json.stringify(plain(row))),
          expected
        )
      assert.deepStrictEqual(yield* sql`SELECT b FROM ${t} LIMIT 1`, [{ b: 9007199254740993n }])
      assert.deepStrictEqual(yield* sql`SELECT CAST(0.1 AS FLOAT) AS f, CAST(16777216 AS FLOAT) AS g WHERE ${1}`, [
        { f: 0.1, g: 16777216 }
      ])
    })
  )

  it.scopedLive("find their row again, and no neighbour, as an id, in an expression and in a list", () =>
    Effect.gen(function* () {
      const sql = yield* client()
      const t = sql(fresh())
      yield* sql`CREATE TEMPORARY TABLE ${t} (id int PRIMARY KEY AUTO_INCREMENT, b bigint, u bigint unsigned, de decimal(50,10), f double, d date, dt datetime(3), ts timestamp(3) NULL, t time(3))`
      const around = [2n ** 53n, 2n ** 63n - 3n].flatMap((middle) =>
        [-2n, -1n, 0n, 1n, 2n].map((step) => middle + step)
      )
      for (const b of around)
        yield* sql`INSERT INTO ${t} (b, u, de) VALUES (${String(b)}, ${String(b * 2n)}, ${`${b}${b}.0000000001`})`
      yield* sql`INSERT INTO ${t} (d, dt, ts, t, f) VALUES ('1975-05-11', '2026-03-29 02:30:00.123', '2026-03-29 02:30:00.123', '12:34:56.7', 0.1)`

      const rows = yield* sql<Readonly<Record<string, unknown>>>`SELECT * FROM ${t}`
      for (const row of rows)
        for (const [column, value] of Object.entries(row))
          if (value !== null)
            assert.deepStrictEqual(
              yield* sql`SELECT id FROM ${t} WHERE ${sql(column)} = ${value as string}`,
              [{ id: row["id"] }],
              `${column}: ${String(value)}`
            )
      for (const [index, id] of around.entries())
        for (const given of [id, Json.isInexact(String(id)) ? new Json.JsonNumber(String(id)) : Number(id)])
          assert.deepStrictEqual(
            yield* sql`SELECT id FROM ${t} WHERE b + 0 = ${given as never} AND b IN (${given as never}, ${-1}) AND CONCAT(b) = CONCAT(${given as never})`,
            [{ id: index + 1 }],
            String(given)
          )
      const price = new Json.JsonNumber(`${around[2]}${around[2]}.0000000001`)
      assert.deepStrictEqual(yield* sql`SELECT id FROM ${t} WHERE de + 0 = ${price as never}`, [{ id: 3 }])
    })
  )

  it.scopedLive(
    "come back as the parameters that were sent, or are refused",
    () =>
      Effect.gen(function* () {
        const sql = yield* client()
        const come = (value: unknown) =>
          Effect.map(sql<{ readonly v: unknown }>`SELECT ${value as never} AS v`, ([row]) => row!.v)
        const same = (value: number | bigint | Json.JsonNumber) =>
          Effect.map(come(value), (v) =>
            assert.isTrue(Values.sameDecimal(String(v), value), `${String(v)} for ${value}`)
          )

        yield* Values.property(Values.anyTexts, (text) => Effect.map(come(text), (v) => assert.strictEqual(v, text)))
        yield* Values.property(Values.integers, same)
        yield* Values.property(Values.decimals, same)
        yield* Values.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) =>
          Effect.map(come(number), (v) =>
            typeof v === "number" ? assert.strictEqual(v, number) : assert.strictEqual(Number(v), number)
          )
        )
        yield* Values.property(Values.documents, (document) =>
          Effect.map(sql<{ readonly v: unknown }>`SELECT ${{ document } as never} AS v`, ([row]) =>
            assert.strictEqual(row!.v, Json.stringify({ document }))
          )
        )
        const bytes = Uint8Array.of(0, 255, 16)
        assert.deepStrictEqual(yield* come(bytes), Buffer.from(bytes))
        // To MySQL, zero has no sign.
        assert.deepStrictEqual([yield* come(new Json.JsonNumber("-0.0")), yield* come(-0)], [0, 0])
      }),
    60_000
  )

  it.scopedLive("that MySQL does not have are refused before anything is sent, by number", () =>
    Effect.gen(function* () {
      const sql = yield* client()
      const reasons: Array<string> = []
      const refused = [
        NaN,
        -Infinity,
        "a\ud83d",
        new Date(NaN),
        undefined,
        () => 1,
        10n ** 65n,
        ...["1e400", "-1e400", "1e-400", "0.1234567890123456789012345678901", `1${"2".repeat(65)}`].map(
          (text) => new Json.JsonNumber(text)
        )
      ]
      for (const value of refused) {
        const error = yield* Effect.flip(Sql.typed(sql`SELECT ${1}, ${value as never}`))
        assert.strictEqual(error._tag, "SourceRejected")
        reasons.push(error.reason.replace(/^.*?: parameter 2 /, ""))
      }
      const tooLong = "is a number with more digits than a DECIMAL holds (65, of them 30 of a fraction)"
      assert.deepStrictEqual(reasons, [
        "is NaN, which MySQL has not",
        "is -Infinity, which MySQL has not",
        "has a lone surrogate, which is no character",
        "is an invalid Date",
        "is undefined; for NULL give null",
        "is a function",
        ...Array.from({ length: 6 }, () => tooLong)
      ])
      const statement = yield* Effect.flip(Sql.typed(sql.unsafe("SELECT '\ud83d'")))
      assert.match(statement.reason, /the statement has a lone surrogate/)
      assert.lengthOf(yield* sql`SELECT 1`, 1)
    })
  )

  it.scopedLive(
    "are the same in every time zone of this machine",
    () =>
      Effect.gen(function* () {
        const { url } = yield* Servers.shared("mariadb")
        const read = yield* Effect.promise(() => Values.inZones("mysql", url))

        assert.deepStrictEqual(new Set(read).size, 1)
        assert.include(read[0], '"d":"1975-05-11","dt":"2026-03-29T02:30:00","ts":"2026-03-08T02:30:00"')
        assert.include(read[0], '"u":"2026-03-29T02:30:00","n":1774751400,"z":"00:00:00"')
      }),
    60_000
  )

  it.scopedLive("are written and read in the time zone that the client is given", () =>
    Effect.gen(function* () {
      const date = new Date(Date.UTC(2026, 0, 31, 12, 30))
      const india = yield* client({ driver: { timezone: "+05:30" } })
      const dates = yield* client({ driver: { dateStrings: false } })

      assert.deepStrictEqual(yield* india`SELECT CAST(${date} AS DATETIME) AS d, UNIX_TIMESTAMP(${date}) AS u`, [
        { d: "2026-01-31T18:00:00", u: date.getTime() / 1_000 }
      ])
      assert.deepStrictEqual(yield* dates`SELECT CAST(${date} AS DATETIME) AS d, UNIX_TIMESTAMP(${date}) AS u`, [
        { d: date, u: date.getTime() / 1_000 }
      ])
    })
  )
})
