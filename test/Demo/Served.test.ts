import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, JSONSchema } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Demo from "../../src/Demo.ts"
import { Dashboard, endpoints, Search } from "../../src/Demo/Served.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"

const quiet = Effect.provide(Aggregator.layer({ logger: Testkit.silent }))

describe("the search of the demo", () => {
  it.effect("has six products of two stores at three seconds, cheapest first, and says what became of the others", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* Testkit.timed(Search.lenient!({ q: "phone tablet headphones" }))

      assert(Exit.isSuccess(exit))
      const { errors, results, total } = exit.value
      assert.deepStrictEqual([elapsed, total], [3_000, 6])
      assert.deepStrictEqual(
        results.map(({ model, source }) => [model, source]),
        [
          ["WH-CH720N", "mysql"],
          ["iPhone 15", "postgres"],
          ["Galaxy Tab S9 Ultra", "mysql"],
          ["Pixel 8 Pro", "postgres"],
          ["Galaxy S24 Ultra", "postgres"],
          ["Galaxy Z Fold 5", "mysql"]
        ]
      )
      assert.deepStrictEqual(errors, [
        { source: "mongodb", reason: "timed-out", message: "no answer within its own limit, after 3000 ms" },
        {
          source: "redis",
          reason: "failed",
          message: 'Source "redis" is unavailable: key eviction due to memory pressure'
        }
      ])
    }).pipe(quiet)
  )

  it.effect("finds whole words alone, and fails at once where all of it is wanted", () =>
    Effect.gen(function* () {
      const [, exit] = yield* Testkit.timed(Search.lenient!({ q: "Phone" }))
      assert(Exit.isSuccess(exit))
      assert.strictEqual(exit.value.total, 4)

      const [elapsed, failed] = yield* Testkit.timed(Effect.flip(Search({ q: "phone" })))
      assert(Exit.isSuccess(failed) && failed.value._tag === "SourceFailed")
      assert.deepStrictEqual([elapsed, failed.value.source], [0, "redis"])
    }).pipe(quiet)
  )
})

describe("what the demo is asked", () => {
  it.effect("is words to search for, and there is one answer to what is not", () =>
    Effect.gen(function* () {
      const [, search] = endpoints
      const reason = "is not a word to search for, or several, of at most 100 characters together"
      for (const q of ["", " , ", "x".repeat(101)])
        assert.deepInclude(yield* Effect.flip(search.ask({ q })), { field: "q", reason })
      assert.isFunction((yield* search.ask({ q: " phone" })).strict)
    })
  )

  it("is told with prices that are numbers", () => {
    // The cast: what a schema of JSON may be besides a record of members.
    const { properties } = JSONSchema.make(Search.output) as unknown as { properties: Shown }
    assert.deepStrictEqual(properties.results.items.properties["price"], { type: "number" })
  })
})

interface Shown {
  readonly results: { readonly items: { readonly properties: Readonly<Record<string, unknown>> } }
}

describe("the dashboard of the demo", () => {
  const users = (orders: Effect.Effect<ReadonlyArray<Demo.Order>, Source.SourceError>) =>
    Effect.provideService(Demo.UserServices, {
      profile: (id) => Effect.succeed({ id, name: "Alice" }),
      orders: () => orders
    })

  it.effect("has profile and orders, or what there is of them", () =>
    Effect.gen(function* () {
      const order = { id: "1", item: "lamp" }
      const whole = yield* users(Effect.succeed([order]))(Dashboard({ id: "42" }))
      const down = new Source.SourceUnavailable({ source: "orders", reason: "down" })
      const half = yield* users(Effect.fail(down))(Dashboard.lenient!({ id: "42" }))

      assert.deepStrictEqual(whole, { profile: { id: "42", name: "Alice" }, orders: [order] })
      assert.deepStrictEqual(half, { profile: { id: "42", name: "Alice" }, orders: null })
    }).pipe(quiet)
  )

  it.effect("says of an id what is wrong with it", () =>
    Effect.gen(function* () {
      const [dashboard] = endpoints
      const { field, reason } = yield* Effect.flip(dashboard.ask({ id: ".." }))
      assert.deepStrictEqual([field, reason], ["id", `is not 1 to 100 characters that can be shown, or is "." or ".."`])
    })
  )
})
