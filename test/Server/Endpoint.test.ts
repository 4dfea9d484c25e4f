import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Schema } from "effect"
import * as Aggregation from "../../src/Aggregation.ts"
import { Aggregator } from "../../src/Aggregator.ts"
import { InvalidOption } from "../../src/Options.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { dashboard, named } from "./Stage.ts"

const { fails, hangs, succeeds } = Testkit

const plan = dashboard(named, Effect.succeed(1))
const strictPlan = Aggregation.make("strict", {
  input: Schema.Struct({}),
  output: Schema.Number,
  sources: () => [succeeds(1, { after: 10 }), Source.orElse(fails("no", { after: 20 }), 2)] as const,
  merge: ([one, two]) => one + two
})

describe("Endpoint.make", () => {
  it("gives an aggregation the default rules", () => {
    const { ask, input, output, ...rules } = Endpoint.make(plan)
    assert.isFunction(ask)
    assert.deepStrictEqual([input, output], [plan.input, plan.output] as const)
    assert.deepStrictEqual(rules, {
      name: "dashboard",
      path: "/dashboard",
      params: [],
      method: "GET",
      handling: "either",
      otherwise: "strict",
      keys: undefined,
      forward: [],
      maxBody: 1_000_000,
      deadline: undefined,
      values: undefined,
      receipts: true,
      description: undefined
    })
    assert.strictEqual(Endpoint.make(strictPlan).handling, "strict")
    assert.strictEqual(Endpoint.from(plan).path, "/dashboard")
    const endpoint = Endpoint.make(plan, { path: "/x" })
    assert.strictEqual(Endpoint.from(endpoint), endpoint)
  })

  it("takes paths of letters and fields", () => {
    for (const path of ["/a", "/a/b.c/~d_e-f", "/users/:id/dashboard", "/:a/:b", "/v1.2"])
      assert.strictEqual(Endpoint.make(plan, { path }).path, path)
    assert.deepStrictEqual(Endpoint.make(plan, { path: "/:a/x/:b_2" }).params, ["a", "b_2"])
  })

  const refused = (option: string, make: () => unknown) => {
    try {
      make()
      assert.fail(`${option} was not refused`)
    } catch (error) {
      assert(error instanceof InvalidOption, String(error))
      assert.strictEqual(error.option, option)
    }
  }

  it("refuses what cannot be meant, by name", () => {
    for (const path of [
      "",
      "a",
      "/",
      "/a/",
      "//a",
      "/a b",
      "/%41",
      "/a/../b",
      "/.",
      "/:a/:a",
      "/:",
      "/:1",
      "/a:b",
      "/*",
      "/a?b",
      "/a(b)"
    ])
      refused("path", () => Endpoint.make(plan, { path }))
    for (const forward of [
      "Host",
      "connection",
      "content-length",
      "Prefer",
      "traceparent",
      "grpc-timeout",
      "a b",
      "",
      "x\r\ny"
    ])
      refused("forward", () => Endpoint.make(plan, { forward: [forward] }))
    refused("handling", () => Endpoint.make(strictPlan, { handling: "lenient" }))
    refused("handling", () => Endpoint.make(strictPlan, { handling: "either" }))
    refused("maxBody", () => Endpoint.make(plan, { maxBody: 0 }))
    refused("deadline", () => Endpoint.make(plan, { deadline: -1 }))
    refused("key", () => Endpoint.make(plan, { keys: [Redacted.make("x")] }))
    assert.deepStrictEqual(Endpoint.make(plan, { forward: ["Accept-Language"] }).forward, ["accept-language"])
  })
})

describe("a question", () => {
  const silent = Effect.provide(Aggregator.layer({ logger: Testkit.silent }))

  it.effect("tells how each source ended, in the instant it does", () =>
    Effect.gen(function* () {
      const heard: Array<unknown> = []
      const question = yield* Endpoint.make(strictPlan).ask({})
      const [elapsed, exit] = yield* Testkit.timed(
        question.strict((source, exit) => heard.push([source, Exit.isSuccess(exit)]))
      )

      assert.deepStrictEqual([elapsed, exit], [20, Exit.succeed(3)])
      assert.deepStrictEqual(heard, [
        ["0", true],
        ["1", false]
      ])
      assert.isUndefined(question.lenient)
      assert.deepStrictEqual((yield* Testkit.timed(question.strict()))[1], Exit.succeed(3))
    }).pipe(silent)
  )

  it.effect("is answered with what there is, where the aggregation can", () =>
    Effect.gen(function* () {
      const late = dashboard(() => hangs(), succeeds(5), { deadline: 100 })
      const question = yield* Endpoint.make(late).ask({ id: "1" })
      const [elapsed, exit] = yield* Testkit.timed(question.lenient!())

      assert.deepStrictEqual([elapsed, exit], [100, Exit.succeed({ name: null, orders: 5 })])
      assert.strictEqual((yield* Effect.flip(Endpoint.make(late).ask({ id: 1 }))).field, "id")
    }).pipe(silent)
  )
})
