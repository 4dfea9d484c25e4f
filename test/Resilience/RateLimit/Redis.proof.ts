import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Redis as Driver } from "ioredis"
import * as RateLimit from "../../../src/Resilience/RateLimit.ts"
import * as RateLimitRedis from "../../../src/Resilience/RateLimit/Redis.ts"
import * as Redis from "../../../src/Source/Redis.ts"
import * as Servers from "../../Servers.ts"
import { failureOf } from "../Calls.ts"
import { fresh, shared, suite } from "./contract.ts"

const { slidingWindow, tokenBucket } = RateLimit

const connect = Effect.gen(function* () {
  const { url } = yield* Servers.shared("redis")
  return yield* Effect.orDie(Redis.make({ url }))
})
const driver = Effect.acquireRelease(
  Effect.map(Servers.shared("redis"), ({ url }) => new Driver(url)),
  (driver) => Effect.sync(() => driver.disconnect())
)

Servers.suite("redis", "a rate limit in Redis", () => {
  // One of the two is our own client, the other ioredis as it is.
  suite(
    Effect.gen(function* () {
      return [
        RateLimitRedis.make(yield* connect),
        RateLimitRedis.make(RateLimitRedis.fromDriver(yield* driver))
      ] as const
    })
  )

  it.scopedLive("leaves no key behind that says nothing any more", () =>
    Effect.gen(function* () {
      const redis = yield* connect
      const prefix = `muster:${fresh()}:`
      const store = RateLimitRedis.make(redis, { prefix })
      const keys = Effect.map(redis.command("KEYS", `${prefix.replace(/["{}*?[\]\\]/g, "?")}*`), (all) =>
        Array.isArray(all) ? all.length : -1
      )
      for (const rule of [tokenBucket({ limit: 50, burst: 5 }), slidingWindow({ limit: 5, per: 100 })]) {
        const { at } = yield* store.take(rule, rule.kind, 1, 5)
        yield* store.pause(rule, rule.kind, 50)
        yield* store.take(rule, `${rule.kind} again`, 1, 1)
        yield* store.giveBack(rule, rule.kind, 1, at)
      }
      assert.isAtLeast(yield* keys, 2)
      yield* Effect.sleep(300)

      assert.strictEqual(yield* keys, 0)
    })
  )

  it.scopedLive("fails with StoreUnavailable when Redis is down, for all who wait, and works when it is back", () =>
    Effect.gen(function* () {
      const server = yield* Servers.redis()
      const redis = yield* Effect.orDie(Redis.make({ url: server.url }))
      const limit = yield* shared(RateLimitRedis.make(redis), { name: "down", rule: tokenBucket({ limit: 100 }) })
      yield* RateLimit.with(limit)(Effect.void)
      yield* server.kill
      const calls = Array.from({ length: 5 }, () => Effect.exit(RateLimit.with(limit)(Effect.void)))
      const exits = yield* Effect.all(calls, { concurrency: "unbounded" })

      for (const exit of exits) {
        const error = failureOf(exit)
        assert.instanceOf(error, RateLimit.StoreUnavailable)
        assert.match(error.message, /^The rate limit cannot be read from redis: redis at 127\.0\.0\.1:\d+: EVAL: /)
      }
      yield* server.restart
      yield* RateLimit.with(limit)(Effect.void)
    })
  )
})

describe("a rate limit in Redis, of which the answers are strange", () => {
  it.effect("fails with StoreUnavailable", () =>
    Effect.gen(function* () {
      for (const reply of [null, "OK", [], [1, 2], ["x", 1, 1]]) {
        const layer = RateLimitRedis.layer({ command: () => Effect.succeed(reply) })
        const limit = yield* Effect.provide(RateLimit.shared({ rule: tokenBucket({ limit: 1 }) }), layer)
        const error = yield* Effect.flip(RateLimit.with(limit)(Effect.void))
        assert.deepInclude(error, { _tag: "StoreUnavailable", reason: "its answer to a script cannot be read" })
      }
    }).pipe(Effect.provide(Layer.empty))
  )
})
