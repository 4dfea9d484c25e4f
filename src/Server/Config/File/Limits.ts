/**
 * What a parameter may be, by its type, its rules and where it is used.
 *
 * @since 0.1.0
 */
import { compare, isNumeric, isWhole, type Numeric } from "../../../Json.ts"
import * as Segment from "../Segment.ts"

/** @since 0.1.0 */
export const types = ["string", "integer", "number", "boolean"] as const

/** @since 0.1.0 */
export type TypeName = (typeof types)[number]

/**
 * The rules of a parameter.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rules {
  readonly type: TypeName
  readonly min?: Numeric
  readonly max?: Numeric
  readonly pattern?: RegExp
}

/**
 * Where a parameter is used, which limits what it may be.
 *
 * @since 0.1.0
 * @category models
 */
export interface Used {
  /** In the path of URLs. */
  readonly inPath: ReadonlyArray<Segment.Segment & { readonly slashes: boolean }>
  readonly inHeader: boolean
}

/**
 * What fits, in words, as a check and for documents.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit {
  /** To be put behind "expected". */
  readonly words: string
  readonly fits: (value: unknown) => boolean
  readonly jsonSchema: Readonly<Record<string, unknown>>
}

/**
 * The fewest and the most characters of a text whose rules say nothing else.
 *
 * @since 0.1.0
 * @category models
 */
export const lengths = { min: 1, max: 1_000 } as const

/**
 * The limit of a parameter.
 *
 * A whole number is one by its value: `1.0` and `1e3` are whole. A number that no JavaScript number holds is compared digit by
 * digit, and goes on as it was written.
 *
 * @since 0.1.0
 * @category getters
 */
export const of = (rules: Rules, used: Used): Limit => limits[rules.type](rules, used)

/**
 * True for what can be the value of a header: no control characters, and no letters beyond Latin-1.
 *
 * @since 0.1.0
 * @category getters
 */
export const isHeader = (text: string): boolean => /^[\t\x20-\x7e\xa0-\xff]*$/.test(text)

const numeric =
  (what: string, isOne: (value: Numeric) => boolean) =>
  ({ max, min }: Rules): Limit => ({
    words: `${what}${range(min, max)}`,
    fits: (value) => isNumeric(value) && isOne(value) && isWithin(value, min, max),
    jsonSchema: {
      ...(min === undefined ? {} : { minimum: min }),
      ...(max === undefined ? {} : { maximum: max })
    }
  })

const isWithin = (value: Numeric, min: Numeric | undefined, max: Numeric | undefined) =>
  (min === undefined || compare(value, min) >= 0) && (max === undefined || compare(value, max) <= 0)

const range = (min: Numeric | undefined, max: Numeric | undefined) => {
  if (min === undefined) return max === undefined ? "" : ` up to ${max}`
  return max === undefined ? ` from ${min} up` : ` from ${min} to ${max}`
}

const textual = ({ max = lengths.max, min = lengths.min, pattern }: Rules, { inHeader, inPath }: Used): Limit => {
  const limits = [
    { words: `text of ${min} to ${max} characters`, fits: (text: string) => isWithin(text.length, min, max) },
    ...(pattern ? [{ words: `like ${pattern.source.slice(4, -2)}`, fits: (text: string) => pattern.test(text) }] : []),
    ...(inPath.length > 0 ? [segment(inPath)] : []),
    ...(inHeader ? [{ words: "that can stand in a header", fits: isHeader }] : [])
  ]
  return {
    words: limits.map(({ words }) => words).join(", "),
    fits: (value) => typeof value === "string" && limits.every(({ fits }) => fits(value)),
    jsonSchema: { minLength: min, maxLength: max, ...(pattern ? { pattern: pattern.source } : {}) }
  }
}

const segment = (uses: Used["inPath"]) => ({
  words: uses.every(({ slashes }) => slashes)
    ? `without "." and ".." between slashes`
    : `without "/" and "\\" (a file allows them with {name|segment}), other than "." and ".."`,
  fits: (text: string) => uses.every((use) => Segment.wrongWith(text, use, use.slashes) === undefined)
})

const limits: Record<TypeName, (rules: Rules, used: Used) => Limit> = {
  string: textual,
  integer: numeric("a whole number", isWhole),
  number: numeric("a number", () => true),
  boolean: () => ({ words: "true or false", fits: () => true, jsonSchema: {} })
}
