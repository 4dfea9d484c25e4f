/**
 * Says where a value does not fit the schema of a file, with what may have been meant.
 *
 * @since 0.1.0
 */
import { Option, ParseResult, Schema, SchemaAST } from "effect"
import { isJsonNumber } from "../../Json.ts"
import { type Finding, hint, type KeyPath, show } from "./Problem.ts"

/**
 * Everything in which a value does not fit.
 *
 * @since 0.1.0
 * @category checks
 */
export const of = <A, I>(schema: Schema.Schema<A, I>, value: unknown): ReadonlyArray<Finding> => {
  const read = Schema.decodeUnknownEither(schema, options)(value)
  return read._tag === "Right" ? [] : findings(read.left.issue, [])
}

/**
 * The value if it fits.
 *
 * @since 0.1.0
 * @category checks
 */
export const fitting = <A, I>(schema: Schema.Schema<A, I>, value: unknown): A | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(schema, options)(value))

const options = { errors: "all", onExcessProperty: "error" } as const

const findings = (issue: ParseResult.ParseIssue, path: KeyPath, parent?: SchemaAST.AST): ReadonlyArray<Finding> => {
  switch (issue._tag) {
    case "Pointer":
      return findings(issue.issue, [...path, ...steps(issue.path)], parent)
    case "Composite": {
      const issues: ReadonlyArray<ParseResult.ParseIssue> = "_tag" in issue.issues ? [issue.issues] : issue.issues
      const ast = SchemaAST.isUnion(issue.ast) ? undefined : issue.ast
      return (ast === undefined ? meant(issues, issue.actual) : issues).flatMap((one) => findings(one, path, ast))
    }
    case "Refinement":
    case "Transformation":
      return findings(issue.issue, path, parent)
    case "Missing":
      return [{ path, message: `is missing${descriptionOf(parent, path.at(-1))}`, key: true }]
    case "Unexpected":
      return [{ path, message: `is not known${hint(String(path.at(-1)), namesOf(parent))}`, key: true }]
    case "Type":
    case "Forbidden":
      return [{ path, message: issue.message ?? `expected ${kindOf(issue.ast)}, but it is ${show(issue.actual)}` }]
  }
}

const steps = (path: ParseResult.Path): KeyPath =>
  (Array.isArray(path) ? path : [path]).map((step) => (typeof step === "number" ? step : String(step)))

/** Of the members of a union, the one for a value of this kind: whoever writes a mapping does not mean the short form. */
const meant = (issues: ReadonlyArray<ParseResult.ParseIssue>, actual: unknown) => {
  const isMeant = (issue: ParseResult.ParseIssue) => {
    if (Array.isArray(actual)) return issue._tag === "Composite" && SchemaAST.isTupleType(issue.ast)
    if (typeof actual === "object" && actual !== null && !isJsonNumber(actual))
      return issue._tag === "Composite" && SchemaAST.isTypeLiteral(issue.ast)
    return issue._tag === "Transformation"
  }
  return [issues.find(isMeant) ?? issues[0]!]
}

const membersOf = (ast: SchemaAST.AST | undefined): ReadonlyArray<SchemaAST.PropertySignature> => {
  if (ast === undefined) return []
  if (SchemaAST.isTransformation(ast)) return membersOf(ast.from)
  return SchemaAST.isTypeLiteral(ast) ? ast.propertySignatures : []
}

const namesOf = (ast: SchemaAST.AST | undefined) => membersOf(ast).map(({ name }) => String(name))

const descriptionOf = (ast: SchemaAST.AST | undefined, name: string | number | undefined) => {
  const member = membersOf(ast).find((one) => one.name === name)
  const description = member === undefined ? Option.none() : SchemaAST.getDescriptionAnnotation(member)
  return Option.match(description, {
    onNone: () => "",
    onSome: (text) => `: ${text.slice(0, 1).toLowerCase()}${text.slice(1)}`
  })
}

const kindOf = (ast: SchemaAST.AST): string => {
  if (SchemaAST.isTupleType(ast)) return "a list"
  if (SchemaAST.isNumberKeyword(ast)) return "a number"
  return SchemaAST.isTypeLiteral(ast) ? "names and values" : "something else"
}
