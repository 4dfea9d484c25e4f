/**
 * Texts with references in braces, `/users/{id}` or `{profile.name}`: to the input of an endpoint, or to the answer of a
 * source. What they stand for is put in where the text is used, and encoded there.
 *
 * `{tag?}` may stand for nothing; `{id|segment}` in a path may hold slashes, see `Segment`. `{{` and `}}` are plain braces. What the environment has, `${NAME}`, is a value too.
 *
 * @since 0.1.0
 */
import { ParseResult, Schema } from "effect"
import { isJsonNumber, type JsonNumber } from "../../Json.ts"
import * as Environment from "./Environment.ts"
import * as Path from "./Path.ts"
import { type KeyPath, show } from "./Problem.ts"
import * as Segment from "./Segment.ts"
import * as Setting from "./Setting.ts"

/**
 * What stands in braces.
 *
 * @since 0.1.0
 * @category models
 */
export class Reference {
  constructor(
    /** As it was written, with its braces. */
    readonly text: string,
    readonly path: Path.Path,
    /** It may stand for nothing. */
    readonly optional: boolean,
    /** In the path of a URL it may hold slashes, which are sent as `%2F`. */
    readonly slashes: boolean = false
  ) {}

  /** The input or the source that it begins with. */
  get root(): string {
    return this.path[0]
  }
}

/**
 * What the environment has for a reference to it. Where it stands, it is a value like any other.
 *
 * @since 0.1.0
 * @category models
 */
export class Given {
  constructor(readonly value: string) {}
}

/**
 * A text and what stands in it.
 *
 * @since 0.1.0
 * @category models
 */
export class Template {
  private inPath: ReadonlyMap<Given | Reference, Segment.Segment> | undefined = undefined

  constructor(readonly parts: ReadonlyArray<string | Given | Reference>) {}

  /** Of a path: where that stands which is filled in before the question mark. */
  get segments(): ReadonlyMap<Given | Reference, Segment.Segment> {
    return (this.inPath ??= Segment.of(this.parts))
  }

  get references(): ReadonlyArray<Reference> {
    return this.parts.filter((part) => part instanceof Reference)
  }

  /** The one reference that it is, with nothing beside it. */
  get whole(): Reference | undefined {
    const [only, ...others] = this.parts
    return only instanceof Reference && others.length === 0 ? only : undefined
  }
}

/**
 * A value of JSON with texts in it that are templates. One that is nothing but a reference becomes the very value that it
 * stands for, a number or a list too.
 *
 * @since 0.1.0
 * @category models
 */
export type Form =
  Template | JsonNumber | number | boolean | null | ReadonlyArray<Form> | { readonly [name: string]: Form }

/**
 * A reference stands for nothing, or for what has no place where it stands.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReferenceUnusable extends Schema.TaggedError<ReferenceUnusable>(
  "effect-muster/Server/Config/ReferenceUnusable"
)("ReferenceUnusable", {
  source: Schema.String,
  /** With its braces. */
  reference: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `Source "${this.source}" was not asked: ${this.reference} ${this.reason}`
  }
}

/**
 * Reads a template; what is wrong with it otherwise.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (text: string, env: Environment.Lookup): Template | { readonly wrong: string } => {
  const parts: Array<string | Given | Reference> = []
  const add = (text: string) => {
    const last = parts.at(-1)
    if (typeof last === "string") parts[parts.length - 1] = last + text
    else if (text !== "") parts.push(text)
  }
  for (const part of Environment.parts(text, env)) {
    if ("missing" in part) return { wrong: part.missing }
    if ("value" in part) {
      parts.push(new Given(part.value))
      continue
    }
    for (const [token, inner] of part.text.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g)) {
      if (inner !== undefined) {
        const [, name = "", mark, slashes] = /^\s*(.*?)(\?)?(\s*\|\s*segment)?\s*$/s.exec(inner)!
        const path = Path.parse(name)
        if (path === undefined || path.includes(Path.each)) return { wrong: notReference(token) }
        parts.push(new Reference(token, path, mark !== undefined, slashes !== undefined))
      } else if (token === "{" || token === "}") return { wrong: `there is a "${token}" without its other half` }
      else add(token === "{{" ? "{" : token === "}}" ? "}" : token)
    }
  }
  return new Template(parts)
}

const notReference = (token: string) =>
  `expected a reference like {id} or {profile.id}, but it is ${show(token)}; ` +
  (token.includes("|") ? "only |segment may stand behind a name" : "a plain brace is written twice")

/**
 * A template that `isOne`, in which nothing else is wrong either.
 *
 * @since 0.1.0
 * @category kinds
 */
export const of = (
  env: Environment.Lookup,
  expected: string,
  isOne: (template: Template) => boolean = () => true,
  wrongWith: (template: Template) => string | undefined = () => undefined
): Schema.Schema<Template, unknown> =>
  Schema.transformOrFail(Schema.Unknown, Schema.instanceOf(Template), {
    strict: true,
    decode: (given, _, ast) => {
      const refuse = (message: string) => ParseResult.fail(new ParseResult.Type(ast, given, message))
      const unlike = () => refuse(`expected ${expected}, but it is ${show(given)}`)
      if (typeof given !== "string" || given === "") return unlike()
      const template = parse(given, env)
      if ("wrong" in template) return refuse(template.wrong)
      if (!isOne(template)) return unlike()
      const wrong = wrongWith(template)
      return wrong === undefined ? ParseResult.succeed(template) : refuse(wrong)
    },
    encode: (template) => ParseResult.succeed(template)
  }).annotations({ jsonSchema: { type: "string", minLength: 1, description: expected } })

/**
 * True for the path of a request: it begins with a slash, and what is written in it can stand in a URL.
 *
 * @since 0.1.0
 * @category getters
 */
export const isPath = ({ parts }: Template): boolean =>
  String(parts[0]).startsWith("/") &&
  parts.every((part) => typeof part !== "string" || /^(?:[\w.~!$&'()*+,;=:@/?-]|%[\dA-Fa-f]{2})*$/.test(part))

/**
 * Why a path leads to another resource than it seems to, or `undefined`.
 *
 * @since 0.1.0
 * @category checks
 */
export const wrongWithPath = ({ parts, segments }: Template): string | undefined => {
  const [path = ""] = parts
    .map((part) => (typeof part === "string" ? part : "x"))
    .join("")
    .split("?")
  if (Segment.hasDots(path)) return `it has a segment of "." or ".." in it: write the path that it leads to`
  for (const [part, segment] of segments) {
    const wrong = part instanceof Given ? Segment.wrongWith(part.value, segment, false) : undefined
    if (wrong !== undefined) return `what the environment has ${wrong}: write the path itself`
  }
  return undefined
}

/**
 * A form: JSON whose texts are templates.
 *
 * @since 0.1.0
 * @category kinds
 */
export const form = (env: Environment.Lookup): Schema.Schema<Form, unknown> =>
  Schema.transformOrFail(Schema.Unknown, Setting.anything<Form>(), {
    strict: true,
    decode: (given, _, ast) => {
      const issues: Array<ParseResult.ParseIssue> = []
      const read = (value: unknown, path: KeyPath): Form => {
        if (Array.isArray(value)) return value.map((item, index) => read(item, [...path, index]))
        if (isJsonNumber(value)) return value
        if (typeof value === "object" && value !== null)
          return Object.fromEntries(
            Object.entries(value).map(([name, member]) => [name, read(member, [...path, name])])
          )
        if (typeof value === "number" || typeof value === "boolean") return value
        if (typeof value !== "string") return null
        const template = parse(value, env)
        if (!("wrong" in template)) return template
        const issue = new ParseResult.Type(ast, value, template.wrong)
        issues.push(path.length === 0 ? issue : new ParseResult.Pointer([path[0]!, ...path.slice(1)], value, issue))
        return null
      }
      const form = read(given, [])
      const [first, ...others] = issues
      return first === undefined
        ? ParseResult.succeed(form)
        : ParseResult.fail(new ParseResult.Composite(ast, given, [first, ...others]))
    },
    encode: (form) => ParseResult.succeed(form)
  }).annotations({ jsonSchema: { description: "JSON with references like {id} in its texts" } })
