/**
 * What an error of the driver means: whether asking again may help, and why, without anything of the data.
 *
 * @since 0.1.0
 */
import type { Fault } from "../Fault.ts"
import * as Faults from "../Fault.ts"

/** The server could not now: it is full, stops, was told to stop the statement, or another one was in the way. */
const transient: Readonly<Record<number, string>> = {
  1021: "its disk is full",
  1037: "it is out of memory",
  1040: "it has too many connections",
  1041: "it is out of memory",
  1053: "it is shutting down",
  1129: "it blocks this host after many failed connections",
  1158: "the connection broke off",
  1159: "the connection broke off",
  1160: "the connection broke off",
  1161: "the connection broke off",
  1203: "the user has too many connections",
  1205: "the wait for a lock took too long",
  1213: "it was the victim of a deadlock",
  1226: "the user has used up what it may",
  1317: "the statement was stopped by somebody else",
  1836: "it is in read-only mode",
  1927: "the connection was closed by somebody else",
  1969: "the statement ran into its time limit",
  3024: "the statement ran into its time limit",
  3169: "the connection was closed by somebody else",
  4031: "the connection was idle for too long"
}

/** Their messages name tables, columns and the place of a mistake, which is what one wants to know; no data. */
const telling = new Set([
  1044, 1045, 1046, 1048, 1049, 1052, 1054, 1064, 1109, 1136, 1142, 1146, 1210, 1305, 1364, 3159
])

/** Of others, whose messages quote data or say little, in words. */
const words: Readonly<Record<string, string>> = {
  ER_DUP_ENTRY: "a value that must be unique is there already",
  ER_NO_REFERENCED_ROW_2: "a row that it refers to does not exist",
  ER_ROW_IS_REFERENCED_2: "another row refers to it",
  ER_DATA_TOO_LONG: "a value is too long for its column",
  ER_CONSTRAINT_FAILED: "a value breaks a constraint",
  ER_CHECK_CONSTRAINT_VIOLATED: "a value breaks a constraint",
  ER_NET_PACKET_TOO_LARGE: "the statement is larger than it takes",
  HANDSHAKE_SSL_ERROR: "no TLS came about, or its certificate is not trusted",
  HANDSHAKE_NO_SSL_SUPPORT: "it does not speak TLS"
}

/**
 * Reads an error of `mysql2`.
 *
 * @since 0.1.0
 * @category errors
 */
export const faultOf = (error: unknown): Fault => {
  const { code, errno, message } = fieldsOf(error)
  const mark = [code, errno].filter((part) => part !== undefined).join(" ")
  const named = (reason: string) => (mark === "" ? reason : `${reason} (${mark})`)
  // Of what the server says, it has numbers above 1000; below are those of the system.
  if (errno !== undefined && errno >= 1000) {
    const later = transient[errno]
    if (later !== undefined) return Faults.unavailable(named(later))
    return Faults.rejected(named(telling.has(errno) ? message : (words[code ?? ""] ?? "the statement failed")))
  }
  if (code !== undefined && (code.startsWith("HANDSHAKE_") || Faults.isTls(code)))
    return Faults.rejected(named(words[code] ?? "no TLS came about"))
  if (code === undefined || code === "PROTOCOL_CONNECTION_LOST") return Faults.unavailable("the connection broke off")
  if (code.startsWith("PROTOCOL_")) return Faults.malformed(named("the answer is not that of a MySQL server"))
  return Faults.unavailable(Faults.describe(code, "the connection failed"))
}

const fieldsOf = (error: unknown) => {
  const { code, errno, message, sqlMessage } = (typeof error === "object" && error !== null ? error : {}) as Record<
    string,
    unknown
  >
  return {
    code: typeof code === "string" ? code : undefined,
    errno: typeof errno === "number" ? errno : undefined,
    message: String(sqlMessage ?? message)
  }
}
