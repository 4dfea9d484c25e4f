/**
 * A ledger in a database: SQLite for one machine, Postgres for many. It takes any `SqlClient` of `@effect/sql`.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { Chunk, Clock, Effect, Layer, Option, Stream } from "effect"
import * as Deadline from "../../Deadline.ts"
import { BatchBusy, type Claimed, type Counts, LeaseLost, Ledger, LedgerUnavailable, type Service } from "../Ledger.ts"
import * as Dialect from "./Dialect.ts"
import { Heartbeats, type Owner } from "./Heartbeats.ts"
import * as Input from "./Input.ts"
import { numberOf, rowOf, settledRow, stateNumbers, storable, type Stored } from "./Stored.ts"

/** Rows that are read in one go. */
const page = 1_000
/** An item that has to wait longer than it was told to, by more than this, waits on a clock that was set back. */
const setBack = 1_000
/** How often it is looked for a heartbeat. */
const lookEvery = 50

/**
 * The ledger in the database of the `SqlClient`; its tables (`muster_...`) are made if they are not there. Fails with
 * `LedgerUnavailable` when they cannot be, or are those of another version.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Ledger, LedgerUnavailable, SqlClient.SqlClient> = Layer.effect(
  Ledger,
  Effect.flatMap(SqlClient.SqlClient, (sql) => make(sql))
)

/**
 * Makes the ledger, and its tables.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (sql: SqlClient.SqlClient): Effect.Effect<Service, LedgerUnavailable> => {
  const dialect = Dialect.of(sql)
  const { inTurn, now, rowsOf, skipLocked } = dialect
  const atomically = <A, E>(effect: (now: number) => Effect.Effect<A, E | SqlError>) =>
    inTurn(available(sql.withTransaction(Effect.flatMap(now, effect))))

  const heartbeats = new Heartbeats()

  /** What the input, as it was read last, does not have is not run. */
  const isInInput = (batch: string) => sql`reading = (SELECT reading FROM muster_batches WHERE batch = ${batch})`

  /** Deletes the owners whose heartbeat stood still for a lease, makes their items pending, and returns the owners that are left. */
  const bury = (batch: string) =>
    Effect.gen(function* () {
      const rows = yield* sql<Record<keyof Owner, unknown>>`
        SELECT owner, exclusive, lease, beats FROM muster_owners WHERE batch = ${batch} ORDER BY exclusive DESC`
      const owners = rows.map(ownerOf)
      const { alive, dead, unknown } = heartbeats.look(batch, owners, yield* Deadline.now)
      for (const { beats, owner } of dead)
        yield* sql`DELETE FROM muster_owners WHERE batch = ${batch} AND owner = ${owner} AND beats = ${beats}`
      yield* sql`UPDATE muster_items SET state = 0, owner = NULL WHERE batch = ${batch} AND state = 1 AND NOT EXISTS (
        SELECT 1 FROM muster_owners AS o WHERE o.batch = ${batch} AND o.owner = muster_items.owner)`
      return { alive, dead, owners: owners.filter((one) => !dead.includes(one)), unknown }
    })

  /** An owner that lives: one that is heard, or one that ends while it is waited for. A dead one takes its lease. */
  const living = (
    batch: string,
    known: ReadonlyArray<Owner> = []
  ): Effect.Effect<Owner | undefined, LedgerUnavailable> =>
    Effect.gen(function* () {
      for (let before = known; ; yield* Effect.sleep(lookEvery)) {
        const { alive, dead, unknown } = yield* atomically(() => bury(batch))
        const there = new Set([...dead, ...unknown].map(({ owner }) => owner))
        const lives = alive[0] ?? before.find(({ owner }) => !there.has(owner))
        if (lives !== undefined || unknown.length === 0) return lives
        before = unknown
      }
    })

  const open: Service["open"] = (batch, owner, { exclusive, lease }) =>
    atomically(() =>
      Effect.gen(function* () {
        // The row is locked by this, so that two who open a batch at once do so one after the other.
        yield* sql`INSERT INTO muster_batches (batch) VALUES (${batch})
          ON CONFLICT (batch) DO UPDATE SET cancelled = muster_batches.cancelled * ${exclusive ? 0 : 1}`
        const { owners } = yield* bury(batch)
        const other = owners.find((one) => exclusive && one.exclusive && one.owner !== owner)
        if (other !== undefined) return yield* new BatchBusy({ batch, owner: other.owner })
        yield* beat(
          batch,
          owner,
          yield* sql`INSERT INTO muster_owners (batch, owner, exclusive, lease, beats)
            VALUES (${batch}, ${owner}, ${exclusive ? 1 : 0}, ${lease}, 0)
            ON CONFLICT (batch, owner) DO UPDATE SET beats = muster_owners.beats + 1 RETURNING beats`
        )
      })
    )

  const beat = (batch: string, owner: string, [row]: ReadonlyArray<{ readonly beats?: unknown }>) =>
    Effect.map(Deadline.now, (now) => heartbeats.wrote(batch, owner, numberOf(row?.beats), now))

  const renew: Service["renew"] = (batch, owner) =>
    atomically(() =>
      Effect.gen(function* () {
        const mine = yield* sql`UPDATE muster_owners SET beats = beats + 1
          WHERE batch = ${batch} AND owner = ${owner} RETURNING beats`
        if (mine.length === 0) return yield* new LeaseLost({ batch, owner })
        yield* beat(batch, owner, mine)
        yield* bury(batch)
        const [row] = yield* sql<{ cancelled: unknown }>`SELECT cancelled FROM muster_batches WHERE batch = ${batch}`
        return { cancelled: numberOf(row?.cancelled) === 1 }
      })
    )

  const close: Service["close"] = (batch, owner) =>
    atomically(() =>
      Effect.zipRight(
        sql`DELETE FROM muster_owners WHERE batch = ${batch} AND owner = ${owner}`,
        Effect.asVoid(bury(batch))
      )
    )

  const claim: Service["claim"] = (batch, owner, most) =>
    atomically((now) =>
      Effect.gen(function* () {
        const mine = yield* sql`SELECT 1 FROM muster_owners WHERE batch = ${batch} AND owner = ${owner}`
        if (mine.length === 0) return yield* new LeaseLost({ batch, owner })
        // Materialized: Postgres may run a subquery with a limit and locks more than once, and take more than the limit.
        const claimed = yield* sql<{ id: string; position: unknown; item: string; attempts: unknown }>`
          WITH next AS MATERIALIZED (
            SELECT batch, id FROM muster_items WHERE batch = ${batch} AND state = 0 AND ${isInInput(batch)}
            AND (not_before <= ${now} OR not_before - wait > ${now + setBack}) ORDER BY position LIMIT ${most} ${skipLocked})
          UPDATE muster_items SET state = 1, owner = ${owner} FROM next
          WHERE muster_items.batch = next.batch AND muster_items.id = next.id
          RETURNING muster_items.id, position, item, attempts`
        return claimed
          .map(({ attempts, id, item, position }): Claimed => ({
            id,
            position: numberOf(position),
            item,
            attempts: numberOf(attempts)
          }))
          .sort((a, b) => a.position - b.position)
      })
    )

  // The rows are materialized, and the batch is one of their columns: given as a value, SQLite takes it for the better key,
  // and reads the whole batch for every row (1.6 s for 1,000 of 20,000 instead of 20 ms).
  const settle: Service["settle"] = (batch, owner, items) =>
    atomically((now) =>
      Effect.flatMap(Clock.currentTimeMillis, (date) => {
        const rows = rowsOf(
          items.map((item) => settledRow(item, now, date)),
          ...(["id", "state", "took", "result", "failure_class", "failure_message"] as const),
          ...(["not_before", "wait", "ended_at"] as const)
        )
        return Effect.asVoid(sql`
        WITH ended AS MATERIALIZED (SELECT CAST(${batch} AS text) AS batch, x.* FROM ${rows})
        UPDATE muster_items SET state = x.state, owner = NULL, attempts = attempts + 1,
          took = muster_items.took + x.took, result = x.result, failure_class = x.failure_class,
          failure_message = x.failure_message, not_before = x.not_before, wait = x.wait, ended_at = x.ended_at
        FROM ended AS x
        WHERE muster_items.batch = x.batch AND muster_items.id = x.id AND muster_items.owner = ${owner}`)
      })
    )

  const counts: Service["counts"] = (batch) =>
    atomically(() =>
      Effect.gen(function* () {
        const [input] = yield* sql<Record<"reading" | "input" | "input_read" | "input_offset" | "sealed", unknown>>`
          SELECT reading, input, input_read, input_offset, sealed FROM muster_batches WHERE batch = ${batch}`
        if (input === undefined) return undefined
        // Not grouped by the state: SQLite would sort all rows, in memory.
        const [sums] = yield* sql<
          Record<"pending" | "running" | "done" | "failed" | "absent" | "left_out" | "attempts" | "took", unknown>
        >`
          SELECT sum(CASE state WHEN 0 THEN 1 END) AS pending, sum(CASE state WHEN 1 THEN 1 END) AS running,
            sum(CASE state WHEN 2 THEN 1 END) AS done, sum(CASE state WHEN 3 THEN 1 END) AS failed,
            sum(CASE WHEN state <> 1 AND reading < ${input.reading} THEN 1 END) AS absent,
            sum(CASE WHEN state = 0 AND reading < ${input.reading} THEN 1 END) AS left_out, sum(attempts) AS attempts, sum(took) AS took
          FROM muster_items WHERE batch = ${batch}`
        const counts = {
          pending: numberOf(sums?.pending) - numberOf(sums?.left_out),
          running: numberOf(sums?.running),
          done: numberOf(sums?.done),
          failed: numberOf(sums?.failed),
          absent: numberOf(sums?.absent),
          leftOut: numberOf(sums?.left_out),
          attempts: numberOf(sums?.attempts),
          took: numberOf(sums?.took)
        }
        const read = { read: numberOf(input.input_read), offset: numberOf(input.input_offset) }
        const text = typeof input.input === "string" ? input.input : null
        return { ...counts, ...read, input: text, sealed: numberOf(input.sealed) === 1 } satisfies Counts
      })
    )

  const rows: Service["rows"] = (batch, which = {}) => {
    const states = (which.states ?? stateNumbers.names).map(stateNumbers.of)
    return Stream.paginateChunkEffect({ position: -1, id: "" }, (after) =>
      available(sql<Stored>`
        SELECT id, position, state, attempts, item, result, failure_class, failure_message, ended_at,
          CASE WHEN ${isInInput(batch)} THEN 0 ELSE 1 END AS absent FROM muster_items
        WHERE batch = ${batch} AND (position, id) > (${after.position}, ${after.id}) AND ${sql.in("state", states)}
        ${which.class === undefined ? sql`` : sql`AND failure_class = ${storable(which.class)}`}
        ORDER BY position, id LIMIT ${page}`).pipe(
        Effect.map((found) => {
          const last = found.at(-1)
          const next = found.length < page || last === undefined ? undefined : rowOf(last)
          return [Chunk.unsafeFromArray(found.map(rowOf)), Option.fromNullable(next)] as const
        })
      )
    )
  }

  const redrive: Service["redrive"] = (batch, only) =>
    available(sql`
      UPDATE muster_items SET state = 0, attempts = 0, not_before = 0, ended_at = NULL
      WHERE batch = ${batch} AND state = 3 ${only === undefined ? sql`` : sql`AND failure_class = ${storable(only)}`}
      RETURNING 1`).pipe(Effect.map((again) => again.length))

  const purge: Service["purge"] = (batch) =>
    Effect.zipRight(
      living(batch),
      atomically(() => forget(batch))
    )

  const forget = (batch: string) =>
    Effect.gen(function* () {
      const [owner] = (yield* bury(batch)).owners
      if (owner !== undefined) return yield* new BatchBusy({ batch, owner: owner.owner })
      const [items] = yield* sql<{ count: unknown }>`
          SELECT count(*) AS count FROM muster_items WHERE batch = ${batch}`
      yield* sql`DELETE FROM muster_items WHERE batch = ${batch}`
      yield* sql`DELETE FROM muster_batches WHERE batch = ${batch}`
      return numberOf(items?.count)
    })

  const cancel: Service["cancel"] = (batch) =>
    Effect.gen(function* () {
      // Cancels before it waits for heartbeats, so that a living owner stops at once.
      const { owners } = yield* atomically(() =>
        Effect.tap(bury(batch), ({ owners }) =>
          owners.length === 0 ? Effect.void : sql`UPDATE muster_batches SET cancelled = 1 WHERE batch = ${batch}`
        )
      )
      return owners.length > 0 && (yield* living(batch, owners)) !== undefined
    })

  const seal: Service["seal"] = (batch) =>
    Effect.asVoid(available(sql`UPDATE muster_batches SET sealed = 1 WHERE batch = ${batch}`))
  const keepPlan: Service["keepPlan"] = (batch, plan) =>
    Effect.asVoid(
      available(sql`INSERT INTO muster_batches (batch, plan) VALUES (${batch}, ${plan})
        ON CONFLICT (batch) DO UPDATE SET plan = excluded.plan`)
    )
  const plan: Service["plan"] = (batch) =>
    Effect.map(
      available(sql<{ plan: string | null }>`SELECT plan FROM muster_batches WHERE batch = ${batch}`),
      ([row]) => row?.plan ?? undefined
    )
  const batches: Service["batches"] = Effect.map(
    available(sql<{ batch: string }>`SELECT batch FROM muster_batches ORDER BY batch`),
    (found) => found.map(({ batch }) => batch)
  )
  const nextDue: Service["nextDue"] = (batch) =>
    available(
      Effect.gen(function* () {
        const at = yield* now
        const [row] = yield* sql<{ due: unknown }>`
          SELECT min(CASE WHEN not_before - wait > ${at + setBack} THEN 0 ELSE not_before END) AS due
          FROM muster_items WHERE batch = ${batch} AND state = 0 AND not_before > 0
            AND ${isInInput(batch)}`
        return row?.due === null || row?.due === undefined ? undefined : Math.max(0, numberOf(row.due) - at)
      })
    )

  const ledger: Service = {
    ...Input.make(sql, dialect, atomically),
    ...{
      open,
      renew,
      close,
      seal,
      claim,
      settle,
      counts,
      rows,
      redrive,
      purge,
      cancel,
      keepPlan,
      plan,
      batches,
      nextDue
    }
  }
  return Effect.as(migrate(sql), ledger)
}

const ownerOf = ({ beats, exclusive, lease, owner }: Record<keyof Owner, unknown>): Owner => ({
  owner: String(owner),
  exclusive: numberOf(exclusive) === 1,
  lease: numberOf(lease),
  beats: numberOf(beats)
})

/** Makes the tables that are not there. */
const migrate = (sql: SqlClient.SqlClient): Effect.Effect<void, LedgerUnavailable> =>
  Effect.gen(function* () {
    yield* Dialect.of(sql).alone
    for (const statement of Dialect.tables) yield* sql.unsafe(statement)
    // An older ledger keeps its version, and is refused.
    yield* sql`INSERT INTO muster_ledger (version) SELECT CAST(${Dialect.version} AS INTEGER)
      WHERE NOT EXISTS (SELECT 1 FROM muster_ledger) ON CONFLICT (version) DO NOTHING`
    const versions = yield* sql<{ version: unknown }>`SELECT version FROM muster_ledger ORDER BY version DESC`
    const found = numberOf(versions[0]?.version)
    if (found === Dialect.version) return
    const reason = `its tables have version ${found}, and this muster knows version ${Dialect.version}: go on with the one that made it, or begin another`
    return yield* new LedgerUnavailable({ reason })
  }).pipe(sql.withTransaction, available)

/** Any error of the database is that of the ledger. */
const available = <A, E>(effect: Effect.Effect<A, E | SqlError>) =>
  Effect.catchIf(
    effect,
    (error): error is Extract<E | SqlError, SqlError> => error instanceof SqlError,
    (error) => new LedgerUnavailable({ reason: reasonOf(error), cause: error })
  )

/** The client may have wrapped what the driver said; the innermost message says most. */
const reasonOf = (error: unknown): string => {
  const inner = error instanceof Error && "cause" in error ? error.cause : undefined
  if (inner instanceof Error) return reasonOf(inner)
  if (error instanceof Error && "reason" in error && typeof error.reason === "string") return error.reason
  return error instanceof Error ? error.message : String(error)
}
