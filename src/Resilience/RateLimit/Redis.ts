/**
 * A rate limit that machines share through Redis 5 or later: one script for each change, on the clock of Redis.
 *
 * A key goes away by itself as soon as it says nothing any more.
 *
 * @since 0.1.0
 */
import { Effect, Layer } from "effect"
import { type RedisCommands, reasonOf } from "../RedisCommands.ts"
import type { Rule } from "./Rule.ts"
import { type Service, Store, StoreUnavailable, type Taken } from "./Store.ts"

export {
  /** @since 0.1.0 */
  type Driver,
  /** @since 0.1.0 */
  fromDriver,
  /** @since 0.1.0 */
  type RedisCommands
} from "../RedisCommands.ts"

/**
 * Makes a store over a client. Its keys begin with `prefix`, default `"muster:rate-limit:"`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (client: RedisCommands, options: { readonly prefix?: string | undefined } = {}): Service => {
  const { prefix = "muster:rate-limit:" } = options
  const run = (script: string, rule: Rule, key: string, ...args: ReadonlyArray<number>) => {
    // What stands in braces decides where in a cluster a key is kept.
    const name = `${prefix}{${key}}`
    return client.command("EVAL", script, 2, name, `${name}:paused`, rule.limit, rule.per, burstOf(rule), ...args).pipe(
      Effect.mapError((cause) => unavailable(reasonOf(cause), cause)),
      Effect.flatMap(read)
    )
  }
  const scripts = (rule: Rule) => (rule.kind === "token-bucket" ? bucket : window)
  return {
    take: (rule, key, least, most) => run(scripts(rule).take, rule, key, least, most),
    giveBack: (rule, key, count, at) => run(scripts(rule).giveBack, rule, key, count, at),
    pause: (rule, key, millis) => run(scripts(rule).pause, rule, key, millis)
  }
}

/**
 * The store over a client.
 *
 * @example
 * ```ts
 * const store = Layer.unwrapEffect(Effect.map(Redis.Redis, (redis) => RateLimitRedis.layer(redis)))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (client: RedisCommands, options?: { readonly prefix?: string | undefined }): Layer.Layer<Store> =>
  Layer.succeed(Store, make(client, options))

const burstOf = (rule: Rule) => (rule.kind === "token-bucket" ? rule.burst : 0)

const unavailable = (reason: string, cause?: unknown) => new StoreUnavailable({ store: "redis", reason, cause })

/** Numbers come as texts, since Redis cuts off the fraction of those a script answers with. */
const read = (reply: unknown): Effect.Effect<Taken, StoreUnavailable> => {
  const [count, at, wait] = Array.isArray(reply) ? reply.map(Number) : []
  return count !== undefined && at !== undefined && wait !== undefined && Number.isFinite(count + at + wait)
    ? Effect.succeed({ count, at, wait })
    : Effect.fail(unavailable("its answer to a script cannot be read"))
}

/**
 * Milliseconds since 1970 as text, to the microsecond: by itself Lua writes fourteen digits. A pause is a key that lasts as
 * long.
 */
const prelude = `
local key, paused = KEYS[1], KEYS[2]
local limit, per, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local first, second = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call("TIME")
local now = time[1] * 1000 + time[2] / 1000
local function text(number) return string.format("%.3f", number) end
local pause = math.max(0, redis.call("PTTL", paused))
local function hold(millis)
  if pause < millis then redis.call("SET", paused, "1", "PX", math.ceil(millis)) end
end
local function answer(count, wait) return {text(count), text(now), text(wait)} end
`

/** A number: when the bucket is full again. */
const bucketPrelude = `${prelude}
local each = per / limit
local full = math.max(now, tonumber(redis.call("GET", key) or "0"))
local function keep(at)
  if at > now then redis.call("SET", key, text(at), "PX", math.ceil(at - now)) else redis.call("DEL", key) end
end
`

const bucket = {
  take: `${bucketPrelude}
local least, most = first, second
local free = math.min(burst, math.floor(burst - (full - now) / each + 0.001))
if free < least or pause > 0 then return answer(0, math.max(pause, full + (least - burst) * each - now)) end
local count = math.min(free, most)
keep(full + count * each)
return answer(count, 0)`,
  giveBack: `${bucketPrelude}
keep(full - first * each)
return answer(0, 0)`,
  // At the end of a pause the first turn comes, and not a burst.
  pause: `${bucketPrelude}
keep(math.max(full, now + first + (burst - 1) * each))
hold(first)
return answer(0, 0)`
}

/** A list of the instants of the turns, the oldest first. */
const window = {
  take: `${prelude}
local least, most = first, second
local oldest = redis.call("LINDEX", key, 0)
while oldest and tonumber(oldest) + per <= now do
  redis.call("LPOP", key)
  oldest = redis.call("LINDEX", key, 0)
end
local used = redis.call("LLEN", key)
local missing = used + least - limit
local wait = pause
if missing > 0 then wait = math.max(wait, tonumber(redis.call("LINDEX", key, missing - 1)) + per - now) end
if wait > 0 then return answer(0, wait) end
local count = math.min(limit - used, most)
for turn = 1, count do redis.call("RPUSH", key, text(now)) end
redis.call("PEXPIRE", key, math.ceil(per))
return answer(count, 0)`,
  giveBack: `${prelude}
redis.call("LREM", key, -first, text(second))
return answer(0, 0)`,
  pause: `${prelude}
hold(first)
return answer(0, 0)`
}
