import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Testkit from "../../src/Testkit.ts"

const from = (variables: Record<string, string>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

const gather = Effect.exit(Aggregator.gather("dashboard", [Testkit.hangs(), Testkit.hangs()]))

describe("Aggregator.layerConfig", () => {
  it.effect("reads MUSTER_DEADLINE, MUSTER_GRACE and MUSTER_CONCURRENCY", () =>
    Effect.gen(function* () {
      const source = Testkit.hangs({ cleanup: "1 minute" })
      const failing = [source, Testkit.fails("no", { after: 50 }), Testkit.fails("no")]
      const variables = { MUSTER_DEADLINE: "2s", MUSTER_GRACE: "300ms", MUSTER_CONCURRENCY: "2" }
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* Testkit.timed(gather))[0], 2_000)
        assert.strictEqual((yield* Testkit.timed(Effect.exit(Aggregator.gather("x", failing))))[0], 350)
        yield* Testkit.timed(Aggregator.settled)
      }).pipe(Effect.provide(Layer.provide(Aggregator.layerConfig(), from(variables))))
    })
  )

  it.effect("keeps the defaults where nothing is set", () =>
    Effect.gen(function* () {
      const answer = yield* Aggregator.gather("x", [Testkit.succeeds(1)])

      assert.deepStrictEqual(answer, [1])
    }).pipe(Effect.provide(Layer.provide(Aggregator.layerConfig(), from({}))))
  )

  it.effect("reads whatever config it is given", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Testkit.timed(gather))[0], 5_000)
    }).pipe(
      Effect.provide(
        Layer.provide(
          Aggregator.layerConfig({ deadline: Config.duration("PATIENCE") }),
          from({ PATIENCE: "5 seconds" })
        )
      )
    )
  )

  for (const [variable, value, expected] of [
    [
      "MUSTER_DEADLINE",
      "soon",
      `MUSTER_DEADLINE must be a duration like "500ms", "2s" or "2 seconds", but it is "soon"`
    ],
    ["MUSTER_DEADLINE", "10", `but it is "10"`],
    ["MUSTER_GRACE", "-1s", `MUSTER_GRACE must be a duration like "500ms", "2s" or "2 seconds", but it is "-1s"`],
    ["MUSTER_CONCURRENCY", "0", `MUSTER_CONCURRENCY must be a whole number from 1 up, or "unbounded", but it is "0"`],
    ["MUSTER_CONCURRENCY", "many", `but it is "many"`]
  ] as const) {
    it.effect(`says that ${variable}=${value} is wrong, and what was expected`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Effect.provide(gather, Layer.provide(Aggregator.layerConfig(), from({ [variable]: value })))
        )

        assert.include(error.message, expected)
      })
    )
  }
})
