/**
 * Reads dates and times from a server in one time zone after the other, with new connections in each, and prints what it read in a
 * line for each: `tsx Zoned.ts mysql URL`. In a thread, such as one of vitest's, the time zone cannot be changed.
 */
import { Effect, Redacted } from "effect"
import * as Json from "../../src/Json.ts"
import { Drivers } from "../../src/Source.ts"
import * as DriversLive from "../../src/Source/Drivers.ts"

const statements = {
  postgres: `SELECT '1975-05-11'::date AS d, '2026-03-29 02:30:00'::timestamp AS ts, '2026-03-29 02:30:00+00'::timestamptz AS tz,
    '{1975-05-11}'::date[] AS l, '[2026-03-08 02:30:00,)'::tsrange AS r, localtimestamp - now()::timestamp AS n, '1880-01-01'::timestamp AS old`,
  mysql: `SELECT CAST('1975-05-11' AS DATE) AS d, CAST('2026-03-29 02:30:00' AS DATETIME) AS dt, TIMESTAMP '2026-03-08 02:30:00' AS ts,
    FROM_UNIXTIME(1774751400) AS u, UNIX_TIMESTAMP('2026-03-29 02:30:00') AS n, TIMEDIFF(NOW(), UTC_TIMESTAMP()) AS z`
}

const [kind, url] = process.argv.slice(2) as ["postgres" | "mysql", string]

const program = Effect.gen(function* () {
  const ask = yield* (yield* Drivers)[kind]({ url: Redacted.make(url) })
  const read = yield* ask({ text: [statements[kind]], params: [] })
  // As in a program, without what a test runner does to modules.
  yield* ask({ text: ["SELECT 1 WHERE 5 = ", ""], params: [5] })
  const localNoon = new Date(2026, 0, 31, 12).getUTCHours()
  return yield* Effect.sync(() => console.log(`${localNoon} ${Json.stringify(read)}`))
})

for (const zone of ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]) {
  process.env["TZ"] = zone
  await Effect.runPromise(Effect.scoped(Effect.provide(program, DriversLive.layer)))
}
