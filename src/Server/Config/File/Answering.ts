/**
 * How an answer is made of what the sources gave: picked, renamed, nested.
 *
 * @since 0.1.0
 */
import { ParseResult, Schema } from "effect"
import { isJsonNumber } from "../../../Json.ts"
import * as Path from "../Path.ts"
import { type KeyPath, show } from "../Problem.ts"
import * as Setting from "../Setting.ts"

/**
 * How a part of an answer is made: it is what a path leads to; or has members; or is made of what `from` leads to, of
 * every item if that is a list: the members to `pick`, or a mapping for `each` whose paths begin there.
 *
 * @since 0.1.0
 * @category models
 */
export type Mapping =
  | { readonly path: Path.Path }
  | { readonly members: ReadonlyMap<string, Mapping> }
  | { readonly from: Path.Path; readonly pick: ReadonlyArray<string> }
  | { readonly from: Path.Path; readonly each: Mapping }

const expected = `${Path.expected}, or names and values`

/**
 * A mapping in a file.
 *
 * @since 0.1.0
 * @category schemas
 */
export const schema: Schema.Schema<Mapping, unknown> = Schema.transformOrFail(
  Schema.Unknown,
  Setting.anything<Mapping>(),
  {
    strict: true,
    decode: (given, _, ast) => {
      const issues: Array<ParseResult.ParseIssue> = []
      const wrong = (path: KeyPath, value: unknown, message: string) => {
        const issue = new ParseResult.Type(ast, value, message)
        const [first, ...rest] = path
        issues.push(first === undefined ? issue : new ParseResult.Pointer([first, ...rest], value, issue))
        return nothing
      }
      const mapping = read(given, [], wrong)
      const [first, ...others] = issues
      return first === undefined
        ? ParseResult.succeed(mapping)
        : ParseResult.fail(new ParseResult.Composite(ast, given, [first, ...others]))
    },
    encode: (mapping) => ParseResult.succeed(mapping)
  }
).annotations({ jsonSchema: { description: expected, anyOf: [{ type: "string" }, { type: "object" }] } })

const nothing: Mapping = { members: new Map() }

type Wrong = (path: KeyPath, value: unknown, message: string) => Mapping

const read = (given: unknown, at: KeyPath, wrong: Wrong): Mapping => {
  if (typeof given === "string") {
    const path = Path.parse(given)
    return path === undefined ? wrong(at, given, `expected ${expected}, but it is ${show(given)}`) : { path }
  }
  if (typeof given !== "object" || given === null || Array.isArray(given) || isJsonNumber(given))
    return wrong(at, given, `expected ${expected}, but it is ${show(given)}`)
  const members = Object.entries(given)
  const form = Object.keys(given).sort().join()
  const { each, from, pick } = given as Readonly<Record<string, unknown>>
  if (typeof from === "string" && form === "from,pick" && Array.isArray(pick)) {
    const path = Path.parse(from)
    if (path === undefined) return wrong([...at, "from"], from, `expected ${Path.expected}, but it is ${show(from)}`)
    pick.forEach((name, index) => {
      if (typeof name !== "string") wrong([...at, "pick", index], name, `expected a name, but it is ${show(name)}`)
    })
    return { from: path, pick: pick.map(String) }
  }
  if (typeof from === "string" && form === "each,from" && typeof each === "object") {
    const path = Path.parse(from)
    if (path === undefined) return wrong([...at, "from"], from, `expected ${Path.expected}, but it is ${show(from)}`)
    return { from: path, each: read(each, [...at, "each"], wrong) }
  }
  return { members: new Map(members.map(([name, value]) => [name, read(value, [...at, name], wrong)])) }
}

/**
 * Makes a part of an answer; `null` for what is not there.
 *
 * @since 0.1.0
 * @category reading
 */
export const apply = (mapping: Mapping, answers: unknown): unknown => {
  if ("path" in mapping) return Path.follow(answers, mapping.path) ?? null
  if ("members" in mapping)
    return Object.fromEntries(Array.from(mapping.members, ([name, member]) => [name, apply(member, answers)]))
  const found = Path.follow(answers, mapping.from)
  const make = (item: unknown) =>
    "each" in mapping
      ? apply(mapping.each, item)
      : Object.fromEntries(mapping.pick.map((name) => [name, Path.follow(item, [name]) ?? null]))
  if (Array.isArray(found)) return found.map((item) => (item === null || item === undefined ? null : make(item)))
  return found === undefined || found === null ? null : make(found)
}

/**
 * The paths of a mapping that begin with the name of a source, and where they stand in it.
 *
 * @since 0.1.0
 * @category getters
 */
export const roots = (mapping: Mapping, at: KeyPath = []): ReadonlyArray<readonly [at: KeyPath, path: Path.Path]> => {
  if ("path" in mapping) return [[at, mapping.path]]
  if ("members" in mapping) return Array.from(mapping.members).flatMap(([name, member]) => roots(member, [...at, name]))
  return [[[...at, "from"], mapping.from]]
}

/**
 * What is known beforehand of the answer: the names of its members.
 *
 * @since 0.1.0
 * @category getters
 */
export const outputOf = (mapping: Mapping): Schema.Schema<unknown> =>
  "members" in mapping
    ? struct(Array.from(mapping.members, ([name, member]) => [name, outputOf(member)]))
    : Schema.Unknown

/**
 * An object with these members.
 *
 * @since 0.1.0
 * @category getters
 */
export const struct = (
  members: ReadonlyArray<readonly [name: string, schema: Schema.Schema<unknown>]>
): Schema.Schema<unknown> =>
  // The cast: its members are only known now, and nothing more is asked of the object.
  Schema.Struct(Object.fromEntries(members)) as unknown as Schema.Schema<unknown>
