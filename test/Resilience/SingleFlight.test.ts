import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import { Asking } from "../../src/Receipt/Asking.ts"
import * as Recorder from "../../src/Receipt/Recorder.ts"
import * as Sharing from "../../src/Resilience/Metrics/Sharing.ts"
import * as Bulkhead from "../../src/Resilience/Bulkhead.ts"
import * as RateLimit from "../../src/Resilience/RateLimit.ts"
import * as Retry from "../../src/Resilience/Retry.ts"
import * as SingleFlight from "../../src/Resilience/SingleFlight.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import { failureOf, guardsOf, inTurn, onMachine, refuses, timed, unavailable, valueOf } from "./Calls.ts"

const { dies, fails, hangs, succeeds } = Testkit
const key: SingleFlight.Key = { caller: "alice", call: ["orders", 42] }
const slow = (value = "value") => succeeds(value, { after: 100 })
const make = () => SingleFlight.make<string, string>({ name: "orders" })

describe("SingleFlight", () => {
  onMachine(
    "makes one call for all who ask for the same while it is in flight, and another after it",
    Effect.gen(function* () {
      const flights = make()
      const call = slow()
      const ask = SingleFlight.with(flights, key)(call)
      const all = yield* Effect.fork(timed(Effect.all([ask, ask, ask], { concurrency: 3 })))
      yield* Effect.sleep(50)
      assert.strictEqual(yield* flights.inFlight, 1)
      const [late, value] = yield* timed(ask)
      const [elapsed, values] = yield* Fiber.join(all)

      assert.deepStrictEqual([elapsed, values], [100, Exit.succeed(["value", "value", "value"])])
      assert.deepStrictEqual([late, value, call.seen.asked.length], [50, Exit.succeed("value"), 1])
      assert.strictEqual(yield* flights.inFlight, 0)
      yield* ask
      assert.strictEqual(call.seen.asked.length, 2)
    })
  )

  onMachine(
    "gives nobody the answer of another caller",
    Effect.gen(function* () {
      const flights = make()
      const ask = (caller: string) => SingleFlight.with(flights, { caller, call: ["orders"] })(slow(`for ${caller}`))
      const everybodys = SingleFlight.with(flights, { public: true, call: ["orders"] })(slow("for all"))

      assert.deepStrictEqual(yield* Effect.all([ask("alice"), ask("bob"), everybodys], { concurrency: 3 }), [
        "for alice",
        "for bob",
        "for all"
      ])
    })
  )

  onMachine(
    "gives a failure, and a defect, to all who wait",
    Effect.gen(function* () {
      for (const call of [fails("no", { after: 10 }), dies(new Error("bug"), { after: 10 })]) {
        const ask = Effect.exit(SingleFlight.with(make(), key)(call))
        const flights = make()
        const exits = yield* Effect.all(
          Array.from({ length: 3 }, () => Effect.exit(SingleFlight.with(flights, key)(call))),
          { concurrency: 3 }
        )
        for (const exit of exits) assert.deepStrictEqual(exit, yield* ask)
        assert.deepStrictEqual([yield* flights.inFlight, Exit.isFailure(exits[0]!)], [0, true])
      }
    })
  )

  onMachine(
    "the interruption of one who waits harms nobody else, also of the one who made the call",
    Effect.gen(function* () {
      for (const leaver of [0, 1, 2]) {
        const flights = make()
        const call = slow()
        const ask = SingleFlight.with(flights, key)(call)
        const all = yield* Effect.all([Effect.fork(timed(ask)), Effect.fork(timed(ask)), Effect.fork(timed(ask))])
        yield* Effect.sleep(20)
        const [leaving] = yield* timed(Fiber.interrupt(all[leaver]!))
        assert.strictEqual(leaving, 0)
        for (const stays of all.toSpliced(leaver, 1)) {
          assert.deepStrictEqual(yield* Fiber.join(stays), [100, Exit.succeed("value")])
        }
        assert.deepStrictEqual([call.seen.asked.length, call.seen.interrupted], [1, []])
      }
    })
  )

  onMachine(
    "the last one who leaves cancels the call, and does not wait for its cleanup",
    Effect.gen(function* () {
      const flights = make()
      const start = yield* Clock.currentTimeMillis
      const call = hangs({ cleanup: 500 })
      const ask = SingleFlight.with(flights, key)(call)
      const [one, other] = [yield* Effect.fork(ask), yield* Effect.fork(ask)]
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(one)
      assert.deepStrictEqual(call.seen.interrupted, [])
      yield* Effect.sleep(20)
      const [elapsed] = yield* timed(Fiber.interrupt(other))

      assert.deepStrictEqual([elapsed, call.seen.interrupted], [0, [start + 40]])
      assert.strictEqual(yield* flights.inFlight, 0)
      const owner = yield* Cleanup.Owner
      assert.lengthOf(owner.running(), 1)
      // Whoever comes now does not wait for that.
      const [fresh, exit] = yield* timed(SingleFlight.with(flights, key)(slow("new")))
      assert.deepStrictEqual([fresh, exit], [100, Exit.succeed("new")])
      yield* Cleanup.settled
      assert.deepStrictEqual(call.seen.cleaned, [start + 540])
    })
  )

  onMachine(
    "cancels a call that cannot be interrupted without waiting for it",
    Effect.gen(function* () {
      const stubborn = succeeds("value", { after: 300, uninterruptible: true })
      const fiber = yield* Effect.fork(SingleFlight.with(make(), key)(stubborn))
      yield* Effect.sleep(10)
      assert.strictEqual((yield* timed(Fiber.interrupt(fiber)))[0], 0)
      yield* Cleanup.settled
      assert.lengthOf(stubborn.seen.ended, 1)
    })
  )

  describe("the latest deadline governs the call", () => {
    onMachine(
      "whoever has an earlier one leaves then, and the call goes on",
      Effect.gen(function* () {
        const flights = make()
        const call = succeeds("value", { after: 500 })
        const ask = (within: number) => timed(Deadline.within(within)(SingleFlight.with(flights, key)(call)))
        const first = yield* Effect.fork(ask(100))
        yield* Effect.sleep(10)
        const second = yield* Effect.fork(ask(1_000))
        const [elapsed, exit] = yield* Fiber.join(first)

        assert.deepInclude(failureOf(exit), { _tag: "DeadlineExceeded", deadline: 100 })
        assert.deepStrictEqual([elapsed, yield* Fiber.join(second)], [100, [490, Exit.succeed("value")]])
        assert.deepStrictEqual([call.seen.asked.length, call.seen.interrupted], [1, []])
      })
    )

    onMachine(
      "and when the last has come, the call is cancelled",
      Effect.gen(function* () {
        const flights = make()
        const start = yield* Clock.currentTimeMillis
        const call = hangs()
        const ask = (within: number) => Deadline.within(within)(SingleFlight.with(flights, key)(call))
        yield* Effect.all([Effect.exit(ask(300)), Effect.exit(ask(100)), Effect.exit(ask(200))], { concurrency: 3 })

        assert.deepStrictEqual(call.seen.interrupted, [start + 300])
        assert.strictEqual(yield* flights.inFlight, 0)
      })
    )

    onMachine(
      "an adapter inside sees none, since it may still become later; its own limits hold",
      Effect.gen(function* () {
        const flights = SingleFlight.make<ReadonlyArray<number>>()
        const remaining = Effect.map(Deadline.remaining, Duration.toMillis)
        const seen = Effect.all([remaining, Deadline.within(50)(remaining)])
        assert.deepStrictEqual(yield* Deadline.within(100)(SingleFlight.with(flights, key)(seen)), [Infinity, 50])
      })
    )

    onMachine(
      "a guard inside plans by it, also by that of one who came later",
      Effect.gen(function* () {
        const flights = SingleFlight.make<string, Bulkhead.BulkheadFull>()
        const bulkhead = Bulkhead.make({ limit: 1 })
        const holder = yield* Effect.fork(Bulkhead.with(bulkhead)(hangs()))
        yield* Effect.sleep(0)
        const ask = (within: number) =>
          Deadline.within(within)(SingleFlight.with(flights, key)(Bulkhead.with(bulkhead)(slow())))
        const first = yield* Effect.fork(Effect.exit(ask(100)))
        yield* Effect.sleep(50)
        const second = yield* Effect.fork(timed(ask(300)))
        yield* Effect.sleep(100)
        yield* Fiber.interrupt(holder)
        assert.deepStrictEqual(yield* Fiber.join(second), [200, Exit.succeed("value")])
        yield* Fiber.join(first)

        const limit = RateLimit.make({ rule: RateLimit.tokenBucket({ limit: 1, burst: 1 }) })
        yield* RateLimit.with(limit)(Effect.void)
        const limited = SingleFlight.make<string, RateLimit.RateLimited>()
        const [elapsed, exit] = yield* timed(
          Deadline.within(500)(SingleFlight.with(limited, key)(RateLimit.with(limit)(slow())))
        )
        assert.deepInclude(failureOf(exit), { _tag: "RateLimited", retryAfter: 1_000 })
        assert.strictEqual(elapsed, 0)
      })
    )

    onMachine(
      "one that has passed makes no call",
      Effect.gen(function* () {
        const call = slow()
        const exit = yield* Effect.exit(Deadline.within(0)(SingleFlight.with(make(), key)(call)))
        assert.deepInclude(failureOf(exit), { _tag: "DeadlineExceeded", deadline: 0 })
        assert.deepStrictEqual(call.seen.asked, [])
      })
    )
  })

  onMachine(
    "a flight inside a flight goes by those who wait outside",
    Effect.gen(function* () {
      const [outer, inner] = [make(), make()]
      const call = hangs()
      const nested = SingleFlight.with(inner, key)(call)
      const ask = (within: number) =>
        timed(Deadline.within(within)(Effect.exit(SingleFlight.with(outer, key)(Effect.orDie(nested)))))
      const all = yield* Effect.all([ask(100), ask(200)], { concurrency: 2 })
      assert.deepStrictEqual(
        all.map(([elapsed]) => elapsed),
        [100, 200]
      )
      yield* Cleanup.settled
      assert.lengthOf(call.seen.interrupted, 1)
    })
  )

  onMachine(
    "shares no call that was forgotten, and harms nobody who waits for it",
    Effect.gen(function* () {
      const flights = make()
      const [old, young] = [slow("old"), slow("young")]
      const first = yield* Effect.fork(SingleFlight.with(flights, key)(old))
      yield* Effect.sleep(50)
      yield* flights.forget(key)
      const second = yield* Effect.fork(SingleFlight.with(flights, key)(young))
      yield* Effect.sleep(60)
      assert.strictEqual(yield* flights.inFlight, 1)
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["old", "young"])
    })
  )

  onMachine(
    "is made with the services of whoever came first",
    Effect.gen(function* () {
      class Language extends Context.Tag("Language")<Language, string>() {}
      const flights = SingleFlight.make<string>()
      const call = Effect.zipRight(Effect.sleep(10), Language)
      const ask = (language: string) =>
        SingleFlight.with(flights, { public: true, call: ["greeting"] })(call).pipe(
          Effect.provideService(Language, language)
        )
      assert.deepStrictEqual(yield* Effect.all([ask("fr"), ask("de")], { concurrency: 2 }), ["fr", "fr"])
    })
  )

  onMachine(
    "a call that interrupts itself does so for all, and nobody waits for ever",
    Effect.gen(function* () {
      const flights = make()
      const ask = Effect.exit(SingleFlight.with(flights, key)(Effect.zipRight(Effect.sleep(10), Effect.interrupt)))
      for (const exit of yield* Effect.all([ask, ask], { concurrency: 2 })) {
        assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      }
    })
  )

  onMachine(
    "none makes every call",
    Effect.gen(function* () {
      const call = slow()
      const ask = SingleFlight.with(SingleFlight.none<string>(), key)(call)
      yield* Effect.all([ask, ask], { concurrency: 2 })
      assert.lengthOf(call.seen.asked, 2)
    })
  )

  onMachine(
    "shows in the receipts: the calls of the one who made them, and that the others shared them",
    Effect.gen(function* () {
      const flights = SingleFlight.make<string, unknown>({ name: "flown" })
      const retry = Retry.make()
      const call = inTurn(fails(unavailable(), { after: 10 }), slow())
      const ask = SingleFlight.with(flights, key)(retry(call))
      const [led, joined] = yield* Effect.all([guardsOf(ask), guardsOf(ask)], { concurrency: 2 })

      assert.deepInclude(led, { calls: 2, served: null })
      assert.deepStrictEqual(
        led?.attempts.map(({ kind, outcome }) => `${kind} ${outcome}`),
        ["first failed", "retry succeeded"]
      )
      assert.deepInclude(joined, { calls: 0, attempts: [], served: "flight" })
      const count = (role: string) => valueOf(Sharing.flights, { flights: "flown", role })
      assert.deepStrictEqual([yield* count("led"), yield* count("joined")], [1, 1])
    })
  )

  onMachine(
    "shows in the receipts: who refused the call, in all; and its cleanup, in that of the last who left",
    Effect.gen(function* () {
      const flights = SingleFlight.make<never, unknown>()
      const refused = Effect.flatMap(Asking, (asking) => {
        asking.refused("breaker")
        asking.progress("refused")
        return Effect.fail("no")
      })
      const ask = SingleFlight.with(flights, key)(Effect.zipRight(Effect.sleep(1), refused))
      const all = yield* Effect.all([guardsOf(ask), guardsOf(ask)], { concurrency: 2 })
      assert.deepStrictEqual(
        all.map((guards) => guards?.refused),
        ["breaker", "breaker"]
      )

      const recorders: Array<Recorder.Recorder> = []
      const hanging = SingleFlight.with(flights, key)(hangs({ cleanup: 100 }))
      const gather = (deadline: number) =>
        Effect.exit(Gather.failFast({ orders: hanging }, { deadline })).pipe(
          Effect.provideService(Recorder.Started, (recorder) => void recorders.push(recorder))
        )
      yield* Effect.all([gather(10), gather(20)], { concurrency: 2 })
      yield* Cleanup.settled
      const receipts = recorders.map((recorder) => recorder.receipt())
      assert.deepStrictEqual(
        receipts.map(({ elapsed, settled }) => [elapsed, settled]),
        [
          [10, 10],
          [20, 120]
        ]
      )
    })
  )

  it("refuses a key that cannot be meant when the guard is made", () => {
    const flights = make()
    refuses({
      "SingleFlight.with key.caller": () => SingleFlight.with(flights, { call: ["orders"] } as never),
      "SingleFlight.with key.call": () => SingleFlight.with(flights, { caller: "alice", call: [] })
    })
  })

  it("one call at a time for each key, and nothing is left, whoever comes and goes", () => {
    const caller = fc.record({
      at: fc.integer({ min: 0, max: 60 }),
      key: fc.integer({ min: 0, max: 1 }),
      deadline: fc.option(fc.integer({ min: 1, max: 60 })),
      interruptedAfter: fc.option(fc.integer({ min: 0, max: 60 }))
    })
    const ends = fc.record({
      after: fc.integer({ min: 0, max: 50 }),
      cleanup: fc.constantFrom(0, 20),
      fails: fc.boolean()
    })
    const ties = fc.constantFrom<Machine.Ties>("forward", "backward", "together")
    fc.assert(
      fc.property(
        fc.array(caller, { maxLength: 12 }),
        ends,
        ties,
        (callers, { after, cleanup, fails: fail }, order) => {
          const flights = make()
          const wanted = [0, 0]
          const running = [0, 0]
          const program = Effect.forEach(
            callers,
            ({ at, deadline, interruptedAfter, key }) =>
              Effect.gen(function* () {
                yield* Effect.sleep(at)
                const call = Effect.acquireUseRelease(
                  Effect.sync(() => assert.strictEqual((running[key]! += 1), 1, "two calls run at once")),
                  () => Effect.zipRight(Effect.sleep(after), fail ? Effect.fail("no") : Effect.succeed("value")),
                  // Its cleanup does not hold up the next call.
                  () =>
                    Effect.zipRight(
                      Effect.sync(() => (running[key]! -= 1)),
                      Effect.sleep(cleanup)
                    )
                )
                const ask = SingleFlight.with(flights, { caller: "alice", call: [key] })(call)
                wanted[key]! += 1
                const fiber = yield* Effect.fork(timed(deadline === null ? ask : Deadline.within(deadline)(ask)))
                if (interruptedAfter !== null) {
                  yield* Effect.sleep(interruptedAfter)
                  yield* Fiber.interrupt(fiber)
                } else {
                  const [elapsed, exit] = yield* Fiber.join(fiber)
                  assert.isAtMost(elapsed, Math.min(deadline ?? Infinity, after + cleanup))
                  if (elapsed < (deadline ?? Infinity)) assert.strictEqual(Exit.isSuccess(exit), !fail)
                }
              }),
            { concurrency: "unbounded", discard: true }
          )
          const ran = Machine.run(program, order)

          if (ran.exit._tag === "None" || ran.exit.value._tag === "Failure") assert.fail(String(ran.exit))
          assert.deepStrictEqual([Effect.runSync(flights.inFlight), running, ran.fibers], [0, [0, 0], 0])
        }
      ),
      { numRuns: 200 }
    )
  })
})
