/**
 * How the input of a batch comes into a ledger in a database, and is told from what is there already.
 *
 * Each time the input is read from its beginning is a reading. An item has the number of the last reading it was seen in: by
 * that, two items of one id in one input are told from an item that has moved, and what is no longer in the input is known.
 *
 * @since 0.1.0
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { ItemConflict, type LedgerUnavailable, type NewItem, type Service } from "../Ledger.ts"
import type { Dialect } from "./Dialect.ts"
import { newRow, numberOf, refuseIds } from "./Stored.ts"

/** Runs a transaction. */
type Atomically = <A, E>(
  effect: () => Effect.Effect<A, E>
) => Effect.Effect<A, Exclude<E, SqlError> | LedgerUnavailable>

interface Known {
  readonly position: number
  readonly hash: string
  readonly reading: number
}

/**
 * The part of a ledger that takes the input.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  sql: SqlClient.SqlClient,
  { rowsOf }: Dialect,
  atomically: Atomically
): Pick<Service, "begin" | "add" | "compare"> => {
  const begin: Service["begin"] = (batch, input) =>
    atomically(() =>
      Effect.gen(function* () {
        const [row] = yield* sql<Record<"input" | "input_read" | "input_offset", unknown>>`
          SELECT input, input_read, input_offset FROM muster_batches WHERE batch = ${batch}`
        if (input !== null && row?.input === input)
          return { read: numberOf(row.input_read), offset: numberOf(row.input_offset) }
        yield* sql`UPDATE muster_batches SET reading = reading + 1, input = ${input}, input_read = 0, input_offset = 0,
          sealed = 0 WHERE batch = ${batch}`
        return { read: 0, offset: 0 }
      })
    )

  const readingOf = (batch: string) =>
    Effect.map(sql<{ reading: unknown }>`SELECT reading FROM muster_batches WHERE batch = ${batch}`, ([row]) =>
      numberOf(row?.reading)
    )

  const knownOf = (batch: string, items: ReadonlyArray<NewItem>) =>
    Effect.map(
      sql<{ [key in keyof Known | "id"]: unknown }>`SELECT id, position, hash, reading FROM muster_items
        WHERE batch = ${batch} AND ${sql.in(
          "id",
          items.map(({ id }) => id)
        )}`,
      (rows) =>
        new Map(
          rows.map(({ hash, id, position, reading }): [string, Known] => [
            String(id),
            { position: numberOf(position), hash: String(hash), reading: numberOf(reading) }
          ])
        )
    )

  /** Those that were in an earlier reading as well; fails for what is another item, or twice in this reading. */
  const movedOf = (batch: string, items: ReadonlyArray<NewItem>, known: Map<string, Known>, reading: number) => {
    const moved: Array<NewItem> = []
    for (const item of items) {
      const { hash, id, position } = item
      const first = known.get(id)
      const isEarlier = first !== undefined && first.reading < reading
      if (first === undefined || (first.hash === hash && !isEarlier && first.position === position)) continue
      if (first.hash !== hash || !isEarlier) {
        const places = { first: first.position + 1, second: position + 1 }
        return new ItemConflict({ batch, id, ...places, same: first.hash === hash, earlier: isEarlier })
      }
      known.set(id, { hash, position, reading })
      moved.push(item)
    }
    return Effect.succeed(moved)
  }

  const add: Service["add"] = (batch, items, read, offset = 0) =>
    atomically(() =>
      Effect.gen(function* () {
        yield* refuseIds(items)
        const reading = yield* readingOf(batch)
        const added = yield* sql`
          INSERT INTO muster_items (batch, id, position, hash, item, state, attempts, took, not_before, wait, reading)
          SELECT ${batch}, id, position, hash, item, 0, 0, 0, 0, 0, CAST(${reading} AS BIGINT)
          FROM ${rowsOf(items.map(newRow), "id", "position", "hash", "item")} WHERE true
          ON CONFLICT (batch, id) DO NOTHING RETURNING 1`
        const again = added.length < items.length ? yield* recognize(batch, items, reading) : 0
        // A file that was read to its end may have grown since.
        if (added.length > 0) yield* sql`UPDATE muster_batches SET sealed = 0 WHERE batch = ${batch} AND sealed = 1`
        yield* sql`UPDATE muster_batches SET input_read = ${read}, input_offset = ${offset}
          WHERE batch = ${batch} AND input_read < ${read}`
        return added.length + again
      })
    )

  /** Sees items again that an earlier reading has had. Says how many of them are yet to be run. */
  const recognize = (batch: string, items: ReadonlyArray<NewItem>, reading: number) =>
    Effect.gen(function* () {
      const moved = yield* movedOf(batch, items, yield* knownOf(batch, items), reading)
      if (moved.length === 0) return 0
      // For why it is like this, see `settle`.
      const rows = yield* sql<{ state: unknown }>`
        WITH moved AS MATERIALIZED (SELECT CAST(${batch} AS text) AS batch, x.* FROM ${rowsOf(moved, "id", "position")})
        UPDATE muster_items SET reading = ${reading}, position = x.position FROM moved AS x
        WHERE muster_items.batch = x.batch AND muster_items.id = x.id RETURNING state`
      return rows.filter(({ state }) => numberOf(state) === 0).length
    })

  const compare: Service["compare"] = (batch, items) =>
    atomically(() =>
      Effect.flatMap(knownOf(batch, items), (known) => Effect.asVoid(movedOf(batch, items, known, Infinity)))
    )

  return { begin, add, compare }
}
