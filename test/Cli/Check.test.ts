import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { written } from "../Server/Config/files.ts"
import { typed } from "./Typed.ts"

const example = fileURLToPath(new URL("../examples/muster.yaml", import.meta.url))

describe("muster check", () => {
  it.effect("says what a file comes to", () =>
    Effect.gen(function* () {
      const { err, exitCode, out } = yield* typed(["check", example])

      assert.deepStrictEqual([exitCode, err], [0, []])
      assert.deepStrictEqual(out, [
        `${example} is right: 3 endpoints, 7 sources, 3 services`,
        "  GET  /users/:id/dashboard  profile, orders, note",
        "  GET  /who/:id              primary, replica",
        "  POST /overview             profile, orders"
      ])
    })
  )

  it.scoped("says everything that is wrong with it, a line for each, and exits with 2", () =>
    Effect.gen(function* () {
      const file = yield* written(`services: { s: { http: "\${URL}" } }
endpoints: { "e\\u0007": { sources: { a: { ask: s, get: / } } } }
`)
      const { err, exitCode, out } = yield* typed(["check", file])

      assert.deepStrictEqual([exitCode, out], [2, []])
      assert.deepStrictEqual(err, [
        `${file}:1:24: services.s.http: the environment has no URL; \${URL:-default} has a default`,
        `${file}:2:14: endpoints."e\\u0007": a name is made of letters, digits, _ and -, and begins with a letter`,
        `muster: ${file} has 2 problems`
      ])
      const again = yield* typed(["check", file], { env: { URL: "http://s" } })
      assert.strictEqual(again.err.length, 2)
    })
  )

  it.effect("needs a file", () =>
    Effect.gen(function* () {
      const none = yield* typed("check")
      const missing = yield* typed(["check", "/no/such\u0007.yaml"])

      assert.deepStrictEqual([none.exitCode, none.err], [2, ["muster: <file> is missing; see muster check --help"]])
      assert.deepStrictEqual(missing.err, [
        "/no/such\\u0007.yaml: it cannot be read: no such file or directory",
        "muster: /no/such\\u0007.yaml has 1 problem"
      ])
    })
  )
})

describe("muster schema", () => {
  it.effect("prints a JSON Schema in which everything is described", () =>
    Effect.gen(function* () {
      const { err, exitCode, out } = yield* typed("schema")
      assert.deepStrictEqual([exitCode, err, out.length], [0, [], 1])
      const schema = JSON.parse(out[0]!) as Member

      assert.deepStrictEqual(Object.keys(schema.properties!), ["services", "endpoints"])
      assert.deepStrictEqual(undescribed(schema, ""), [])
      const { endpoints, services } = schema.properties!
      const source = endpoints!.additionalProperties!.properties!["sources"]!.additionalProperties!
      assert.includeMembers(Object.keys(services!.additionalProperties!.properties!), ["http", "mongo", "breaker"])
      assert.includeMembers(Object.keys(source.properties!), ["ask", "get", "sql", "after", "policy", "retry", "cache"])
      assert.deepStrictEqual(source.required, ["ask"])
    })
  )
})

interface Member {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Member>>
  readonly additionalProperties?: Member
  readonly required?: ReadonlyArray<string>
  readonly anyOf?: ReadonlyArray<Member>
}

/** The members that an editor can say nothing of. */
const undescribed = ({ additionalProperties, anyOf, properties = {} }: Member, path: string): ReadonlyArray<string> => [
  ...Object.entries(properties).flatMap(([name, member]) => [
    ...(member.description === undefined ? [`${path}.${name}`] : []),
    ...undescribed(member, `${path}.${name}`)
  ]),
  ...(typeof additionalProperties === "object" ? undescribed(additionalProperties, `${path}.*`) : []),
  ...(anyOf ?? []).flatMap((one) => undescribed(one, path))
]
