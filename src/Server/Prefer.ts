/**
 * What a request prefers, as RFC 7240 has it.
 *
 * @since 0.1.0
 */
import type { Handling } from "./Endpoint.ts"

/**
 * The preferences that are known here; what cannot be read is passed over.
 *
 * @since 0.1.0
 * @category models
 */
export interface Preferences {
  readonly handling: Handling | undefined
  /** In seconds. */
  readonly wait: number | undefined
  /** `return=representation; muster-receipt`: the receipt stands in the body beside the answer. */
  readonly receipt: boolean
}

const token = "[!#$%&'*+.^_`|~\\w-]+"
const word = `(?:${token}|"(?:[^"\\\\]|\\\\.)*")`
const parameter = `(${token})(?:\\s*=\\s*(${word}))?`

/**
 * Reads the header. Of a preference that is given twice the first counts.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (header: string | undefined): Preferences => {
  if (header === undefined) return none
  const preferences = new Map<string, { value: string; parameters: ReadonlyArray<string> }>()
  for (const text of split(header, ",")) {
    const [first = "", ...rest] = split(text, ";")
    const [name, value] = read(first)
    const parameters = rest.map((text) => read(text)[0])
    if (name !== "" && !preferences.has(name)) preferences.set(name, { value, parameters })
  }
  const { value: handling } = preferences.get("handling") ?? {}
  const { value: wait = "" } = preferences.get("wait") ?? {}
  const wanted = preferences.get("return")
  return {
    handling: handling === "strict" || handling === "lenient" ? handling : undefined,
    wait: /^\d{1,9}$/.test(wait) ? Number(wait) : undefined,
    receipt: wanted?.value === "representation" && wanted.parameters.includes("muster-receipt")
  }
}

const none: Preferences = { handling: undefined, wait: undefined, receipt: false }

/** Up to a quote that is never closed. */
const closed = /^(?:"(?:[^"\\]|\\.)*"|[^"])*/

/**
 * Cuts where the separator stands outside of quotes. After a quote that is never closed none is: to look for the end of each
 * would take a time that grows with the square of the header.
 */
const split = (text: string, separator: "," | ";") => {
  const { length } = closed.exec(text)![0]
  const whole = text.slice(0, length).match(new RegExp(`(?:"(?:[^"\\\\]|\\\\.)*"|[^"${separator}])+`, "g")) ?? []
  return [...whole, ...(text.slice(length).match(new RegExp(`[^"${separator}]+`, "g")) ?? [])]
}

const read = (text: string): readonly [name: string, value: string] => {
  const found = new RegExp(`^\\s*${parameter}\\s*$`).exec(text)
  const value = found?.[2] ?? ""
  const bare = value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value
  return [found?.[1]?.toLowerCase() ?? "", bare]
}

/**
 * The `Preference-Applied` header for what was applied; `undefined` for nothing.
 *
 * @since 0.1.0
 * @category getters
 */
export const applied = ({ handling, receipt, wait }: Preferences): string | undefined => {
  const parts = [
    ...(handling === undefined ? [] : [`handling=${handling}`]),
    ...(wait === undefined ? [] : [`wait=${wait}`]),
    ...(receipt ? ["return=representation"] : [])
  ]
  return parts.length === 0 ? undefined : parts.join(", ")
}
