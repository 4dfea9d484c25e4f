/**
 * What is wrong with a parameter of an endpoint: rules that say nothing of its type, and rules that no input can meet.
 *
 * @since 0.1.0
 */
import { compare, hasWholeBetween, isNumeric, toNumeric } from "../../../Json.ts"
import * as Inputs from "../File/Inputs.ts"
import { lengths, type Used } from "../File/Limits.ts"
import { type Finding, type KeyPath, show } from "../Problem.ts"

/**
 * Everything that is wrong with a parameter that is used there.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (path: KeyPath, input: Inputs.Input, used: Used): ReadonlyArray<Finding> => {
  const empty = range(path, input, used)
  return [
    ...Inputs.uselessFor(input).map((rule) => ({
      path: [...path, rule],
      key: true,
      message: `${input.type} has none`
    })),
    ...empty,
    // Nothing would fit.
    ...(empty.length > 0 ? [] : values(path, input, used)),
    ...("default" in input && input.optional === true
      ? [{ path: [...path, "optional"], key: true, message: "what has a default may be left out anyway" }]
      : [])
  ]
}

/** Between `min` and `max` nothing may lie. */
const range = (path: KeyPath, input: Inputs.Input, used: Used): ReadonlyArray<Finding> => {
  const { max, min, type } = input
  const finding = (rule: "min" | "max", message: string) => [{ path: [...path, rule], message }]
  if (type === "boolean") return []
  if (type === "string") {
    const [fewest, most] = [min ?? lengths.min, max ?? lengths.max]
    if (compare(most, 0) < 0) return finding("max", "no text has fewer than 0 characters")
    if (compare(fewest, most) > 0 && max === undefined)
      return finding("min", `is more than max, which is ${lengths.max} unless it is given: write max too`)
    if (compare(fewest, most) > 0 && min === undefined)
      return finding(
        "max",
        `is less than min, which is ${lengths.min} unless it is given: write min: 0 for text that may be empty`
      )
    if (compare(most, 1) < 0 && used.inPath.length > 0)
      return finding("max", "is less than 1, but the input stands in a path, where something must be")
  }
  if (min === undefined || max === undefined) return []
  if (compare(min, max) > 0) return finding("max", `is less than min, which is ${min}`)
  return type === "number" || hasWholeBetween(min, max)
    ? []
    : finding("max", `no whole number lies between min, which is ${min}, and it`)
}

/** The values that stand in the file must fit what else is said of the parameter. */
const values = (path: KeyPath, { oneOf, ...rules }: Inputs.Input, used: Used): ReadonlyArray<Finding> => {
  const misfit = (at: KeyPath, value: unknown, input: Inputs.Input): ReadonlyArray<Finding> => {
    const expected = Inputs.wrongWith(input, used)(value)
    if (expected === undefined) return []
    const isQuoted = input.type !== "string" && typeof value === "string" && readsAs(input.type, value)
    return [
      {
        path: at,
        message: `${expected}, but it is ${show(value)}${isQuoted ? "; write it without quotes" : ""}`,
        unquoted: input.type === "string" && (isNumeric(value) || typeof value === "boolean")
      }
    ]
  }
  if (oneOf?.length === 0) return [{ path: [...path, "oneOf"], message: "expected at least one value" }]
  const wrong = (oneOf ?? []).flatMap((one, index) => misfit([...path, "oneOf", index], one, rules))
  if (wrong.length > 0 || !("default" in rules)) return wrong
  return misfit([...path, "default"], rules.default, oneOf === undefined ? rules : { ...rules, oneOf })
}

const readsAs = (type: Inputs.Input["type"], text: string) =>
  type === "boolean" ? text === "true" || text === "false" : toNumeric(text) !== undefined
