/**
 * Reads the input of an endpoint from a request.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Either, Option, type Schema, SchemaAST } from "effect"
import type { IncomingMessage } from "node:http"
import * as Content from "../Content.ts"
import * as Deadline from "../Deadline.ts"
import * as Json from "../Json.ts"
import type * as Memory from "../Memory.ts"
import type { Endpoint } from "./Endpoint.ts"
import type { Exchange } from "./Exchange.ts"
import { make as problem, type Problem, rejected } from "./Problem.ts"
import type { Params } from "./Router.ts"

/**
 * How the text of a parameter becomes a value of a field: text stays text, and numbers and booleans are read where the
 * schema wants nothing else. What cannot be read stays text, for the schema to refuse.
 *
 * @since 0.1.0
 * @category models
 */
export interface Field {
  readonly kind: "text" | "number" | "boolean"
  /** The query may repeat it: `?tag=a&tag=b`. */
  readonly list: boolean
  /** The schema makes a JavaScript number of its text, and so gives the nearest of those. */
  readonly isNearest: boolean
}

/**
 * The fields of an input schema, in its encoded form.
 *
 * @since 0.1.0
 * @category getters
 */
export const fieldsOf = ({ ast }: Schema.Schema.All): ReadonlyMap<string, Field> => {
  const decoded = new Map(
    SchemaAST.getPropertySignatures(SchemaAST.typeAST(ast)).map(({ name, type }) => [name, fieldOf(type)])
  )
  return new Map(
    SchemaAST.getPropertySignatures(SchemaAST.encodedAST(ast)).map(({ name, type }) => {
      const field = fieldOf(type)
      return [String(name), { ...field, isNearest: field.kind === "text" && decoded.get(name)?.kind === "number" }]
    })
  )
}

const fieldOf = (ast: SchemaAST.AST): Omit<Field, "isNearest"> => {
  const types = membersOf(ast).filter((type) => !SchemaAST.isUndefinedKeyword(type))
  const list = types.find(SchemaAST.isTupleType)
  if (list !== undefined) {
    const [{ type: item } = { type: ast }] = [...list.elements, ...list.rest]
    return { ...(SchemaAST.isTupleType(item) ? textual : fieldOf(item)), list: true }
  }
  const are = (isKind: (type: SchemaAST.AST) => boolean) => types.length > 0 && types.every(isKind)
  if (are((type) => SchemaAST.isNumberKeyword(type) || isLiteral(type, "number") || isDeclared(type)))
    return { ...textual, kind: "number" }
  if (are((type) => SchemaAST.isBooleanKeyword(type) || isLiteral(type, "boolean")))
    return { ...textual, kind: "boolean" }
  return textual
}

const membersOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> =>
  SchemaAST.isUnion(ast) ? ast.types.flatMap(membersOf) : [ast]

const textual = { kind: "text", list: false } as const

const isLiteral = (ast: SchemaAST.AST, kind: string) => SchemaAST.isLiteral(ast) && typeof ast.literal === kind

/** A schema of one's own, of which its JSON Schema says that it is a number. */
const isDeclared = (ast: SchemaAST.AST) =>
  SchemaAST.isDeclaration(ast) &&
  Option.exists(
    SchemaAST.getJSONSchemaAnnotation(ast),
    (schema) => "type" in schema && (schema.type === "number" || schema.type === "integer")
  )

/**
 * Reads an input: the fields in the path, and those of the query (`GET`, at once) or of the body (`POST`). Parameters whose
 * names are `reserved` are not fields.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = (
  exchange: Exchange,
  endpoint: Endpoint<unknown>,
  fields: ReadonlyMap<string, Field>,
  params: Params,
  reserved: ReadonlySet<string>
): Either.Either<unknown, Problem> | Effect.Effect<unknown, Problem> => {
  const refuse = (field: string, reason: string) =>
    Either.left(rejected({ aggregation: endpoint.name, field: printable(field).slice(0, 100), reason }))
  const given = new Map<string, unknown>()
  for (const name of endpoint.params) {
    const text = params[name] ?? ""
    if (control.test(text)) return refuse(name, held)
    if (isLost(fields.get(name), text)) return refuse(name, lost(text))
    given.set(name, valueOf(fields.get(name), text))
  }
  const query = readQuery(exchange.url)
  if (query === undefined) return refuse("", "the query is not percent-encoded UTF-8")
  const inQuery = query.filter(([name]) => !reserved.has(name))
  const odd = inQuery.find((pair) => pair.some((text) => control.test(text)))
  if (odd !== undefined) return refuse(odd[0], held)
  if (endpoint.method === "POST") {
    return inQuery[0] === undefined
      ? Effect.flatMap(readBody(exchange, endpoint.maxBody), (body) => withBody(given, body, fields, refuse))
      : refuse(inQuery[0][0], "belongs into the body")
  }
  for (const [name, text] of inQuery) {
    const field = fields.get(name)
    const before = given.get(name)
    if (before !== undefined && field?.list !== true) return refuse(name, "is given twice")
    if (isLost(field, text)) return refuse(name, lost(text))
    const value = valueOf(field, text)
    given.set(name, field?.list === true ? [...(Array.isArray(before) ? before : []), value] : value)
  }
  return Either.right(Object.fromEntries(given))
}

const held = "has a control character in it"

/** A body, and beside it what stands in the path. */
const withBody = (
  given: ReadonlyMap<string, unknown>,
  body: unknown,
  fields: ReadonlyMap<string, Field>,
  refuse: (field: string, reason: string) => Either.Either<never, Problem>
): Either.Either<unknown, Problem> => {
  const fault = faultIn(body)
  if (fault !== undefined) return refuse(...fault)
  for (const [name, value] of isRecord(body) ? Object.entries(body) : [])
    if (typeof value === "string" && isLost(fields.get(name), value)) return refuse(name, lost(value))
  if (given.size === 0) return Either.right(body)
  if (!isRecord(body)) return refuse("", "the body is no object")
  const twice = Object.keys(body).find((name) => given.has(name))
  return twice === undefined
    ? Either.right(Object.fromEntries([...Object.entries(body), ...given]))
    : refuse(twice, "is given twice: it stands in the path")
}

/** Control characters and lone halves of surrogate pairs. */
const control = /[\p{Cc}\p{Cs}]/u

/** As above, but in a body text may have lines. */
const controlInText = /(?![\t\n\r])[\p{Cc}\p{Cs}]/u

const printable = (text: string) => text.replace(new RegExp(control.source, "gu"), "\uFFFD")

/** The parameters of a URL; `undefined` when they are not percent-encoded UTF-8. */
const readQuery = (url: string): ReadonlyArray<readonly [name: string, value: string]> | undefined => {
  const start = url.indexOf("?")
  if (start < 0) return []
  const text = url.slice(start + 1)
  try {
    decodeURIComponent(text.replaceAll("+", " "))
  } catch {
    return undefined
  }
  return Array.from(new URLSearchParams(text))
}

const valueOf = (field: Field | undefined, text: string): unknown => {
  if (field?.kind === "number") return Json.toNumeric(text) ?? text
  if (field?.kind === "boolean" && (text === "true" || text === "false")) return text === "true"
  return text
}

/** True for a text that its schema would make the nearest JavaScript number of, without a word. */
const isLost = (field: Field | undefined, text: string) =>
  field?.isNearest === true && Json.isJsonNumber(Json.toNumeric(text))

const lost = (text: string) => `${text.slice(0, 100)} is a number that JavaScript cannot hold exactly`

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Json.isJsonNumber(value)

const deepest = 64

/** The path of the first text that holds a control character, or of what is nested so deeply that it is an attack. */
const faultIn = (value: unknown, path: ReadonlyArray<string> = []): [field: string, reason: string] | undefined => {
  if (typeof value === "string" && controlInText.test(value)) return [path.join("."), held]
  if (typeof value !== "object" || value === null || Json.isJsonNumber(value)) return undefined
  if (path.length === deepest) return [path.slice(0, 3).join("."), `is nested more than ${deepest} levels deep`]
  for (const [name, member] of Object.entries(value)) {
    const inner = [...path, name]
    if (control.test(name)) return [inner.join("."), "has a control character in its name"]
    const fault = faultIn(member, inner)
    if (fault !== undefined) return fault
  }
  return undefined
}

const readBody = ({ headers, memory, message }: Exchange, maxBody: number): Effect.Effect<unknown, Problem> =>
  Effect.gen(function* () {
    const type = headers["content-type"] ?? ""
    if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type))
      return yield* Effect.fail(problem("unsupported-media-type", "Send it with content-type: application/json"))
    // The rest of a body that is too large is not worth reading, and so the connection is not worth keeping.
    const tooLarge = problem(
      "body-too-large",
      `It has more than ${maxBody} bytes`,
      { maxBody },
      { connection: "close" }
    )
    const encoding = headers["content-encoding"]
    const refused = Content.refusal(encoding)
    if (refused !== undefined) return yield* Effect.fail(unreadable(refused, maxBody))
    const limit = Content.limit(encoding, maxBody)
    if (Number(headers["content-length"] ?? 0) > limit) return yield* Effect.fail(tooLarge)
    const bytes = yield* inTime(readAll(message, limit, tooLarge, memory))
    if (bytes.length === 0) return yield* Effect.fail(problem("invalid-input", "The body is empty", { field: "" }))
    const text = yield* Content.decode(bytes, encoding, maxBody).pipe(
      Either.mapLeft((reason) => unreadable(reason, maxBody)),
      // As much as came has been taken already.
      Either.filterOrLeft(
        ({ length }) => memory.take(Math.max(0, length - bytes.length)),
        () => noMemory
      ),
      Either.flatMap((content) => Either.mapLeft(Content.text(content, type), (reason) => unreadable(reason, maxBody)))
    )
    return yield* Either.mapLeft(Json.parse(text), (reason) =>
      problem("invalid-input", `The body ${reason}`, { field: "" })
    )
  })

/** What is unknown comes with what is known (RFC 9110, 12.5.3). */
const unreadable = ({ kind, reason }: Content.Unreadable, maxBody: number): Problem => {
  const detail = `The body ${reason}`
  if (kind === "too long") return problem("body-too-large", detail, { maxBody })
  if (kind === "corrupt") return problem("invalid-input", detail, { field: "" })
  const headers = kind === "unknown coding" ? { "accept-encoding": Content.acceptEncoding } : {}
  return problem("unsupported-media-type", detail, {}, headers)
}

const noMemory = problem(
  "overloaded",
  "The memory for requests and answers is used up",
  {},
  { connection: "close", "retry-after": "1" }
)

/** Not as a stream of the platform, which closes the connection when it is not read to its end: nobody could be answered. */
const readAll = (
  message: IncomingMessage,
  maxBody: number,
  tooLarge: Problem,
  memory: Memory.Account
): Effect.Effect<Buffer, Problem> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    const stop = (result: Effect.Effect<Buffer, Problem>) => {
      message.off("data", read).off("end", end).off("error", broken).pause()
      resume(result)
    }
    const read = (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size > maxBody) stop(Effect.fail(tooLarge))
      else if (!memory.take(chunk.length)) stop(Effect.fail(noMemory))
    }
    const end = () => stop(Effect.succeed(Buffer.concat(chunks)))
    const broken = () => stop(Effect.fail(problem("invalid-input", "The body broke off", { field: "" })))
    message.on("data", read).on("end", end).on("error", broken)
    return Effect.sync(() => stop(Effect.interrupt))
  })

/** A body that comes too late for the deadline is no use. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Problem, R> =>
  Effect.flatMap(Deadline.remaining, (left) =>
    Duration.isFinite(left)
      ? Effect.timeoutFail(effect, {
          duration: left,
          onTimeout: () => problem("request-timeout", "Send it sooner", {}, { connection: "close" })
        })
      : effect
  )
