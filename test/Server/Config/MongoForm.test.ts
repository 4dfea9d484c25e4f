import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { fill } from "../../../src/Server/Config/MongoForm.ts"
import { parse, Template } from "../../../src/Server/Config/Template.ts"
import { served } from "./asked.ts"

const template = (text: string): Template => {
  const read = parse(text, { get: () => undefined } as never)
  assert(read instanceof Template)
  return read
}

const questions = `services: { db: { mongo: "mongodb://db.internal/shop" } }
endpoints:
  page:
    input: { x: string }
    sources:
      filter: { ask: db, collection: c, find: { a: "{x}", b: { $in: ["{x}", "id-{x}"] }, $and: [{ c: "{x}y" }] } }
      expr: { ask: db, collection: c, find: { $expr: { $eq: ["$token", "{x}"] } }, project: { t: "{x}", u: "$name", v: "$items.{x}", w: { $literal: "{x}" } } }
      stages:
        ask: db
        collection: c
        pipeline:
          - $match: { a: "{x}", $expr: { $eq: ["$a", "{x}"] } }
          - $group: { _id: "{x}", all: { $push: { $concat: ["{x}y", "a{x}"] } } }
          - $lookup: { from: d, let: { v: "{x}" }, pipeline: [{ $match: { b: "{x}" } }, { $set: { c: "{x}" } }], as: d }
          - $facet: { one: [{ $match: { a: "{x}" } }, { $project: { a: "{x}" } }] }
          - $graphLookup: { from: d, startWith: "{x}", connectFromField: a, connectToField: b, as: e, restrictSearchWithMatch: { f: "{x}" } }
          - $project: { restrictSearchWithMatch: "{x}", query: "{x}" }
          - $set: { f: { $function: { body: "function (a) {{ return a }}", args: ["{x}"], lang: js } } }
`

const $ = (value: string) => ({ $literal: value })

describe("MongoForm", () => {
  it.scoped("keeps a text from outside a value wherever it stands, once", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* served(questions, () => Effect.succeed([]))
      for (const x of ["$token", "$$ROOT", "plain"]) {
        asked.splice(0)
        yield* ask("page", { x })

        const v = x.startsWith("$") ? $(x) : x
        const reads = asked.map(({ question }) => (question as unknown as { readonly read: unknown }).read)
        const more = { sort: undefined, limit: undefined }
        assert.deepStrictEqual(reads, [
          { find: { a: x, b: { $in: [x, `id-${x}`] }, $and: [{ c: `${x}y` }] }, project: undefined, ...more },
          {
            find: { $expr: { $eq: ["$token", v] } },
            project: { t: v, u: "$name", v: `$items.${x}`, w: { $literal: x } },
            ...more
          },
          {
            pipeline: [
              { $match: { a: x, $expr: { $eq: ["$a", v] } } },
              { $group: { _id: v, all: { $push: { $concat: [x.startsWith("$") ? $(`${x}y`) : `${x}y`, `a${x}`] } } } },
              { $lookup: { from: "d", let: { v }, pipeline: [{ $match: { b: x } }, { $set: { c: v } }], as: "d" } },
              { $facet: { one: [{ $match: { a: x } }, { $project: { a: v } }] } },
              {
                $graphLookup: {
                  from: "d",
                  startWith: v,
                  connectFromField: "a",
                  connectToField: "b",
                  as: "e",
                  restrictSearchWithMatch: { f: x }
                }
              },
              { $project: { restrictSearchWithMatch: v, query: v } },
              { $set: { f: { $function: { body: "function (a) { return a }", args: [v], lang: "js" } } } }
            ]
          }
        ])
      }
    })
  )

  it.scoped("lets nothing from outside into code", () =>
    Effect.gen(function* () {
      for (const where of [
        `find: { $where: "this.a === '{x}'" }`,
        `pipeline: [{ $set: { a: { $function: { body: "{x}", args: [], lang: js } } } }]`,
        `pipeline: [{ $group: { _id: null, a: { $accumulator: { init: "function () {{ {x} }}", lang: js } } } }]`
      ]) {
        const { ask } = yield* served(
          `services: { db: { mongo: "mongodb://db.internal/shop" } }
endpoints: { page: { input: { x: string }, sources: { s: { ask: db, collection: c, ${where} } } } }
`,
          () => Effect.succeed([])
        )
        const error = yield* Effect.flip(ask("page", { x: "1" }))
        assert.include(String(error.message), "stands in code, where it would be run", where)
      }
    })
  )

  it("in an expression gives no text that begins with a dollar, whatever comes in", () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom("{x}", "{x}a", "{x}{x}", "a{x}"), (x, text) => {
        const form = template(text)
        const given = form.parts.map((part) => (typeof part === "string" ? part : x)).join("")
        const filled = fill(
          [form],
          "expression",
          () => given,
          () => assert.fail()
        ) as ReadonlyArray<unknown>
        assert.deepStrictEqual(filled, [given.startsWith("$") ? { $literal: given } : given])
      })
    )
  })
})
