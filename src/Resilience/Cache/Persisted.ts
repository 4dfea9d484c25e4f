/**
 * A cache over the `Persistence` of `@effect/experimental`: in files, LMDB, or a Redis of its own.
 *
 * @since 0.1.0
 */
import { BackingPersistence } from "@effect/experimental/Persistence"
import { Duration, Effect, Option, type Scope } from "effect"
import type { Cache } from "../Cache.ts"
import * as Stored from "./Stored.ts"

export {
  /** @since 0.1.0 */
  type StoredOptions
} from "./Stored.ts"

/**
 * Makes a cache over the `BackingPersistence`.
 *
 * It never fails because of it: what cannot be read within `patience` is not known, and what cannot be written is logged.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, I, E = never, IE = never>(
  options: Stored.StoredOptions<A, I, E, IE>
): Effect.Effect<Cache<A, E>, never, BackingPersistence | Scope.Scope> =>
  Effect.gen(function* () {
    const store = yield* (yield* BackingPersistence).make(options.name ?? "unnamed")
    return Stored.make("Cache.Persisted.make", options, {
      get: (key) => Effect.map(store.get(key), Option.getOrUndefined),
      // As text: the stores write other values by `JSON.stringify`, to which a 64-bit number is text.
      set: (key, json, millis) => store.set(key, json, Option.some(Duration.millis(millis))),
      remove: (key) => store.remove(key)
    })
  })
