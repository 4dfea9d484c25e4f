/**
 * Fills in a question to MongoDB so that what comes from outside is a value wherever it stands, and never a field or code.
 *
 * In a filter, the text `"$price"` is that text; in an expression (in `project`, and in most of a `pipeline`) it is a field of the
 * document, and `"$$ROOT"` is all of it. There, a text from outside stands behind `$literal`.
 *
 * @see https://www.mongodb.com/docs/manual/reference/operator/aggregation/literal/
 *
 * @since 0.1.0
 */
import { isJsonNumber } from "../../Json.ts"
import { type Form, Template } from "./Template.ts"

/**
 * What a text means where it stands.
 *
 * @since 0.1.0
 * @category models
 */
export type Place = "filter" | "expression" | "literal" | "code"

/**
 * Fills in a form; `resolve` gives what a template stands for, and `refuse` fails for one that stands in code.
 *
 * @since 0.1.0
 * @category filling
 */
export const fill = (
  form: Form,
  place: Place,
  resolve: (template: Template) => unknown,
  refuse: (template: Template) => never
): unknown => {
  const walk = (form: Form, place: Place, parent: string): unknown => {
    if (form instanceof Template) {
      if (place === "code" && form.parts.some((part) => typeof part !== "string")) return refuse(form)
      const value = resolve(form)
      return place === "expression" && isGivenField(form, value) ? { $literal: value } : value
    }
    if (typeof form !== "object" || form === null || isJsonNumber(form)) return form
    if (isList(form)) return form.map((item) => walk(item, place, parent))
    return Object.fromEntries(
      Object.entries(form).map(([name, member]) => [name, walk(member, placeOf(name, place, parent), name)])
    )
  }
  return walk(form, place, "")
}

/** Begins with a dollar that is not written in the file. */
const isGivenField = ({ parts: [first] }: Template, value: unknown): boolean =>
  typeof value === "string" && value.startsWith("$") && !(typeof first === "string" && first.startsWith("$"))

const code: Readonly<Record<string, ReadonlyArray<string>>> = {
  $function: ["args"],
  $accumulator: ["initArgs", "accumulateArgs"]
}

const filters: Readonly<Record<string, string>> = { $geoNear: "query", $graphLookup: "restrictSearchWithMatch" }

const placeOf = (name: string, place: Place, parent: string): Place => {
  if (place === "literal") return place
  if (place === "code") return code[parent]?.includes(name) === true ? "expression" : place
  if (name === "$where" || name in code) return "code"
  if (name === "$literal") return "literal"
  if (name === "$expr") return "expression"
  if (name === "$match" || filters[parent] === name) return "filter"
  return place
}

const isList = (form: Form & object): form is ReadonlyArray<Form> => Array.isArray(form)
