import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, MetricBoundaries } from "effect"
import * as Prometheus from "../../src/Server/Prometheus.ts"

const about = (name: string) =>
  Effect.map(Prometheus.text, (text) =>
    text
      .split("\n")
      .filter((line) => line.replace(/^# (HELP|TYPE) /, "").startsWith(name))
      .join("\n")
  )

const count = (sample: string) => Number(sample.split(" ").at(-1))

describe("Prometheus", () => {
  it.effect("writes counters and gauges, with their labels escaped", () =>
    Effect.gen(function* () {
      const counter = Metric.counter("test_count_total", {
        description: 'How "many"\nand \\ where',
        incremental: true
      })
      yield* Metric.update(Metric.tagged(counter, "path", 'a"b\\c\nd'), 2)
      yield* Metric.update(Metric.tagged(counter, "the-path", "x"), 3)
      yield* Metric.update(Metric.gauge("test_now", { bigint: true }), 5n)

      assert.strictEqual(
        yield* about("test_count_total"),
        [
          '# HELP test_count_total How "many"\\nand \\\\ where',
          "# TYPE test_count_total counter",
          'test_count_total{path="a\\"b\\\\c\\nd"} 2',
          'test_count_total{the_path="x"} 3'
        ].join("\n")
      )
      assert.strictEqual(yield* about("test_now"), "# TYPE test_now gauge\ntest_now 5")
    })
  )

  it.effect("a counter that may go down is a gauge, as Effect's own of the fibers that are alive", () =>
    Effect.gen(function* () {
      const active = Effect.map(about("effect_fiber_active"), (text) => text.split("\n"))
      const [type, before] = yield* active
      const fiber = yield* Effect.fork(Effect.never)
      const [, during] = yield* active
      yield* Fiber.interrupt(fiber)
      const [, after] = yield* active

      assert.strictEqual(type, "# TYPE effect_fiber_active gauge")
      assert.strictEqual(count(during!), count(before!) + 1)
      assert.strictEqual(after, before)
      assert.include(yield* about("effect_fiber_started"), "# TYPE effect_fiber_started counter")
    })
  )

  it.effect("writes histograms, whose buckets add up", () =>
    Effect.gen(function* () {
      const histogram = Metric.histogram("test.time-ms", MetricBoundaries.fromIterable([1, 10]), "Times")
      for (const value of [0.5, 5, 5, 50]) yield* Metric.update(Metric.tagged(histogram, "a", "b"), value)

      assert.strictEqual(
        yield* about("test_time_ms"),
        [
          "# HELP test_time_ms Times",
          "# TYPE test_time_ms histogram",
          'test_time_ms_bucket{a="b",le="1"} 1',
          'test_time_ms_bucket{a="b",le="10"} 3',
          'test_time_ms_bucket{a="b",le="+Inf"} 4',
          'test_time_ms_sum{a="b"} 60.5',
          'test_time_ms_count{a="b"} 4'
        ].join("\n")
      )
    })
  )

  it.effect("writes frequencies and summaries", () =>
    Effect.gen(function* () {
      yield* Metric.update(Metric.frequency("test_words"), "hello")
      const quantiles = { name: "test_sum", maxAge: "1 day", maxSize: 10, error: 0, quantiles: [0.5] } as const
      yield* Metric.update(Metric.summary(quantiles), 7)

      assert.strictEqual(yield* about("test_words"), '# TYPE test_words counter\ntest_words{key="hello"} 1')
      assert.strictEqual(
        yield* about("test_sum"),
        '# TYPE test_sum summary\ntest_sum{quantile="0.5"} 7\ntest_sum_sum 7\ntest_sum_count 1'
      )
    })
  )

  it.effect("writes each name once, and ends with a line break", () =>
    Effect.gen(function* () {
      for (const tag of ["a", "b"]) yield* Metric.update(Metric.tagged(Metric.counter("test_twice"), "t", tag), 1)
      const text = yield* Prometheus.text

      const names = text.split("\n").flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? [])
      assert.strictEqual(new Set(names).size, names.length)
      assert(text.endsWith("\n"))
    })
  )
})
