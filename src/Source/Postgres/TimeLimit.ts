/**
 * How the deadline goes along: as `statement_timeout`, in the same message as the statement, so that it costs no round trip
 * and ends with the statement (in a transaction: with the transaction).
 *
 * @since 0.1.0
 */
import type { Query } from "../Sql.ts"
import type { Connection, Wire } from "./Wire.ts"

/** These can have another statement before them in the same message; `VACUUM` and the like cannot. */
const limitable =
  /^(?:\s|\(|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:select|with|insert|update|delete|merge|values|table|explain|fetch)\b/i

/** What the server takes: about 25 days. */
const longest = 2_147_483_647

/** Several statements in one text. A semicolon in a quoted text only costs it the limit. */
const several = /;\s*\S/

/**
 * For how many milliseconds the server may work on a statement (0 for as long as it likes), if it must be told.
 *
 * @since 0.1.0
 * @category getters
 */
export const of = (wire: Wire, { params, text, timeLimit }: Query): number | undefined => {
  const { ownLimit, status } = wire
  if (status === "I") wire.limited = false
  // After a failure in a transaction, nothing but its end is let through.
  if (status === "E" || (params.length === 0 && several.test(text))) return undefined
  if (timeLimit === Infinity) return wire.limited ? ownLimit : undefined
  // In a transaction, too, some must be the first, such as `SET TRANSACTION`.
  if (!wire.limited && !limitable.test(text)) return undefined
  wire.limited = status === "T"
  return Math.min(timeLimit, ownLimit > 0 ? ownLimit : longest)
}

/**
 * Sends a limit; the statement must follow, before anything else ends the message.
 *
 * @since 0.1.0
 * @category sending
 */
export const send = (connection: Connection, limit: number): void => {
  connection.parse({ text: "SELECT set_config('statement_timeout', $1, true)" })
  connection.bind({ values: [String(limit)] })
  connection.execute({ rows: 0 })
}
