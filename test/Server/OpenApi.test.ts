import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { createHash } from "node:crypto"
import * as Aggregation from "../../src/Aggregation.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import * as OpenApi from "../../src/Server/OpenApi.ts"
import { ask, dashboard, named, serve } from "./Stage.ts"

class Thing {}

const User = Schema.Struct({ name: Schema.String }).annotations({ identifier: "User" })

const plan = Aggregation.make("users", {
  input: Schema.Struct({
    id: Schema.String,
    count: Schema.optional(Schema.NumberFromString),
    tags: Schema.Array(Schema.String)
  }),
  output: Schema.Struct({ user: User, again: User, at: Schema.Date, thing: Schema.Unknown }),
  sources: () => ({ none: Effect.void }),
  merge: () => ({ user: { name: "" }, again: { name: "" }, at: new Date(0), thing: 1 })
})

const odd = Aggregation.make("odd", {
  input: Schema.Struct({}),
  output: Schema.instanceOf(Thing),
  sources: () => ({ none: Effect.void }),
  merge: () => new Thing()
})

type Operation = {
  parameters: Array<{ name: string; in: string; required: boolean; schema: unknown }>
  requestBody?: { content: Record<string, { schema: { properties: object; required: Array<string> } }> }
  responses: Record<string, { description: string; content: Record<string, { schema: unknown }> }>
  security?: unknown
  summary?: string
}

const documentOf = (...endpoints: ReadonlyArray<Endpoint.Endpoint<unknown>>) => {
  const document = OpenApi.document(endpoints, { title: "T", version: "1.2.3" })
  // What the tests look at.
  return document as unknown as {
    openapi: string
    info: unknown
    paths: Record<string, Record<string, Operation>>
    components: { schemas: Record<string, unknown> }
  }
}

describe("the OpenAPI document", () => {
  it("has each endpoint with its parameters, from the input schema", () => {
    const { info, openapi, paths } = documentOf(Endpoint.make(plan, { path: "/users/:id", description: "Who" }))
    const operation = paths["/users/{id}"]!["get"]!

    assert.deepStrictEqual([openapi, info, operation.summary], ["3.1.0", { title: "T", version: "1.2.3" }, "Who"])
    assert.deepStrictEqual(
      operation.parameters.map(({ in: at, name, required }) => [name, at, required]),
      [
        ["id", "path", true],
        ["count", "query", false],
        ["tags", "query", true],
        ["Prefer", "header", false],
        ["receipt", "query", false]
      ]
    )
    assert.deepInclude(operation.parameters[2]!.schema as object, { type: "array", items: { type: "string" } })
    assert.isUndefined(operation.requestBody)
  })

  it("has the body of a POST, without what stands in the path", () => {
    const { paths } = documentOf(Endpoint.make(plan, { path: "/users/:id", method: "POST" }))
    const { parameters, requestBody } = paths["/users/{id}"]!["post"]!
    const { schema } = requestBody!.content["application/json"]!

    assert.deepStrictEqual([Object.keys(schema.properties), schema.required], [["count", "tags"], ["tags"]])
    assert.deepStrictEqual(
      parameters.map(({ name }) => name),
      ["id", "Prefer", "receipt"]
    )
  })

  it("has the answer in its encoded form, each named schema once", () => {
    const { components, paths } = documentOf(Endpoint.make(plan, { receipts: false }))
    const { schema } = paths["/users"]!["get"]!.responses["200"]!.content["application/json"]!

    const { properties } = schema as { properties: Record<string, { $ref?: string; type?: string }> }
    assert.deepStrictEqual(
      [properties["user"], properties["again"]],
      [{ $ref: "#/components/schemas/User" }, { $ref: "#/components/schemas/User" }]
    )
    assert.strictEqual(properties["at"]!.type, "string")
    assert.hasAllKeys(components.schemas, ["User", "Receipt", "Problem"])
  })

  it("has the problems that can be, and who may ask", () => {
    const open = documentOf(Endpoint.make(plan, { handling: "strict" })).paths["/users"]!["get"]!
    const closed = documentOf(Endpoint.make(plan, { keys: [Redacted.make("a-key-of-the-test")], method: "POST" }))
    const { responses, security } = closed.paths["/users"]!["post"]!

    assert.deepStrictEqual(Object.keys(open.responses), ["200", "400", "405", "406", "500", "502", "503", "504"])
    assert.deepStrictEqual(Object.keys(responses), [..."200 400 401 405 406 408 413 415 500 502 503 504".split(" ")])
    assert.deepStrictEqual([open.security, security], [undefined, [{ key: [] }, { header: [] }]])
  })

  it("can be made of any schema, and refers to nothing that it does not have", () => {
    const text = JSON.stringify(documentOf(Endpoint.make(odd), Endpoint.make(plan)))
    const { components } = JSON.parse(text) as { components: { schemas: object } }

    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      assert.property(components.schemas, name!)
    assert.notInclude(text, "$id")
  })

  it.scopedLive("is served, and so is a page about it that loads nothing from elsewhere", () =>
    Effect.gen(function* () {
      const evil = Endpoint.make(dashboard(named, Effect.succeed(1)), { description: "<script>alert(1)</script>" })
      const { url } = yield* serve([evil], { title: "A & B", version: "7" })
      const document = yield* ask(`${url}/openapi.json`)
      const page = yield* ask(`${url}/docs`)

      assert.deepStrictEqual([document.status, document.json()["info"]], [200, { title: "A & B", version: "7" }])
      assert.strictEqual(page.headers.get("content-type"), "text/html; charset=utf-8")
      assert.include(page.text, "<code>GET /dashboard</code>")
      assert.include(page.text, "<p>Version 7. The same")
      const unversioned = yield* ask(`${(yield* serve([evil])).url}/docs`)
      assert.include(unversioned.text, "<p>The same")
      assert.include(page.text, "A &#38; B")
      assert.notInclude(page.text, "<script")
      assert.notMatch(page.text, /(?:src|href)="(?!\/openapi\.json)/)
      const policy = page.headers.get("content-security-policy")!
      const [, style] = /<style>([^]*)<\/style>/.exec(page.text)!
      assert.include(policy, `style-src 'sha256-${createHash("sha256").update(style!).digest("base64")}'`)
      assert.match(policy, /^default-src 'none';/)
      assert.deepStrictEqual(
        [page.headers.get("x-frame-options"), page.headers.get("referrer-policy")],
        ["DENY", "no-referrer"]
      )
    })
  )
})
