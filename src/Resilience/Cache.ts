/**
 * Keeps answers for a while, and gives old ones where there is no new one.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, type Exit } from "effect"
import * as Deadline from "../Deadline.ts"
import * as Options from "../Options.ts"
import { Asking } from "../Receipt/Asking.ts"
import * as Behind from "./Behind.ts"
import * as Bounds from "./Bounds.ts"
import { inMemory, type Values } from "./Cache/Values.ts"
import { type Key, toText } from "./Key.ts"
import * as Sharing from "./Metrics/Sharing.ts"
import { each, tagged } from "./Metrics/Tags.ts"
import { arrival, Shared } from "./Patience.ts"
import * as SingleFlight from "./SingleFlight.ts"
import * as Transient from "./Transient.ts"

export type {
  /** @since 0.1.0 */
  Key,
  /** @since 0.1.0 */
  Part
} from "./Key.ts"

/**
 * Values, or failures, by key. Make one for each kind of call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cache<in out A, in out E> {
  readonly name: string
  /** What the function `with` does. */
  readonly with: (key: Key) => <R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Deadline.DeadlineExceeded, R>
  /** Forgets what is known, also what a call that is in flight now will tell. */
  readonly invalidate: (key: Key) => Effect.Effect<void>
}

/**
 * How long a cache keeps what.
 *
 * @since 0.1.0
 * @category models
 */
export interface CacheOptions<E> {
  /** Its name in metrics, and in what it keeps outside the process; default `"unnamed"`. */
  readonly name?: string | undefined
  /** A value is as good as new for so long; more than zero. */
  readonly ttl: Duration.DurationInput
  /** For so long after that, it is given all the same, while a call behind the answer fetches a new one; default zero. */
  readonly staleWhileRevalidate?: Duration.DurationInput | undefined
  /** For so long after `ttl`, it is given when a call for a new one has failed; default zero. */
  readonly staleIfError?: Duration.DurationInput | undefined
  /** Keeps failures too, for a time of their own; default: none is kept. */
  readonly failures?: FailureOptions<E> | undefined
  /** How long a call behind an answer may take; default 10 seconds. */
  readonly refreshLimit?: Duration.DurationInput | undefined
}

/**
 * Which failures a cache keeps.
 *
 * @since 0.1.0
 * @category models
 */
export interface FailureOptions<E> {
  readonly ttl: Duration.DurationInput
  /** Default: all. Defects are never kept. */
  readonly when?: ((error: E) => boolean) | undefined
}

/**
 * Makes a cache in memory, of at most `capacity` entries (default 1,000): of more, those go first that were not asked for
 * the longest.
 *
 * - What is not known is fetched by one call, however many ask at once: a cache is also a single flight.
 * - Whoever is given a value is not told its age; the receipt says `cache`, or `stale` past `ttl`.
 *
 * @example
 * ```ts
 * const cache = Cache.make<Order, SourceError>({ name: "order", ttl: "1 minute", staleIfError: "1 hour" })
 *
 * const order = (user: string, id: number) =>
 *   Http.json(`http://orders.internal/${id}`, { schema: Order }).pipe(
 *     Cache.with(cache, { caller: user, call: ["order", id] })
 *   )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E = never>(
  options: CacheOptions<E> & { readonly capacity?: number | undefined }
): Cache<A, E> => {
  const capacity = Options.count("Cache.make", "capacity", options.capacity ?? 1_000)
  const evictions = tagged(Sharing.evictions, { cache: options.name ?? "unnamed" })
  return over(
    "Cache.make",
    options,
    inMemory(capacity, () => evictions.update(1))
  )
}

/**
 * Keeps nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none = <A, E = never>(): Cache<A, E> => ({
  name: "none",
  with: () => (effect) => effect,
  invalidate: () => Effect.void
})

/**
 * Answers with what is known, or makes the call.
 *
 * @since 0.1.0
 * @category guards
 */
const withCache = <A, E>(
  cache: Cache<A, E>,
  key: Key
): (<R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Deadline.DeadlineExceeded, R>) => cache.with(key)

export {
  /** @since 0.1.0 */
  withCache as with
}

/**
 * Makes a cache that keeps what it knows in a place of another kind.
 *
 * @since 0.1.0
 * @category constructors
 */
export const over = <A, E>(where: string, options: CacheOptions<E>, values: Values<A, E>): Cache<A, E> => {
  const { failures, name = "unnamed" } = options
  const ttl = Bounds.span(where, "ttl", options.ttl)
  const failureTtl = failures === undefined ? 0 : Bounds.span(where, "failures.ttl", failures.ttl)
  const revalidate = Bounds.wait(where, "staleWhileRevalidate", options.staleWhileRevalidate ?? 0)
  const spare = Bounds.wait(where, "staleIfError", options.staleIfError ?? 0)
  const refreshLimit = Bounds.span(where, "refreshLimit", options.refreshLimit ?? "10 seconds")
  const flights = SingleFlight.make<A, E>({ name })
  const refreshing = new Set<string>()
  /** The calls whose outcome will be kept. */
  const loading = new Map<string, object>()
  const lookups = each(Sharing.lookups, { cache: name }, "found")
  const found = (what: "fresh" | "stale" | "nothing" | "trouble" | "spare") => lookups(what).update(1)

  const keeps = (exit: Exit.Exit<A, E>): boolean => {
    if (exit._tag === "Success") return true
    const error = Transient.errorOf(exit)
    return failures !== undefined && error._tag === "Some" && (failures.when?.(error.value) ?? true)
  }

  const keep = (text: string, load: object, exit: Exit.Exit<A, E>) =>
    Effect.flatMap(Deadline.now, (at) => {
      if (loading.get(text) !== load) return Effect.void
      loading.delete(text)
      if (!keeps(exit)) return Effect.void
      const millis = exit._tag === "Success" ? ttl + Math.max(revalidate, spare) : failureTtl
      return values.set(text, { exit, at }, millis)
    })

  const fetch = <R>(key: Key, text: string, effect: Effect.Effect<A, E, R>) =>
    flights.with(key)(
      Effect.suspend(() => {
        const load = {}
        loading.set(text, load)
        return Effect.onExit(effect, (exit) => keep(text, load, exit))
      })
    )

  /** Nobody waits for it, so there is nobody whose deadline and receipt it has. */
  const refresh = <R>(key: Key, text: string, source: string, now: number, effect: Effect.Effect<A, E, R>) => {
    if (refreshing.has(text)) return Effect.void
    refreshing.add(text)
    const fetched = Effect.ensuring(
      fetch(key, text, effect),
      Effect.sync(() => refreshing.delete(text))
    )
    return Behind.run(`refreshing the cache "${name}"`, fetched, refreshLimit).pipe(
      Effect.provideService(Deadline.Current, now + refreshLimit),
      Effect.provideService(Shared, () => Infinity),
      Effect.provideService(Asking, { ...Asking.defaultValue(), name: source })
    )
  }

  const look = (text: string) =>
    Effect.map(Effect.either(values.get(text)), (looked) => {
      if (looked._tag === "Left") found("trouble")
      else if (looked.right === undefined) found("nothing")
      else return looked.right
      return undefined
    })

  const give =
    (key: Key, text: string) =>
    <R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Deadline.DeadlineExceeded, R> =>
      Effect.gen(function* () {
        const known = yield* look(text)
        if (known === undefined) return yield* fetch(key, text, effect)
        const { asking, now } = yield* arrival
        const { at, exit } = known
        if (now - at < (exit._tag === "Success" ? ttl : failureTtl)) {
          found("fresh")
          asking.served("cache")
          return yield* exit
        }
        if (exit._tag === "Success" && now - at < ttl + revalidate) {
          found("stale")
          asking.served("stale")
          yield* refresh(key, text, asking.name, now, effect)
          return exit.value
        }
        found("nothing")
        const fetched = fetch(key, text, effect)
        if (exit._tag === "Failure" || spare === 0) return yield* fetched
        return yield* Effect.catchAll(fetched, (error) =>
          Effect.flatMap(Deadline.now, (later) => {
            if (later - at >= ttl + spare) return Effect.fail(error)
            found("spare")
            asking.served("stale")
            return Effect.succeed(exit.value)
          })
        )
      })

  return {
    name,
    with: (key) => give(key, toText("Cache.with", key)),
    invalidate: (key) =>
      Effect.suspend(() => {
        const text = toText("Cache.invalidate", key)
        loading.delete(text)
        return Effect.zipRight(flights.forget(key), values.remove(text))
      })
  }
}
