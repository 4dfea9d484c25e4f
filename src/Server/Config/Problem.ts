/**
 * What is wrong with a file, where, and what may have been meant.
 *
 * @since 0.1.0
 */
import * as AutoCorrect from "@effect/cli/AutoCorrect"
import * as CliConfig from "@effect/cli/CliConfig"
import { Schema } from "effect"
import { isJsonNumber, stringify } from "../../Json.ts"
import { InvalidOption } from "../../Options.ts"

/**
 * Names and positions that lead to a value: `["endpoints", "dashboard", "keys", 0]`.
 *
 * @since 0.1.0
 * @category models
 */
export type KeyPath = ReadonlyArray<string | number>

/**
 * Something that is wrong, by the path of the value or, for `key`, of its name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Finding {
  readonly path: KeyPath
  readonly message: string
  /** What is wrong is the name and not the value. */
  readonly key?: boolean | undefined
  /** The value was meant as text: the message ends with how it is written as that. */
  readonly unquoted?: boolean | undefined
}

/**
 * One thing that is wrong with a file. Lines and columns are counted from 1; both are 0 for the file as a whole.
 *
 * @since 0.1.0
 * @category models
 */
export class Problem extends Schema.Class<Problem>("effect-muster/Server/Config/Problem")({
  line: Schema.Number,
  column: Schema.Number,
  /** Such as `endpoints.dashboard.deadline`; empty for the file as a whole. */
  path: Schema.String,
  message: Schema.String
}) {}

/**
 * A file is not what `muster serve` can be given. It has all that is wrong with it, in the order of the file.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigRejected extends Schema.TaggedError<ConfigRejected>("effect-muster/Server/Config/ConfigRejected")(
  "ConfigRejected",
  {
    /** As it was given. */
    file: Schema.String,
    problems: Schema.Array(Problem)
  }
) {
  /** One line for each problem: `muster.yaml:8:5: endpoints.dashboard.deadline: expected …`; at most a hundred. */
  get lines(): ReadonlyArray<string> {
    const lines = this.problems.slice(0, most).map(({ column, line, message, path }) => {
      const where = line === 0 ? this.file : `${this.file}:${line}:${column}`
      return path === "" ? `${where}: ${message}` : `${where}: ${path}: ${message}`
    })
    const more = this.problems.length - most
    return more > 0 ? [...lines, `${this.file}: and ${more} more`] : lines
  }

  override get message() {
    return this.lines.join("\n")
  }
}

const most = 100

/**
 * What a function makes of what stands at a path; or what is wrong with the option that it refuses, which is one of the
 * `members`, or else what stands there itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const orFinding = <A>(path: KeyPath, members: object | undefined, make: () => A): A | Finding => {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof InvalidOption)) throw error
    const { expected, message, option, value } = error
    const short = `expected ${expected}, but it is ${value.includes("<redacted>") ? "something else" : value}`
    if (members === undefined) return { path, message: short }
    return option in members ? { path: [...path, option], message: short } : { path, key: true, message }
  }
}

/**
 * A path as it stands in messages: `endpoints.dashboard.keys.0`.
 *
 * @since 0.1.0
 * @category getters
 */
export const textOf = (path: KeyPath): string =>
  path
    .map((step) => (/^[\w$-]+$/.test(String(step)) ? String(step) : JSON.stringify(String(step).slice(0, 100))))
    .join(".")

/**
 * A value from a file in a message: what it is, if it is small.
 *
 * @since 0.1.0
 * @category getters
 */
export const show = (given: unknown): string => {
  if (given === null) return "nothing"
  if (Array.isArray(given)) return "a list"
  if (typeof given === "object" && !isJsonNumber(given)) return "names and values"
  const text = stringify(given) ?? "nothing"
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/**
 * In the order of the file, each once.
 *
 * @since 0.1.0
 * @category getters
 */
export const sorted = (problems: ReadonlyArray<Problem>): ReadonlyArray<Problem> => {
  const each = new Map(problems.map((problem) => [JSON.stringify(problem), problem]))
  return Array.from(each.values()).toSorted(
    (a, b) => a.line - b.line || a.column - b.column || compare(a.path, b.path) || compare(a.message, b.message)
  )
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/**
 * Says which of those that there are may have been meant, or which there are: `; did you mean "orders"?`.
 *
 * @since 0.1.0
 * @category getters
 */
export const hint = (given: string, all: Iterable<string>, listed = true): string => {
  const names = Array.from(all)
  const near = names
    .map((name) => [distance(given, name), name] as const)
    .filter(([steps, name]) => steps <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted(([a], [b]) => a - b)
  if (near[0] !== undefined) return `; did you mean "${near[0][1]}"?`
  if (!listed) return ""
  const more = names.length > 20 ? `, and ${names.length - 20} more` : ""
  return names.length === 0 ? "; there are none" : `; there are: ${names.slice(0, 20).join(", ")}${more}`
}

/** A name in other letters, `timelimit` for `timeLimit`, is as near as can be. */
const distance = (a: string, b: string) =>
  a.toLowerCase() === b.toLowerCase()
    ? 0
    : AutoCorrect.levensteinDistance(a.slice(0, 100), b.slice(0, 100), CliConfig.defaultConfig)
