/**
 * What PostgreSQL and its driver say when something is wrong, as faults.
 *
 * @since 0.1.0
 */
import * as Fault from "../Fault.ts"

/**
 * A fault with the code of PostgreSQL and the names of what it is about, such as the constraint.
 *
 * @since 0.1.0
 * @category models
 */
export interface Refusal extends Fault.Fault {
  readonly cause?: {
    /** The SQLSTATE, such as `"23505"`. */
    readonly code: string
    readonly [name: string]: string
  }
}

/** Asking again may help; all others will be said again. */
const unavailable = /^(08|40|53|57|58|XX|25P0[34]$|55P03$|55006$)/

/** Of these, the message of the server quotes no values. */
const speakable = /^(08|0A|23|25|28|3D|3F|40|42|53|55|57)/

/** What the others are, by the beginning of their code. */
const words: ReadonlyArray<readonly [code: string, words: string]> = [
  ["22001", "a text is too long"],
  ["22003", "a number is out of range"],
  ["22007", "a date or time cannot be read"],
  ["22008", "a date or time is out of range"],
  ["22012", "a division by zero"],
  ["22P02", "a value does not fit its type"],
  ["22", "a value does not fit"],
  ["P0", "a function raised an error"]
]

const names = ["schema", "table", "column", "constraint", "dataType"] as const

/**
 * Reads an error of the driver, or of the server through it.
 *
 * @since 0.1.0
 * @category getters
 */
export const read = (error: unknown): Refusal => {
  const code = Fault.codeOf(error)
  const message = error instanceof Error ? error.message : ""
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && error instanceof Error && "severity" in error)
    return ofServer(code, message, error)
  if (code !== undefined && Fault.isTls(code)) return Fault.rejected(Fault.describe(code, "its TLS cannot be used"))
  if (/does not support SSL/.test(message)) return Fault.rejected("it speaks no TLS, which was asked for")
  if (/^SASL|password must be a string|channel binding/i.test(message))
    return Fault.rejected("the password is missing, or cannot be used for its kind of login")
  if (code === undefined || code === "Error") return Fault.unavailable("the connection broke off")
  return Fault.unavailable(Fault.describe(code, "the connection broke off"))
}

const ofServer = (code: string, message: string, error: object): Refusal => {
  const about = names.flatMap((name) => {
    const value: unknown = Reflect.get(error, name)
    return typeof value === "string" ? [[name, value]] : []
  })
  const said = speakable.test(code)
    ? message.slice(0, 300)
    : (words.find(([start]) => code.startsWith(start))?.[1] ?? "it failed")
  const hint = code === "28000" && /no encryption|SSL off/.test(message) ? "; it may want TLS (sslmode)" : ""
  const reason = `${said} (${code})${hint}`
  const fault = unavailable.test(code) ? Fault.unavailable(reason) : Fault.rejected(reason)
  return { ...fault, cause: { code, ...Object.fromEntries(about) } }
}
