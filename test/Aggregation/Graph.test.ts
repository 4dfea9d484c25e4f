import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Metric, Option, Schema, TestClock } from "effect"
import * as Aggregation from "../../src/Aggregation.ts"
import * as Graph from "../../src/Aggregation/Graph.ts"
import { Aggregator } from "../../src/Aggregator.ts"
import { sourcesInFlight } from "../../src/Aggregator/Metrics.ts"
import * as Gather from "../../src/Gather.ts"
import { InvalidOption } from "../../src/Options.ts"
import * as Outcome from "../../src/Outcome.ts"
import type { Receipt } from "../../src/Receipt.ts"
import { Asking } from "../../src/Receipt/Asking.ts"
import { type Recorder, Started } from "../../src/Receipt/Recorder.ts"
import * as Testkit from "../../src/Testkit.ts"
import { explored } from "./explored.ts"

const { dies, fails, hangs, succeeds } = Testkit

const aggregator = Effect.provide(Aggregator.layer({ logger: Testkit.silent }))

/** Runs an effect that gathers once, in virtual time; gives its exit and the receipt, which is that of its cleanup too. */
const watched = <A, E>(effect: Effect.Effect<A, E, Aggregator>) =>
  Effect.gen(function* () {
    let recorder: Recorder | undefined
    const started = (one: Recorder) => void (recorder = one)
    const [elapsed, exit] = yield* Testkit.timed(Effect.provideService(effect, Started, started))
    yield* Testkit.timed(Aggregator.settled)
    return { elapsed, exit, receipt: recorder!.receipt() }
  })

const errorOf = <A, E>(exit: Exit.Exit<A, E>): E => {
  assert(Exit.isFailure(exit))
  return Option.getOrThrow(Cause.failureOption(exit.cause))
}

const endings = ({ sources }: Receipt) => Object.fromEntries(sources.map(({ name, outcome }) => [name, outcome]))

const refusal = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    assert(error instanceof InvalidOption)
    return error.message
  }
  return assert.fail("it was not refused")
}

describe("Graph", () => {
  it.effect("asks at once whatever needs nothing, and the others in the moment they can be", () =>
    Effect.gen(function* () {
      const [a, b, c, d] = [succeeds(1, { after: 10 }), succeeds(2, { after: 20 }), succeeds(0), succeeds(0)]
      const graph = Graph.make()
        .source("a", { ask: () => a })
        .source("b", { ask: () => b })
        .source("sum", { after: ["a", "b"], ask: ({ a, b }) => Effect.delay(Effect.as(c, a + b), 5) })
        .source("next", { after: ["a"], ask: ({ a }) => Effect.as(d, a + 1) })
      const { elapsed, exit, receipt } = yield* watched(Aggregator.gather("graph", graph()))

      assert.deepStrictEqual([elapsed, exit], [25, Exit.succeed({ a: 1, b: 2, sum: 3, next: 2 })])
      assert.deepStrictEqual(
        [a, b, c, d].map(({ seen }) => seen.asked),
        [[0], [0], [25], [10]]
      )
      assert.deepStrictEqual(
        receipt.sources.map(({ end, guards, name, start }) => [name, start, end, guards?.queued]),
        [
          ["a", 0, 10, undefined],
          ["b", 0, 20, undefined],
          ["sum", 20, 25, 20],
          ["next", 10, 10, 10]
        ]
      )
      assert.deepStrictEqual(receipt.criticalPath, ["b", "sum"])
    }).pipe(aggregator)
  )

  it.effect("gives each the input, and what stands in the answer for those it comes after", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const graph = Graph.make<{ readonly id: string }>()
        .source("profile", { ask: (_, { id }) => succeeds(`user ${id}`) })
        .source("orders", { policy: { orElse: 0 }, ask: () => fails("down") })
        .source("offers", { policy: "optional", ask: () => fails("down") })
        .source("tags", { policy: "optional", ask: () => succeeds("blue") })
        .source("page", {
          after: ["profile", "orders", "offers", "tags"],
          ask: (answers, { id }) => Effect.sync(() => void seen.push(answers, id))
        })
      const Page = Aggregation.make("page", {
        input: Schema.Struct({ id: Schema.String }),
        output: Schema.Struct({ name: Schema.String, orders: Schema.Number, tag: Schema.NullOr(Schema.String) }),
        sources: graph,
        merge: ({ orders, profile, tags }) => ({ name: profile, orders, tag: Option.getOrNull(tags) })
      })

      assert.deepStrictEqual(yield* Page({ id: "42" }), { name: "user 42", orders: 0, tag: "blue" })
      const answers = { profile: "user 42", orders: 0, offers: Option.none(), tags: Option.some("blue") }
      assert.deepStrictEqual(seen, [answers, "42"])
    }).pipe(aggregator)
  )

  it.effect("a required source that fails fails the answer at once; those that come after it were never started", () =>
    Effect.gen(function* () {
      const after = succeeds(1)
      const graph = Graph.make()
        .source("slow", { ask: () => hangs({ cleanup: 500 }) })
        .source("profile", { ask: () => fails("no user", { after: 10 }) })
        .source("orders", { after: ["profile", "slow"], ask: () => after })
        .source("offers", { after: ["orders"], policy: "optional", ask: () => after })
      const { elapsed, exit, receipt } = yield* watched(Aggregator.gather("graph", graph()))

      assert.strictEqual(elapsed, 10)
      const error = errorOf(exit)
      assert(error._tag === "SourceFailed")
      assert.deepStrictEqual([error.source, error.error], ["profile", "no user"])
      assert.deepStrictEqual(after.seen.asked, [])
      assert.deepStrictEqual(endings(receipt), {
        slow: "cancelled",
        profile: "failed",
        orders: "not-started",
        offers: "not-started"
      })
      assert.deepStrictEqual(receipt.victims, ["slow", "orders", "offers"])
      assert.deepStrictEqual([receipt.firstCause?.source, receipt.settled], ["profile", 510])
    }).pipe(aggregator)
  )

  it.effect("a defect fails the answer, also in an optional source, and whoever comes after it is not asked", () =>
    Effect.gen(function* () {
      const after = succeeds(1)
      const graph = Graph.make()
        .source("profile", { policy: "optional", ask: () => dies("boom") })
        .source("orders", { after: ["profile"], ask: () => after })
      const { exit, receipt } = yield* watched(Aggregator.gather("graph", graph()))

      assert(Exit.isFailure(exit) && Option.isSome(Cause.dieOption(exit.cause)))
      assert.deepStrictEqual(endings(receipt), { profile: "failed", orders: "not-started" })
      assert.deepStrictEqual(after.seen.asked, [])
    }).pipe(aggregator)
  )

  it.effect("where a failure does not fail the answer, those after it say whose it is", () =>
    Effect.gen(function* () {
      const graph = Graph.make()
        .source("profile", { ask: () => fails("no user", { after: 10 }) })
        .source("orders", { after: ["profile"], ask: () => succeeds(5) })
        .source("total", { after: ["orders"], ask: ({ orders }) => succeeds(orders) })
        .source("tags", { policy: "optional", ask: () => fails("down") })
        .source("tagged", { after: ["tags"], ask: ({ tags }) => succeeds(Option.isNone(tags)) })
      const { elapsed, exit } = yield* watched(Aggregator.collect("graph", graph()))

      assert(Exit.isSuccess(exit))
      const { orders, tagged, total } = exit.value
      assert.strictEqual(elapsed, 10)
      assert.deepStrictEqual(
        [orders, total].map((outcome) => Option.getOrNull(Outcome.message(outcome))),
        [
          `Source "orders" was not asked: "profile", which it comes after, gave no answer`,
          `Source "total" was not asked: "orders", which it comes after, gave no answer`
        ]
      )
      assert.deepStrictEqual(Outcome.value(tagged), Option.some(true))
    }).pipe(aggregator)
  )

  it.effect("the deadline and whoever goes away leave nothing waiting", () =>
    Effect.gen(function* () {
      const slow = hangs()
      const graph = Graph.make()
        .source("slow", { ask: () => slow })
        .source("after", { after: ["slow"], ask: () => succeeds(1) })
      const late = yield* watched(Aggregator.gather("graph", graph(), { deadline: 100 }))
      const left = yield* watched(Effect.timeoutOption(Aggregator.gather("graph", graph()), 50))

      const error = errorOf(late.exit)
      assert(error._tag === "DeadlineExceeded")
      assert.deepStrictEqual([late.elapsed, error.pending], [100, ["slow", "after"]])
      assert.deepStrictEqual(endings(late.receipt), { slow: "timed-out", after: "not-started" })
      assert.deepStrictEqual([left.elapsed, left.receipt.outcome], [50, "cancelled"])
      assert.deepStrictEqual(slow.seen.interrupted, [100, 150])
      for (const source of ["slow", "after"]) {
        const gauge = sourcesInFlight.pipe(Metric.tagged("aggregation", "graph"), Metric.tagged("source", source))
        assert.strictEqual((yield* Metric.value(gauge)).value, 0, source)
      }
    }).pipe(aggregator)
  )

  it.effect("while it waits it does not hold the answer: the one that it waits for does", () =>
    Effect.gen(function* () {
      const held: Array<string> = []
      const overdue = (name: string) => Effect.map(Asking, (asking) => asking.overdue(() => void held.push(name)))
      const graph = Graph.make()
        .source("slow", { ask: () => Effect.zipRight(Effect.delay(overdue("slow"), 10), succeeds(1)) })
        .source("after", { after: ["slow"], ask: () => succeeds(1) })
      yield* watched(Aggregator.gather("graph", graph()))

      assert.deepStrictEqual(held, ["slow"])
    }).pipe(aggregator)
  )

  it.effect("under a limit somebody always gets on, in whatever order the sources are given", () =>
    Effect.gen(function* () {
      const graph = Graph.of<void, never, never>([
        { name: "c", after: ["b"], ask: ({ b }) => succeeds(`${String(b)}c`) },
        { name: "b", after: ["a"], ask: ({ a }) => succeeds(`${String(a)}b`, { after: 10 }) },
        { name: "other", ask: () => succeeds("other") },
        { name: "a", ask: () => succeeds("a", { after: 10 }) }
      ])
      const { elapsed, exit } = yield* watched(Aggregator.gather("graph", graph(), { concurrency: 1 }))

      assert.deepStrictEqual([elapsed, exit], [20, Exit.succeed({ other: "other", a: "a", b: "ab", c: "abc" })])
    }).pipe(aggregator)
  )

  it.effect("its sources may be asked again, and twice at once", () =>
    Effect.gen(function* () {
      let asked = 0
      const graph = Graph.make()
        .source("a", {
          ask: () =>
            Effect.delay(
              Effect.sync(() => ++asked),
              10
            )
        })
        .source("b", { after: ["a"], ask: ({ a }) => Effect.succeed(a) })
      const answer = Gather.failFast({ ab: Aggregator.gather("graph", graph()), again: Effect.void })
      const sources = graph()
      const twice = Aggregator.gather("graph", sources)
      const [, exit] = yield* Testkit.timed(Effect.all([twice, twice, answer], { concurrency: 3 }))
      const [, once] = yield* Testkit.timed(twice)

      assert(Exit.isSuccess(exit))
      const [first, second] = exit.value
      assert.deepStrictEqual([first.b - first.a, second.b - second.a], [0, 0])
      assert.notStrictEqual(first.a, second.a)
      assert.deepStrictEqual(once, Exit.succeed({ a: 4, b: 4 }))
    }).pipe(aggregator)
  )

  it.effect("its sources that wait for each other are asked by a gather, not one by one", () =>
    Effect.gen(function* () {
      const sources = Graph.make()
        .source("a", { ask: () => succeeds(1) })
        .source("b", { after: ["a"], ask: ({ a }) => succeeds(a) })
        .source("c", { ask: () => succeeds(3) })()
      for (const { effect } of [sources.a, sources.b]) {
        const exit = yield* Effect.exit(effect)
        assert(Exit.isFailure(exit))
        assert.match(String(Option.getOrNull(Cause.dieOption(exit.cause))), /are asked together, by a gather/)
      }
      assert.strictEqual(yield* sources.c.effect, 3)
    })
  )

  it("refuses cycles, names that nobody has, and names that two have", () => {
    const node = (name: string, ...after: Array<string>) => ({ name, after, ask: () => Effect.void })
    const made = (...nodes: Array<Graph.Node<void>>) => refusal(() => Graph.of(nodes))

    assert.strictEqual(
      made(node("start"), node("c", "a", "start"), node("b", "c"), node("a", "b"), node("end", "a")),
      `Graph: after must be free of cycles, but it is "c -> a -> b -> c"`
    )
    assert.strictEqual(made(node("a", "a")), `Graph: after must be free of cycles, but it is "a -> a"`)
    assert.strictEqual(
      made(node("a", "b")),
      `Graph: after of "a" must be the name of a source in the graph, but it is "b"`
    )
    assert.strictEqual(made(node("a"), node("a")), `Graph: name must be given once, but it is "a"`)
    assert.strictEqual(made(node("7")), `Graph: name must be no number, but it is "7"`)
    assert.strictEqual(
      refusal(() => {
        const graph = Graph.make().source("a", { ask: () => Effect.void })
        return graph.source("a", { ask: () => Effect.void })
      }),
      `Graph: name must be given once, but it is "a"`
    )
  })

  it.effect("holds on a sample of the schedules of a chain and one beside it", () =>
    Effect.map(explored(100), ({ schedules }) => assert.strictEqual(schedules, 100))
  )

  it.effect("is stopped in the middle, and nothing of it is left", () =>
    Effect.gen(function* () {
      const b = succeeds(2, { after: 10 })
      const graph = Graph.make()
        .source("a", { ask: () => succeeds(1, { after: 10 }) })
        .source("b", { after: ["a"], ask: () => b })
      const fiber = yield* Effect.fork(Aggregator.gather("graph", graph()))
      yield* TestClock.adjust(15)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(100)

      assert.deepStrictEqual([b.seen.asked, b.seen.interrupted, b.seen.ended], [[10], [15], []])
    }).pipe(aggregator)
  )
})
