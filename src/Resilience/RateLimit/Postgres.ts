/**
 * A rate limit that machines share through Postgres: one upsert for each change, on the clock of the server.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { type Context, Effect, Layer } from "effect"
import * as Deadline from "../../Deadline.ts"
import * as Options from "../../Options.ts"
import { reasonOf } from "../RedisCommands.ts"
import type { Rule } from "./Rule.ts"
import { type Service, Store, StoreUnavailable, type Taken } from "./Store.ts"

/**
 * What makes the table. A store makes it by itself when it is not there; where it may not, this is for who may.
 *
 * It is not logged: after a crash of the server all limits begin anew, and no turn costs a write to disk.
 *
 * @since 0.1.0
 * @category models
 */
export const table = `CREATE UNLOGGED TABLE IF NOT EXISTS muster_rate_limits (
  key TEXT NOT NULL PRIMARY KEY, full_at DOUBLE PRECISION NOT NULL, turns DOUBLE PRECISION[] NOT NULL,
  paused_until DOUBLE PRECISION NOT NULL, taken INT NOT NULL, at DOUBLE PRECISION NOT NULL,
  idle_at DOUBLE PRECISION NOT NULL)`

/**
 * Makes a store over any client of a Postgres. Nothing is asked before the first turn.
 *
 * Its statements stand outside the transaction of whoever waits for a turn: inside, all others would wait for its end.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (sql: SqlClient.SqlClient): Effect.Effect<Service> =>
  Effect.map(Effect.context<never>(), (context) => {
    const dialect = sql.onDialectOrElse({ pg: () => "postgres", orElse: () => "another database" })
    if (dialect !== "postgres") Options.refuse("RateLimit.Postgres.make", "sql", dialect, "the client of a Postgres")
    const statements = makeStatements(sql)
    let isThere = false
    const prepare = Effect.suspend(() => (isThere ? Effect.void : statements.prepare)).pipe(
      Effect.tap(() => Effect.sync(() => (isThere = true)))
    )
    let swept = 0
    const sweep = Effect.flatMap(Deadline.now, (now) => {
      if (now < swept + sweepEvery) return Effect.void
      swept = now
      return statements.sweep
    })
    const ask = <A>(statement: Effect.Effect<A, SqlError>) =>
      Effect.zipRight(prepare, statement).pipe(
        // Not that of the caller, where there may be a transaction.
        Effect.mapInputContext((_: Context.Context<never>) => context),
        Effect.mapError((cause) => new StoreUnavailable({ store: "postgres", reason: reasonOf(cause), cause }))
      )
    return {
      take: (rule, key, least, most) =>
        Effect.map(ask(Effect.zipLeft(statements.take(rule, key, least, most), sweep)), ([row]) => row!),
      giveBack: (rule, key, count, at) => Effect.asVoid(ask(statements.giveBack(rule, key, count, at))),
      pause: (rule, key, millis) => Effect.asVoid(ask(statements.pause(rule, key, millis)))
    }
  })

/**
 * The store in the Postgres of the `SqlClient`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Store, never, SqlClient.SqlClient> = Layer.effect(
  Store,
  Effect.flatMap(SqlClient.SqlClient, make)
)

/** Rows that say nothing any more are removed now and then, by each machine once in so many milliseconds. */
const sweepEvery = 60_000

/** All of them read the clock after they have the row, and once: a volatile subquery is not taken apart. */
const makeStatements = (sql: SqlClient.SqlClient) => {
  const now = sql`(SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now)`

  const takeOfBucket = (each: number, burst: number, key: string, least: number, most: number) => sql<Taken>`
    INSERT INTO muster_rate_limits AS l (key, full_at, turns, paused_until, taken, at, idle_at)
    SELECT ${key}, c.now + t.taken * ${each}::float8, '{}', 0, t.taken, c.now, c.now + t.taken * ${each}::float8
    FROM ${now} AS c, (SELECT least(${most}::int, ${burst}::int) AS taken) AS t
    ON CONFLICT (key) DO UPDATE SET (full_at, taken, at, idle_at) = (
      SELECT n.full_at, t.taken, c.now, greatest(l.paused_until, n.full_at)
      FROM ${now} AS c,
        LATERAL (SELECT greatest(l.full_at, c.now) AS full_at) AS f,
        LATERAL (SELECT floor(${burst}::int - (f.full_at - c.now) / ${each}::float8 + 0.001)::int AS free) AS r,
        LATERAL (
          SELECT CASE WHEN l.paused_until <= c.now AND r.free >= ${least}::int THEN least(${most}::int, r.free) ELSE 0 END
            AS taken) AS t,
        LATERAL (SELECT f.full_at + t.taken * ${each}::float8 AS full_at) AS n)
    RETURNING taken AS count, at,
      greatest(paused_until, full_at + (${least}::int - ${burst}::int) * ${each}::float8) - at AS wait`

  const takeOfWindow = (limit: number, per: number, key: string, least: number, most: number) => sql<Taken>`
    INSERT INTO muster_rate_limits AS l (key, full_at, turns, paused_until, taken, at, idle_at)
    SELECT ${key}, 0, array_fill(c.now, ARRAY[t.taken]), 0, t.taken, c.now, c.now + ${per}::float8
    FROM ${now} AS c, (SELECT least(${most}::int, ${limit}::int) AS taken) AS t
    ON CONFLICT (key) DO UPDATE SET (turns, taken, at, idle_at) = (
      SELECT k.turns || array_fill(c.now, ARRAY[t.taken]), t.taken, c.now,
        greatest(l.paused_until, c.now + ${per}::float8)
      FROM ${now} AS c,
        LATERAL (
          SELECT coalesce(array_agg(turn ORDER BY turn), '{}') AS turns
          FROM unnest(l.turns) AS turn WHERE turn > c.now - ${per}::float8) AS k,
        LATERAL (SELECT ${limit}::int - cardinality(k.turns) AS free) AS r,
        LATERAL (
          SELECT CASE WHEN l.paused_until <= c.now AND r.free >= ${least}::int THEN least(${most}::int, r.free) ELSE 0 END
            AS taken) AS t)
    RETURNING taken AS count, at,
      greatest(paused_until, turns[cardinality(turns) + ${least}::int - ${limit}::int] + ${per}::float8) - at AS wait`

  const pause = (millis: number, full: number, key: string) => sql`
    INSERT INTO muster_rate_limits AS l (key, full_at, turns, paused_until, taken, at, idle_at)
    SELECT ${key}, c.now + ${full}::float8, '{}', c.now + ${millis}::float8, 0, c.now, c.now + ${full}::float8
    FROM ${now} AS c
    ON CONFLICT (key) DO UPDATE SET (full_at, paused_until, idle_at) = (
      SELECT greatest(l.full_at, c.now + ${full}::float8), greatest(l.paused_until, c.now + ${millis}::float8),
        greatest(l.idle_at, c.now + ${full}::float8)
      FROM ${now} AS c)`

  return {
    prepare: Effect.flatMap(
      sql<{ there: boolean }>`SELECT to_regclass('muster_rate_limits') IS NOT NULL AS there`,
      // Another machine may make it at the same time. If it is not made, the statement after this one says so.
      ([row]) => (row?.there === true ? Effect.void : Effect.ignore(sql.unsafe(table)))
    ),
    take: (rule: Rule, key: string, least: number, most: number) =>
      rule.kind === "token-bucket"
        ? takeOfBucket(rule.per / rule.limit, rule.burst, key, least, most)
        : takeOfWindow(rule.limit, rule.per, key, least, most),
    giveBack: (rule: Rule, key: string, count: number, at: number) =>
      rule.kind === "token-bucket"
        ? sql`UPDATE muster_rate_limits SET full_at = full_at - ${(count * rule.per) / rule.limit}::float8 WHERE key = ${key}`
        : sql`
          UPDATE muster_rate_limits SET turns = array_remove(turns, ${at}::float8) || array_fill(${at}::float8,
            ARRAY[greatest(0, cardinality(array_positions(turns, ${at}::float8)) - ${count}::int)])
          WHERE key = ${key}`,
    // At the end of a pause the first turn of a bucket comes, and not a burst.
    pause: (rule: Rule, key: string, millis: number) =>
      pause(millis, rule.kind === "token-bucket" ? millis + ((rule.burst - 1) * rule.per) / rule.limit : millis, key),
    sweep: Effect.asVoid(sql`
      DELETE FROM muster_rate_limits WHERE key IN (
        SELECT l.key FROM muster_rate_limits AS l, ${now} AS c WHERE l.idle_at < c.now
        LIMIT 1000 FOR UPDATE OF l SKIP LOCKED)`)
  }
}
