/**
 * Rows of the ledger as a database has them.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { wrongId } from "../Item.ts"
import { LedgerUnavailable, type NewItem, type Row, type Settled, type State } from "../Ledger.ts"

/**
 * A row as it was read. Databases give numbers as numbers, bigints or text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stored {
  readonly id: string
  readonly position: unknown
  readonly state: unknown
  readonly attempts: unknown
  readonly item: string
  readonly result: string | null
  readonly failure_class: string | null
  readonly failure_message: string | null
  readonly ended_at: unknown
  readonly absent: unknown
}

const names = ["pending", "running", "done", "failed"] as const satisfies ReadonlyArray<State>

/**
 * States are stored as numbers.
 *
 * @since 0.1.0
 * @category getters
 */
export const stateNumbers = {
  names,
  of: (state: State): number => names.indexOf(state),
  nameOf: (stored: number): State => names[stored] ?? "pending"
}

/**
 * Reads a number; nothing is zero.
 *
 * @since 0.1.0
 * @category getters
 */
export const numberOf = (stored: unknown): number => Number(stored ?? 0)

/**
 * Reads a row.
 *
 * @since 0.1.0
 * @category getters
 */
export const rowOf = (stored: Stored): Row => ({
  id: stored.id,
  position: numberOf(stored.position),
  state: stateNumbers.nameOf(numberOf(stored.state)),
  attempts: numberOf(stored.attempts),
  item: stored.item,
  result: stored.result,
  failure:
    stored.failure_class === null ? null : { class: stored.failure_class, message: stored.failure_message ?? "" },
  endedAt: stored.ended_at === null ? null : numberOf(stored.ended_at),
  absent: numberOf(stored.absent) === 1
})

/**
 * What has become of an item, as it is written: at `now` on the clock of the ledger, and on this date.
 *
 * @since 0.1.0
 * @category getters
 */
export const settledRow = (item: Settled, now: number, date: number) => {
  const none = { result: null, failure_class: null, failure_message: null, not_before: 0, wait: 0, ended_at: null }
  const state = stateNumbers.of(item.to === "again" ? "pending" : item.to)
  const ran = { ...none, id: item.id, state, took: Math.round(item.took) }
  if (item.to === "done") return { ...ran, result: storableJson(item.result), ended_at: date }
  const failed = {
    ...ran,
    failure_class: storable(item.failure.class),
    failure_message: storable(item.failure.message)
  }
  if (item.to === "failed") return { ...failed, ended_at: date }
  const wait = Math.ceil(item.wait)
  return { ...failed, not_before: Math.ceil(now) + wait, wait }
}

/**
 * Fails if the id of an item is one that not every ledger can hold: SQLite would store a text that it cannot give back. Readers of
 * input refuse such an id earlier, by its line.
 *
 * @since 0.1.0
 * @category checks
 */
export const refuseIds = (items: ReadonlyArray<NewItem>): Effect.Effect<void, LedgerUnavailable> => {
  for (const { id, position } of items) {
    const wrong = wrongId(id)
    if (wrong !== undefined) return new LedgerUnavailable({ reason: `item ${position + 1} is refused: ${wrong}` })
  }
  return Effect.void
}

/**
 * A new item, as it is written.
 *
 * @since 0.1.0
 * @category getters
 */
export const newRow = (item: NewItem): NewItem => ({ ...item, item: storableJson(item.item) })

/**
 * A text as every database can hold it: Postgres has no NUL and no half of a surrogate pair.
 *
 * @since 0.1.0
 * @category getters
 */
export const storable = (text: string): string => Buffer.from(text.replaceAll("\0", "\uFFFD")).toString()

/** The same JSON, whose strings have those as escapes only. */
const storableJson = (json: string): string =>
  json.replace(/[\0\p{Surrogate}]/gu, (half) => `\\u${half.charCodeAt(0).toString(16).padStart(4, "0")}`)
