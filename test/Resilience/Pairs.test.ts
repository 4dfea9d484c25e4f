/** Every guard around every other: a refusal of the inner one is the answer at once, and a source that is down is called as often as both say. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import * as Deadline from "../../src/Deadline.ts"
import * as Resilience from "../../src/Resilience.ts"
import type { SourceUnavailable } from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { failureOf, inTurn, onMachine, timed, unavailable } from "./Calls.ts"

const { Breaker, Bulkhead, Cache, Hedge, RateLimit, Retry, SingleFlight } = Resilience

type Guard = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, unknown, R>

/** A shared answer has the type of the one call that these tests make, which the cast leaves out. */
const shared = (guard: (effect: Effect.Effect<never, unknown>) => Effect.Effect<unknown, unknown>) =>
  guard as unknown as Guard
const key = { public: true, call: ["order"] } as const

/** Each made anew for each test. `left` says what it still holds, or has counted, once the call has ended. */
const guards = {
  retry: () => ({ guard: Retry.make({ attempts: 3, delay: 0 }) as Guard, left: Effect.succeed("nothing") }),
  hedge: () => ({ guard: Hedge.after(100) as Guard, left: Effect.succeed("nothing") }),
  breaker: () => {
    const breaker = Breaker.make({ trip: Breaker.consecutive(2) })
    return {
      guard: breaker.with as Guard,
      left: Effect.map(breaker.state, (state) => (state === "closed" ? "nothing" : state))
    }
  },
  bulkhead: () => {
    const bulkhead = Bulkhead.make({ limit: 1, queue: 0 })
    const held = Effect.zipWith(bulkhead.inFlight, bulkhead.waiting, (inFlight, waiting) => inFlight + waiting)
    return {
      guard: Bulkhead.with(bulkhead) as Guard,
      left: Effect.map(held, (held) => (held === 0 ? "nothing" : "a place"))
    }
  },
  rateLimit: () => {
    const limit = RateLimit.make({ rule: RateLimit.tokenBucket({ limit: 2, per: "20 seconds", burst: 2 }) })
    return {
      guard: RateLimit.with(limit) as Guard,
      left: Effect.map(limit.waiting(), (waiting) => (waiting === 0 ? "nothing" : "a turn"))
    }
  },
  timeLimit: () => ({ guard: Resilience.timeLimit(50) as Guard, left: Effect.succeed("nothing") }),
  singleFlight: () => {
    const flights = SingleFlight.make<never, unknown>()
    return {
      guard: shared(SingleFlight.with(flights, key)),
      left: Effect.map(flights.inFlight, (calls) => (calls === 0 ? "nothing" : "a call"))
    }
  },
  cache: () => {
    const cache = Cache.make<never, unknown>({ ttl: 1_000 })
    return { guard: shared(Cache.with(cache, key)), left: Effect.succeed("nothing") }
  }
}
type Name = keyof typeof guards
/** Long enough to wait for an open breaker, and too short to wait for the next turn of a rate limit. */
const within = Deadline.within(5_000)
const names = Object.keys(guards) as ReadonlyArray<Name>

/** Guards that let no call through now, and what they fail with. */
const refusing = {
  BreakerOpen: Effect.gen(function* () {
    const breaker = Breaker.make({ trip: Breaker.consecutive(1), openFor: 400 })
    yield* Effect.exit(breaker.with(Effect.fail(unavailable())))
    return breaker.with as Guard
  }),
  BulkheadFull: Effect.gen(function* () {
    const bulkhead = Bulkhead.make({ limit: 1, queue: 0 })
    yield* Effect.fork(Bulkhead.with(bulkhead)(Effect.sleep(400)))
    yield* Effect.sleep(0)
    return Bulkhead.with(bulkhead) as Guard
  }),
  RateLimited: Effect.gen(function* () {
    const limit = RateLimit.make({ rule: RateLimit.tokenBucket({ limit: 1, per: "10 seconds", burst: 1 }) })
    yield* RateLimit.with(limit)(Effect.void)
    return RateLimit.with(limit) as Guard
  })
}

describe("a guard that refuses a call", () => {
  for (const [tag, make] of Object.entries(refusing))
    for (const outer of names)
      onMachine(
        `is heard at once through ${outer}, which holds and counts nothing for it: ${tag}`,
        Effect.gen(function* () {
          const inner = yield* make
          const { guard, left } = guards[outer]()
          const call = inTurn(Testkit.succeeds("fine"))
          for (let n = 0; n < 2; n++) {
            const [elapsed, exit] = yield* timed(within(guard(inner(call))))
            assert.deepStrictEqual([elapsed, call.asked], [0, []])
            assert.deepInclude(failureOf(exit), { _tag: tag })
          }
          assert.strictEqual(yield* left, "nothing")
          if (tag === "RateLimited") return

          // By then the breaker lets a probe through, the bulkhead has a place, and an outer rate limit its turns again.
          yield* Effect.sleep(20_000)
          const [elapsed, exit] = yield* timed(within(guard(inner(call))))
          assert.deepStrictEqual([elapsed, exit._tag, call.asked.length], [0, "Success", 1])
        })
      )
})

/** How often a source that is down is called, and what the caller is told: by the outer guard, then the inner one. */
const down: { readonly [Outer in Name]: { readonly [Inner in Name]: readonly [calls: number, tag: string] } } = (() => {
  const plain = "SourceUnavailable"
  const alone = { breaker: [1, plain], bulkhead: [1, plain], rateLimit: [1, plain], timeLimit: [1, plain] } as const
  const once = { ...alone, retry: [3, plain], hedge: [2, plain], singleFlight: [1, plain], cache: [1, plain] } as const
  return {
    retry: {
      retry: [9, plain],
      hedge: [6, plain],
      breaker: [2, "BreakerOpen"],
      bulkhead: [3, plain],
      rateLimit: [2, "RateLimited"],
      timeLimit: [3, plain],
      singleFlight: [3, plain],
      cache: [3, plain]
    },
    hedge: {
      retry: [6, plain],
      hedge: [4, plain],
      breaker: [2, plain],
      bulkhead: [2, plain],
      rateLimit: [2, plain],
      timeLimit: [2, plain],
      singleFlight: [2, plain],
      cache: [2, plain]
    },
    breaker: once,
    bulkhead: once,
    rateLimit: once,
    timeLimit: once,
    singleFlight: once,
    cache: once
  }
})()

describe("a source that is down", () => {
  for (const outer of names)
    for (const inner of names) {
      const [calls, tag] = down[outer][inner]
      onMachine(
        `is called ${calls} times by ${outer} around ${inner}, and the caller told ${tag} at once`,
        Effect.gen(function* () {
          const call = inTurn<never, SourceUnavailable>(Testkit.fails(unavailable()))
          const [around, inside] = [guards[outer](), guards[inner]()]
          const [elapsed, exit] = yield* timed(within(around.guard(inside.guard(call))))

          assert.deepStrictEqual([elapsed, call.asked.length], [0, calls])
          assert.deepInclude(failureOf(exit), { _tag: tag })
          assert.strictEqual(yield* around.left, "nothing")
        })
      )
    }
})
