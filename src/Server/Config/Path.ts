/**
 * Paths to what an answer holds: `profile.name`, `orders[0].id`, `orders[].id` for the ids of all, `profile["first name"]`.
 *
 * @since 0.1.0
 */
import { isJsonNumber } from "../../Json.ts"

/**
 * The steps of a path: the name of a member, a position, or `each` of a list.
 *
 * @since 0.1.0
 * @category models
 */
export type Path = readonly [root: string, ...steps: ReadonlyArray<Step>]

/** @since 0.1.0 */
export type Step = string | number | typeof each

/** @since 0.1.0 */
export const each: unique symbol = Symbol.for("effect-muster/Server/Config/Path/each")

const step = /\.?([A-Za-z_$][\w$-]*)|\.(\d+)|\[(\d+)\]|\[(\])|\["((?:[^"\\]|\\.)*)"\]/y

/**
 * What to say was expected where {@link parse} reads nothing.
 *
 * @since 0.1.0
 * @category parsing
 */
export const expected = `a path like "profile.name" or "orders[].id"`

/**
 * Reads a path; `undefined` for what is none.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (text: string): Path | undefined => {
  const [root = ""] = /^[A-Za-z_][\w-]*/.exec(text) ?? []
  const steps: Array<Step> = []
  for (step.lastIndex = root.length; step.lastIndex < text.length;) {
    const at = step.lastIndex
    const match = step.exec(text)
    if (match === null || (match[1] !== undefined && text[at] !== ".")) return undefined
    const [, name, dotted, position, all, quoted] = match
    const index = dotted ?? position
    if (all !== undefined) steps.push(each)
    else if (index !== undefined) steps.push(Number(index))
    else if (name !== undefined) steps.push(name)
    else if (quoted !== undefined) steps.push(quoted.replace(/\\(.)/g, "$1"))
  }
  return root === "" ? undefined : [root, ...steps]
}

/**
 * Follows the steps of a path into a value; `undefined` where they lead to nothing. Only what the value itself holds
 * counts, not what all objects have.
 *
 * @since 0.1.0
 * @category reading
 */
export const follow = (value: unknown, steps: ReadonlyArray<Step>): unknown => {
  let at = value
  for (const [index, step] of steps.entries()) {
    if (step === each)
      return Array.isArray(at) ? at.map((item) => follow(item, steps.slice(index + 1)) ?? null) : undefined
    if (typeof at !== "object" || at === null || isJsonNumber(at)) return undefined
    if (!Object.hasOwn(at, step) || (Array.isArray(at) && typeof step !== "number")) return undefined
    // It has this member, whichever it is.
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}
