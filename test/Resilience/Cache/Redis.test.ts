import * as Persistence from "@effect/experimental/Persistence/Redis"
import { assert, it, vi } from "@effect/vitest"
import { Clock, Effect, Logger, Schema } from "effect"
import { Redis as Driver } from "ioredis"
import { JsonNumber } from "../../../src/Json.ts"
import * as Cleanup from "../../../src/Cleanup.ts"
import * as Cache from "../../../src/Resilience/Cache.ts"
import * as Persisted from "../../../src/Resilience/Cache/Persisted.ts"
import * as CacheRedis from "../../../src/Resilience/Cache/Redis.ts"
import * as Redis from "../../../src/Source/Redis.ts"
import * as Servers from "../../Servers.ts"
import { inTurn } from "../Calls.ts"

vi.setConfig({ testTimeout: 30_000 })
let names = 0
const fresh = () => `test:${process.pid}:${(names += 1)}:é"{}`
const value = Schema.Struct({ id: Schema.Number, placed: Schema.Date })
const failure = Schema.Struct({ reason: Schema.String })
const one = { id: 1, placed: new Date(1) }
const two = { id: 2, placed: new Date(2) }
const key: Cache.Key = { caller: 'al"ice', call: ["orders", 42] }
const connect = Effect.flatMap(Servers.shared("redis"), ({ url }) => Effect.orDie(Redis.make({ url })))

Servers.suite("redis", "a cache in Redis", () => {
  it.scopedLive("gives what another machine has kept, for as long as it may", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.shared("redis")
      const driver = yield* Effect.acquireRelease(
        Effect.sync(() => new Driver(url)),
        (driver) => Effect.sync(() => driver.disconnect())
      )
      // More than enough on a machine that is busy.
      const options = {
        name: fresh(),
        value,
        failure,
        ttl: 400.5,
        failures: { ttl: 200 },
        patience: "10 seconds"
      } as const
      const mine = CacheRedis.make(yield* connect, options)
      const others = CacheRedis.make(CacheRedis.fromDriver(driver), options)
      const call = inTurn(Effect.succeed(one), Effect.succeed(two), Effect.fail({ reason: "gone" }))

      const began = yield* Clock.currentTimeMillis
      assert.deepStrictEqual(yield* Cache.with(mine, key)(call), one)
      yield* Cleanup.settled
      const known = yield* Cache.with(others, key)(call)
      if ((yield* Clock.currentTimeMillis) - began < 400) assert.deepStrictEqual(known, one)
      yield* Effect.sleep(450)
      assert.deepStrictEqual(yield* Cache.with(others, key)(call), two)
      yield* Cleanup.settled
      yield* others.invalidate(key)
      yield* Cleanup.settled
      assert.deepStrictEqual(yield* Effect.flip(Cache.with(mine, key)(call)), { reason: "gone" })
      yield* Cleanup.settled
      assert.deepStrictEqual(yield* Effect.flip(Cache.with(others, key)(call)), { reason: "gone" })
      assert.lengthOf(call.asked, 3)
    })
  )

  it.scopedLive("keeps a number that no JavaScript number holds, digit by digit", () =>
    Effect.gen(function* () {
      const options = { name: fresh(), value: Schema.Unknown, ttl: 60_000, patience: "10 seconds" } as const
      const number = new JsonNumber("1285704473650888702")
      yield* Cache.with(CacheRedis.make(yield* connect, options), key)(Effect.succeed({ number, list: ["1", number] }))
      yield* Cleanup.settled
      const known = yield* Cache.with(CacheRedis.make(yield* connect, options), key)(Effect.die("it is known"))
      assert.deepStrictEqual(known, { number, list: ["1", number] })
    })
  )

  it.scopedLive("keeps nothing in Redis for longer than it is of use", () =>
    Effect.gen(function* () {
      const redis = yield* connect
      const prefix = `muster:${process.pid}:${(names += 1)}:`
      const cache = CacheRedis.make(redis, { prefix, value, ttl: 5_000, staleIfError: 60_000 })
      yield* Cache.with(cache, key)(Effect.succeed(one))
      yield* Cleanup.settled
      const keys = yield* redis.command("KEYS", `${prefix}*`)
      const [name] = Array.isArray(keys) ? keys : []
      const ttl = yield* redis.command("PTTL", String(name))

      assert.strictEqual(name, `${prefix}unnamed:caller ["al\\"ice","orders",42]`)
      assert(typeof ttl === "number" && ttl > 50_000 && ttl <= 65_000, String(ttl))
    })
  )

  it.scopedLive("makes every call while Redis is down, and knows again when it is back", () =>
    Effect.gen(function* () {
      const server = yield* Servers.redis()
      const redis = yield* Effect.orDie(Redis.make({ url: server.url }))
      const cache = CacheRedis.make(redis, { value, ttl: "1 hour", patience: "5 seconds" })
      const call = inTurn(Effect.succeed(one))
      yield* server.kill
      for (let n = 0; n < 2; n++) assert.deepStrictEqual(yield* Cache.with(cache, key)(call), one)
      yield* Cleanup.settled
      yield* server.restart
      for (let n = 0; n < 2; n++) {
        yield* Cache.with(cache, key)(call)
        yield* Cleanup.settled
      }
      assert.lengthOf(call.asked, 3)
      // That nothing could be written is logged.
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )

  it.scopedLive("also works over the Persistence of @effect/experimental", () =>
    Effect.gen(function* () {
      const { host, password, port } = yield* Servers.shared("redis")
      const call = inTurn(Effect.succeed(one))
      const name = fresh()
      yield* Effect.gen(function* () {
        const make = Persisted.make({ name, value, ttl: "1 hour", patience: "10 seconds" })
        yield* Cache.with(yield* make, key)(call)
        yield* Cleanup.settled
        assert.deepStrictEqual(yield* Cache.with(yield* make, key)(call), one)
      }).pipe(Effect.provide(Persistence.layer({ host, port, password })))
      assert.lengthOf(call.asked, 1)
    })
  )
})
