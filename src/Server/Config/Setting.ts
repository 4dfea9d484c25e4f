/**
 * The kinds of single values that stand in a file, each of which may come from the environment: `${NAME}`.
 *
 * @since 0.1.0
 */
import { type JSONSchema, ParseResult, Redacted, Schema } from "effect"
import { isJsonNumber, isNumeric, type Numeric, toNumeric } from "../../Json.ts"
import * as Options from "../../Options.ts"
import * as Environment from "./Environment.ts"
import { hint, show } from "./Problem.ts"

/**
 * How a value is read from its text, and what to say when it cannot be.
 *
 * @since 0.1.0
 * @category models
 */
export interface Kind<A> {
  /** Such as `a duration like "500ms"`. */
  readonly expected: string
  /** `undefined` for what it is not. Numbers and booleans arrive as the text they were written as. */
  readonly read: (text: string) => A | undefined
  /** It is given to editors. */
  readonly editor: JSONSchema.JsonSchema7
  /** May it be written without quotes as a number or as `true`? Default: only as text. */
  readonly plain?: "number" | "boolean" | undefined
  /** Where it is wrong, the value is not told. */
  readonly secret?: boolean | undefined
  /** What may have been meant. */
  readonly hint?: ((text: string) => string) | undefined
}

/**
 * A value of a kind.
 *
 * @since 0.1.0
 * @category kinds
 */
export const of = <A>(env: Environment.Lookup, kind: Kind<A>): Schema.Schema<A, unknown> =>
  Schema.transformOrFail(Schema.Unknown, anything<A>(), {
    strict: true,
    decode: (given, _, ast) => {
      const refuse = (message: string) => ParseResult.fail(new ParseResult.Type(ast, given, message))
      if (typeof given !== "string" && plainOf(given) !== kind.plain) return refuse(unlike(kind, given))
      const text = Environment.fill(String(given), env)
      if ("missing" in text) return refuse(text.missing)
      const value = kind.read(text.value)
      return value === undefined ? refuse(unlike(kind, given, text.value)) : ParseResult.succeed(value)
    },
    encode: (value) => ParseResult.succeed(value)
  }).annotations({ jsonSchema: orFromEnvironment(kind) })

const plainOf = (given: unknown) => (isJsonNumber(given) ? "number" : typeof given)

/**
 * A number as it was read.
 *
 * @since 0.1.0
 * @category schemas
 */
export const numeric: Schema.Schema<Numeric> = Schema.declare(isNumeric, { jsonSchema: { type: "number" } })

/**
 * What a transformation gives: its `decode` makes an `A`, and so there is nothing left to check.
 *
 * @since 0.1.0
 * @category schemas
 */
// The cast: `decode` is typed to give an `A`, and nothing else comes here.
export const anything = <A>() => Schema.Unknown as unknown as Schema.Schema<A>

const unlike = <A>({ expected, hint, secret }: Kind<A>, given: unknown, text = given) => {
  if (typeof given === "string" && secret === true) return `expected ${expected}, but it is something else`
  if (given !== text) return `expected ${expected}, but with what the environment has, ${show(given)} is not`
  return `expected ${expected}, but it is ${show(given)}${hint?.(String(given)) ?? ""}`
}

const orFromEnvironment = <A>({ editor, expected, plain }: Kind<A>): object =>
  plain === undefined
    ? { description: expected, ...editor }
    : { description: expected, anyOf: [editor, Environment.editor] }

/**
 * A duration in milliseconds, such as `500ms`.
 *
 * @since 0.1.0
 * @category kinds
 */
export const duration: Kind<number> = {
  expected: Options.expectedDuration,
  read: Options.parseDuration,
  editor: { type: "string", pattern: "^\\s*\\d+(\\.\\d+)?\\s*[a-z]+\\s*$|\\$\\{" },
  hint: (text) => {
    const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
    if (number === undefined || unit === undefined) return ""
    if (unit === "") return `; did you mean "${number}ms" or "${number}s"?`
    const known = Object.entries(units).find(([, words]) => words.includes(unit.toLowerCase()))
    return known === undefined ? "" : `; did you mean "${number}${known[0]}"?`
  }
}

const units = {
  ms: ["ms", "msec", "msecs", "millisecond", "milliseconds"],
  s: ["s", "sec", "secs"],
  m: ["m", "min", "mins"],
  h: ["h", "hr", "hrs"],
  d: ["d"]
}

/**
 * A whole number that is at least `least`.
 *
 * @since 0.1.0
 * @category kinds
 */
export const count = (least: number): Kind<number> => ({
  expected: `a whole number from ${least} up`,
  read: (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN
    return Number.isSafeInteger(number) && number >= least ? number : undefined
  },
  editor: { type: "integer", minimum: least },
  plain: "number"
})

/**
 * Any number, with all its digits.
 *
 * @since 0.1.0
 * @category kinds
 */
export const number: Kind<Numeric> = {
  expected: "a number",
  read: toNumeric,
  editor: { type: "number" },
  plain: "number"
}

/**
 * A part of the whole, such as `50%`.
 *
 * @since 0.1.0
 * @category kinds
 */
export const share: Kind<number> = {
  expected: `a share from 0% to 100%, like "20%"`,
  read: (text) => {
    const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim())
    const value = percent === null ? NaN : Number(percent[1]) / 100
    return value <= 1 ? value : undefined
  },
  editor: { type: "string", pattern: "%\\s*$|\\$\\{" }
}

/**
 * `true` or `false`.
 *
 * @since 0.1.0
 * @category kinds
 */
export const yesOrNo: Kind<boolean> = {
  expected: "true or false",
  read: (text) => (text === "true" ? true : text === "false" ? false : undefined),
  editor: { type: "boolean" },
  plain: "boolean"
}

/**
 * Text that is not empty.
 *
 * @since 0.1.0
 * @category kinds
 */
export const text = (expected = "text"): Kind<string> => ({
  expected,
  read: (text) => (text === "" ? undefined : text),
  editor: { type: "string", minLength: 1 },
  hint: (text) => (/^[\d.]+$/.test(text) ? `; write it in quotes` : "")
})

/**
 * One of these words.
 *
 * @since 0.1.0
 * @category kinds
 */
export const choice = <const W extends string>(...words: ReadonlyArray<W>): Kind<W> => ({
  expected: words.map((word) => `"${word}"`).join(" or "),
  read: (text) => words.find((word) => word === text),
  editor: { type: "string", enum: [...words] } as JSONSchema.JsonSchema7,
  hint: (text) => hint(text, words, false)
})

/**
 * Text that nobody is shown.
 *
 * @since 0.1.0
 * @category kinds
 */
export const secret = (
  expected = "text",
  fits: (text: string) => boolean = (text) => text !== ""
): Kind<Redacted.Redacted> => ({
  expected,
  read: (text) => (fits(text) ? Redacted.make(text) : undefined),
  editor: { type: "string", minLength: 1 },
  secret: true
})

/**
 * The URL of a database, which may have credentials in it.
 *
 * @since 0.1.0
 * @category kinds
 */
export const url = (...protocols: ReadonlyArray<string>): Kind<Redacted.Redacted> =>
  secret(`a URL like "${protocols[0]}://host/name"`, (text) =>
    protocols.some((protocol) => text.startsWith(`${protocol}://`) && text.length > protocol.length + 3)
  )

/**
 * The URL of an HTTP service, to which paths are appended.
 *
 * @since 0.1.0
 * @category kinds
 */
export const httpUrl: Kind<Redacted.Redacted> = secret(
  `a URL of http or https without a query, like "http://localhost:8080"`,
  (text) => URL.canParse(text) && /^https?:\/\/[^?#]+$/i.test(text)
)

/**
 * The value of a header, which may be a credential.
 *
 * @since 0.1.0
 * @category kinds
 */
export const header: Kind<Redacted.Redacted> = secret("text that can stand in a header", (text) =>
  /^[\t\x20-\x7e\xa0-\xff]+$/.test(text)
)

/**
 * Where an endpoint is served.
 *
 * @since 0.1.0
 * @category kinds
 */
export const servedPath: Kind<string> = {
  expected: `a path like "/search" or "/users/:id/dashboard"`,
  read: (text) => (/^(?:\/(?::[A-Za-z_]\w*|(?!\.{1,2}(?:\/|$))[\w.~-]+))+$/.test(text) ? text : undefined),
  editor: { type: "string", pattern: "^/|\\$\\{" },
  hint: (text) => {
    const meant = text.replace(/^\/?/, "/").replaceAll(/\{(\w+)\}/g, ":$1")
    return meant === text || servedPath.read(meant) === undefined ? "" : `; did you mean "${meant}"?`
  }
}
