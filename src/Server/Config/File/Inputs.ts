/**
 * The parameters of an endpoint: what a file says of them, and the schema that they are read by.
 *
 * @since 0.1.0
 */
import { type JSONSchema, ParseResult, Schema } from "effect"
import { compare, isNumeric, type Numeric, stringify } from "../../../Json.ts"
import type { Lookup } from "../Environment.ts"
import * as Setting from "../Setting.ts"
import * as Limits from "./Limits.ts"
import { may, must } from "./Member.ts"

const { types } = Limits

/**
 * A field of the input in short, as its type.
 *
 * @since 0.1.0
 * @category models
 */
export interface Short {
  readonly type: Limits.TypeName
  readonly optional: boolean
}

const short: Setting.Kind<Short> = {
  expected: `a type like "string" or "integer?", or names and values`,
  read: (text) => {
    const optional = text.endsWith("?")
    const type = types.find((name) => name === (optional ? text.slice(0, -1) : text))
    return type === undefined ? undefined : { type, optional }
  },
  editor: { type: "string", enum: types.flatMap((type) => [type, `${type}?`]) } as JSONSchema.JsonSchema7,
  hint: Setting.choice(...types).hint
}

/**
 * A parameter: its type alone, such as `string` or `integer?`, or all that is known of it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const input = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, short),
    Schema.Struct({
      type: must(Setting.of(env, Setting.choice(...types)), "What it is"),
      optional: may(Setting.of(env, Setting.yesOrNo), "It may be left out; default false"),
      default: may(Schema.Unknown, "What it is when it is left out"),
      min: may(Setting.of(env, Setting.number), "The least number, or the fewest characters; default 1"),
      max: may(Setting.of(env, Setting.number), "The greatest number, or the most characters; default 1000"),
      oneOf: may(Schema.Array(Schema.Unknown), "What it may be, and nothing else"),
      pattern: may(Setting.of(env, pattern), "A regular expression that the whole of it must match"),
      description: may(Setting.of(env, Setting.text()), "What it is for, in the OpenAPI document")
    })
  )

const pattern: Setting.Kind<RegExp> = {
  expected: "a regular expression",
  read: (text) => {
    try {
      return new RegExp(`^(?:${text})$`, "u")
    } catch {
      return undefined
    }
  },
  editor: { type: "string", format: "regex" }
}

/**
 * What is known of a parameter.
 *
 * @since 0.1.0
 * @category models
 */
export interface Input extends Limits.Rules {
  readonly optional?: boolean
  readonly default?: unknown
  readonly oneOf?: ReadonlyArray<unknown>
  readonly description?: string
}

/**
 * True for a parameter that is always there, given or by default.
 *
 * @since 0.1.0
 * @category getters
 */
export const isThere = (input: Input): boolean => input.optional !== true || "default" in input

/**
 * Says what was expected of a value that is none of this parameter.
 *
 * @since 0.1.0
 * @category checks
 */
export const wrongWith = (input: Input, used: Limits.Used): ((value: unknown) => string | undefined) => {
  const read = Schema.decodeUnknownEither(schemaOf(input, used))
  return (value) => {
    const result = read(value)
    return result._tag === "Right" ? undefined : ParseResult.ArrayFormatter.formatErrorSync(result.left)[0]!.message
  }
}

/**
 * What was said of a parameter that cannot be said of its type.
 *
 * @since 0.1.0
 * @category checks
 */
export const uselessFor = (input: Input): ReadonlyArray<keyof Input> => {
  const limits = ["min", "max", "pattern"] as const
  const useless = input.type === "boolean" ? limits : input.type === "string" ? [] : (["pattern"] as const)
  return useless.filter((limit) => input[limit] !== undefined)
}

type Scalar = string | Numeric | boolean

/**
 * A parameter as a field of an input schema.
 *
 * @since 0.1.0
 * @category getters
 */
export const fieldOf = (input: Input, used: Limits.Used) => {
  const schema = schemaOf(input, used)
  if ("default" in input) {
    // That it fits is found out when the file is checked.
    return Schema.optionalWith(schema, { exact: true, default: () => input.default as Scalar })
  }
  return input.optional === true ? Schema.optionalWith(schema, { exact: true }) : Schema.propertySignature(schema)
}

/**
 * The schema of a parameter that is given.
 *
 * @since 0.1.0
 * @category getters
 */
export const schemaOf = (input: Input, used: Limits.Used): Schema.Schema<Scalar> => {
  const { fits, jsonSchema, words } = Limits.of(input, used)
  const oneOf = input.oneOf
  const expected = `expected ${oneOf === undefined ? words : oneOf.map((one) => stringify(one)).join(" or ")}`
  const message = () => ({ message: expected, override: true })
  const { description } = input
  // The limits stand with the type itself, so that documents of what is served have them too.
  const limited = {
    type: input.type,
    ...jsonSchema,
    ...(oneOf && { enum: [...oneOf] }),
    ...(description && { description }),
    ...("default" in input && { default: input.default })
  }
  return bases[input.type].pipe(
    Schema.annotations({ message, jsonSchema: limited }),
    Schema.filter((value) => fits(value) && (oneOf === undefined || oneOf.some((one) => isSame(one, value))), {
      message,
      jsonSchema: {}
    })
  )
}

const isSame = (a: unknown, b: unknown) => a === b || (isNumeric(a) && isNumeric(b) && compare(a, b) === 0)

const bases: Record<Limits.TypeName, Schema.Schema.AnyNoContext> = {
  string: Schema.String,
  integer: Setting.numeric,
  number: Setting.numeric,
  boolean: Schema.Boolean
}
