/**
 * The answers of a connection: as a whole, or page by page.
 *
 * @since 0.1.0
 */
import { Effect, Exit, type Fiber } from "effect"
import type { Fault } from "../Fault.ts"
import type { Answer, Cursor, Query } from "../Sql.ts"
import * as Columns from "../Sql/Columns.ts"
import type { Wire } from "./Wire.ts"

/**
 * Runs a statement to its end.
 *
 * @since 0.1.0
 * @category queries
 */
export const execute = (wire: Wire, query: Query): Effect.Effect<Answer, Fault> =>
  Effect.suspend(() => {
    const rows: Array<unknown> = []
    const sent = wire.send(query, (row, columns) => void rows.push(shaped(query, row, columns)))
    return Effect.map(sent, (header) => ({ rows, raw: header ?? rows }))
  })

const shaped = (query: Query, row: ReadonlyArray<unknown>, columns: ReadonlyArray<string>): unknown =>
  query.rows === "arrays" ? row : Columns.toObject(columns, row)

/** A page is full with so many rows, or so many bytes. */
const full = { rows: 1_000, bytes: 64_000 }

/**
 * Reads the rows of a statement as they are wanted: between two pages the connection is not read, so the server waits.
 *
 * @since 0.1.0
 * @category queries
 */
export const cursor = (wire: Wire, query: Query): Cursor => {
  let page: Array<unknown> = []
  let sent: Fiber.RuntimeFiber<unknown, Fault> | undefined
  let isPaused = false
  let isClosed = false
  let wake = () => {}
  const onRow = (row: ReadonlyArray<unknown>, columns: ReadonlyArray<string>) => {
    if (isClosed) return
    page.push(shaped(query, row, columns))
    if (page.length < full.rows && wire.bytes < full.bytes) return
    isPaused = true
    wire.pause()
    wake()
  }
  const ready = Effect.async<void>((resume) => {
    wake = () => resume(Effect.void)
    if (isPaused || sent?.unsafePoll() !== null) wake()
  })

  const next = Effect.gen(function* () {
    if (sent === undefined) {
      sent = yield* Effect.forkDaemon(wire.send(query, onRow))
      sent.addObserver(() => wake())
    } else if (isPaused) {
      isPaused = false
      wire.resume()
    }
    yield* ready
    const rows = page
    page = []
    const exit = sent.unsafePoll()
    if (exit !== null && Exit.isFailure(exit)) return yield* Effect.failCause(exit.cause)
    return rows
  })
  const close = Effect.suspend(() => {
    isClosed = true
    return sent === undefined || sent.unsafePoll() !== null ? Effect.void : wire.stop
  })
  return { next, close }
}
