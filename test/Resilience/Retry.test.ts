import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Random } from "effect"
import * as fc from "fast-check"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import { SourceTimedOut } from "../../src/Outcome.ts"
import { isTransient } from "../../src/Resilience/Transient.ts"
import * as Breaker from "../../src/Resilience/Breaker.ts"
import * as Budget from "../../src/Resilience/Budget.ts"
import { once } from "../../src/Resilience/Idempotence.ts"
import * as Metrics from "../../src/Resilience/Metrics.ts"
import * as Retry from "../../src/Resilience/Retry.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import { failureOf, guardsOf, inTurn, onMachine, refuses, rejected, timed, unavailable, valueOf } from "./Calls.ts"

const { fails, hangs, succeeds } = Testkit
const down = fails(unavailable())
const fine = succeeds("fine")
/** Every wait is half of the longest. */
const halfway = Effect.withRandom(Random.fixed([0.5]))

describe("Retry", () => {
  onMachine(
    "calls again after a failure that may pass, after a random time below a limit that doubles",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(down, down, down, fine)
      const retried = call.pipe(
        Retry.make({ attempts: 4, delay: 100 }),
        Effect.withRandom(Random.fixed([0.5, 0.25, 1]))
      )
      const [elapsed, exit] = yield* timed(retried)

      assert.deepStrictEqual(exit, Exit.succeed("fine"))
      assert.deepStrictEqual(call.asked, [0, 50, 100, 500])
      assert.strictEqual(elapsed, 500)
    })
  )

  onMachine(
    "waits no longer than maxDelay",
    Effect.gen(function* () {
      const call = inTurn(down)
      const retry = Retry.make({ attempts: 4, delay: 100, maxDelay: 150 })
      yield* timed(halfway(retry(call)))

      assert.deepStrictEqual(call.asked, [0, 50, 125, 200])
    })
  )

  onMachine(
    "fails with the error of the last call when all have failed",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(
        down,
        fails(new SourceTimedOut({ source: "orders", limit: 1 })),
        fails(unavailable(7)),
        fine
      )
      const [, exit] = yield* timed(Retry.make()(call))

      assert.strictEqual(call.asked.length, 3)
      assert.deepInclude(failureOf(exit), { _tag: "SourceUnavailable", retryAfter: 7 })
    })
  )

  onMachine(
    "does not call again after an error that will not pass, a defect, or an interruption",
    Effect.gen(function* () {
      const both = Effect.failCause(Cause.parallel(Cause.fail(unavailable()), Cause.die("bug")))
      for (const end of [fails(rejected), fails("no"), Testkit.dies("bug"), both, Effect.interrupt]) {
        const call = inTurn<never, unknown>(end)
        yield* timed(Retry.make()(call))

        assert.deepStrictEqual(call.asked.length, 1)
      }
    })
  )

  onMachine(
    "calls again after what it is told is worth it",
    Effect.gen(function* () {
      const call = inTurn<string, string>(fails("busy"), fine)
      const [, exit] = yield* timed(Retry.make({ while: (error) => error === "busy" })(call))

      assert.deepStrictEqual(exit, Exit.succeed("fine"))
    })
  )

  onMachine(
    "leaves a source alone for as long as it asks, and then for its own wait",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(fails(unavailable(3_000)), fine)
      yield* timed(halfway(Retry.make({ delay: 100 })(call)))

      assert.deepStrictEqual(call.asked, [0, 3_050])
    })
  )

  onMachine(
    "fails at once when a source asks to be left alone for longer than maxDelay",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(fails(unavailable(10_001)), fine)
      const [elapsed] = yield* timed(Retry.make()(call))

      assert.deepStrictEqual([elapsed, call.asked.length], [0, 1])
    })
  )

  onMachine(
    "none does nothing",
    Effect.gen(function* () {
      const call = inTurn(down, fine)
      yield* timed(Retry.none(call))

      assert.strictEqual(call.asked.length, 1)
    })
  )
})

it("calls until it succeeds, has called often enough, or has no time left, and waits as long as it should", () => {
  const wait = fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined })
  fc.assert(
    fc.property(
      fc.array(fc.record({ after: fc.nat(50), retryAfter: wait }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 80 }),
      fc.integer({ min: 1, max: 800 }),
      (failures, attempts, delay, deadline) => {
        const calls = inTurn<string, unknown>(
          ...failures.map(({ after, retryAfter }) => fails(unavailable(retryAfter), { after })),
          fine
        )
        const retry = Retry.make({ attempts, delay, maxDelay: 200, budget: Budget.unlimited })
        const { elapsed, exit } = Machine.run(Deadline.within(deadline)(halfway(Effect.either(retry(calls)))))

        const asked = [0]
        let now = 0
        for (const [made, { after, retryAfter = 0 }] of failures.entries()) {
          now += after
          const room = deadline - now - retryAfter
          if (made + 1 === attempts || retryAfter > 200 || room <= 0) break
          now += retryAfter + 0.5 * Math.min(200, delay * 2 ** made, room)
          asked.push(now)
        }
        assert(exit._tag === "Some" && exit.value._tag === "Success")
        assert.deepStrictEqual(calls.asked, asked)
        assert.strictEqual(elapsed, now)
        assert.strictEqual(exit.value.value._tag, asked.length === failures.length + 1 ? "Right" : "Left")
      }
    ),
    { numRuns: 300 }
  )
})

describe("a retry and the deadline", () => {
  const slow = fails(unavailable(), { after: 100 })

  onMachine(
    "no call begins that would come after the deadline: the failure is the answer at once",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(fails(unavailable(900)), fine)
      const [elapsed] = yield* timed(Deadline.within(900)(Retry.make()(call)))

      assert.deepStrictEqual([elapsed, call.asked.length], [0, 1])
    })
  )

  onMachine(
    "the wait is cut to the time there is",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(fails(unavailable(900)), fine)
      yield* timed(Deadline.within(910)(halfway(Retry.make()(call))))

      assert.deepStrictEqual(call.asked, [0, 905])
    })
  )

  onMachine(
    "no call begins when half of them take longer than what remains",
    Effect.gen(function* () {
      const retry = Retry.make({ delay: 0 })
      const asked = (deadline: number) =>
        Effect.gen(function* () {
          const call = inTurn<string, unknown>(slow, fine)
          yield* timed(Deadline.within(deadline)(retry(call)))
          return call.asked.length
        })
      assert.strictEqual(yield* asked(180), 2)

      // From now on it is known that calls take 100 ms; the one above was another.
      for (let n = 0; n < 21; n++) yield* timed(retry(succeeds("fine", { after: 100 })))
      assert.strictEqual(yield* asked(180), 1)
      assert.strictEqual(yield* asked(220), 2)
    })
  )

  onMachine(
    "in a gather it is stopped at the deadline",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(slow, hangs())
      const [elapsed, exit] = yield* timed(halfway(Gather.failFast([Retry.make()(call)], { deadline: 200 })))

      assert.strictEqual(elapsed, 200)
      assert.deepInclude(failureOf(exit), { _tag: "DeadlineExceeded" })
      assert.deepStrictEqual(call.asked, [0, 125])
    })
  )
})

describe("a retry and calls that must not be made twice", () => {
  const retry = Retry.make({ delay: 0 })

  onMachine(
    "does not make them again, whether they are marked inside or around it",
    Effect.gen(function* () {
      const calls = [inTurn<string, unknown>(down, fine), inTurn<string, unknown>(down, fine)] as const
      const guarded = [retry(once(calls[0])), once(retry(calls[1]))]
      for (const [index, call] of calls.entries()) {
        yield* timed(guarded[index]!)

        assert.strictEqual(call.asked.length, 1)
      }
    })
  )

  onMachine(
    "makes them again when told so",
    Effect.gen(function* () {
      const call = inTurn<string, unknown>(down, fine)
      const [, exit] = yield* timed(Retry.make({ repeatOnce: true })(once(call)))

      assert.deepStrictEqual(exit, Exit.succeed("fine"))
    })
  )

  onMachine(
    "makes one again that a guard inside refused, if told to: it was never made",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: 500 })
      yield* Effect.exit(Breaker.with(breaker)(down))
      const call = inTurn<string, unknown>(fine)
      const patient = Retry.make({ delay: 0, while: isTransient })
      const [elapsed, exit] = yield* timed(call.pipe(once, Breaker.with(breaker), patient))

      assert.deepStrictEqual([elapsed, exit], [500, Exit.succeed("fine")])
    })
  )
})

describe("the budget of a retry", () => {
  onMachine(
    "is shared by all calls, and is the end of retries when it is used up",
    Effect.gen(function* () {
      const retry = Retry.make({ delay: 0, budget: Budget.make({ ratio: 0, perSecond: 3 }) })
      const calls = Array.from({ length: 5 }, () => inTurn<string, unknown>(down, fine))
      const [, exit] = yield* timed(Gather.collect(calls.map((call) => retry(call))))

      assert.strictEqual(calls.filter((call) => call.asked.length === 2).length, 3)
      assert(exit._tag === "Success")
      assert.strictEqual(exit.value.filter((outcome) => outcome._tag === "Failed").length, 2)
    })
  )

  onMachine(
    "gets back what was taken for a call that is interrupted before it is made",
    Effect.gen(function* () {
      const retry = Retry.make({ delay: 100, budget: Budget.make({ ratio: 0, perSecond: 1 }) })
      const first = yield* Effect.fork(retry(down))
      yield* Effect.sleep(0)
      yield* Fiber.interrupt(first)
      const call = inTurn<string, unknown>(down, fine)
      const [, exit] = yield* timed(retry(call))

      assert.deepStrictEqual(exit, Exit.succeed("fine"))
    })
  )
})

describe("a retry in an outage of a minute", () => {
  /** A hundred callers a second, and how many calls reach the source in each second. */
  const loadOf = (retry: Retry.Retry) => {
    const load = Array.from({ length: 60 }, () => 0)
    const call = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now < 60_000) load[Math.floor(now / 1_000)]! += 1
      return down
    })
    const program = Effect.gen(function* () {
      for (let n = 0; n < 6_000; n++) {
        yield* Effect.forkDaemon(retry(call))
        yield* Effect.sleep(10)
      }
    })
    Machine.run(program)
    return load
  }
  const sum = (load: ReadonlyArray<number>) => load.reduce((all, one) => all + one, 0)

  it("keeps the load within 1.2 times the calls and 10 a second", () => {
    const load = loadOf(Retry.make())

    assert.isAtMost(sum(load), 1.2 * 6_000 + 10 * 60)
    assert.isAbove(sum(load), 1.1 * 6_000)
    // What is taken in one second may be called in the next, after its wait.
    assert.isAtMost(Math.max(...load), 1.2 * 100 + 10 + 10)
  })

  it("without a budget it is three times the calls", () => {
    assert.isAbove(sum(loadOf(Retry.make({ budget: Budget.unlimited }))), 2.9 * 6_000)
  })
})

describe("what a retry leaves", () => {
  onMachine(
    "stands in the receipt: each call, and that the budget was used up",
    Effect.gen(function* () {
      const retry = Retry.make({ attempts: 3, delay: 100, budget: Budget.make({ ratio: 0, perSecond: 1 }) })
      const call = inTurn<string, unknown>(fails(unavailable(), { after: 10 }), down)
      const [, exit] = yield* timed(halfway(guardsOf(retry(call))))
      const error = { tag: "SourceUnavailable", message: `Source "orders" is unavailable: down` }

      assert.deepStrictEqual(
        exit,
        Exit.succeed({
          calls: 2,
          attempts: [
            { kind: "first", start: 0, end: 10, outcome: "failed", error },
            { kind: "retry", start: 60, end: 60, outcome: "failed", error }
          ],
          queued: 0,
          served: null,
          refused: "retry-budget"
        } as const)
      )
    })
  )

  onMachine(
    "is counted by its name",
    Effect.gen(function* () {
      const retry = Retry.make({ name: "retried", delay: 10, budget: Budget.make({ ratio: 0, perSecond: 2 }) })
      yield* timed(retry(inTurn<string, unknown>(down, down, fine)))
      yield* timed(Effect.exit(retry(down)))

      const count = (outcome: string) => valueOf(Metrics.retries, { source: "retried", outcome })
      assert.deepStrictEqual([yield* count("failed"), yield* count("succeeded")], [1, 1])
      assert.strictEqual(yield* valueOf(Metrics.refusals, { source: "retried", by: "retry-budget" }), 1)
    })
  )
})

it("a retry with an option that cannot be meant is refused by its name", () => {
  refuses({
    "Retry.make attempts": () => Retry.make({ attempts: 0 }),
    "Retry.make attempts #2": () => Retry.make({ attempts: NaN }),
    "Retry.make delay": () => Retry.make({ delay: -1 }),
    "Retry.make delay #2": () => Retry.make({ delay: Infinity }),
    "Retry.make maxDelay": () => Retry.make({ maxDelay: NaN }),
    "Budget.make ratio": () => Budget.make({ ratio: 1.1 }),
    "Budget.make ratio #2": () => Budget.make({ ratio: NaN }),
    "Budget.make perSecond": () => Budget.make({ ratio: 0, perSecond: 0.5 }),
    "Budget.make burst": () => Budget.make({ ratio: 0, burst: 0 })
  })
})
