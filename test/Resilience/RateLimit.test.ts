import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import * as Deadline from "../../src/Deadline.ts"
import { refusals } from "../../src/Resilience/Metrics.ts"
import * as Sharing from "../../src/Resilience/Metrics/Sharing.ts"
import { Shared } from "../../src/Resilience/Patience.ts"
import * as RateLimit from "../../src/Resilience/RateLimit.ts"
import { isTransient } from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import { failureOf, guardsOf, onMachine, refuses, timed, unavailable, valueOf } from "./Calls.ts"

const { fails, hangs, succeeds } = Testkit
const { slidingWindow, tokenBucket } = RateLimit
/** A turn every 20 milliseconds, one after another. */
const steady = tokenBucket({ limit: 50, burst: 1 })
const fine = succeeds("fine")

/** Starts calls one after another, and says when each began, once all have ended. */
const began = (limit: RateLimit.RateLimit, calls: ReadonlyArray<RateLimit.CallOptions>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const times = calls.map(() => NaN)
    const call = (options: RateLimit.CallOptions, index: number) =>
      Effect.map(Clock.currentTimeMillis, (now) => void (times[index] = now - start)).pipe(
        RateLimit.with(limit, options)
      )
    yield* Effect.all(calls.map(call), { concurrency: "unbounded", discard: true })
    return times
  })

const nobodyWaits = (limit: RateLimit.RateLimit) =>
  Effect.map(limit.waiting(), (waiting) => assert.strictEqual(waiting, 0))

describe("RateLimit", () => {
  onMachine(
    "lets a burst through, and then one call after another, in the order in which they came",
    Effect.gen(function* () {
      const bucket = RateLimit.make({ rule: tokenBucket({ limit: 50, burst: 2 }) })
      assert.deepStrictEqual(yield* began(bucket, [{}, {}, {}, {}, {}]), [0, 0, 20, 40, 60])
      const window = RateLimit.make({ rule: slidingWindow({ limit: 2, per: 100 }) })
      assert.deepStrictEqual(yield* began(window, [{}, {}, {}, {}, {}]), [0, 0, 100, 100, 200])
      yield* nobodyWaits(bucket)
    })
  )

  onMachine(
    "takes as many turns as a call weighs, and lets no lighter call overtake it",
    Effect.gen(function* () {
      const limit = RateLimit.make({ rule: tokenBucket({ limit: 50, burst: 3 }) })
      assert.deepStrictEqual(yield* began(limit, [{ weight: 2 }, { weight: 3 }, {}, {}]), [0, 40, 60, 80])
    })
  )

  onMachine(
    "has a limit of its own for each key",
    Effect.gen(function* () {
      const limit = RateLimit.make({ rule: steady })
      const calls = [{ key: "a" }, { key: "a" }, { key: "b" }, {}, { key: "b" }]
      assert.deepStrictEqual(yield* began(limit, calls), [0, 20, 0, 0, 20])
    })
  )

  onMachine(
    "gives each tenant a turn in turn: one with many calls does not hold up the others",
    Effect.gen(function* () {
      const limit = RateLimit.make({ rule: steady })
      const [many, few] = [{ tenant: "many" }, { tenant: "few" }]
      assert.deepStrictEqual(
        yield* began(limit, [many, many, many, many, few, few, { tenant: "other" }]),
        [0, 20, 80, 120, 40, 100, 60]
      )
    })
  )

  describe("a wait longer than the deadline", () => {
    onMachine(
      "is refused at once, with when to come again",
      Effect.gen(function* () {
        const limit = RateLimit.make({ name: "orders", rule: steady })
        const waiting = yield* Effect.fork(began(limit, [{}, {}, {}, {}]))
        yield* Effect.sleep(0)
        const [elapsed, exit] = yield* timed(Deadline.within(80)(RateLimit.with(limit)(fine)))

        const error = failureOf(exit)
        assert.instanceOf(error, RateLimit.RateLimited)
        assert.deepInclude(error, { _tag: "RateLimited", limit: "orders", retryAfter: 80 })
        assert.strictEqual(
          error.message,
          'The rate limit "orders" has no turn before the deadline: the next one comes in 80ms'
        )
        assert.isTrue(isTransient(error))
        assert.strictEqual(elapsed, 0)
        const [later, fits] = yield* timed(Deadline.within(81)(RateLimit.with(limit)(fine)))
        assert.deepStrictEqual([later, fits], [80, Exit.succeed("fine")])
        assert.deepStrictEqual(yield* Fiber.join(waiting), [0, 20, 40, 60])
      })
    )

    onMachine(
      "is refused at once by a sliding window too, which knows when all those before have left it",
      Effect.gen(function* () {
        const limit = RateLimit.make({ rule: slidingWindow({ limit: 3, per: 100 }) })
        const waiting = yield* Effect.fork(began(limit, [{}, {}, {}, {}, {}]))
        yield* Effect.sleep(10)
        const call = (within: number) => timed(Deadline.within(within)(RateLimit.with(limit)(fine)))
        assert.strictEqual((yield* call(90))[0], 0)
        assert.deepStrictEqual(yield* call(91), [90, Exit.succeed("fine")])
        yield* Fiber.join(waiting)
      })
    )

    onMachine(
      "counts the turns of other tenants that come first",
      Effect.gen(function* () {
        const limit = RateLimit.make({ rule: steady })
        const waiting = yield* Effect.fork(
          began(
            limit,
            Array.from({ length: 10 }, () => ({ tenant: "many" }))
          )
        )
        yield* Effect.sleep(0)
        const call = (within: number) => timed(Deadline.within(within)(RateLimit.with(limit, { tenant: "few" })(fine)))
        assert.strictEqual((yield* call(20))[0], 0)
        const [elapsed, exit] = yield* call(45)
        assert.deepStrictEqual([elapsed, Exit.isSuccess(exit)], [40, true])
        yield* Fiber.join(waiting)
      })
    )

    onMachine(
      "that becomes one because a later call of another tenant comes first ends at the deadline",
      Effect.gen(function* () {
        const limit = RateLimit.make({ rule: steady })
        const waiting = yield* Effect.fork(began(limit, [{ tenant: "a" }, { tenant: "a" }]))
        yield* Effect.sleep(0)
        const late = yield* Effect.fork(timed(Deadline.within(50)(RateLimit.with(limit, { tenant: "a" })(fine))))
        yield* Effect.sleep(0)
        const others = yield* Effect.fork(began(limit, [{ tenant: "b" }, { tenant: "c" }]))
        const [elapsed, exit] = yield* Fiber.join(late)

        assert.deepInclude(failureOf(exit), { _tag: "RateLimited" })
        assert.strictEqual(elapsed, 50)
        yield* Fiber.join(waiting)
        assert.deepStrictEqual(yield* Fiber.join(others), [40, 60])
        yield* nobodyWaits(limit)
      })
    )

    onMachine(
      "of a shared call is one longer than that of the last of those who share it",
      Effect.gen(function* () {
        const limit = RateLimit.make({ rule: steady })
        const waiting = yield* Effect.fork(began(limit, [{ tenant: "a" }, { tenant: "a" }]))
        yield* Effect.sleep(0)
        let until = (yield* Deadline.now) + 50
        const call = RateLimit.with(limit, { tenant: "a" })(fine).pipe(Effect.provideService(Shared, () => until))
        const late = yield* Effect.fork(timed(call))
        yield* Effect.sleep(0)
        const others = yield* Effect.fork(began(limit, [{ tenant: "b" }, { tenant: "c" }]))
        yield* Effect.sleep(30)
        until += 100

        assert.deepStrictEqual(yield* Fiber.join(late), [80, Exit.succeed("fine")])
        yield* Fiber.join(waiting)
        yield* Fiber.join(others)
      })
    )
  })

  onMachine(
    "fifty cancelled waiters delay the next caller by nothing",
    Effect.gen(function* () {
      for (const rule of [steady, tokenBucket({ limit: 1 }), slidingWindow({ limit: 2, per: 1_000 })]) {
        const limit = RateLimit.make({ rule })
        yield* began(
          limit,
          Array.from({ length: rule.limit === 50 ? 1 : rule.limit }, () => ({}))
        )
        const alone = rule.per / rule.limit
        const waiters = yield* Effect.all(Array.from({ length: 50 }, () => Effect.fork(RateLimit.with(limit)(fine))))
        yield* Effect.sleep(alone / 2)
        yield* Fiber.interruptAll(waiters)

        const [elapsed] = yield* timed(RateLimit.with(limit)(fine))
        assert.strictEqual(elapsed, rule.kind === "sliding-window" ? rule.per - alone / 2 : alone / 2)
        yield* nobodyWaits(limit)
      }
    })
  )

  onMachine(
    "those who wait behind a cancelled one move up, and a light one goes as soon as it can",
    Effect.gen(function* () {
      const limit = RateLimit.make({ rule: tokenBucket({ limit: 50, burst: 5 }) })
      yield* RateLimit.with(limit, { weight: 5 })(fine)
      const heavy = yield* Effect.fork(RateLimit.with(limit, { weight: 5 })(fine))
      const light = yield* Effect.fork(timed(RateLimit.with(limit)(fine)))
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(heavy)

      assert.deepStrictEqual(yield* Fiber.join(light), [20, Exit.succeed("fine")])
    })
  )

  onMachine(
    "a turn that comes in the instant of an interruption goes to the next",
    Effect.gen(function* () {
      for (const rule of [steady, slidingWindow({ limit: 1, per: 20 })]) {
        const limit = RateLimit.make({ rule })
        yield* RateLimit.with(limit)(fine)
        const first = yield* Effect.fork(RateLimit.with(limit)(hangs()))
        const second = yield* Effect.fork(timed(RateLimit.with(limit)(fine)))
        // Both are due now, and the interruption comes first or last as the machine breaks the tie.
        yield* Effect.sleep(20)
        yield* Fiber.interrupt(first)
        const [elapsed] = yield* Fiber.join(second)
        assert.include([20, 40], elapsed)
        assert.strictEqual((yield* timed(RateLimit.with(limit)(fine)))[0], 20)
      }
    })
  )

  describe("learns from the source", () => {
    onMachine(
      "to leave it alone for as long as an error asks, and then calls without a burst",
      Effect.gen(function* () {
        const limit = RateLimit.make({ name: "learning", rule: tokenBucket({ limit: 50, burst: 5 }) })
        assert.instanceOf(failureOf(yield* Effect.exit(RateLimit.with(limit)(fails(unavailable(300))))), Error)
        assert.deepStrictEqual(yield* began(limit, [{}, {}, {}]), [300, 320, 340])
        assert.deepStrictEqual(yield* began(limit, [{ key: "other" }]), [0])
        assert.strictEqual(yield* valueOf(Sharing.rateLimitPauses, { limit: "learning" }), 1)
      })
    )

    onMachine(
      "and then refuses those at once who cannot wait so long, also if they wait already",
      Effect.gen(function* () {
        const limit = RateLimit.make({ rule: steady })
        const call = (within: number) => Effect.fork(timed(Deadline.within(within)(RateLimit.with(limit)(fine))))
        const asks = yield* Effect.fork(RateLimit.with(limit)(fails(unavailable(300), { after: 10 })))
        const [short, long] = [yield* call(200), yield* call(500)]
        yield* Fiber.await(asks)
        const [newcomer] = yield* timed(Deadline.within(200)(RateLimit.with(limit)(fine)))

        const [elapsed, exit] = yield* Fiber.join(short)
        assert.deepInclude(failureOf(exit), { _tag: "RateLimited", retryAfter: 300 })
        assert.deepStrictEqual([elapsed, newcomer], [10, 0])
        assert.deepStrictEqual(yield* Fiber.join(long), [310, Exit.succeed("fine")])
      })
    )

    onMachine(
      "but not for longer than a minute, and not from errors that ask for nothing, or of guards inside",
      Effect.gen(function* () {
        const after = (error: unknown, options: Partial<RateLimit.RateLimitOptions> = {}) =>
          Effect.gen(function* () {
            const limit = RateLimit.make({ rule: tokenBucket({ limit: 50, burst: 2 }), ...options })
            yield* Effect.exit(RateLimit.with(limit)(fails(error)))
            return (yield* timed(RateLimit.with(limit)(fine)))[0]
          })
        assert.strictEqual(yield* after(unavailable(1e9)), 60_000)
        assert.strictEqual(yield* after(unavailable(1e9), { maxPause: 500 }), 500)
        assert.strictEqual(yield* after(unavailable()), 0)
        assert.strictEqual(yield* after({ _tag: "BreakerOpen", retryAfter: 300 }), 0)
        assert.strictEqual(yield* after("429", { learn: (error) => (error === "429" ? 700 : undefined) }), 700)
        assert.strictEqual(yield* after(unavailable(300), { learn: () => NaN }), 0)
        assert.strictEqual(yield* after(null), 0)
      })
    )
  })

  onMachine(
    "none lets everything through",
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* began(RateLimit.none, [{ weight: 100 }, {}]), [0, 0])
      yield* nobodyWaits(RateLimit.none)
    })
  )

  onMachine(
    "shows in the receipt and in metrics: how long a call waited, and that it was refused",
    Effect.gen(function* () {
      const limit = RateLimit.make({ name: "shown", rule: steady })
      yield* RateLimit.with(limit)(fine)
      const waiting = yield* Effect.fork(guardsOf(RateLimit.with(limit)(fine)))
      yield* Effect.sleep(5)
      assert.strictEqual(yield* valueOf(Sharing.rateLimitWaiting, { limit: "shown" }), 1)
      const refused = yield* guardsOf(Deadline.within(5)(RateLimit.with(limit)(fine)))

      assert.deepInclude(refused, { refused: "rate-limit", queued: 0 })
      assert.deepInclude(yield* Fiber.join(waiting), { refused: null, queued: 20 })
      assert.strictEqual(yield* valueOf(refusals, { source: "shown", by: "rate-limit" }), 1)
      assert.strictEqual(yield* valueOf(Sharing.queued, { guard: "rate-limit", name: "shown" }), 1)
      assert.strictEqual(yield* valueOf(Sharing.rateLimitWaiting, { limit: "shown" }), 0)
    })
  )

  it("refuses what cannot be meant, by name, when it is made", () => {
    const bucket = RateLimit.make({ rule: tokenBucket({ limit: 50 }) })
    const window = RateLimit.make({ rule: slidingWindow({ limit: 3 }) })
    refuses({
      "RateLimit.tokenBucket limit #zero": () => tokenBucket({ limit: 0 }),
      "RateLimit.tokenBucket limit #negative": () => tokenBucket({ limit: -1 }),
      "RateLimit.tokenBucket limit #NaN": () => tokenBucket({ limit: NaN }),
      "RateLimit.tokenBucket per": () => tokenBucket({ limit: 1, per: 0 }),
      "RateLimit.tokenBucket burst": () => tokenBucket({ limit: 1, burst: 0 }),
      "RateLimit.slidingWindow limit": () => slidingWindow({ limit: 1.5 }),
      "RateLimit.slidingWindow per": () => slidingWindow({ limit: 1, per: Infinity }),
      "RateLimit.make maxPause": () => RateLimit.make({ rule: steady, maxPause: -1 }),
      "RateLimit.with weight #zero": () => RateLimit.with(bucket, { weight: 0 }),
      "RateLimit.with weight #bucket": () => RateLimit.with(bucket, { weight: 6 }),
      "RateLimit.with weight #window": () => RateLimit.with(window, { weight: 4 })
    })
  })

  it("keeps the rule, the order and the deadlines, whatever calls come", () => {
    const call = fc.record({
      at: fc.integer({ min: 0, max: 100 }),
      weight: fc.integer({ min: 1, max: 2 }),
      deadline: fc.option(fc.integer({ min: 0, max: 150 })),
      interruptedAfter: fc.option(fc.integer({ min: 0, max: 80 }))
    })
    const rules = [tokenBucket({ limit: 50, burst: 2 }), slidingWindow({ limit: 3, per: 60 })]
    const ties = fc.constantFrom<Machine.Ties>("forward", "backward", "together")
    fc.assert(
      fc.property(fc.array(call, { maxLength: 20 }), fc.constantFrom(...rules), ties, (calls, rule, order) => {
        const limit = RateLimit.make({ rule })
        const made: Array<number> = []
        const arrivals: Array<number> = []
        const program = Effect.forEach(
          calls,
          ({ at, deadline, interruptedAfter, weight }, index) =>
            Effect.gen(function* () {
              yield* Effect.sleep(at)
              const body = Effect.map(Clock.currentTimeMillis, (now) => {
                for (let turn = 0; turn < weight; turn++) made.push(now)
                arrivals.push(at)
              })
              const guarded = RateLimit.with(limit, { weight })(body)
              const fiber = yield* Effect.fork(timed(deadline === null ? guarded : Deadline.within(deadline)(guarded)))
              if (interruptedAfter !== null) {
                yield* Effect.sleep(interruptedAfter)
                return void (yield* Fiber.interrupt(fiber))
              }
              const [elapsed, exit] = yield* Fiber.join(fiber)
              // Heavy calls leave gaps in a window, of which those who come do not know.
              const isKnown = rule.kind === "token-bucket" || calls.every((call) => call.weight === 1)
              if (Exit.isFailure(exit) && isKnown) assert.strictEqual(elapsed, 0, `call ${index} was refused late`)
              else assert.isAtMost(elapsed, deadline ?? Infinity)
            }),
          { concurrency: "unbounded", discard: true }
        )
        const ran = Machine.run(program, order)

        if (ran.exit._tag === "None" || ran.exit.value._tag === "Failure") assert.fail(String(ran.exit))
        const allowed = rule.kind === "token-bucket" ? rule.limit + rule.burst : rule.limit
        for (const from of made) {
          assert.isAtMost(made.filter((at) => at >= from && at < from + rule.per).length, allowed)
        }
        assert.deepStrictEqual(
          arrivals,
          arrivals.toSorted((a, b) => a - b)
        )
        assert.deepStrictEqual([Effect.runSync(limit.waiting()), ran.fibers], [0, 0])
      }),
      { numRuns: 150 }
    )
  })
})
