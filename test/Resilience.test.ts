import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Random } from "effect"
import { Aggregator } from "../src/Aggregator.ts"
import * as Cleanup from "../src/Cleanup.ts"
import type { DeadlineExceeded } from "../src/Deadline.ts"
import * as Gather from "../src/Gather.ts"
import * as Resilience from "../src/Resilience.ts"
import { SourceUnavailable } from "../src/Source.ts"
import * as Testkit from "../src/Testkit.ts"
import type { Sources } from "../src/Testkit/Schedule.ts"
import { failureOf, guardsOf, inTurn, onMachine, refuses, timed, unavailable } from "./Resilience/Calls.ts"

const { Breaker, Bulkhead, Cache, Hedge, RateLimit, Retry, SingleFlight } = Resilience
const { fails, hangs, succeeds } = Testkit
const down = fails(unavailable())

describe("Resilience.standard", () => {
  it.effect("guards a source of an aggregation, under TestClock, and says what it did", () =>
    Effect.gen(function* () {
      const guarded = Resilience.standard({ name: "orders", retry: { delay: 0 }, hedge: Hedge.after(50) })
      const call = inTurn<string, SourceUnavailable>(down, down, hangs(), succeeds("fine"))
      const [elapsed, exit] = yield* Testkit.timed(Aggregator.gather("page", { orders: guarded(call) }))

      assert.deepStrictEqual([elapsed, exit], [50, Exit.succeed({ orders: "fine" })])
      assert.strictEqual(call.asked.length, 4)
    }).pipe(Effect.provide(Aggregator.layer({ deadline: "1 second", logger: Testkit.silent })))
  )

  onMachine(
    "has the time limit inside the breaker: a source that hangs opens it",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(3) })
      const guarded = Resilience.standard({ name: "orders", breaker, timeLimit: 100, retry: Retry.none })
      for (let n = 0; n < 3; n++) yield* Effect.exit(guarded(hangs()))

      assert.strictEqual(yield* breaker.state, "open")
      assert.deepInclude(failureOf(yield* Effect.exit(guarded(hangs()))), { _tag: "BreakerOpen", breaker: "unnamed" })
    })
  )

  onMachine(
    "has the retry and the hedge outside the breaker: it counts each of their calls, and refuses them once it is open",
    Effect.gen(function* () {
      const guarded = Resilience.standard({
        name: "orders",
        retry: { attempts: 10, delay: 0, maxDelay: 0 },
        breaker: { trip: Breaker.consecutive(4), openFor: 500 }
      })
      const call = inTurn<string, SourceUnavailable>(down)
      const guards = yield* guardsOf(guarded(call))

      assert.strictEqual(call.asked.length, 4)
      assert.deepStrictEqual(
        guards?.attempts.map(({ kind }) => kind),
        ["first", "hedge", "retry", "hedge", "retry"]
      )
      assert.strictEqual(guards?.refused, "breaker")
    })
  )

  onMachine(
    "has the bulkhead inside the hedge: no call goes over its limit",
    Effect.gen(function* () {
      const guarded = Resilience.standard({ name: "orders", hedge: Hedge.after(10), bulkhead: { limit: 1 } })
      const call = inTurn<string, never>(succeeds("slow", { after: 50 }), succeeds("second"))
      const [elapsed] = yield* timed(guarded(call))

      assert.deepStrictEqual([elapsed, call.asked], [50, [0]])
    })
  )

  onMachine(
    "has the rate limit inside the bulkhead: calls that waited for a place do not go out all at once",
    Effect.gen(function* () {
      const guarded = Resilience.standard({
        name: "orders",
        hedge: Hedge.none,
        bulkhead: { limit: 2 },
        rateLimit: { rule: RateLimit.tokenBucket({ limit: 10, burst: 1 }) }
      })
      const call = inTurn(...[300, 200, 10, 10].map((after) => succeeds(after, { after })))
      yield* Gather.failFast([1, 2, 3, 4].map(() => guarded(call)))

      assert.deepStrictEqual(call.asked, [0, 100, 300, 400])
    })
  )

  onMachine(
    "has the breaker around the call and before the queue: who waits is refused once it opens, who comes then at once",
    Effect.gen(function* () {
      const guarded = Resilience.standard({
        name: "orders",
        retry: Retry.none,
        hedge: Hedge.none,
        bulkhead: { limit: 1 },
        breaker: { trip: Breaker.consecutive(1), openFor: 1_000 }
      })
      const call = inTurn<string, SourceUnavailable>(fails(unavailable(), { after: 50 }))
      const outcomes = yield* Gather.collect([guarded(call), guarded(call)])
      assert.deepStrictEqual(
        outcomes.map((outcome) => outcome._tag === "Failed" && outcome.error._tag),
        ["SourceUnavailable", "BreakerOpen"]
      )
      assert.strictEqual(call.asked.length, 1)

      const full = Bulkhead.make({ limit: 1 })
      yield* Effect.fork(Bulkhead.with(full)(hangs()))
      const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: 1_000 })
      yield* Effect.exit(Breaker.with(breaker)(down))
      const other = Resilience.standard({ name: "orders", retry: Retry.none, bulkhead: full, breaker })
      const [elapsed, exit] = yield* timed(other(succeeds(1)))
      assert.strictEqual(elapsed, 0)
      assert.deepInclude(failureOf(exit), { _tag: "BreakerOpen" })
    })
  )

  onMachine(
    "fails at once while the breaker is open, and waits for it only if the retry is told to and the deadline allows",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: 500 })
      yield* Effect.exit(Breaker.with(breaker)(down))
      const standard = Resilience.standard({ name: "orders", breaker })
      const [atOnce, open] = yield* timed(Gather.failFast([standard(succeeds(1))], { deadline: "10 seconds" }))
      assert.strictEqual(atOnce, 0)
      assert.deepInclude(failureOf(open), { _tag: "BreakerOpen", retryAfter: 500 })

      const guarded = Resilience.standard({
        name: "orders",
        breaker,
        retry: { delay: 0, while: Resilience.isTransient }
      })
      const [late, refused] = yield* timed(Gather.failFast([guarded(succeeds(1))], { deadline: 500 }))
      assert.deepStrictEqual([late, Exit.isFailure(refused)], [0, true])

      const [elapsed, exit] = yield* timed(Gather.failFast([guarded(succeeds(1))], { deadline: 501 }))
      assert.deepStrictEqual([elapsed, Exit.isSuccess(exit)], [500, true])
    })
  )

  onMachine(
    "calls once what must not be called twice",
    Effect.gen(function* () {
      const guarded = Resilience.standard({ name: "orders", hedge: Hedge.after(10) })
      const failing = inTurn<string, SourceUnavailable>(down)
      const slow = inTurn<string, never>(succeeds("slow", { after: 50 }))
      yield* Effect.exit(guarded(Resilience.once(failing)))
      yield* guarded(Resilience.once(slow))

      assert.deepStrictEqual([failing.asked.length, slow.asked.length], [1, 1])
    })
  )

  onMachine(
    "leaves out what it is told to",
    Effect.gen(function* () {
      const bare = Resilience.standard({
        name: "orders",
        retry: Retry.none,
        hedge: Hedge.none,
        breaker: Breaker.none,
        timeLimit: Infinity
      })
      const call = inTurn<string, SourceUnavailable>(down)
      for (let n = 0; n < 50; n++) yield* Effect.exit(bare(call))
      const [elapsed] = yield* timed(bare(succeeds("slow", { after: "1 hour" })))

      assert.deepStrictEqual([call.asked.length, elapsed], [50, 3_600_000])
    })
  )

  onMachine(
    "has the hedge inside the retry: both calls have failed before a third is made",
    Effect.gen(function* () {
      const guarded = Resilience.standard({ name: "orders", retry: { delay: 0 }, hedge: Hedge.after(10) })
      const call = inTurn(fails(unavailable(), { after: 20 }), fails(unavailable(), { after: 20 }), succeeds("fine"))
      const guards = yield* guardsOf(guarded(call))

      assert.deepStrictEqual(
        guards?.attempts.map(({ kind, start }) => [kind, start]),
        [
          ["first", 0],
          ["hedge", 10],
          ["retry", 30]
        ]
      )
    })
  )

  onMachine(
    "has the breaker inside the rate limit: a call that waits for its turn is refused when the breaker opens",
    Effect.gen(function* () {
      const guarded = Resilience.standard({
        name: "orders",
        retry: Retry.none,
        hedge: Hedge.none,
        rateLimit: { rule: RateLimit.tokenBucket({ limit: 10, burst: 1 }) },
        breaker: { trip: Breaker.consecutive(1), openFor: 1_000 }
      })
      const call = inTurn<string, SourceUnavailable>(fails(unavailable(), { after: 50 }), succeeds("second"))
      const [first, second] = yield* Gather.collect([guarded(call), guarded(call)])

      assert.deepInclude(first, { _tag: "Failed" })
      assert.deepInclude(second._tag === "Failed" && second.error, { _tag: "BreakerOpen" })
      assert.deepStrictEqual(call.asked, [0])
    })
  )

  onMachine(
    "has the gate of the breaker inside the hedge: a second call that would be refused does not wait for a place first",
    Effect.gen(function* () {
      const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: 1_000 })
      const hedge = Hedge.after(10)
      const guarded = Resilience.standard({ name: "orders", hedge, breaker, bulkhead: { limit: 1 } })
      yield* Effect.fork(Effect.exit(Breaker.with(breaker)(fails(unavailable(), { after: 5 }))))
      const guards = yield* guardsOf(guarded(succeeds("slow", { after: 50 })))

      assert.deepStrictEqual(
        guards?.attempts.map(({ kind, end, outcome }) => [kind, end, outcome]),
        [
          ["first", 50, "succeeded"],
          ["hedge", 10, "failed"]
        ]
      )
      assert.deepInclude(guards, { queued: 0, refused: "breaker" })
    })
  )

  it("refuses options that cannot be meant by their name", () => {
    refuses({
      "Retry.make attempts": () => Resilience.standard({ name: "orders", retry: { attempts: -1 } }),
      "Breaker.make probes": () => Resilience.standard({ name: "orders", breaker: { probes: 0 } }),
      "Bulkhead.make limit": () => Resilience.standard({ name: "orders", bulkhead: { limit: 0 } }),
      "Resilience.standard timeLimit": () => Resilience.standard({ name: "orders", timeLimit: NaN })
    })
  })
})

type Failure = SourceUnavailable | Resilience.Refusal

const key = { public: true, call: ["orders"] } as const

describe("Resilience.standard with answers that are shared", () => {
  onMachine(
    "has the flight outside the retry: who comes while it waits shares what it will do, and makes no calls of their own",
    Effect.gen(function* () {
      const flights = SingleFlight.make<string, Failure>()
      const shared = Resilience.standard({ name: "orders", flights, retry: { delay: 100 }, hedge: Hedge.none })
      const call = inTurn<string, SourceUnavailable>(down, succeeds("fine", { after: 10 }))
      const later = Effect.delay(call.pipe(shared(key)), 20)
      const [elapsed, exit] = yield* timed(Gather.failFast([call.pipe(shared(key)), later, later]))

      assert.deepStrictEqual([elapsed, exit], [60, Exit.succeed(["fine", "fine", "fine"])])
      assert.deepStrictEqual(call.asked, [0, 50])
      assert.strictEqual(yield* flights.inFlight, 0)
    }).pipe(Effect.withRandom(Random.fixed([0.5])))
  )

  onMachine(
    "has the cache outside the breaker: it answers while that is open, and is what remains of a source that is down",
    Effect.gen(function* () {
      const cache = Cache.make<string, Failure>({ ttl: 100, staleIfError: 1_000 })
      const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: 10_000 })
      const shared = Resilience.standard({ name: "orders", cache, breaker, retry: Retry.none, hedge: Hedge.none })
      const call = inTurn<string, SourceUnavailable>(succeeds("old"), down)
      const asked = call.pipe(shared(key))
      const seen: Array<unknown> = []
      for (const wait of [0, 50, 100, 100, 1_000]) {
        yield* Effect.sleep(wait)
        const guards = yield* guardsOf(asked)
        seen.push([guards?.calls, guards?.served, guards?.refused])
      }

      assert.deepStrictEqual(seen, [
        [undefined, undefined, undefined],
        [0, "cache", null],
        [0, "stale", null],
        [0, "stale", "breaker"],
        [0, null, "breaker"]
      ])
      assert.strictEqual(call.asked.length, 2)
    })
  )

  onMachine(
    "says in the receipt what every guard did",
    Effect.gen(function* () {
      const cache = Cache.make<string, Failure>({ ttl: 1_000 })
      const shared = Resilience.standard({
        name: "orders",
        cache,
        retry: { delay: 0 },
        hedge: Hedge.after(10),
        bulkhead: { limit: 2 },
        rateLimit: { rule: RateLimit.tokenBucket({ limit: 10, burst: 2 }) },
        timeLimit: 50
      })
      const call = inTurn<string, SourceUnavailable>(hangs(), fails(unavailable(), { after: 5 }), succeeds("fine"))
      const shown = guardsOf(call.pipe(shared(key)))
      const [first, second] = yield* Effect.all([shown, shown], { concurrency: 2 })
      const third = yield* shown

      const timedOut = { tag: "SourceTimedOut", message: `Source "orders" did not answer within its limit of 50 ms` }
      const down = `Source "orders" is unavailable: down`
      assert.deepStrictEqual(first, {
        calls: 4,
        attempts: [
          { kind: "first", start: 0, end: 50, outcome: "failed", error: timedOut },
          { kind: "hedge", start: 10, end: 15, outcome: "failed", error: { tag: "SourceUnavailable", message: down } },
          // There was no turn for it before 100, nor one for a second call beside it.
          { kind: "retry", start: 50, end: 100, outcome: "succeeded" },
          { kind: "hedge", start: 60, end: 100, outcome: "cancelled" }
        ],
        queued: 50 + 40,
        served: null,
        refused: null
      })
      const none = { calls: 0, attempts: [], queued: 0, refused: null }
      assert.deepStrictEqual(
        [second, third],
        [
          { ...none, served: "flight" },
          { ...none, served: "cache" }
        ]
      )
    })
  )

  onMachine(
    "forgets what it is told to, also what is being asked for now",
    Effect.gen(function* () {
      const cache = Cache.make<string, Failure>({ ttl: 1_000 })
      const asked = inTurn<string, never>(succeeds("old", { after: 20 }), succeeds("new", { after: 20 })).pipe(
        Resilience.standard({ name: "orders", cache })(key)
      )
      const changed = Effect.zipRight(Effect.delay(cache.invalidate(key), 10), asked)

      assert.deepStrictEqual(yield* Gather.failFast([asked, changed]), ["old", "new"])
      assert.strictEqual(yield* asked, "new")
    })
  )

  onMachine(
    "holds no place, no turn and no flight when all who asked have gone",
    Effect.gen(function* () {
      const bulkhead = Bulkhead.make({ limit: 1 })
      const rateLimit = RateLimit.make({ rule: RateLimit.tokenBucket({ limit: 1, burst: 1 }) })
      const flights = SingleFlight.make<string, Failure>()
      const shared = Resilience.standard({ name: "orders", flights, bulkhead, rateLimit, hedge: Hedge.none })
      const of = (n: number) => hangs().pipe(shared({ public: true, call: [n] }))
      const held = Effect.all([bulkhead.inFlight, bulkhead.waiting, rateLimit.waiting(), flights.inFlight])
      const gather = yield* Effect.fork(Gather.failFast([of(1), of(2), of(2), of(3)]))
      yield* Effect.sleep(10)
      assert.deepStrictEqual(yield* held, [1, 2, 0, 3])

      const [elapsed] = yield* timed(Fiber.interrupt(gather))
      assert.deepStrictEqual([elapsed, yield* held], [0, [0, 0, 0, 0]])
      // The one turn was taken by the one call that was made; those who waited took none.
      const [wait] = yield* timed(RateLimit.with(rateLimit)(Effect.void))
      assert.strictEqual(wait, 990)
    })
  )

  it("knows the types of the call, and refuses a cache that has no room for what the guards fail with", () => {
    const cache = Cache.make<number, Failure>({ ttl: 1_000 })
    const shared = Resilience.standard({ name: "orders", cache })
    const asked = shared(key)(Effect.succeed(1))
    const typed: Effect.Effect<number, Failure | DeadlineExceeded> = asked
    assert.isTrue(Effect.isEffect(typed))

    const narrow = Cache.make<number, SourceUnavailable>({ ttl: 1_000 })
    // @ts-expect-error: it could not hold a `BreakerOpen`.
    Resilience.standard({ name: "orders", cache: narrow })
    // @ts-expect-error: the call gives another value.
    shared(key)(Effect.succeed("one"))
    // @ts-expect-error: nobody has said for whom the answer is.
    assert.throws(() => shared({ call: ["orders"] }), /key.caller/)
    const flights = SingleFlight.make<number, Failure>()
    refuses({
      // @ts-expect-error: a cache has flights of its own.
      "Resilience.standard flights": () => Resilience.standard({ name: "orders", cache, flights })
    })
  })
})

const sources = {
  a: { ends: [{ succeed: "a" }, { fail: unavailable() }, "hang"], after: [0, 10], cleanup: [0, 15] },
  b: { ends: [{ succeed: "b" }, { fail: unavailable() }], after: [0, 15] }
} as const
type Two = Sources<typeof sources>
const all = { schedules: 12 * 4 * 3, exhaustive: true }

/** Each guard as it is used, made afresh for every schedule. */
const guards: Record<string, () => <A, E>(call: Effect.Effect<A, E>) => Effect.Effect<A, unknown>> = {
  retry: () => Retry.make({ delay: 5 }),
  hedge: () => Hedge.after(10),
  "hedge of the critical path": () => Hedge.after(10, { criticalPath: true }),
  "time limit": () => Resilience.timeLimit(10),
  breaker: () => Breaker.with(Breaker.make({ trip: Breaker.consecutive(1), openFor: 5 })),
  "standard guards": () =>
    Resilience.standard({
      name: "explored",
      hedge: Hedge.after(10),
      timeLimit: 15,
      bulkhead: { limit: 2 },
      rateLimit: { rule: RateLimit.tokenBucket({ limit: 200, burst: 2 }) }
    })
}

describe("on every schedule of two sources nothing is left behind by", () => {
  for (const [name, make] of Object.entries(guards)) {
    const explored = () =>
      Effect.gen(function* () {
        const program = ({ a, b }: Two) => {
          const guard = make()
          // Not under their own names: a source that is asked twice, or not at all, is not what its receipt is about.
          const gather = Gather.failFast({ first: guard(a), second: guard(b) }, { deadline: 20 })
          return Effect.exit(Effect.withRandom(gather, Random.fixed([0.5])))
        }
        const report = yield* Testkit.explore(program, {
          sources,
          invariants: [
            { name: "it answers in time", check: ({ elapsed }) => (elapsed <= 20 ? undefined : `at ${elapsed}`) }
          ]
        })

        assert.deepStrictEqual(report, all)
      })
    it.effect(name, explored, 30_000)
  }

  it.effect("a breaker: every probe gives its place back", () =>
    Effect.gen(function* () {
      const program = ({ a, b }: Two) =>
        Effect.gen(function* () {
          const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: 1_000 })
          yield* Effect.exit(Breaker.with(breaker)(down))
          yield* Effect.sleep(1_000)
          yield* Effect.exit(Gather.failFast({ a: Breaker.with(breaker)(a), b }, { deadline: 20 }))
          yield* Cleanup.settled
          const state = yield* breaker.state
          const next = yield* Effect.exit(Breaker.with(breaker)(Effect.void))
          return state === "open" || Exit.isSuccess(next)
        })
      const report = yield* Testkit.explore(program, {
        sources,
        invariants: [
          {
            name: "a place is free, unless the probe failed",
            check: ({ exit }) =>
              exit._tag === "Some" && Exit.isSuccess(exit.value) && exit.value.value ? undefined : "none is"
          }
        ]
      })

      assert.deepStrictEqual(report, all)
    })
  )

  it.effect("the standard guards around a call that two share", () =>
    Effect.gen(function* () {
      let left = (): ReadonlyArray<number> => []
      const program = ({ a, b }: Two) =>
        Effect.suspend(() => {
          const bulkhead = Bulkhead.make({ limit: 1 })
          const rateLimit = RateLimit.make({ rule: RateLimit.tokenBucket({ limit: 200, burst: 1 }) })
          const flights = SingleFlight.make<"a" | "b", Failure>()
          const hedge = Hedge.after(10)
          const shared = Resilience.standard({ name: "explored", flights, hedge, bulkhead, rateLimit, timeLimit: 15 })
          left = () =>
            [bulkhead.inFlight, bulkhead.waiting, rateLimit.waiting(), flights.inFlight].map((held) =>
              Effect.runSync(held)
            )
          const gather = Gather.failFast({ first: shared(key)(a), second: shared(key)(b) }, { deadline: 20 })
          return Effect.exit(Effect.withRandom(gather, Random.fixed([0.5])))
        })
      const report = yield* Testkit.explore(program, {
        sources,
        invariants: [
          {
            name: "no place, no turn and no flight is held",
            check: () => (left().every((held) => held === 0) ? undefined : left().join())
          }
        ]
      })

      assert.deepStrictEqual(report, all)
    })
  )
})
