/** Guards over every schedule of the calls inside them: the same suite short in `npm test` and long in `npm run proof`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Bulkhead from "../../src/Resilience/Bulkhead.ts"
import * as Cache from "../../src/Resilience/Cache.ts"
import * as RateLimit from "../../src/Resilience/RateLimit.ts"
import * as SingleFlight from "../../src/Resilience/SingleFlight.ts"
import * as Testkit from "../../src/Testkit.ts"
import type { Sources } from "../../src/Testkit/Schedule.ts"

const behaviours = {
  ends: [{ succeed: "value" }, { fail: "failed" }, "hang"] as const,
  after: [0, 10, 20, 30],
  cleanup: [0, 15],
  uninterruptible: [false, true]
}
const sources = { a: behaviours, b: behaviours, c: behaviours }
type Three = Sources<typeof sources>

/** Explores a program, and says what each schedule must leave as it was. */
const explore = (
  schedules: number,
  program: (three: Three) => Effect.Effect<unknown, unknown>,
  wrong: () => string | undefined
) =>
  Effect.map(
    Testkit.explore((three) => Effect.exit(program(three as Three)), {
      sources,
      schedules,
      invariants: [{ name: "the guard keeps its promise", check: wrong }]
    }),
    (report) => assert.strictEqual(report.schedules, schedules)
  )

/** The names are not those of the sources: a call that a guard does not make is one that no source has seen. */
const gathered = <A, E>(one: Effect.Effect<A, E>, two: Effect.Effect<A, E>, three: Effect.Effect<A, E>) =>
  Gather.failFast({ one, two, three }, { deadline: 25 })

const running = <A, E>(count: { now: number; most: number }, call: Effect.Effect<A, E>, weight = 1) =>
  Effect.acquireUseRelease(
    Effect.sync(() => (count.most = Math.max(count.most, (count.now += weight)))),
    () => call,
    () => Effect.sync(() => void (count.now -= weight))
  )

const timeout = 600_000

export const explored = (schedules: number) =>
  describe(`over ${schedules} schedules each`, () => {
    it.effect(
      "a bulkhead keeps its limit and gives every place back",
      () =>
        Effect.suspend(() => {
          const bulkhead = Bulkhead.make({ limit: 2 })
          const count = { now: 0, most: 0 }
          const guarded = <A, E>(weight: number, call: Effect.Effect<A, E>) =>
            running(count, call, weight).pipe(Bulkhead.with(bulkhead, { weight }))
          return explore(
            schedules,
            ({ a, b, c }) => gathered(guarded(1, a), guarded(2, b), guarded(1, c)),
            () => {
              const left = [count.now, Effect.runSync(bulkhead.inFlight), Effect.runSync(bulkhead.waiting)]
              if (count.most > 2) return `${count.most} places were taken`
              return left.every((held) => held === 0) ? undefined : `running, held, waiting: ${left.join()}`
            }
          )
        }),
      timeout
    )

    it.effect(
      "a rate limit makes no call too many and leaves nobody waiting",
      () =>
        Effect.suspend(() => {
          let limit = RateLimit.none
          const calls = { now: 0, most: 0 }
          let made = 0
          return explore(
            schedules,
            ({ a, b, c }) => {
              // Time begins anew with each schedule.
              limit = RateLimit.make({ rule: RateLimit.tokenBucket({ limit: 100, burst: 1 }) })
              made = 0
              const guarded = <A, E>(call: Effect.Effect<A, E>) =>
                Effect.zipRight(
                  Effect.sync(() => (made += 1)),
                  running(calls, call)
                ).pipe(RateLimit.with(limit))
              return Effect.ensuring(
                gathered(guarded(a), guarded(b), guarded(c)),
                // Within 25 milliseconds there are three turns; nothing that was cancelled has taken one.
                Effect.sync(() => (calls.most = made))
              )
            },
            () => {
              if (calls.most > 3) return `${calls.most} calls were made`
              const left = [calls.now, Effect.runSync(limit.waiting())]
              return left.every((held) => held === 0) ? undefined : `running, waiting: ${left.join()}`
            }
          )
        }),
      timeout
    )

    it.effect(
      "a single flight makes one call at a time, and leaves none in flight",
      () =>
        Effect.suspend(() => {
          const flights = SingleFlight.make<string, string>()
          const count = { now: 0, most: 0 }
          const key = { public: true, call: ["shared"] } as const
          // All three ask for the same; whoever comes first makes the call.
          const shared = (call: Effect.Effect<string, string>, after: number) =>
            Effect.delay(SingleFlight.with(flights, key)(running(count, call)), after)
          return explore(
            schedules,
            ({ a, b, c }) => gathered(shared(a, 0), shared(b, 5), shared(c, 15)),
            () => {
              if (Effect.runSync(flights.inFlight) > 0) return "a call is in flight"
              return count.now === 0 ? undefined : `${count.now} calls run`
            }
          )
        }),
      timeout
    )

    it.effect(
      "a cache leaves no call behind",
      () =>
        Effect.suspend(() => {
          const count = { now: 0, most: 0 }
          const key = { public: true, call: ["shared"] } as const
          return explore(
            schedules,
            ({ a, b, c }) => {
              const cache = Cache.make<string, string>({
                ttl: 5,
                staleWhileRevalidate: 10,
                staleIfError: 20,
                refreshLimit: 40
              })
              const cached = (call: Effect.Effect<string, string>, after: number) =>
                Effect.delay(Cache.with(cache, key)(running(count, call)), after)
              // What it fetches behind an answer goes on after it, by design, and then it ends.
              return Effect.ensuring(gathered(cached(a, 0), cached(b, 12), cached(c, 22)), Cleanup.settled)
            },
            () => (count.now === 0 ? undefined : `${count.now} calls run`)
          )
        }),
      timeout
    )
  })
