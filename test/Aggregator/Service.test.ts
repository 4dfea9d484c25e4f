import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Context,
  Effect,
  Exit,
  Fiber,
  FiberRef,
  FiberRefs,
  HashMap,
  Logger,
  LogLevel,
  Metric,
  Option,
  Stream,
  Tracer
} from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Metrics from "../../src/Aggregator/Metrics.ts"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Outcome from "../../src/Outcome.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { keeping } from "../Tracing.ts"

const { fails, hangs, succeeds } = Testkit

interface Line {
  readonly level: string
  readonly message: string
  readonly annotations: Record<string, unknown>
}

/** An aggregator that writes its lines into an array. */
const logging = (lines: Array<Line>) =>
  Aggregator.layer({
    deadline: "1 second",
    logger: Logger.make(({ annotations, logLevel, message }) => {
      lines.push({
        level: logLevel.label,
        message: String(message),
        annotations: Object.fromEntries(HashMap.toEntries(annotations))
      })
    })
  })

describe("the log lines of an aggregator", () => {
  it.effect("say what happened to the aggregation and to each source", () =>
    Effect.gen(function* () {
      const lines: Array<Line> = []
      yield* Testkit.timed(
        Effect.exit(
          Aggregator.gather("dashboard", { profile: hangs(), orders: fails("no", { after: 20 }) }).pipe(
            Logger.withMinimumLogLevel(LogLevel.Debug)
          )
        )
      ).pipe(Effect.provide(logging(lines)))

      const [profile, orders, dashboard] = lines
      assert.strictEqual(lines.length, 3)
      assert.deepStrictEqual([profile?.level, profile?.message], ["DEBUG", "profile cancelled"])
      assert.deepStrictEqual([orders?.level, orders?.message], ["WARN", "orders failed"])
      assert.include(orders?.annotations, {
        aggregation: "dashboard",
        source: "orders",
        outcome: "failed",
        duration: 20,
        error: "string: no"
      })
      assert.deepStrictEqual([dashboard?.level, dashboard?.message], ["ERROR", "dashboard failed"])
      assert.include(dashboard?.annotations, {
        outcome: "failed",
        duration: 20,
        deadline: 1_000,
        remaining: 980,
        firstCause: "failure of orders: no",
        victims: "profile"
      })
      assert.match(String(dashboard?.annotations["traceId"]), /^[0-9a-f]{32}$/)
      assert.strictEqual(orders?.annotations["traceId"], dashboard?.annotations["traceId"])
    })
  )

  it.effect("are at info for a success, with nothing of its sources", () =>
    Effect.gen(function* () {
      const lines: Array<Line> = []
      yield* Aggregator.gather("dashboard", { a: succeeds(1), b: succeeds(2) }).pipe(Effect.provide(logging(lines)))

      assert.deepStrictEqual(
        lines.map(({ level, message }) => `${level} ${message}`),
        ["INFO dashboard succeeded"]
      )
    })
  )

  it.effect("go to the loggers of the program when the aggregator has none of its own", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const logger = Logger.make(({ message }) => void seen.push(String(message)))
      yield* Aggregator.gather("dashboard", { a: succeeds(1) }).pipe(
        Effect.provide(Aggregator.layer()),
        Effect.provide(Logger.add(logger))
      )

      assert.deepStrictEqual(seen, ["dashboard succeeded"])
    })
  )
})

describe("the spans of an aggregator", () => {
  it.effect("are one for the aggregation, with one below it for each source", () =>
    Effect.gen(function* () {
      const spans: Record<string, Tracer.AnySpan> = {}
      const keep = (name: string) => Effect.map(Effect.orDie(Effect.currentSpan), (span) => (spans[name] = span))
      yield* Testkit.timed(
        Effect.exit(
          Aggregator.gather("dashboard", {
            a: Effect.zipRight(keep("a"), Effect.never),
            b: Effect.zipRight(keep("b"), fails("no", { after: 20 }))
          })
        ).pipe(Effect.withSpan("request"))
      ).pipe(Effect.provide(logging([])), Effect.withTracer(keeping))

      const { a, b } = spans
      assert(a?._tag === "Span" && b?._tag === "Span")
      assert.deepStrictEqual([a.name, b.name], ["source a", "source b"])
      const above = Option.getOrThrow(a.parent)
      assert(above._tag === "Span" && above.name === "dashboard failFast")
      assert.strictEqual(above, Option.getOrThrow(b.parent))
      assert.include(Object.fromEntries(above.attributes), { outcome: "failed", duration: 20 })
      const request = Option.getOrThrow(above.parent)
      assert(request._tag === "Span" && request.name === "request")
      for (const span of [a, b, above]) assert.strictEqual(span.status._tag, "Ended")
    })
  )

  it.effect("are what a defect is logged under when a quorum has done without its source", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const logger = Logger.make(({ context, message }) => {
        const services = FiberRefs.getOrDefault(context, FiberRef.currentContext)
        const span = Context.getOption(services, Tracer.ParentSpan)
        if (String(message).endsWith("died"))
          seen.push(Option.map(span, (one) => (one._tag === "Span" ? one.name : "")))
      })
      yield* Aggregator.first("any", { a: Effect.die("bug"), b: succeeds(1, { after: 1 }) }).pipe(
        Testkit.timed,
        Effect.provide(Aggregator.layer()),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Effect.withTracer(keeping)
      )

      assert.deepStrictEqual(seen, [Option.some("any first")])
    })
  )

  it.effect("are one for each item, of a list as of a stream", () =>
    Effect.gen(function* () {
      const ask = (item: string) => succeeds(item)
      for (const items of [["p", "q"], Stream.make("p", "q")])
        for (const program of [
          Effect.asVoid(Effect.orDie(Aggregator.forEach("all", items, ask))),
          Effect.asVoid(Aggregator.collectEach("all", items, ask))
        ]) {
          const spans: Array<Tracer.Span> = []
          const all = Tracer.make({
            ...keeping,
            span: (...given) => {
              const span = keeping.span(...given)
              spans.push(span)
              return span
            }
          })
          yield* program.pipe(Effect.provide(logging([])), Effect.withTracer(all))

          const whole = spans[0]
          const parents = spans.map(({ parent }) => Option.getOrUndefined(parent))
          assert.deepStrictEqual(
            spans.slice(1).map(({ name }) => name),
            ["source item", "source item"]
          )
          assert.deepStrictEqual(parents, [undefined, whole, whole])
        }
    })
  )
})

describe("the metrics of an aggregator", () => {
  const counted =
    (aggregation: string, tags: Record<string, string>) =>
    <Type, In, Out>(metric: Metric.Metric<Type, In, Out>) =>
      Metric.value(
        Object.entries({ aggregation, ...tags }).reduce(
          (tagged, [key, value]) => Metric.tagged(tagged, key, value),
          metric
        )
      )

  it.effect("count by outcome, on failure as well as on success", () =>
    Effect.gen(function* () {
      yield* Aggregator.gather("counted", { a: succeeds(1), b: succeeds(2) })
      yield* Testkit.timed(Effect.exit(Aggregator.gather("counted", { a: hangs(), b: fails("no", { after: 20 }) })))
      yield* Testkit.timed(Effect.exit(Aggregator.gather("counted", { a: hangs(), b: Source.optional(hangs()) })))

      const policy = "failFast"
      const total = (outcome: string) => counted("counted", { policy, outcome })(Metrics.aggregations)
      const source = (source: string, outcome: string) => counted("counted", { source, outcome })(Metrics.sources)
      assert.deepStrictEqual(
        [(yield* total("succeeded")).count, (yield* total("failed")).count, (yield* total("timed-out")).count],
        [1, 1, 1]
      )
      assert.deepStrictEqual(
        [
          (yield* source("a", "succeeded")).count,
          (yield* source("a", "cancelled")).count,
          (yield* source("a", "timed-out")).count,
          (yield* source("b", "failed")).count
        ],
        [1, 1, 1, 1]
      )
      const durations = yield* counted("counted", { policy, outcome: "failed" })(Metrics.aggregationDuration)
      assert.deepStrictEqual([durations.count, durations.sum], [1, 20])
    }).pipe(Effect.provide(logging([])))
  )

  it.effect("show what is in flight, and nothing of it afterwards", () =>
    Effect.gen(function* () {
      const policy = "failFast"
      const inFlight = Effect.zipWith(
        counted("flying", { policy })(Metrics.aggregationsInFlight),
        counted("flying", { source: "a" })(Metrics.sourcesInFlight),
        (aggregations, sources) => [aggregations.value, sources.value]
      )
      for (const end of ["deadline", "interruption"] as const) {
        const fiber = yield* Effect.fork(Aggregator.gather("flying", { a: hangs() }))
        yield* Testkit.timed(Effect.sleep(100))
        assert.deepStrictEqual(yield* inFlight, [1, 1])
        yield* end === "deadline" ? Testkit.timed(Fiber.await(fiber)) : Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* inFlight, [0, 0])
      }
    }).pipe(Effect.provide(logging([])))
  )

  it.effect("call items item: a label for each id would have no end", () =>
    Effect.gen(function* () {
      yield* Aggregator.forEach("items", ["p", "q"], (item) => succeeds(item), { id: (item) => item })

      const { count } = yield* counted("items", { source: "item", outcome: "succeeded" })(Metrics.sources)
      assert.strictEqual(count, 2)
    }).pipe(Effect.provide(logging([])))
  )
})

describe("an aggregator", () => {
  it.effect("refuses options that cannot be meant when it is built, and in each call, by name", () =>
    Effect.gen(function* () {
      const message = <E>(program: Effect.Effect<unknown, E>) =>
        Effect.map(Effect.exit(program), (exit) => (Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "none"))
      const gather = Aggregator.gather("dashboard", { a: succeeds(1) }, { grace: -5 })

      assert.match(
        yield* message(Effect.provide(gather, Aggregator.layer({ deadline: -1 }))),
        /Aggregator.layer: deadline must be a duration of zero or more.*but it is -1/
      )
      assert.match(
        yield* message(Effect.provide(gather, Aggregator.layer())),
        /Aggregator.failFast "dashboard": grace must be/
      )
    })
  )

  it.effect(
    "tells of each receipt once the last cleanup has ended, by a stream and by direct calls, until nobody listens",
    () =>
      Effect.gen(function* () {
        const aggregator = yield* Aggregator
        const heard: Array<string> = []
        const stop = aggregator.listen(({ aggregation, settled }) => heard.push(`${aggregation} ${settled}`))
        const read = yield* Effect.fork(Stream.runCollect(Stream.take(Aggregator.receipts, 2)))
        yield* Effect.yieldNow()
        const slow = hangs({ cleanup: "3 seconds" })
        yield* Testkit.timed(Effect.exit(Aggregator.gather("one", { slow, bad: fails("no", { after: 20 }) })))
        yield* Effect.exit(Aggregator.gather("wrong", { a: succeeds(1) }, { grace: -5 }))
        assert.deepStrictEqual(heard, [])
        yield* Testkit.timed(Aggregator.settled)
        yield* Aggregator.gather("two", { a: succeeds(1) })
        stop()
        yield* Aggregator.gather("three", { a: succeeds(1) })

        assert.deepStrictEqual(heard, ["one 3020", "two 0"])
        assert.deepStrictEqual(
          Array.from(yield* Fiber.join(read), ({ aggregation }) => aggregation),
          ["one", "two"]
        )
      }).pipe(Effect.provide(logging([])))
  )

  it.effect("has options that hold for a stream of items, and where a call says undefined", () =>
    Effect.gen(function* () {
      const f = () => succeeds("done", { after: 100 })
      const call = { concurrency: undefined, deadline: undefined, grace: undefined }
      for (const items of [[1, 2, 3, 4], Stream.make(1, 2, 3, 4)]) {
        const [elapsed, exit] = yield* Testkit.timed(Aggregator.collectEach("items", items, f, call))
        assert(Exit.isSuccess(exit))
        assert.deepStrictEqual([elapsed, exit.value.map(Outcome.status).slice(0, 2)], [150, ["succeeded", "timed-out"]])
      }
    }).pipe(Effect.provide(Aggregator.layer({ concurrency: 1, deadline: 150, logger: Testkit.silent })))
  )

  it.effect("owns the cleanup of gathers inside its sources", () =>
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "3 seconds" })
      const inner = Gather.failFast({ slow, bad: fails("no", { after: 20 }) })
      yield* Testkit.timed(Effect.exit(Aggregator.gather("dashboard", { inner })))
      yield* Cleanup.settled
      assert.deepStrictEqual(slow.seen.cleaned, [])

      yield* Testkit.timed(Aggregator.settled)

      assert.deepStrictEqual(slow.seen.cleaned, [3_020])
    }).pipe(Effect.provide(logging([])))
  )
})
