import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, FiberRef } from "effect"
import * as fc from "fast-check"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import * as Budget from "../../src/Resilience/Budget.ts"
import * as Hedge from "../../src/Resilience/Hedge.ts"
import { once } from "../../src/Resilience/Idempotence.ts"
import * as Metrics from "../../src/Resilience/Metrics.ts"
import * as Retry from "../../src/Resilience/Retry.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import * as Testkit from "../../src/Testkit.ts"
import { failureOf, guardsOf, inTurn, onMachine, refuses, rejected, timed, unavailable, valueOf } from "./Calls.ts"
import { tail } from "./Tail.ts"

const { dies, fails, hangs, succeeds } = Testkit
const down = fails(unavailable())

describe("Hedge", () => {
  onMachine(
    "makes a second call when the first is slow, and takes the answer that comes first",
    Effect.gen(function* () {
      const slow = succeeds("slow", { after: 100 })
      const call = inTurn(slow, succeeds("second", { after: 10 }))
      const [elapsed, exit] = yield* timed(Hedge.after("50 millis")(call))

      assert.deepStrictEqual([elapsed, exit], [60, Exit.succeed("second")])
      assert.deepStrictEqual(call.asked, [0, 50])
      assert.deepStrictEqual(slow.seen.interrupted, [60])
    })
  )

  onMachine(
    "the first call can still win, and then the second is cancelled",
    Effect.gen(function* () {
      const second = hangs()
      const call = inTurn<string, never>(succeeds("first", { after: 60 }), second)
      const [elapsed, exit] = yield* timed(Hedge.after(50)(call))

      assert.deepStrictEqual([elapsed, exit], [60, Exit.succeed("first")])
      assert.deepStrictEqual(second.seen.interrupted, [60])
    })
  )

  onMachine(
    "the receipt says why there was no second call",
    Effect.gen(function* () {
      const slow = succeeds(1, { after: 100 })
      const broke = Hedge.after(50, { budget: Budget.make({ ratio: 0 }) })
      const hurried = Hedge.after(50)
      yield* Effect.repeatN(hurried(succeeds(1, { after: 40 })), 19)
      const table = [
        ["budget", broke(slow), 1_000],
        ["budget", broke(fails(unavailable())), 1_000],
        ["once", Hedge.after(50)(once(slow)), 1_000],
        ["few-calls", Hedge.percentile(0.95)(slow), 1_000],
        ["few-calls", Hedge.percentile(0.95)(hangs()), 1_000],
        // Half of its calls take 40 ms, and 30 ms are left.
        ["deadline", hurried(hangs()), 80]
      ] as const
      for (const [why, call, deadline] of table) {
        const guards = yield* guardsOf<number, unknown, never>(call, { deadline })
        assert.deepStrictEqual([guards?.calls, guards?.unhedged], [1, why])
      }
    })
  )

  onMachine(
    "the receipt says nothing of a second call that was made, or that nobody wanted",
    Effect.gen(function* () {
      const failing = inTurn<number, unknown>(fails(unavailable()), succeeds(1))
      assert.notProperty(yield* guardsOf(Hedge.percentile(0.95)(failing)), "unhedged")
      assert.notProperty(yield* guardsOf(Hedge.after(50)(succeeds(1))), "unhedged")
      assert.notProperty(yield* guardsOf(Hedge.percentile(0.95)(fails(rejected))), "unhedged")
    })
  )

  onMachine(
    "makes no second call when the first is fast",
    Effect.gen(function* () {
      const call = inTurn(succeeds("first", { after: 49 }))
      const [elapsed] = yield* timed(Hedge.after(50)(call))

      assert.deepStrictEqual([elapsed, call.asked], [49, [0]])
    })
  )

  onMachine(
    "makes the second call at once when the first has failed",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(fails(unavailable(), { after: 10 }), succeeds("second", { after: 10 }))
      const [elapsed, exit] = yield* timed(Hedge.after(50)(call))

      assert.deepStrictEqual([elapsed, exit], [20, Exit.succeed("second")])
    })
  )

  onMachine(
    "waits for the other call when one fails, and fails with the error of the last when both do",
    Effect.gen(function* () {
      const late = inTurn<string, unknown>(succeeds("first", { after: 100 }), down)
      assert.deepStrictEqual(yield* timed(Hedge.after(50)(late)), [100, Exit.succeed("first")])

      const both = inTurn<string, unknown>(fails(unavailable(1), { after: 60 }), fails(unavailable(2), { after: 60 }))
      const [elapsed, exit] = yield* timed(Hedge.after(50)(both))
      assert.strictEqual(elapsed, 110)
      assert.deepInclude(failureOf(exit), { retryAfter: 2 })
    })
  )

  onMachine(
    "takes an error that will not pass, or a defect, for the answer, from whichever call",
    Effect.gen(function* () {
      for (const end of [fails(rejected, { after: 10 }), dies("bug", { after: 10 })]) {
        const first = inTurn<string, unknown>(end, succeeds("second"))
        const [atOnce, one] = yield* timed(Hedge.after(50)(first))
        assert.deepStrictEqual([atOnce, Exit.isFailure(one), first.asked.length], [10, true, 1])

        const slow = hangs()
        const now = yield* Clock.currentTimeMillis
        const [late, other] = yield* timed(Hedge.after(50)(inTurn<never, unknown>(slow, end)))
        assert.deepStrictEqual([late, Exit.isFailure(other), slow.seen.interrupted], [60, true, [now + 60]])
      }
    })
  )

  onMachine(
    "makes no second call when the first was asked to leave the source alone",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(fails(unavailable(1)), succeeds("second"))
      yield* timed(Hedge.after(50)(call))

      assert.strictEqual(call.asked.length, 1)
    })
  )

  onMachine(
    "nobody waits for the cleanup of the loser, but its owner knows of it",
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "1 minute" })
      const call = inTurn<string, never>(slow, succeeds("second"))
      const [elapsed] = yield* timed(Hedge.after(50)(call))
      const owner = yield* Cleanup.Owner

      assert.strictEqual(elapsed, 50)
      assert.lengthOf(owner.running(), 1)
      yield* timed(Cleanup.settled)
      assert.deepStrictEqual([slow.seen.interrupted, slow.seen.cleaned], [[50], [60_050]])
    })
  )

  onMachine(
    "an interruption cancels both calls, and does not wait for them",
    Effect.gen(function* () {
      const both = hangs({ cleanup: "1 minute" })
      const fiber = yield* Effect.fork(Hedge.after(50)(both))
      yield* Effect.sleep(70)
      yield* Fiber.interrupt(fiber)
      yield* Effect.sleep(0)

      assert.deepStrictEqual(both.seen.interrupted, [70, 70])
      yield* timed(Cleanup.settled)
    })
  )

  onMachine(
    "works where nothing can be interrupted",
    Effect.gen(function* () {
      const call = inTurn<string, never>(hangs(), succeeds("second", { after: 10 }))
      const [elapsed, exit] = yield* timed(Effect.uninterruptible(Hedge.after(50)(call)))

      assert.deepStrictEqual([elapsed, exit], [60, Exit.succeed("second")])
    })
  )

  onMachine(
    "carries over what the winner has set",
    Effect.gen(function* () {
      const ref = FiberRef.unsafeMake("before")
      const call = inTurn(hangs(), FiberRef.set(ref, "second"))
      const [, exit] = yield* timed(Effect.zipRight(Hedge.after(50)(call), FiberRef.get(ref)))

      assert.deepStrictEqual(exit, Exit.succeed("second"))
    })
  )

  onMachine(
    "none does nothing",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(down, succeeds("second"))
      yield* timed(Hedge.none(call))

      assert.strictEqual(call.asked.length, 1)
    })
  )
})

describe("a hedge, when a second call must not or cannot help", () => {
  const twice = (guard: (call: Effect.Effect<string, unknown>) => Effect.Effect<string, unknown>) =>
    Effect.gen(function* () {
      const slow = inTurn<string, unknown>(succeeds("slow", { after: 100 }), succeeds("second"))
      yield* timed(guard(slow))
      return slow.asked.length === 2
    })

  onMachine(
    "does not make it for what must not be called twice, however it is marked",
    Effect.gen(function* () {
      const hedge = Hedge.after(50)

      assert.isTrue(yield* twice(hedge))
      assert.isFalse(yield* twice((call) => hedge(once(call))))
      assert.isFalse(yield* twice((call) => once(hedge(call))))
    })
  )

  onMachine(
    "does not make it when the deadline would come first, or half of the calls take longer than remains",
    Effect.gen(function* () {
      const hedge = Hedge.after(50)
      assert.isFalse(yield* twice((call) => Deadline.within(50)(hedge(call))))
      assert.isTrue(yield* twice((call) => Deadline.within(100)(hedge(call))))

      for (let n = 0; n < 20; n++) yield* timed(hedge(succeeds("slow", { after: 45 })))
      assert.isFalse(yield* twice((call) => Deadline.within(95)(hedge(call))))
      assert.isTrue(yield* twice((call) => Deadline.within(105)(hedge(call))))
    })
  )

  onMachine(
    "does not make it when the budget is used up: 5 % of the calls, of which 10 can be saved up",
    Effect.gen(function* () {
      const hedge = Hedge.after(50)
      const hedged = (calls: number) =>
        Effect.map(Effect.all(Array.from({ length: calls }, () => twice(hedge))), (all) => all.filter(Boolean).length)

      assert.strictEqual(yield* hedged(15), 10)
      for (let n = 0; n < 25; n++) yield* hedge(Effect.void)
      assert.strictEqual(yield* hedged(5), 2)
    })
  )
})

describe("Hedge.percentile", () => {
  onMachine(
    "makes the second call when the first takes longer than that share of the calls before it",
    Effect.gen(function* () {
      const hedge = Hedge.percentile(0.95)
      const unknown = inTurn(succeeds("slow", { after: 500 }), succeeds("second"))
      assert.strictEqual((yield* timed(hedge(unknown)))[0], 500)

      for (let n = 0; n < 40; n++) yield* timed(hedge(succeeds("fine", { after: 100 })))
      const known = inTurn(succeeds("slow", { after: 500 }), succeeds("second"))
      const [elapsed] = yield* timed(hedge(known))

      assert.isAtLeast(elapsed, 100)
      assert.isAtMost(elapsed, 110)
    })
  )

  onMachine(
    "a slow call that lost counts as slow: hedging does not make it seem that there are none",
    Effect.gen(function* () {
      const hedge = Hedge.percentile(0.5, { budget: Budget.unlimited })
      for (let n = 0; n < 20; n++) yield* timed(hedge(succeeds("fine", { after: 10 })))
      for (let n = 0; n < 30; n++) {
        yield* timed(hedge(inTurn(succeeds("slow", { after: 500 }), succeeds("second", { after: 100 }))))
      }
      const slow = inTurn(succeeds("slow", { after: 1_000 }), succeeds("second"))
      const [elapsed] = yield* timed(hedge(slow))

      assert.isAbove(elapsed, 100)
    })
  )
})

it("a hedge answers with whichever call is good first, and fails when the last of both has, whatever they do", () => {
  const call = fc.record({ good: fc.boolean(), after: fc.integer({ min: 0, max: 100 }) })
  fc.assert(
    fc.property(call, call, fc.integer({ min: 1, max: 15 }), (one, two, tens) => {
      const [delay, first, second] = [tens * 10, one.after * 2 + 1, two.after * 2]
      const script = (name: string, good: boolean, after: number) =>
        good ? succeeds(name, { after }) : fails({ _tag: "SourceUnavailable", name }, { after })
      const calls = inTurn<string, unknown>(script("first", one.good, first), script("second", two.good, second))
      const { elapsed, exit, fibers, settled } = Machine.run(Effect.either(Hedge.after(delay)(calls)))

      const began = first < delay ? first : delay
      const ends = [
        { at: first, name: "first", good: one.good },
        { at: began + second, name: "second", good: two.good }
      ]
      const all = one.good && first < delay ? ends.slice(0, 1) : ends.sort((a, b) => a.at - b.at)
      const expected = all.find(({ good }) => good) ?? all.at(-1)!
      assert(exit._tag === "Some" && exit.value._tag === "Success")
      const answer = exit.value.value
      const name = answer._tag === "Right" ? answer.right : (answer.left as { readonly name: string }).name // As scripted.
      assert.deepStrictEqual([elapsed, name, answer._tag === "Right"], [expected.at, expected.name, expected.good])
      assert.deepStrictEqual([settled, fibers], [elapsed, 0])
    }),
    { numRuns: 300 }
  )
})

it("a hedge improves p99 at least fivefold where 2 % of the calls take a hundred times as long, for 5 % more calls", () => {
  const calls = 2_000
  const without = tail(Hedge.none, calls)
  const hedged = tail(Hedge.percentile(0.95), calls)

  assert.strictEqual(hedged.answered, calls)
  assert.isAtMost(hedged.p99 * 5, without.p99)
  assert.isAtMost(hedged.load, 1.05)
})

describe("a hedge of the critical path", () => {
  const hedge = () => Hedge.after(50, { criticalPath: true })

  onMachine(
    "waits while another source is asked that is not overdue, and hedges in the instant in which it is alone",
    Effect.gen(function* () {
      const guard = hedge()
      const call = inTurn<string, never>(hangs(), succeeds("second", { after: 10 }))
      const [elapsed] = yield* timed(Gather.failFast({ hedged: guard(call), other: succeeds(1, { after: 200 }) }))

      assert.deepStrictEqual([elapsed, call.asked], [210, [0, 200]])
    })
  )

  onMachine(
    "hedges all that are overdue when no other is asked any more",
    Effect.gen(function* () {
      const guards = [hedge(), Hedge.after(80, { criticalPath: true })] as const
      const calls = [1, 2].map(() => inTurn<string, never>(hangs(), succeeds("second", { after: 10 })))
      const [elapsed] = yield* timed(
        Gather.failFast([guards[0](calls[0]!), guards[1](calls[1]!), succeeds(1, { after: 60 })])
      )

      assert.strictEqual(elapsed, 90)
      assert.deepStrictEqual(
        [calls[0]!.asked, calls[1]!.asked],
        [
          [0, 80],
          [0, 80]
        ]
      )
    })
  )

  onMachine(
    "a slow source with another hedge is one that is overdue",
    Effect.gen(function* () {
      const call = inTurn<string, never>(hangs(), succeeds("second", { after: 10 }))
      const other = Hedge.after(80)(succeeds("slow", { after: 200 }))
      yield* timed(Gather.failFast({ hedged: hedge()(call), other }))

      assert.deepStrictEqual(call.asked, [0, 80])
    })
  )

  onMachine(
    "makes no second call when the first ends while it waits for that",
    Effect.gen(function* () {
      const call = inTurn<string, never>(succeeds("slow", { after: 100 }), succeeds("second"))
      yield* timed(Gather.failFast({ hedged: hedge()(call), other: succeeds(1, { after: 200 }) }))

      assert.deepStrictEqual(call.asked, [0])
    })
  )

  onMachine(
    "does not wait when the call has failed, nor outside a gather",
    Effect.gen(function* () {
      const failed = inTurn<string, unknown>(fails(unavailable(), { after: 10 }), succeeds("second"))
      yield* timed(Gather.failFast({ hedged: hedge()(failed), other: succeeds(1, { after: 200 }) }))
      assert.deepStrictEqual(failed.asked.length, 2)
      assert.strictEqual(failed.asked[1]! - failed.asked[0]!, 10)

      const [elapsed] = yield* timed(hedge()(inTurn<string, never>(hangs(), succeeds("second"))))
      assert.strictEqual(elapsed, 50)
    })
  )
})

describe("a hedge that is told wrongly what is worth it", () => {
  onMachine(
    "dies of it, and leaves nothing behind",
    Effect.gen(function* () {
      const slow = hangs()
      const hedge = Hedge.after(50, {
        while: () => {
          throw new Error("bug")
        }
      })
      const [elapsed, exit] = yield* timed(hedge(inTurn<never, unknown>(slow, fails("no", { after: 10 }))))

      assert.deepStrictEqual([elapsed, Exit.isFailure(exit), slow.seen.interrupted], [60, true, [60]])
    })
  )
})

describe("what a hedge leaves", () => {
  onMachine(
    "stands in the receipt, with the moment in which the loser was told to stop",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(hangs({ cleanup: 500 }), succeeds("second", { after: 10 }))
      const [, exit] = yield* timed(guardsOf(Hedge.after(50)(call)))

      assert(exit._tag === "Success")
      assert.deepStrictEqual(exit.value?.attempts, [
        { kind: "first", start: 0, end: 60, outcome: "cancelled" },
        { kind: "hedge", start: 50, end: 60, outcome: "succeeded" }
      ])
    })
  )

  onMachine(
    "inside a retry each call stands in it once, and so it does around one",
    Effect.gen(function* () {
      const hedge = Hedge.after(50)
      const retry = Retry.make({ delay: 0 })
      const script = () =>
        inTurn<string, unknown>(
          fails(unavailable(), { after: 70 }),
          fails(unavailable(), { after: 40 }),
          succeeds("fine", { after: 10 })
        )
      const error = { tag: "SourceUnavailable", message: `Source "orders" is unavailable: down` }
      const [, inside] = yield* timed(guardsOf(script().pipe(hedge, retry)))
      assert(inside._tag === "Success")
      assert.deepStrictEqual(inside.value?.attempts, [
        { kind: "first", start: 0, end: 70, outcome: "failed", error },
        { kind: "hedge", start: 50, end: 90, outcome: "failed", error },
        { kind: "retry", start: 90, end: 100, outcome: "succeeded" }
      ])

      const [, around] = yield* timed(guardsOf(script().pipe(retry, hedge)))
      assert(around._tag === "Success")
      assert.deepStrictEqual(around.value?.attempts, [
        { kind: "first", start: 0, end: 70, outcome: "failed", error },
        { kind: "hedge", start: 50, end: 80, outcome: "cancelled" },
        { kind: "retry", start: 70, end: 80, outcome: "succeeded" }
      ])
    })
  )

  onMachine(
    "is counted by its name",
    Effect.gen(function* () {
      const hedge = Hedge.after(50, { name: "hedged", budget: Budget.make({ ratio: 0.05, burst: 2 }) })
      for (let n = 0; n < 2; n++) yield* timed(hedge(inTurn<string, never>(hangs(), succeeds("second"))))
      yield* timed(hedge(succeeds("slow", { after: 60 })))

      assert.strictEqual(yield* valueOf(Metrics.hedges, { source: "hedged", outcome: "succeeded" }), 2)
      assert.strictEqual(yield* valueOf(Metrics.refusals, { source: "hedged", by: "hedge-budget" }), 1)
    })
  )
})

it("a hedge with an option that cannot be meant is refused by its name", () => {
  refuses({
    "Hedge.after delay": () => Hedge.after(-1),
    "Hedge.after delay #2": () => Hedge.after(NaN),
    "Hedge.percentile share": () => Hedge.percentile(0),
    "Hedge.percentile share #2": () => Hedge.percentile(1),
    "Hedge.percentile share #3": () => Hedge.percentile(NaN),
    "Hedge.percentile share #4": () => Hedge.percentile(95)
  })
})
