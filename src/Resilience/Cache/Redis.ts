/**
 * A cache in Redis, where other machines and later runs find what it knows.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type { Cache } from "../Cache.ts"
import type { RedisCommands } from "../RedisCommands.ts"
import * as Stored from "./Stored.ts"

export {
  /** @since 0.1.0 */
  type Driver,
  /** @since 0.1.0 */
  fromDriver,
  /** @since 0.1.0 */
  type RedisCommands
} from "../RedisCommands.ts"
export {
  /** @since 0.1.0 */
  type StoredOptions
} from "./Stored.ts"

/**
 * Makes a cache over a client of Redis. Its keys begin with `prefix`, default `"muster:cache:"`, and its name.
 *
 * It never fails because of Redis: what cannot be read within `patience` is not known, and what cannot be written is logged.
 * For a memory in front of it, use two: `effect.pipe(Cache.with(inRedis, key), Cache.with(inMemory, key))`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, I, E = never, IE = never>(
  client: RedisCommands,
  options: Stored.StoredOptions<A, I, E, IE> & { readonly prefix?: string | undefined }
): Cache<A, E> => {
  const { name = "unnamed", prefix = "muster:cache:" } = options
  const nameOf = (key: string) => `${prefix}${encodeURIComponent(name)}:${key}`
  return Stored.make("Cache.Redis.make", options, {
    get: (key) => Effect.map(client.command("GET", nameOf(key)), (json) => json ?? undefined),
    set: (key, json, millis) => client.command("SET", nameOf(key), json, "PX", millis),
    remove: (key) => client.command("DEL", nameOf(key))
  })
}
