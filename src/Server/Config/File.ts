/**
 * What a file may say, as one schema: it is read by it, and editors are told it.
 *
 * @since 0.1.0
 */
import { JSONSchema, Schema } from "effect"
import type { Lookup } from "./Environment.ts"
import * as Answering from "./File/Answering.ts"
import * as Guarding from "./File/Guarding.ts"
import { input } from "./File/Inputs.ts"
import { may, must, named } from "./File/Member.ts"
import * as Setting from "./Setting.ts"
import * as Template from "./Template.ts"

/**
 * The kinds of services.
 *
 * @since 0.1.0
 * @category models
 */
export const kinds = ["http", "postgres", "mysql", "sqlite", "redis", "mongo"] as const

/** @since 0.1.0 */
export type Kind = (typeof kinds)[number]

/**
 * The methods that HTTP sources are asked with, as they are called in a file.
 *
 * @since 0.1.0
 * @category models
 */
export const methods = ["get", "post", "put", "patch", "delete"] as const

/** @since 0.1.0 */
export type Method = (typeof methods)[number]

const service = (env: Lookup) =>
  Schema.Struct({
    http: may(Setting.of(env, Setting.httpUrl), "An HTTP service: the URL that its paths are appended to"),
    postgres: may(Setting.of(env, Setting.url("postgres", "postgresql")), "A PostgreSQL database: its URL"),
    mysql: may(Setting.of(env, Setting.url("mysql", "mariadb")), "A MySQL or MariaDB database: its URL"),
    sqlite: may(Setting.of(env, Setting.text(`a path, or ":memory:"`)), "A SQLite file, from the folder of this file"),
    redis: may(Setting.of(env, Setting.url("redis", "rediss")), "A Redis: its URL"),
    mongo: may(Setting.of(env, Setting.url("mongodb", "mongodb+srv")), "A MongoDB: its URL"),
    headers: may(
      named(Setting.of(env, Setting.header)),
      "Headers of every request to an HTTP service, such as credentials"
    ),
    connectTimeout: may(Setting.of(env, Setting.duration), "How long a connection may take to be made; default 2s"),
    maxConnections: may(Setting.of(env, Setting.count(1)), "At most so many connections to a database; default 10"),
    maxBytes: may(Setting.of(env, Setting.count(1)), "The longest answer in bytes; default 10000000"),
    ...Guarding.ofService(env)
  })

const question = (env: Lookup) => {
  const path = Template.of(env, `a path like "/users/{id}"`, Template.isPath, Template.wrongWithPath)
  const about = (method: string) =>
    `${method}s this path of the service; references are encoded, and hold no slashes but as {id|segment}`
  return {
    get: may(path, about("GET")),
    post: may(path, about("POST")),
    put: may(path, about("PUT")),
    patch: may(path, about("PATCH")),
    delete: may(path, about("DELETE")),
    headers: may(named(Template.of(env, "text")), "Headers of the request"),
    body: may(Template.form(env), "The body of the request, as JSON"),
    forward: may(
      Schema.Array(Setting.of(env, Setting.text("the name of a header"))),
      "Request headers that are sent on"
    ),
    sql: may(Template.of(env, "a statement"), "A statement; references are bound as parameters"),
    key: may(Template.of(env, "a key"), "Gives the JSON at this key of a Redis; references are encoded"),
    command: may(
      Schema.Array(Schema.Union(Template.of(env, "text"), Setting.numeric)),
      "A command of Redis, and its arguments"
    ),
    collection: may(Setting.of(env, Setting.text("the name of a collection")), "The collection of a MongoDB"),
    find: may(Template.form(env), "The filter of what to find in the collection"),
    pipeline: may(Template.form(env), "The stages of an aggregation of the collection"),
    sort: may(Template.form(env), "The order of what is found, such as { price: 1 }"),
    project: may(Template.form(env), "What of each document is found, such as { name: 1 }"),
    limit: may(Setting.of(env, Setting.count(1)), "At most so many documents"),
    one: may(Setting.of(env, Setting.yesOrNo), "Gives the first row or document, or null, instead of a list")
  }
}

const source = (env: Lookup) =>
  Schema.Struct({
    ask: must(Setting.of(env, Setting.text("the name of a service")), "The service that is asked"),
    ...question(env),
    after: may(
      Schema.Union(sourceName(env), Schema.Array(sourceName(env))),
      "Sources to wait for; those whose answers it refers to need not be named"
    ),
    policy: may(
      sourcePolicy(env),
      "What its failure means: required (the default) fails the answer, optional leaves null"
    ),
    ...Guarding.ofSource(env)
  })

const sourceName = (env: Lookup) => Setting.of(env, Setting.text("the name of a source"))

const sourcePolicy = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, {
      ...Setting.choice("required", "optional"),
      expected: `"required", "optional" or { orElse: value }`
    }),
    Schema.Struct({ orElse: must(Schema.Unknown, "What stands in the answer instead") })
  )

const endpointPolicy = (env: Lookup) =>
  Schema.Union(
    Setting.of(env, {
      ...Setting.choice("failFast", "collect", "first"),
      expected: `"failFast", "collect", "first" or { quorum: number }`
    }),
    Schema.Struct({ quorum: must(Setting.of(env, Setting.count(1)), "How many sources must succeed") })
  )

const endpoint = (env: Lookup) =>
  Schema.Struct({
    path: may(Setting.of(env, Setting.servedPath), "Where it is served, such as /users/:id; default: its name"),
    method: may(
      Setting.of(env, Setting.choice("GET", "POST")),
      "GET (the default) reads its input from the query, POST from a body"
    ),
    description: may(Setting.of(env, Setting.text()), "What it is for, in the OpenAPI document"),
    input: may(named(input(env)), "The parameters, by name"),
    policy: may(
      endpointPolicy(env),
      "failFast (the default): all, or the first failure. collect: what there is. first: the first success. quorum: so many"
    ),
    handling: may(
      Setting.of(env, Setting.choice("strict", "lenient", "either")),
      "Of failFast: either (the default) lets a request choose what there is at the deadline"
    ),
    deadline: may(Setting.of(env, Setting.duration), "The answer leaves at most this long after the request"),
    concurrency: may(Setting.of(env, Setting.count(1)), "How many sources are asked at once; default: all"),
    keys: may(Schema.Array(Setting.of(env, Setting.secret())), "Who may ask: API keys, or their hashes (sha256:…)"),
    forward: may(
      Schema.Array(Setting.of(env, Setting.text("the name of a header"))),
      "Request headers that are sent on to every HTTP service of it"
    ),
    maxBody: may(Setting.of(env, Setting.count(1)), "The longest body of a request in bytes; default 1000000"),
    receipts: may(Setting.of(env, Setting.yesOrNo), "Whether who asks may have the receipt; default true"),
    values: may(Setting.of(env, Setting.yesOrNo), "Whether a stream shows what each source gave; default false"),
    sources: must(named(source(env)), "Whom to ask, by name"),
    answer: may(Answering.schema, "How the answer is made of what the sources gave; default: each by its name")
  })

/**
 * The schemas of a file, where the environment is this.
 *
 * @since 0.1.0
 * @category schemas
 */
export const make = (env: Lookup) => ({
  service: service(env),
  endpoint: endpoint(env),
  source: source(env),
  input: input(env),
  answer: Answering.schema,
  file: Schema.Struct({
    services: must(named(service(env)), "What can be asked, by name"),
    endpoints: must(named(endpoint(env)), "What is served, by name")
  })
})

/** @since 0.1.0 */
export type Schemas = ReturnType<typeof make>

/**
 * A file that fits.
 *
 * @since 0.1.0
 * @category models
 */
export type File = Schemas["file"]["Type"]

/**
 * One service of a file.
 *
 * @since 0.1.0
 * @category models
 */
export type Service = Schemas["service"]["Type"]

/**
 * One endpoint of a file.
 *
 * @since 0.1.0
 * @category models
 */
export type Endpoint = Schemas["endpoint"]["Type"]

/**
 * One source of an endpoint of a file.
 *
 * @since 0.1.0
 * @category models
 */
export type Source = Schemas["source"]["Type"]

/**
 * What begins with `x-` is for the anchors of whoever writes the file.
 *
 * @since 0.1.0
 * @category getters
 */
export const isExtension = (name: string): boolean => name.startsWith("x-")

/**
 * The JSON Schema of a file, for editors.
 *
 * @since 0.1.0
 * @category getters
 */
export const jsonSchema = (): object => ({
  ...JSONSchema.make(make(() => undefined).file),
  title: "muster.yaml",
  patternProperties: { "^x-": {} }
})
