/**
 * What is served, as an OpenAPI 3.1 document.
 *
 * @since 0.1.0
 */
import { JSONSchema, type Schema, type SchemaAST } from "effect"
import * as Schemas from "effect/SchemaAST"
import { isJsonNumber } from "../Json.ts"
import { Receipt } from "../Receipt.ts"
import { types } from "./Accept.ts"
import type { Endpoint } from "./Endpoint.ts"
import { kinds } from "./Problem.ts"

/**
 * A value of JSON that is an object.
 *
 * @since 0.1.0
 * @category models
 */
export type Json = { readonly [name: string]: unknown }

/**
 * What the document says of itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface Info {
  readonly title: string
  readonly version: string | undefined
}

/**
 * The document of some endpoints.
 *
 * @since 0.1.0
 * @category constructors
 */
export const document = (endpoints: ReadonlyArray<Endpoint<unknown>>, { title, version }: Info): Json => {
  const definitions: Record<string, JSONSchema.JsonSchema7> = {}
  const schemaOf = (ast: SchemaAST.AST): unknown => withoutIds(jsonSchema(ast, definitions))
  const paths: Record<string, Json> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, "{$1}")
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(endpoint, schemaOf) }
  }
  const schemas = {
    Receipt: schemaOf(Receipt.ast),
    Problem: problem,
    ...(withoutIds(definitions) as Json)
  }
  const securitySchemes = {
    key: { type: "http", scheme: "bearer" },
    header: { type: "apiKey", in: "header", name: "x-api-key" }
  }
  const info = { title, version: version ?? "0.0.0" }
  return { openapi: "3.1.0", info, paths, components: { schemas, securitySchemes } }
}

const jsonSchema = (ast: SchemaAST.AST, definitions: Record<string, JSONSchema.JsonSchema7>): unknown => {
  try {
    return JSONSchema.fromAST(ast, { definitions, definitionPath: "#/components/schemas/", target: "openApi3.1" })
  } catch {
    // Some schemas cannot be written down, such as those of a class of one's own: anything is allowed, as far as this says.
    return {}
  }
}

/** Those of Effect say no more than the rest of the schema does, and there may be only one of each in a document. */
const withoutIds = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(withoutIds)
  if (typeof schema !== "object" || schema === null || isJsonNumber(schema)) return schema
  return Object.fromEntries(
    Object.entries(schema).flatMap(([name, member]) => (name === "$id" ? [] : [[name, withoutIds(member)]]))
  )
}

const operation = (endpoint: Endpoint<unknown>, schemaOf: (ast: SchemaAST.AST) => unknown): Json => {
  const answer = schemaOf(Schemas.encodedAST(endpoint.output.ast))
  const withReceipt = {
    type: "object",
    properties: { answer, receipt: reference("Receipt") },
    required: ["answer", "receipt"]
  }
  return {
    operationId: endpoint.name,
    ...(endpoint.description === undefined ? {} : { summary: endpoint.description }),
    ...(endpoint.keys === undefined ? {} : { security: [{ key: [] }, { header: [] }] }),
    parameters: [...parameters(endpoint, schemaOf), ...preferences(endpoint)],
    ...(endpoint.method === "POST" ? { requestBody: body(endpoint, schemaOf) } : {}),
    responses: {
      200: {
        description: "The answer",
        headers: {
          "Muster-Complete": { description: "Whether no part is missing", schema: { type: "boolean" } },
          "Server-Timing": { description: "Milliseconds of every source", schema: { type: "string" } }
        },
        content: {
          [types.json]: { schema: endpoint.receipts ? { anyOf: [answer, withReceipt] } : answer },
          [types.ndjson]: { schema: { type: "string", description: streamed } },
          [types.sse]: { schema: { type: "string", description: streamed } }
        }
      },
      ...failures(endpoint)
    }
  }
}

const streamed = "Events: start, source (one for each), answer or problem, receipt"

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })

const propertiesOf = (schema: Schema.Schema.All) => Schemas.getPropertySignatures(Schemas.encodedAST(schema.ast))

const parameters = (endpoint: Endpoint<unknown>, schemaOf: (ast: SchemaAST.AST) => unknown): ReadonlyArray<Json> =>
  propertiesOf(endpoint.input).flatMap(({ isOptional, name, type }) => {
    const inPath = endpoint.params.includes(String(name))
    if (!inPath && endpoint.method === "POST") return []
    return [
      { name: String(name), in: inPath ? "path" : "query", required: inPath || !isOptional, schema: schemaOf(type) }
    ]
  })

const preferences = (endpoint: Endpoint<unknown>): ReadonlyArray<Json> => {
  const known = [
    ...(endpoint.handling === "either" ? ["handling=strict", "handling=lenient"] : []),
    "wait=SECONDS",
    ...(endpoint.receipts ? ["return=representation; muster-receipt"] : [])
  ]
  return [
    { name: "Prefer", in: "header", required: false, description: known.join(", "), schema: { type: "string" } },
    ...(endpoint.receipts
      ? [{ name: "receipt", in: "query", required: false, allowEmptyValue: true, schema: { type: "boolean" } }]
      : [])
  ]
}

const body = (endpoint: Endpoint<unknown>, schemaOf: (ast: SchemaAST.AST) => unknown): Json => {
  const schema = schemaOf(Schemas.encodedAST(endpoint.input.ast)) as {
    properties?: Json
    required?: ReadonlyArray<string>
  }
  const inBody = <T>(entries: ReadonlyArray<T>, nameOf: (entry: T) => string) =>
    entries.filter((entry) => !endpoint.params.includes(nameOf(entry)))
  const properties =
    schema.properties && Object.fromEntries(inBody(Object.entries(schema.properties), ([name]) => name))
  const required = schema.required && inBody(schema.required, (name) => name)
  return {
    required: true,
    content: {
      [types.json]: { schema: { ...schema, ...(properties && { properties }), ...(required && { required }) } }
    }
  }
}

const failures = (endpoint: Endpoint<unknown>): Json => {
  const never = new Set<string>([
    "misdirected",
    "not-found",
    ...(endpoint.keys === undefined ? ["unauthorized"] : []),
    ...(endpoint.method === "GET" ? ["body-too-large", "unsupported-media-type", "request-timeout"] : []),
    ...(endpoint.handling === "lenient" ? ["source-failed", "source-refused", "source-timed-out"] : [])
  ])
  const byStatus = new Map<number, Array<string>>()
  for (const [kind, [status, title]] of Object.entries(kinds))
    if (!never.has(kind)) byStatus.set(status, [...(byStatus.get(status) ?? []), title])
  return Object.fromEntries(
    Array.from(byStatus, ([status, titles]) => [
      status,
      { description: titles.join("; "), content: { "application/problem+json": { schema: reference("Problem") } } }
    ])
  )
}

const problem: Json = {
  type: "object",
  description: "RFC 9457. What else it has depends on its type.",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    field: { type: "string", description: "Which field of the input was rejected" },
    reason: { type: "string" },
    source: { type: "string", description: "Which source there is no answer from" },
    error: { type: "string", description: "What it failed with" },
    pending: { type: "array", items: { type: "string" }, description: "Which sources were still awaited" },
    receipt: reference("Receipt")
  },
  required: ["type", "title", "status", "detail"]
}
