import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Metric, MetricState } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Metrics from "../../src/Aggregator/Metrics.ts"

describe("the metrics of an aggregator", () => {
  it.effect("count a thousand sources of one aggregation by name, and the rest together", () =>
    Effect.gen(function* () {
      const sources = Array.from({ length: 1_500 }, (_, index) => Effect.succeed(index))
      for (let times = 0; times < 2; times++) yield* Aggregator.gather("long", sources)
      yield* Aggregator.gather("another", sources.slice(0, 2))

      const counts = (aggregation: string) =>
        Metric.unsafeSnapshot().flatMap(({ metricKey, metricState }) => {
          const tags = new Map(metricKey.tags.map(({ key, value }) => [key, value] as const))
          return metricKey.name === "muster_sources_total" && tags.get("aggregation") === aggregation
            ? [[tags.get("source"), MetricState.isCounterState(metricState) && metricState.count] as const]
            : []
        })
      const long = new Map(counts("long"))
      assert.deepStrictEqual([long.size, long.get("0"), long.get("999"), long.get("other")], [1_001, 2, 2, 1_000])
      assert.deepStrictEqual(counts("another").length, 2)
      const inFlight = Metric.tagged(Metric.tagged(Metrics.sourcesInFlight, "aggregation", "long"), "source", "other")
      assert.strictEqual((yield* Metric.value(inFlight)).value, 0)
    }).pipe(Effect.provide(Aggregator.layer({ logger: Logger.none })))
  )
})
