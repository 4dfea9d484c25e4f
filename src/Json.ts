/**
 * JSON without a lost digit: a number that no JavaScript number holds keeps its text, from the parser to the answer.
 *
 * @since 0.1.0
 */
import { Either, Equal, Hash, Predicate } from "effect"
import { parse as parseLossless } from "lossless-json"
import * as Decimal from "./Json/Decimal.ts"

/** @since 0.1.0 */
export const TypeId: unique symbol = Symbol.for("effect-muster/Json/JsonNumber")

/**
 * A JSON number that no JavaScript number holds, as its text: `1285704473650888702`, `1e400`, `0.1000000000000000055`, `-0`.
 *
 * {@link stringify} writes the very digits. `JSON.stringify` writes them as a string, since it cannot write them as a number.
 * Two are equal (`Equal.equals`) when their texts are.
 *
 * @since 0.1.0
 * @category models
 */
export class JsonNumber implements Equal.Equal {
  readonly [TypeId] = TypeId

  constructor(readonly text: string) {}

  /** The nearest JavaScript number; `Infinity` for `1e400`. */
  toNumber(): number {
    return Number(this.text)
  }

  /** The value as a `bigint`; `undefined` unless it is written as a whole number, without a fraction and an exponent. */
  toBigInt(): bigint | undefined {
    return /^-?\d+$/.test(this.text) ? BigInt(this.text) : undefined
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    if (raw !== undefined) raw = true
    return this.text
  }

  [Equal.symbol](that: unknown): boolean {
    return isJsonNumber(that) && that.text === this.text
  }

  [Hash.symbol](): number {
    return Hash.string(this.text)
  }
}

/**
 * True for a {@link JsonNumber}, also of another copy of this package.
 *
 * @since 0.1.0
 * @category guards
 */
export const isJsonNumber = (u: unknown): u is JsonNumber => Predicate.hasProperty(u, TypeId)

/**
 * JSON as it came: checked, but not read. {@link stringify} writes its text; `JSON.stringify` what JavaScript reads in it.
 *
 * @since 0.1.0
 * @category models
 */
export class JsonText {
  /** `content` is the text, or its bytes in UTF-8 without a mark of byte order. */
  constructor(readonly content: string | Uint8Array) {}

  get text(): string {
    return textOf(this.content)
  }

  toJSON(): unknown {
    if (raw === undefined) return JSON.parse(this.text)
    raw = true
    // What is written with it is thrown away.
    return null
  }
}

/**
 * How deeply objects and lists may be nested: 1,000 levels, as in Jackson. `JSON.stringify` overflows the stack at some 5,000.
 *
 * @since 0.1.0
 * @category parsing
 */
export const maxDepth = 1_000

/**
 * Parses JSON; a number that no JavaScript number holds becomes a {@link JsonNumber}. Of a key that is there twice the last
 * one counts, as with `JSON.parse`. Left: why it is no such JSON, to be put behind "the body" or "it".
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (text: string): Either.Either<unknown, string> => {
  const plain = check(text)
  if (Either.isLeft(plain) || !hasInexact(text)) return plain
  return Either.right(
    parseLossless(text, undefined, {
      parseNumber: (digits) => (isInexact(digits) ? new JsonNumber(digits) : Number(digits)),
      onDuplicateKey: ({ newValue }) => newValue
    })
  )
}

/**
 * The same with the nearest JavaScript number for each: for a text that is only checked, or whose digits do not matter.
 *
 * @since 0.1.0
 * @category parsing
 */
export const check = (text: string): Either.Either<unknown, string> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The message of the parser quotes the text.
    return Either.left("is no JSON")
  }
  return mayBeDeep(text) && isDeeper(value, maxDepth) ? Either.left(tooDeep) : Either.right(value)
}

const tooDeep = `is nested more than ${maxDepth.toLocaleString("en")} levels deep`

/** Without so many opening brackets nothing is so deep: 3 us for 25 kB, where a walk through the value takes 20. */
const mayBeDeep = (text: string): boolean => {
  if (text.length < 2 * maxDepth) return false
  let brackets = 0
  for (let at = text.indexOf("["); at >= 0 && brackets <= maxDepth; at = text.indexOf("[", at + 1)) brackets++
  for (let at = text.indexOf("{"); at >= 0 && brackets <= maxDepth; at = text.indexOf("{", at + 1)) brackets++
  return brackets > maxDepth
}

const isDeeper = (value: unknown, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1))
}

/**
 * True if a JSON number is lost in a JavaScript number: if its decimal value is not that of `String(Number(text))`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isInexact = (text: string): boolean => {
  const number = Number(text)
  const nearest = String(number)
  if (nearest === text) return false
  if (!Number.isFinite(number) || Object.is(number, -0)) return true
  // Of what is nearly nothing, the exponent may be too long to be read.
  if (number === 0) return /^0*\.?0*[1-9]/.test(text)
  return Decimal.compare(Decimal.of(text), Decimal.of(nearest)) !== 0
}

/**
 * A JSON number of any size, as it is read in this module.
 *
 * @since 0.1.0
 * @category models
 */
export type Numeric = number | JsonNumber

/**
 * Reads a number in decimal digits, also with zeros in front: `007` is 7. `undefined` for what is none.
 *
 * @since 0.1.0
 * @category parsing
 */
export const toNumeric = (text: string): Numeric | undefined => {
  if (!/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return undefined
  return isInexact(text) ? new JsonNumber(text.replace(/^(-?)0+(?=\d)/, "$1")) : Number(text)
}

/**
 * True for a finite number, as JSON has them, and for a {@link JsonNumber}.
 *
 * @since 0.1.0
 * @category guards
 */
export const isNumeric = (u: unknown): u is Numeric => Number.isFinite(u) || isJsonNumber(u)

/**
 * Less than 0 if the value of the first is less than that of the second, 0 if they are equal, else more.
 *
 * @since 0.1.0
 * @category comparing
 */
export const compare = (a: Numeric, b: Numeric): number =>
  typeof a === "number" && typeof b === "number" ? a - b : Decimal.compare(decimal(a), decimal(b))

/**
 * True for a number without a fraction, however it is written: `1.0` and `1e3` are whole.
 *
 * @since 0.1.0
 * @category guards
 */
export const isWhole = (number: Numeric): boolean =>
  typeof number === "number" ? Number.isInteger(number) : Decimal.isWhole(decimal(number))

/**
 * True if a whole number lies between two numbers, or is one of them.
 *
 * @since 0.1.0
 * @category comparing
 */
export const hasWholeBetween = (min: Numeric, max: Numeric): boolean =>
  compare(min, max) <= 0 &&
  (isWhole(min) || isWhole(max) || Decimal.floor(decimal(min)) !== Decimal.floor(decimal(max)))

/**
 * A number as text that is no JSON, such as a part of a URL: in digits alone, without an exponent (`1000000000000000000000`, where
 * `String` gives `1e+21`); a {@link JsonNumber} as it is written.
 *
 * @since 0.1.0
 * @category writing
 */
export const toText = (number: Numeric): string => {
  const text = String(number)
  return typeof number === "number" && text.includes("e") ? Decimal.plain(Decimal.of(text)) : text
}

const decimal = (number: Numeric) => Decimal.of(String(number))

/**
 * Whether a text of JSON may have such a number in it. Only what has 16 digits, an exponent, or a minus before a zero can be one;
 * finding those takes a tenth of the time of `JSON.parse` for 1 kB (0.6 us).
 */
const hasInexact = (text: string): boolean => hasLongNumber(text) || hasExponent(text) || hasNegativeZero(text)

const enough = 16

/** Looks at each 16th character: no run of 16 lies between two. */
const hasLongNumber = (text: string): boolean => {
  for (let at = enough - 1; at < text.length; at += enough) {
    if (!isDigitOrPoint(text.charCodeAt(at))) continue
    let start = at
    while (start > 0 && isDigitOrPoint(text.charCodeAt(start - 1))) start--
    let end = at + 1
    while (end < text.length && isDigitOrPoint(text.charCodeAt(end))) end++
    if (end - start >= enough && isInexactAt(text, start)) return true
    at = end - 1
  }
  return false
}

const isDigitOrPoint = (code: number) => (code >= 48 && code <= 57) || code === 46

/** What follows tells a number from the middle of a uuid or a hash. Looked for at each digit of 100,000, it took 7 s. */
const exponents = /(?<![\d.])[\d.]+[eE][+-]?\d+(?=[\s,\]}]|$)/g

const mayHaveExponent = /\d[eE][+-]?\d+(?:[\s,\]}]|$)/

const hasExponent = (text: string): boolean => {
  if (!mayHaveExponent.test(text)) return false
  for (const { index } of text.matchAll(exponents)) if (isInexactAt(text, index)) return true
  return false
}

const hasNegativeZero = (text: string): boolean => {
  for (let at = text.indexOf("-0"); at >= 0; at = text.indexOf("-0", at + 2)) if (isInexactAt(text, at + 1)) return true
  return false
}

const numeral = /-?\d[\d.eE+-]*/y

/** Whether a value begins there, or with the minus before, and is lost. In a text it may only look like it, which costs time. */
const isInexactAt = (text: string, digits: number): boolean => {
  const start = text[digits - 1] === "-" ? digits - 1 : digits
  if (start > 0 && !/[\s:,[]/.test(text[start - 1]!)) return false
  numeral.lastIndex = start
  const [number = ""] = numeral.exec(text) ?? []
  return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(number) && isInexact(number)
}

/** While `JSON.stringify` runs for {@link stringify}: whether it has met what `JSON.stringify` cannot write. */
let raw: boolean | undefined = undefined

/**
 * Writes a value as `JSON.stringify` does, and a {@link JsonNumber}, a {@link JsonText} and a `bigint` digit for digit.
 * `undefined` for what is no JSON, as a function.
 *
 * @since 0.1.0
 * @category writing
 */
export const stringify = (value: unknown): string | undefined => {
  const written = pieces(value)
  return typeof written === "object" ? written.map(textOf).join("") : written
}

const textOf = (piece: string | Uint8Array): string => (typeof piece === "string" ? piece : decoder.decode(piece))

const decoder = new TextDecoder()

/** An answer of sources that are passed on: `JSON.stringify` need not be tried, which takes 1.3 us. */
const isAnswerOfTexts = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false
  for (const name in value) return (value as Readonly<Record<string, unknown>>)[name] instanceof JsonText
  return false
}

const holdsRaw = Symbol("holds what JSON.stringify cannot write")

const plain = (value: unknown): string | undefined | typeof holdsRaw => {
  const before = raw
  raw = false
  try {
    const text: string | undefined = JSON.stringify(value)
    // The cast: TypeScript does not see that it was set while `JSON.stringify` ran.
    return (raw as boolean) ? holdsRaw : text
  } catch (error) {
    if (error instanceof TypeError && /BigInt/.test(error.message)) return holdsRaw
    throw error
  } finally {
    raw = before
  }
}

/**
 * The same as pieces, where there is a long {@link JsonText} in it: its bytes are one of them as they are, and are not copied.
 *
 * @since 0.1.0
 * @category writing
 */
export const pieces = (value: unknown): string | ReadonlyArray<string | Uint8Array> | undefined => {
  const text = isAnswerOfTexts(value) ? holdsRaw : plain(value)
  if (text !== holdsRaw) return text
  const given = resolved(value, "")
  if (isNothing(given)) return undefined
  const written = new Pieces()
  written.write(given)
  const [first, ...others] = written.all
  return others.length === 0 && typeof first === "string" ? first : written.all
}

/** What `JSON.stringify` writes for a value: what its `toJSON` gives, which is asked once. */
const resolved = (value: unknown, key: string): unknown =>
  typeof value === "object" &&
  value !== null &&
  !isJsonNumber(value) &&
  !(value instanceof JsonText) &&
  "toJSON" in value &&
  typeof value.toJSON === "function"
    ? value.toJSON(key)
    : value

const isNothing = (value: unknown): boolean =>
  value === undefined || typeof value === "function" || typeof value === "symbol"

/** Some five times slower than `JSON.stringify`. Values are {@link resolved}. */
class Pieces {
  readonly all: Array<string | Uint8Array> = []

  write(value: unknown): void {
    if (typeof value !== "object" || value === null)
      this.text(typeof value === "bigint" ? String(value) : scalar(value))
    else if (isJsonNumber(value)) this.text(value.text)
    else if (value instanceof JsonText) {
      if (typeof value.content === "string") this.text(value.content)
      else this.all.push(value.content)
    } else if (value instanceof Number || value instanceof String || value instanceof Boolean) this.text(scalar(value))
    else if (Array.isArray(value)) this.list(value)
    else this.record(value)
  }

  private text(text: string): void {
    const last = this.all.length - 1
    const before = this.all[last]
    if (typeof before === "string") this.all[last] = before + text
    else this.all.push(text)
  }

  private list(items: ReadonlyArray<unknown>): void {
    for (let index = 0; index < items.length; index++) {
      this.text(index === 0 ? "[" : ",")
      this.write(resolved(items[index], String(index)))
    }
    this.text(items.length === 0 ? "[]" : "]")
  }

  private record(value: object): void {
    let opened = false
    for (const [name, member] of Object.entries(value)) {
      const given = resolved(member, name)
      if (isNothing(given)) continue
      this.text(`${opened ? "," : "{"}${JSON.stringify(name)}:`)
      this.write(given)
      opened = true
    }
    this.text(opened ? "}" : "{}")
  }
}

/** In a list, what is no JSON is null. */
const scalar = (value: unknown): string => JSON.stringify(value) ?? "null"
