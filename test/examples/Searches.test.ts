import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Effect, Exit, Logger, Option } from "effect"
import { Aggregator, type DeadlineExceeded, Testkit } from "../../src/index.ts"
import { BackendFailed, type Backends, search } from "./FourBackendSearch.ts"
import { printed } from "./Printed.ts"
import * as ScatterGather from "./ScatterGather.ts"

const { fails, hangs, succeeds } = Testkit

describe("FourBackendSearch", () => {
  const names = ["documents", "people", "projects", "tags"] as const

  it.effect("answers with four typed fields once the slowest has answered", () =>
    Effect.gen(function* () {
      const backends: Backends = {
        documents: () => succeeds([{ title: "Go", pages: 3 }], { after: 80 }),
        people: () => succeeds([{ name: "Rob" }], { after: 40 }),
        projects: () => succeeds([{ code: "GO", open: true }], { after: 120 }),
        tags: (query) => succeeds([query], { after: 10 })
      }
      const found = search(backends, "go")
      const [elapsed, exit] = yield* Testkit.timed(found)

      assert.strictEqual(elapsed, 120)
      assert.deepStrictEqual(
        exit,
        Exit.succeed({
          documents: [{ title: "Go", pages: 3 }],
          people: [{ name: "Rob" }],
          projects: [{ code: "GO", open: true }],
          tags: ["go"]
        })
      )
      expectTypeOf(found).toEqualTypeOf<
        Effect.Effect<
          {
            documents: ReadonlyArray<{ readonly title: string; readonly pages: number }>
            people: ReadonlyArray<{ readonly name: string }>
            projects: ReadonlyArray<{ readonly code: string; readonly open: boolean }>
            tags: ReadonlyArray<string>
          },
          BackendFailed | DeadlineExceeded
        >
      >()
    })
  )

  for (const bad of names) {
    it.effect(`fails at once when ${bad} fails, and aborts the other three`, () =>
      Effect.gen(function* () {
        const scripts = { documents: hangs(), people: hangs(), projects: hangs(), tags: hangs() }
        const failing = fails(new BackendFailed({ backend: bad }), { after: 30 })
        const backends: Backends = {
          documents: () => scripts.documents,
          people: () => scripts.people,
          projects: () => scripts.projects,
          tags: () => scripts.tags,
          [bad]: () => failing
        }
        const [elapsed, exit] = yield* Testkit.timed(search(backends, "go"))

        assert.strictEqual(elapsed, 30)
        const error = Option.flatMap(Exit.causeOption(exit), Cause.failureOption)
        assert.include(Option.getOrThrow(error), { _tag: "BackendFailed", backend: bad })
        for (const name of names) {
          assert.deepStrictEqual(scripts[name].seen.interrupted, name === bad ? [] : [30])
        }
      })
    )
  }
})

describe("ScatterGather", () => {
  const { stores } = ScatterGather
  const aggregator = Aggregator.layer({ logger: Logger.none })

  it.effect("prints six products, cheapest first, and both errors, after exactly 3,000 ms", () =>
    Effect.gen(function* () {
      const { elapsed, stdout } = yield* printed(ScatterGather.program)

      const product = (type: string, manufacturer: string, model: string, source: string, price: number) => ({
        type,
        manufacturer,
        model,
        source,
        price
      })
      const answer = {
        total: 6,
        results: [
          product("headphones", "Sony", "WH-CH720N", "mysql", 149.99),
          product("phone", "Apple", "iPhone 15", "postgres", 799.99),
          product("tablet", "Samsung", "Galaxy Tab S9 Ultra", "mysql", 849.99),
          product("phone", "Google", "Pixel 8 Pro", "postgres", 899.99),
          product("phone", "Samsung", "Galaxy S24 Ultra", "postgres", 1299.99),
          product("phone", "Samsung", "Galaxy Z Fold 5", "mysql", 1799.99)
        ],
        errors: [
          { source: "mongodb", reason: "timed-out", message: "no answer within 3000 ms" },
          { source: "redis", reason: "failed", message: "key eviction due to memory pressure" }
        ]
      }
      assert.deepStrictEqual(stdout, [JSON.stringify(answer, null, 2)])
      assert.strictEqual(elapsed, 3_000)
    })
  )

  it.effect("asks all stores at once, and stops the late one at its limit", () =>
    Effect.gen(function* () {
      const mongodb = succeeds([], { after: "30 seconds" })
      const mysql = stores.mysql(["tablet"])
      const asking = ScatterGather.search({ mongodb: () => mongodb, mysql: () => mysql }, ["tablet"])
      const [elapsed] = yield* Testkit.timed(Effect.provide(asking, aggregator))

      assert.strictEqual(elapsed, 3_000)
      assert.deepStrictEqual([mongodb.seen.asked, mysql.seen.asked], [[0], [0]])
      assert.deepStrictEqual([mongodb.seen.interrupted, mysql.seen.ended], [[3_000], [700]])
    })
  )

  it.effect("has only the kinds that were asked for", () =>
    Effect.gen(function* () {
      const { mysql, postgres } = stores
      const asking = ScatterGather.search({ mysql, postgres }, ["tablet", "headphones"])
      const [elapsed, exit] = yield* Testkit.timed(Effect.provide(asking, aggregator))

      assert.strictEqual(elapsed, 700)
      const { errors, results } = yield* exit
      assert.deepStrictEqual(
        results.map(({ type }) => type),
        ["headphones", "tablet"]
      )
      assert.deepStrictEqual(errors, [])
    })
  )

  it.effect("keeps the cheaper of two offers of one product", () =>
    Effect.gen(function* () {
      const phone = { type: "phone", manufacturer: "Apple", model: "iPhone 15" } as const
      const asking = ScatterGather.search(
        { dear: () => succeeds([{ ...phone, price: 799.99 }]), cheap: () => succeeds([{ ...phone, price: 749 }]) },
        ["phone"]
      )
      const { results, total } = yield* Effect.provide(asking, aggregator)

      assert.strictEqual(total, 1)
      assert.deepStrictEqual(results, [{ ...phone, source: "cheap", price: 749 }])
    })
  )
})
