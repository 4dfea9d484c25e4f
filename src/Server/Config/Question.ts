/**
 * Makes the question that a source asks its service, with everything from outside in it encoded or bound.
 *
 * @since 0.1.0
 */
import { Either, Redacted } from "effect"
import { isJsonNumber, isNumeric, type Numeric, toText } from "../../Json.ts"
import type { Questions } from "../../Source.ts"
import * as File from "./File.ts"
import { isHeader } from "./File/Limits.ts"
import * as MongoForm from "./MongoForm.ts"
import * as Path from "./Path.ts"
import * as Segment from "./Segment.ts"
import { type Form, Given, type Reference, ReferenceUnusable, Template } from "./Template.ts"

/**
 * What references stand for: the input of the endpoint and the answers of its sources, by name.
 *
 * @since 0.1.0
 * @category models
 */
export type Values = Readonly<Record<string, unknown>>

/**
 * What a source of this name asks besides the headers that are sent on, which only the request knows. `unread` says that its
 * answer is passed on as it comes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <K extends File.Kind>(
  kind: K,
  service: File.Service,
  name: string,
  source: File.Source,
  values: Values,
  unread: boolean
): Either.Either<Questions[K], ReferenceUnusable> => {
  try {
    return Either.right(makers[kind](new Filling(name, values), source, service, unread))
  } catch (error) {
    if (error instanceof ReferenceUnusable) return Either.left(error)
    throw error
  }
}

type Makers = {
  readonly [K in File.Kind]: (
    fill: Filling,
    source: File.Source,
    service: File.Service,
    unread: boolean
  ) => Questions[K]
}

const sql = (fill: Filling, { sql }: File.Source): Questions["postgres"] => fill.statement(sql!)

const makers: Makers = {
  http: (fill, source, { headers = {} }, unread) => {
    const method = File.methods.find((method) => source[method] !== undefined)!
    const own = Object.entries(source.headers ?? {}).map(([name, template]) => [name, fill.header(template)] as const)
    return {
      // Each method is called as in a file, in capitals.
      method: method.toUpperCase() as Questions["http"]["method"],
      path: fill.path(source[method]!),
      headers: lowerCase([
        ...Object.entries(headers).map(([name, value]) => [name, Redacted.value(value)] as const),
        ...own.filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
      ]),
      body: source.body === undefined ? undefined : fill.form(source.body),
      ...(unread && { unread })
    }
  },
  postgres: sql,
  mysql: sql,
  sqlite: sql,
  redis: (fill, { command, key }) => {
    if (key !== undefined) return { key: fill.plain(key) }
    const [name, ...args] = command!.map((part) =>
      part instanceof Template ? fill.argument(part) : typeof part === "number" ? part : part.text
    )
    return { command: [String(name), ...args] }
  },
  mongo: (fill, { collection, find, limit, one, pipeline, project, sort }) => ({
    collection: collection!,
    read:
      pipeline === undefined
        ? {
            find: object(fill.mongo(find ?? {}, "filter")),
            sort: sort === undefined ? undefined : object(fill.mongo(sort, "expression")),
            project: project === undefined ? undefined : object(fill.mongo(project, "expression")),
            limit: one === true ? 1 : limit
          }
        : { pipeline: list(fill.mongo(pipeline, "expression")).map(object) }
  })
}

/** The names of headers are the same in any letters; the last one counts. */
const lowerCase = (headers: ReadonlyArray<readonly [name: string, value: string]>) =>
  Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))

// That they are objects and lists is found out when the file is checked.
const object = (value: unknown) => value as Readonly<Record<string, unknown>>
const list = (value: unknown) => value as ReadonlyArray<unknown>

type Scalar = string | Numeric | boolean | null

/** Puts in what references stand for. */
class Filling {
  constructor(
    private readonly source: string,
    private readonly values: Values
  ) {}

  /** Percent-encoded, also what is in the query. What stands between two slashes of the file stays there. */
  path({ parts, segments }: Template): string {
    let text = ""
    for (const part of parts) {
      if (typeof part === "string") text += part
      else if (part instanceof Given) text += encodeURIComponent(part.value)
      else {
        const value = this.textOf(part)
        const segment = segments.get(part)
        const wrong = segment && Segment.wrongWith(value, segment, part.slashes)
        if (wrong !== undefined) this.unusable(part, wrong + this.hint(part, value))
        text += this.percent(part, value)
      }
    }
    return text
  }

  /** `undefined` where it is nothing but a reference that stands for nothing. */
  header(template: Template): string | undefined {
    if (template.whole !== undefined && this.scalar(template.whole) === null) return undefined
    return this.text(template, (reference) => {
      const text = this.textOf(reference)
      return isHeader(text) ? text : this.unusable(reference, "has a character that cannot stand in a header")
    })
  }

  /** As it is: for what is sent with its length, where no character means anything. */
  plain(template: Template): string {
    return this.text(template, (reference) => this.textOf(reference))
  }

  argument(template: Template): string | Numeric {
    const value = template.whole === undefined ? this.plain(template) : this.scalar(template.whole)
    return isNumeric(value) ? value : String(value ?? "")
  }

  statement({ parts }: Template): Questions["postgres"] {
    const text = [""]
    const params: Array<Scalar> = []
    for (const part of parts) {
      if (typeof part === "string") text.push(text.pop()! + part)
      else {
        params.push(part instanceof Given ? part.value : this.scalar(part))
        text.push("")
      }
    }
    return { text, params }
  }

  form(form: Form): unknown {
    if (form instanceof Template) return form.whole === undefined ? this.plain(form) : this.value(form.whole)
    if (typeof form !== "object" || form === null || isJsonNumber(form)) return form
    if (isList(form)) return form.map((item) => this.form(item))
    return Object.fromEntries(Object.entries(form).map(([name, member]) => [name, this.form(member)]))
  }

  /** No lists and objects that references stand for: their names would be operators. */
  mongo(form: Form, place: MongoForm.Place): unknown {
    const resolve = (template: Template) =>
      template.whole === undefined ? this.plain(template) : this.scalar(template.whole)
    const refuse = ({ references: [first] }: Template) =>
      first === undefined
        ? this.unusable({ text: "what the environment has" }, "stands in code")
        : this.unusable(first, "stands in code, where it would be run: give it as an argument")
    return MongoForm.fill(form, place, resolve, refuse)
  }

  private text(template: Template, fill: (reference: Reference) => string): string {
    return template.parts
      .map((part) => (typeof part === "string" ? part : part instanceof Given ? part.value : fill(part)))
      .join("")
  }

  private percent(reference: Reference, text: string): string {
    try {
      return encodeURIComponent(text)
    } catch {
      return this.unusable(reference, "is no text")
    }
  }

  /** A number in all its digits. */
  private textOf(reference: Reference): string {
    const value = this.scalar(reference)
    return isNumeric(value) ? toText(value) : String(value ?? "")
  }

  private scalar(reference: Reference): Scalar {
    const value = this.value(reference)
    if (typeof value === "string" || typeof value === "boolean" || value === null || isNumeric(value)) return value
    return this.unusable(reference, "is more than one value")
  }

  private value(reference: Reference): unknown {
    const [root, ...steps] = reference.path
    const value = Object.hasOwn(this.values, root) ? Path.follow(this.values[root], steps) : undefined
    if (value !== undefined && value !== null) return value
    return reference.optional ? null : this.unusable(reference, "leads to nothing")
  }

  private hint(reference: Reference, value: string): string {
    return reference.slashes || !/[/\\]/.test(value)
      ? ""
      : `; {${reference.text.slice(1, -1)}|segment} sends it encoded`
  }

  private unusable(reference: Pick<Reference, "text">, reason: string): never {
    throw new ReferenceUnusable({ source: this.source, reference: reference.text, reason })
  }
}

const isList = (form: Form & object): form is ReadonlyArray<Form> => Array.isArray(form)
