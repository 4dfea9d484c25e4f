/**
 * The guards around a call, and their one order.
 *
 * A guard is a function from effect to effect. Each works alone, on any effect, and obeys the ambient deadline. Where
 * several are used, they stand in this order, from the outside in:
 *
 * 1. **Cache**: what is known needs nobody's leave. It is outside the breaker, so that it answers while that is open, and
 *    sees every failure, which is what stale values are for.
 * 2. **Single flight**: what somebody else is asking for already is asked for once, retries and all. A cache has its own
 *    inside it, and needs no other: one that it does not know would hand on what `invalidate` has told it to forget.
 * 3. **Retry**: outside everything that limits calls, so that each call it makes is limited, and so that it holds no place
 *    and no turn while it waits.
 * 4. **Hedge**: inside the retry, which so waits and counts only once both calls have failed. The other way round, each of
 *    the two would be retried.
 * 5. **The gate of the breaker**: a call that will be refused is refused before it waits for anything.
 * 6. **Bulkhead**: a limit to the calls in flight is only kept if hedges and retries count, so it is inside both.
 * 7. **Rate limit**: inside the bulkhead, right before the call. A call that had its turn and then waited for a place would
 *    go out when others do: more of them in one second than was promised.
 * 8. **Breaker**: inside all that waits, so that it judges the source, and not the queue before it. Calls that were waiting
 *    when it opened are refused here.
 * 9. **Time limit**: inside the breaker, which would otherwise never hear of a source that hangs: an interruption from
 *    outside says nothing of it.
 *
 * The deadline has no place among them: it is ambient, and each of them reads it.
 *
 * Others do it likewise: resilience4j has the retry around the breaker around the limits, Polly's standard handler the retry
 * around the breaker around the time limit of an attempt, Finagle and Envoy budgets for retries and a limit for each try.
 * What differs is that the breaker stands twice here.
 *
 * @since 0.1.0
 */
import type { Duration, Effect } from "effect"
import type { DeadlineExceeded } from "./Deadline.ts"
import * as Options from "./Options.ts"
import type { SourceTimedOut } from "./Outcome.ts"
import * as Breaker from "./Resilience/Breaker.ts"
import * as Bulkhead from "./Resilience/Bulkhead.ts"
import type * as Cache from "./Resilience/Cache.ts"
import * as Hedge from "./Resilience/Hedge.ts"
import * as RateLimit from "./Resilience/RateLimit.ts"
import * as Retry from "./Resilience/Retry.ts"
import type * as SingleFlight from "./Resilience/SingleFlight.ts"
import { timeLimit } from "./Resilience/TimeLimit.ts"

/** @since 0.1.0 */
export * as Breaker from "./Resilience/Breaker.ts"
/** @since 0.1.0 */
export * as Budget from "./Resilience/Budget.ts"
/** @since 0.1.0 */
export * as Bulkhead from "./Resilience/Bulkhead.ts"
/** @since 0.1.0 */
export * as Cache from "./Resilience/Cache.ts"
/** @since 0.1.0 */
export * as Hedge from "./Resilience/Hedge.ts"
/** @since 0.1.0 */
export * as RateLimit from "./Resilience/RateLimit.ts"
/** @since 0.1.0 */
export * as Retry from "./Resilience/Retry.ts"
/** @since 0.1.0 */
export * as SingleFlight from "./Resilience/SingleFlight.ts"
export {
  /** @since 0.1.0 */
  once
} from "./Resilience/Idempotence.ts"
export {
  /** @since 0.1.0 */
  timeLimit
} from "./Resilience/TimeLimit.ts"
export {
  /** @since 0.1.0 */
  isTransient
} from "./Resilience/Transient.ts"

/**
 * What the standard guards are made of. Each can be given as options, or as a guard made before, to share it or to look at
 * it; `Retry.none` and the like leave it out.
 *
 * @since 0.1.0
 * @category models
 */
export interface StandardOptions<E = never> {
  /** The name of the source, in errors, logs and metrics. */
  readonly name: string
  /** Calls again after a failure that may pass; see `Retry.make` for the defaults. */
  readonly retry?: Retry.Retry | Retry.RetryOptions | undefined
  /** Makes a second call when the first is slow; default: slower than 95 % of the calls of the last minute. */
  readonly hedge?: Hedge.Hedge | undefined
  /** Bounds how many calls are in flight and how many wait; default: no bound. */
  readonly bulkhead?: Bulkhead.Bulkhead | Bulkhead.BulkheadOptions | undefined
  /** Bounds how many calls are made in which time; default: no bound. */
  readonly rateLimit?: RateLimit.RateLimit<E> | RateLimit.RateLimitOptions | undefined
  /** Stops asking while too many calls fail; see `Breaker.make` for the defaults. */
  readonly breaker?: Breaker.Breaker | Breaker.BreakerOptions | undefined
  /** How long one call may take; default 10 seconds. `Infinity` for as long as the deadline allows. */
  readonly timeLimit?: Duration.DurationInput | undefined
}

/**
 * What the standard guards are made of where the answers of calls are shared as well: a cache or a single flight of one kind
 * of call. Its errors are those of the call and of the guards: `Cache.make<Order, SourceUnavailable | Resilience.Refusal>`.
 *
 * @since 0.1.0
 * @category models
 */
export type SharedOptions<A, E2, E = never> = StandardOptions<E> &
  (
    | { readonly cache: Cache.Cache<A, E2 | Refusal | E>; readonly flights?: undefined }
    | { readonly flights: SingleFlight.SingleFlight<A, E2 | Refusal | E>; readonly cache?: undefined }
  )

/**
 * The guards of one source, as one function. What it adds to the errors of a call: `E` is that of a rate limit shared over
 * machines.
 *
 * @since 0.1.0
 * @category models
 */
export type Standard<E = never> = <A, E2, R>(effect: Effect.Effect<A, E2, R>) => Effect.Effect<A, E2 | Refusal | E, R>

/**
 * The guards of one kind of call whose answers are shared: it is told with each call under which key.
 *
 * @since 0.1.0
 * @category models
 */
export type Shared<A, E2, E = never> = (
  key: Cache.Key
) => <R>(effect: Effect.Effect<A, E2, R>) => Effect.Effect<A, E2 | Refusal | E | DeadlineExceeded, R>

/**
 * What the standard guards fail with besides the error of the call.
 *
 * @since 0.1.0
 * @category errors
 */
export type Refusal = SourceTimedOut | Breaker.BreakerOpen | Bulkhead.BulkheadFull | RateLimit.RateLimited

/**
 * The one ready-made stack of guards, in their order. Make it once for each source and use it for all its calls, since they
 * share budgets, limits and the breaker.
 *
 * With a `cache` or with `flights` it is for one kind of call, and takes a key before each. Where a source has several
 * kinds, give their stacks the same `retry`, `hedge`, `bulkhead`, `rateLimit` and `breaker`, or make one stack without and
 * put the caches around it: `call.pipe(guarded, Cache.with(cache, key))` is the same.
 *
 * @example
 * ```ts
 * const guarded = Resilience.standard({ name: "orders", timeLimit: "2 seconds", bulkhead: { limit: 20 } })
 *
 * const orders = (id: number) => Http.json(`http://orders.internal/${id}`, { schema: Orders }).pipe(guarded)
 *
 * const cache = Cache.make<Order, SourceError | Resilience.Refusal>({ name: "order", ttl: "1 minute" })
 * const shared = Resilience.standard({ name: "order", cache })
 *
 * const order = (user: string, id: number) =>
 *   Http.json(`http://orders.internal/${user}/${id}`, { schema: Order }).pipe(
 *     shared({ caller: user, call: ["order", id] })
 *   )
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const standard = stack

function stack<E = never>(options: StandardOptions<E> & Unshared): Standard<E>
function stack<A, E2, E = never>(options: SharedOptions<A, E2, E>): Shared<A, E2, E>
function stack<A, E2, E>(
  options: (StandardOptions<E> & Unshared) | SharedOptions<A, E2, E>
): Standard<E> | Shared<A, E2, E> {
  const { cache, flights } = options
  if (cache !== undefined && flights !== undefined) {
    Options.refuse("Resilience.standard", "flights", flights, "left out beside a cache, which has its own")
  }
  const guarded = inOrder(options)
  const shared = cache ?? flights
  if (shared === undefined) return guarded
  const withKey: Shared<A, E2, E> = (key) => {
    const share = shared.with(key)
    return (effect) => share(guarded(effect))
  }
  return withKey
}

interface Unshared {
  readonly cache?: undefined
  readonly flights?: undefined
}

const inOrder = <E>(options: StandardOptions<E>): Standard<E> => {
  const { name } = options
  const retry = typeof options.retry === "function" ? options.retry : Retry.make({ name, ...options.retry })
  const hedge = options.hedge ?? Hedge.percentile(0.95, { name })
  const bulkhead = isGuard(options.bulkhead) ? options.bulkhead : bulkheadOf(name, options.bulkhead)
  const turns = isGuard(options.rateLimit) ? options.rateLimit : rateLimitOf(name, options.rateLimit)
  const breaker = isGuard(options.breaker) ? options.breaker : Breaker.make({ name, ...options.breaker })
  const limit = Options.duration("Resilience.standard", "timeLimit", options.timeLimit ?? "10 seconds")

  return (effect) =>
    effect.pipe(
      timeLimit(limit),
      Breaker.with(breaker),
      RateLimit.with(turns),
      Bulkhead.with(bulkhead),
      Breaker.gate(breaker),
      hedge,
      retry
    )
}

const bulkheadOf = (name: string, options: Bulkhead.BulkheadOptions | undefined) =>
  options === undefined ? Bulkhead.none : Bulkhead.make({ name, ...options })

const rateLimitOf = (name: string, options: RateLimit.RateLimitOptions | undefined) =>
  options === undefined ? RateLimit.none : RateLimit.make({ name, ...options })

const isGuard = <G extends { readonly with: unknown }>(given: G | object | undefined): given is G =>
  given !== undefined && "with" in given
