/**
 * What an error of SQLite means: whether asking again may help, and why.
 *
 * @since 0.1.0
 */
import type { Fault } from "../Fault.ts"

// Not those of `Fault.ts`, which brings all of Effect into the process of the driver: 150 ms more until it is ready.

/** @since 0.1.0 */
export const unavailable = (reason: string): Fault => ({ kind: "unavailable", reason })

/** @since 0.1.0 */
export const rejected = (reason: string): Fault => ({ kind: "rejected", reason })

/** @since 0.1.0 */
export const malformed = (reason: string): Fault => ({ kind: "malformed", reason })

/** By the first word of the code, such as `BUSY` of `SQLITE_BUSY_SNAPSHOT`. */
const transient: Readonly<Record<string, string>> = {
  BUSY: "another connection is writing to the database",
  LOCKED: "another statement has a table locked",
  INTERRUPT: "the statement was stopped",
  FULL: "the disk is full",
  IOERR: "the disk could not be read or written",
  NOMEM: "it is out of memory",
  PROTOCOL: "the file could not be locked"
}

const words: Readonly<Record<string, string>> = {
  CANTOPEN: "the file cannot be opened",
  CORRUPT: "the file is damaged",
  NOTADB: "the file is no database",
  READONLY: "the database cannot be written to",
  PERM: "the file may not be read or written"
}

/**
 * Reads an error of `libsql`.
 *
 * @since 0.1.0
 * @category errors
 */
export const faultOf = (error: unknown): Fault => {
  if (isFault(error)) return error
  const code = codeOf(error)
  const kind = /^SQLITE_([A-Z]+)/.exec(code ?? "")?.[1]
  const message = error instanceof Error || hasMessage(error) ? error.message : String(error)
  if (kind === undefined) {
    // It says so in words only, with the number of the code at their end.
    return rejected(/Unable to open.*: \d+/s.test(message) ? words["CANTOPEN"]! : "the statement failed")
  }
  const later = transient[kind]
  if (later !== undefined) return unavailable(`${later} (${code})`)
  // Its messages name tables and columns, and no data.
  return rejected(`${words[kind] ?? message} (${code})`)
}

/**
 * True when another connection was in the way, and may not be in a moment.
 *
 * @since 0.1.0
 * @category errors
 */
export const isBusy = (error: unknown): boolean => codeOf(error)?.startsWith("SQLITE_BUSY") === true

const isFault = (error: unknown): error is Fault =>
  typeof error === "object" && error !== null && "kind" in error && "reason" in error

const codeOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined

const hasMessage = (error: unknown): error is { readonly message: string } =>
  typeof error === "object" && error !== null && "message" in error && typeof error.message === "string"
