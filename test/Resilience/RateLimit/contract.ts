/** What every store of a rate limit must do, on a real server and its clock. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, type Scope } from "effect"
import * as Cleanup from "../../../src/Cleanup.ts"
import * as Deadline from "../../../src/Deadline.ts"
import * as RateLimit from "../../../src/Resilience/RateLimit.ts"
import { failureOf } from "../Calls.ts"

/** Two connections to the same store, as two machines have them. */
export type Two = Effect.Effect<readonly [RateLimit.Service, RateLimit.Service], never, Scope.Scope>

const { slidingWindow, tokenBucket } = RateLimit
let keys = 0

/** A key that nobody else has. */
export const fresh = () => `test:${process.pid}:${(keys += 1)}:"'{} é`

export const shared = (store: RateLimit.Service, options: RateLimit.RateLimitOptions) =>
  Effect.provideService(RateLimit.shared(options), RateLimit.Store, store)

const elapsed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(effect)
    return [(yield* Clock.currentTimeMillis) - start, exit] as const
  })

export const suite = (two: Two) => {
  vi.setConfig({ testTimeout: 30_000 })

  describe("a token bucket", () => {
    it.scopedLive("gives a burst to all machines together, and says when the next turn comes", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const [rule, key] = [tokenBucket({ limit: 2, per: "1 minute", burst: 3 }), fresh()]
        assert.strictEqual((yield* one.take(rule, key, 1, 2)).count, 2)
        assert.strictEqual((yield* other.take(rule, key, 1, 2)).count, 1)
        const none = yield* one.take(rule, key, 1, 5)
        const two_ = yield* other.take(rule, key, 2, 5)

        assert.deepStrictEqual([none.count, two_.count], [0, 0])
        assert(none.wait > 25_000 && none.wait <= 30_000, String(none.wait))
        assert(two_.wait > 55_000 && two_.wait <= 60_000, String(two_.wait))
        assert.strictEqual((yield* one.take(rule, fresh(), 1, 5)).count, 3)
      })
    )

    it.scopedLive("has its turn when it was said", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const [rule, key] = [tokenBucket({ limit: 10, burst: 1 }), fresh()]
        const first = yield* one.take(rule, key, 1, 1)
        const { wait } = yield* other.take(rule, key, 1, 1)
        yield* Effect.sleep(wait + 2)
        const second = yield* other.take(rule, key, 1, 1)

        assert.deepStrictEqual([first.count, second.count], [1, 1])
        assert.isAtLeast(second.at - first.at, 99)
      })
    )

    it.scopedLive("takes back what was not used", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const [rule, key] = [tokenBucket({ limit: 2, per: "1 minute", burst: 3 }), fresh()]
        const { at } = yield* one.take(rule, key, 3, 3)
        yield* one.giveBack(rule, key, 2, at)

        assert.deepInclude(yield* other.take(rule, key, 1, 3), { count: 2 })
        assert.deepInclude(yield* other.take(rule, key, 1, 3), { count: 0 })
      })
    )
  })

  describe("a sliding window", () => {
    it.scopedLive("gives all at once, and each again when it has left the window", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const [rule, key] = [slidingWindow({ limit: 4, per: 300 }), fresh()]
        const first = yield* one.take(rule, key, 2, 2)
        yield* Effect.sleep(100)
        const second = yield* other.take(rule, key, 1, 9)
        const none = yield* one.take(rule, key, 1, 1)
        const three = yield* one.take(rule, key, 3, 3)

        assert.deepStrictEqual([first.count, second.count, none.count, three.count], [2, 2, 0, 0])
        assert.closeTo(none.at + none.wait, first.at + 300, 0.01)
        assert.closeTo(three.at + three.wait, second.at + 300, 0.01)
        yield* Effect.sleep(none.wait + 2)
        const again = yield* other.take(rule, key, 1, 9)
        assert.deepInclude(again, { count: 2 })
        assert.isAtLeast(again.at - first.at, 300)
      })
    )

    it.scopedLive("takes back those that were not used, and not those of others", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const [rule, key] = [slidingWindow({ limit: 4, per: "1 minute" }), fresh()]
        const first = yield* one.take(rule, key, 2, 2)
        yield* Effect.sleep(20)
        const second = yield* other.take(rule, key, 2, 2)
        yield* one.giveBack(rule, key, 1, first.at)
        const third = yield* one.take(rule, key, 1, 9)
        const none = yield* one.take(rule, key, 2, 2)

        assert.strictEqual(third.count, 1)
        assert.isAbove(second.at - first.at, 10)
        // The second to leave is now one of the other machine.
        assert.closeTo(none.at + none.wait, second.at + 60_000, 0.01)
      })
    )
  })

  for (const rule of [tokenBucket({ limit: 50, burst: 5 }), slidingWindow({ limit: 5, per: 100 })]) {
    it.scopedLive(`gives no turn during a pause, and a refund does not shorten it (${rule.kind})`, () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const key = fresh()
        const { at } = yield* one.take(rule, key, 1, 1)
        yield* one.pause(rule, key, 250)
        yield* one.pause(rule, key, 100)
        yield* one.giveBack(rule, key, 1, at)
        const { count, wait } = yield* other.take(rule, key, 1, 1)
        assert.strictEqual(count, 0)
        assert(wait > 150 && wait <= 250, String(wait))
        yield* Effect.sleep(wait + 5)
        assert.strictEqual((yield* other.take(rule, key, 1, 1)).count, 1)

        const unused = fresh()
        yield* one.pause(rule, unused, 60_000)
        assert.strictEqual((yield* other.take(rule, unused, 1, 1)).count, 0)
      })
    )

    it.scopedLive(`never gives more than the rule allows, however many ask at once (${rule.kind})`, () =>
      Effect.gen(function* () {
        const both = yield* two
        const key = fresh()
        const asks = Array.from({ length: 60 }, (_, n) => both[n % 2]!.take(rule, key, 1, 1))
        const answers = yield* Effect.all(asks, { concurrency: "unbounded" })
        const given = answers.filter(({ count }) => count > 0)

        const took = Math.max(...answers.map(({ at }) => at)) - Math.min(...answers.map(({ at }) => at))
        const most = rule.kind === "token-bucket" ? 5 + took / 20 : 5 * (1 + took / 100)
        assert.isAtLeast(given.length, 5)
        assert.isAtMost(given.length, most)
      })
    )
  }

  describe("RateLimit.shared", () => {
    it.scopedLive("holds back the calls of two machines together", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const options = { name: fresh(), rule: tokenBucket({ limit: 50, burst: 1 }) }
        const limits = [yield* shared(one, options), yield* shared(other, options)]
        const calls = Array.from({ length: 11 }, (_, n) => RateLimit.with(limits[n % 2]!)(Effect.void))
        const [millis] = yield* elapsed(Effect.all(calls, { concurrency: "unbounded" }))

        assert.isAtLeast(millis, 198)
        for (const limit of limits) assert.strictEqual(yield* limit.waiting(), 0)
      })
    )

    it.scopedLive("fifty cancelled waiters delay the next caller by nothing", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const options = { name: fresh(), rule: tokenBucket({ limit: 1, per: 400, burst: 1 }) }
        const [mine, others] = [yield* shared(one, options), yield* shared(other, options)]
        yield* RateLimit.with(mine)(Effect.void)
        const taken = yield* Clock.currentTimeMillis
        const waiting = yield* Effect.all(
          Array.from({ length: 50 }, () => Effect.fork(RateLimit.with(mine)(Effect.void)))
        )
        yield* Effect.sleep(100)
        assert.strictEqual(yield* mine.waiting(), 50)
        const [interrupting] = yield* elapsed(Fiber.interruptAll(waiting))
        assert.isBelow(interrupting, 100)
        yield* RateLimit.with(others)(Effect.void)

        const after = (yield* Clock.currentTimeMillis) - taken
        assert(after > 350 && after < 700, `the next one began after ${after} ms`)
        assert.strictEqual(yield* mine.waiting(), 0)
      })
    )

    it.scopedLive("gives back a turn that was taken for one who has gone", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const rule = tokenBucket({ limit: 1, per: "1 minute", burst: 1 })
        const name = fresh()
        let asked = () => {}
        const slow: RateLimit.Service = {
          ...one,
          take: (...all) =>
            Effect.tap(one.take(...all), () => {
              asked()
              return Effect.sleep(50)
            })
        }
        const limit = yield* shared(slow, { name, rule })
        const gone = yield* Effect.fork(RateLimit.with(limit)(Effect.never))
        yield* Effect.async<void>((resume) => void (asked = () => resume(Effect.void)))
        const [interrupting] = yield* elapsed(Fiber.interrupt(gone))
        assert.isBelow(interrupting, 40)
        yield* Cleanup.settled

        const next = yield* shared(other, { name, rule })
        const [millis, exit] = yield* elapsed(Deadline.within("5 seconds")(RateLimit.with(next)(Effect.void)))
        assert.isTrue(Exit.isSuccess(exit), `it was refused after ${millis} ms`)
      })
    )

    it.scopedLive("refuses a wait that is too long as soon as the store has said so", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const options = { name: fresh(), rule: tokenBucket({ limit: 1, per: "1 minute", burst: 1 }) }
        yield* RateLimit.with(yield* shared(one, options))(Effect.void)
        const limit = yield* shared(other, options)
        const [millis, exit] = yield* elapsed(Deadline.within("20 seconds")(RateLimit.with(limit)(Effect.void)))

        const error = failureOf(exit)
        assert.instanceOf(error, RateLimit.RateLimited)
        assert(error.retryAfter > 50_000 && error.retryAfter <= 60_000, String(error.retryAfter))
        assert.isBelow(millis, 5_000)
      })
    )

    it.scopedLive("tells the other machines what one has learnt from a 429", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        const options = { name: fresh(), rule: tokenBucket({ limit: 1_000, burst: 10 }) }
        const [mine, others] = [yield* shared(one, options), yield* shared(other, options)]
        yield* Effect.exit(RateLimit.with(mine)(Effect.fail({ retryAfter: 300 })))
        yield* Cleanup.settled
        const [millis] = yield* elapsed(RateLimit.with(others)(Effect.void))

        assert(millis > 200 && millis < 600, `it waited for ${millis} ms`)
      })
    )
  })
}
