/**
 * Says where a value from outside does not fit its schema, without the value: it may be a secret.
 *
 * @since 0.1.0
 */
import { Option, type ParseResult, SchemaAST } from "effect"

/**
 * One line such as `orders.0.total: expected number, but it is a string`, about the first thing that does not fit.
 *
 * @since 0.1.0
 * @category getters
 */
export const describe = (issue: ParseResult.ParseIssue): string => at(issue, [])

const at = (issue: ParseResult.ParseIssue, path: ReadonlyArray<PropertyKey>): string => {
  switch (issue._tag) {
    case "Pointer":
      return at(issue.issue, path.concat(issue.path))
    case "Composite":
      // Of a union no member fits, and which one was meant is not known.
      if (issue.ast._tag === "Union") return line(path, `expected ${issue.ast}, but it is ${kindOf(issue.actual)}`)
      return at(Array.isArray(issue.issues) ? issue.issues[0] : issue.issues, path)
    case "Refinement":
      if (issue.kind === "From") return at(issue.issue, path)
      return line(path, `expected ${wordsOf(issue.ast)}, but it is not`)
    case "Transformation":
      if (issue.kind !== "Transformation") return at(issue.issue, path)
      return line(path, `expected ${issue.ast}, but it is not`)
    case "Missing":
      return line(path, "is missing")
    case "Unexpected":
      return line(path, "is not expected")
    case "Type":
    case "Forbidden":
      return line(path, `expected ${issue.ast}, but it is ${kindOf(issue.actual)}`)
  }
}

const line = (path: ReadonlyArray<PropertyKey>, text: string) => {
  const cut = text.length > 200 ? `${text.slice(0, 200)}…` : text
  return `${path.length === 0 ? "the whole" : path.map(String).join(".")}: ${cut}`
}

/** Such as "a positive number" for `positive`. */
const wordsOf = (ast: SchemaAST.AST) => Option.getOrElse(SchemaAST.getDescriptionAnnotation(ast), () => String(ast))

const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}
