/**
 * A file of rules, in YAML or JSON: what the failure of an item means, by the class of its error.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import type { Action } from "../../Batch/Rules.ts"
import * as Document from "../../Server/Config/Document.ts"
import { ConfigRejected, type Finding, hint, show, sorted } from "../../Server/Config/Problem.ts"
import { badInput, type Failed } from "../Failed.ts"
import { why } from "../FileTrouble.ts"
import { printable, Screen } from "../Screen.ts"

/**
 * Some rules: what they do not name, the standard ones do.
 *
 * @since 0.1.0
 * @category models
 */
export type Some = Readonly<Record<string, Action>>

const actions: ReadonlyArray<Action> = ["stop", "slow", "retry", "record"]
const all = "stop, slow, retry or record"

/**
 * Reads one rule, such as `404=stop`.
 *
 * @since 0.1.0
 * @category parsing
 */
export const one = (text: string): readonly [name: string, action: Action] | undefined => {
  const [, name, given] = /^([^=]+)=(\w+)$/.exec(text) ?? []
  const action = actions.find((action) => action === given)
  return name === undefined || action === undefined ? undefined : [name, action]
}

/**
 * Reads a file of rules: `{ "404": "stop", "default": "record" }`, or the same as YAML. Says all that is wrong with it, by
 * the line.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = (file: string): Effect.Effect<Some, Failed, Screen> =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise({
      try: () => readFile(file, "utf8"),
      catch: (error) => badInput(`--rules: ${file}: ${why(error)}`)
    })
    const document = Document.parse(text)
    const { value } = document
    const found = document.broken ? [] : findings(value).map(document.problem)
    const problems = sorted([...document.problems, ...found])
    if (problems.length > 0) {
      const { err } = yield* Screen
      new ConfigRejected({ file, problems }).lines.forEach((line) => err(printable(line)))
      return yield* badInput(`${file} has ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}`)
    }
    // The cast: nothing was found wrong with it.
    return value as Some
  })

const findings = (value: unknown): ReadonlyArray<Finding> => {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return [{ path: [], message: `expected classes of errors, each with ${all}, but it is ${show(value)}` }]
  return Object.entries(value).flatMap(([name, action]) => {
    if (name === "") return [{ path: [name], key: true, message: "a class of errors has a name" }]
    if (actions.some((one) => one === action)) return []
    const near = typeof action === "string" ? hint(action, actions, false) : ""
    return [{ path: [name], message: `expected ${all}, but it is ${show(action)}${near}` }]
  })
}
