import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import * as Json from "../../../src/Json.ts"
import { plain } from "../../../src/Source/Plain.ts"
import * as Values from "../Values.ts"
import * as Servers from "../../Servers.ts"
import * as Client from "./Client.ts"

/** Columns whose value as JSON is the very text that `to_json` writes. */
const asToJson = [
  ...["1975-05-11", "infinity", "-infinity", "0044-03-15 BC", "12026-01-01", "0001-01-01", "4713-01-01 BC"].map(
    (value) => `'${value}'::date`
  ),
  ...[
    "2026-01-31 12:34:56.789",
    "2026-03-29 02:30:00.000001",
    "infinity",
    "-infinity",
    "0044-03-15 01:02:03.5 BC",
    "12026-01-01 00:00:00",
    "1582-10-10 10:00:00"
  ].flatMap((value) => [`'${value}'::timestamp`, `'${value}'::timestamptz`]),
  ...["Asia/Kolkata", "America/New_York", "Pacific/Apia"].map(
    (zone) => `(SELECT '2026-01-31 12:34:56.789123+00'::timestamptz FROM set_config('TimeZone', '${zone}', false))`
  ),
  `(SELECT '1880-01-01 00:00:00+00'::timestamptz FROM set_config('TimeZone', 'America/New_York', false))`,
  `(SELECT '0001-01-01 00:00:00+00 BC'::timestamptz FROM set_config('TimeZone', 'Europe/Paris', false))`,
  `'12:34:56.789'::time`,
  `'12:34:56+05:30'::timetz`,
  `'1 year 2 mons -3 days 04:05:06.789'::interval`,
  `'[2026-01-31 01:02:03,)'::tsrange`,
  `'[1.10,12345678901234567890.5)'::numrange`,
  `'[9007199254740993,9223372036854775807)'::int8range`,
  `'NaN'::float8`,
  `'-Infinity'::float4`,
  `'-0'::float8`,
  `0.1::float4`,
  `'{2026-01-31,NULL,infinity}'::date[]`,
  `'{{2026-01-31 12:00:00.5},{-infinity}}'::timestamp[]`,
  `'{2026-01-31 12:00:00+00,NULL}'::timestamptz[]`,
  `'{1 day,NULL}'::interval[]`,
  `'{"[1,3)",empty}'::int4range[]`,
  `'{NaN,Infinity,-0,1.5}'::float8[]`,
  `'{"id":1285704473650888702,"big":1e400,"list":[0.1000000000000000055,-0,1]}'::json`,
  `'{"id":1285704473650888702,"price":12345678901234567890.123}'::jsonb`,
  `ARRAY['{"id":9007199254740993}', '[1]']::json[]`,
  `ARRAY['{"id":9007199254740993}', NULL]::jsonb[]`,
  `ROW(9007199254740993, '2026-01-31'::date)::text`
]

/** Those that are texts, since not every program reads such numbers. */
const asTexts = ["9223372036854775807::int8", "1.10::numeric", "'NaN'::numeric", "'Infinity'::numeric"]

Servers.suite("postgres", "Values of PostgreSQL", () => {
  it.scopedLive("are, as JSON, what to_json writes, digit for digit", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })

      for (const value of asToJson) {
        const [row] = yield* sql.unsafe<Readonly<Record<string, unknown>>>(
          `WITH t AS (SELECT ${value} AS v) SELECT v, to_json(v)::text AS j FROM t`
        )
        assert.strictEqual(Json.stringify(plain(row!["v"])), String(row!["j"]).replaceAll(/([:,]) /g, "$1"), value)
      }
      for (const value of asTexts) {
        const [row] = yield* sql.unsafe<Readonly<Record<string, unknown>>>(
          `WITH t AS (SELECT ${value} AS v) SELECT v, v::text AS t, ARRAY[v, NULL] AS l FROM t`
        )
        assert.strictEqual(row!["v"], row!["t"])
        assert.deepStrictEqual(row!["l"], [row!["t"], null])
      }
    })
  )

  it.scopedLive("do not depend on how the server is set up to write them", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.shared("postgres")
      const options = "-c DateStyle=German -c extra_float_digits=-5 -c TimeZone=Asia/Kolkata"
      const sql = yield* Client.make({ url: `${url}?options=${encodeURIComponent(options)}` })
      const [row] =
        yield* sql`SELECT '1975-05-11'::date AS d, '2026-01-31 12:34:56.789+00'::timestamptz AS t, 0.1::float8 + 0.2 AS f`

      assert.deepStrictEqual(row, { d: "1975-05-11", t: "2026-01-31T18:04:56.789+05:30", f: 0.1 + 0.2 })
    })
  )

  it.scopedLive(
    "come back as the parameters that were sent, or are refused",
    () =>
      Effect.gen(function* () {
        const sql = yield* Client.make({ maxConnections: 2 })
        yield* Values.property(Values.texts, (text) =>
          Effect.map(sql`SELECT ${text}::text AS v, ${text}::text = ${text}::text AS same`, ([row]) =>
            assert.deepStrictEqual(row, { v: text, same: true })
          )
        )
        yield* Values.property(Values.numbers, (number) =>
          Effect.map(sql`SELECT ${number as never}::numeric::text AS v`, ([row]) =>
            assert.isTrue(Values.sameDecimal(String(row!["v"]), number), `${row!["v"]} for ${number}`)
          )
        )
        // A list alone is an array of PostgreSQL, not JSON.
        yield* Values.property(
          Values.documents.map((value) => ({ value })),
          (document) =>
            Effect.map(sql`SELECT ${document as never}::json AS v, ${[document] as never}::json[] AS l`, ([row]) =>
              assert.deepStrictEqual([row!["v"], row!["l"]], [document, [document]])
            )
        )
        yield* Values.property(fc.oneof(fc.float(), fc.double()), (number) =>
          Effect.map(sql`SELECT ${number}::float8 AS v, ${[number] as never}::float8[] AS l`, ([row]) =>
            assert.deepStrictEqual(row, { v: number, l: [number] })
          )
        )
        yield* Values.property(fc.date({ min: new Date("-004713-11-24T00:00:00.000Z"), noInvalidDate: true }), (date) =>
          Effect.map(sql`SELECT extract(epoch FROM ${date}::timestamptz) * 1000 = ${date.getTime()} AS same`, ([row]) =>
            assert.deepStrictEqual(row, { same: true }, date.toISOString())
          )
        )
      }),
    60_000
  )

  it.scopedLive("that PostgreSQL does not have are refused before anything is sent, by number", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })
      const reasonOf = (value: unknown) =>
        Effect.map(Client.failed(sql`SELECT ${1}::int, ${value as string}`, "SourceRejected"), ({ reason }) => reason)

      assert.strictEqual(
        yield* reasonOf("a\0b"),
        "parameter 2 has the character NUL (U+0000), which no text of PostgreSQL has"
      )
      assert.match(yield* reasonOf("a\ud83d"), /^parameter 2 has a lone surrogate/)
      assert.match(yield* reasonOf(["ok", ["\ude00"]]), /^parameter 2 has a lone surrogate/)
      assert.match(yield* reasonOf(new Date(NaN)), /^parameter 2 is an invalid Date/)
      assert.match(yield* reasonOf(() => 1), /^parameter 2 is a function/)
      const cut = yield* Client.failed(sql.unsafe("SELECT 1 AS a\0, secret FROM t"), "SourceRejected")
      assert.match(cut.reason, /^the statement has the character NUL/)
      const deep = yield* Client.failed(
        sql`SELECT repeat('[', 5000)::text || repeat(']', 5000) AS t, (repeat('[', 5000) || repeat(']', 5000))::jsonb AS v`,
        "SourceMalformed"
      )
      assert.strictEqual(deep.reason, "a value of type json is nested more than 1,000 levels deep")
      assert.lengthOf(yield* sql`SELECT 1`, 1)
    })
  )

  it.scopedLive("find their row again", () =>
    Effect.gen(function* () {
      const sql = yield* Client.make({ maxConnections: 1 })
      const t = sql(Client.fresh("values"))
      yield* sql`CREATE TEMPORARY TABLE ${t} (id int, d date, ts timestamp, tz timestamptz, n numeric, b bigint, f float8, i interval, by bytea, ad date[], na numeric[], r tsrange)`
      yield* sql`INSERT INTO ${t} VALUES (1, '1975-05-11', '2026-03-29 02:30:00.000001', '2026-03-29 02:30:00.000001+00', 12345678901234567890.123456789, 9007199254740993, 'NaN', '1 year 2 mons 3 days 04:05:06.789', '\\x00ff10', '{2026-01-31,infinity}', '{1.10,NaN}', '[2026-01-01,)'),
        (2, 'infinity', '-infinity', 'infinity', 'NaN', 9007199254740992, '-Infinity', '-1 day', '', '{}', '{NULL,1}', 'empty'), (3, '0044-03-15 BC', '12026-01-01', '0001-01-01 00:00:00+00 BC', 'Infinity', 9223372036854775807, 5e-324, '0', '\\x80', NULL, NULL, NULL)`
      for (const row of yield* sql`SELECT * FROM ${t}`)
        for (const [column, value] of Object.entries(row))
          if (value !== null)
            assert.deepStrictEqual(
              yield* sql`SELECT id FROM ${t} WHERE ${sql(column)} = ${value as string}`,
              [{ id: row["id"] }],
              `${column} of ${String(row["id"])}`
            )
    })
  )
})

Servers.suite("postgres", "Values of PostgreSQL, everywhere", () => {
  it.live(
    "are the same in every time zone of this machine",
    () =>
      Effect.gen(function* () {
        const { url } = yield* Servers.shared("postgres")
        const read = yield* Effect.promise(() => Values.inZones("postgres", url))

        assert.deepStrictEqual(new Set(read).size, 1)
        assert.include(read[0], '"ts":"2026-03-29T02:30:00","tz":"2026-03-29T02:30:00+00:00","l":["1975-05-11"]')
      }),
    60_000
  )
})
