/**
 * Bounds how many calls are made in which time: in this process, or by all machines together.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Schema } from "effect"
import * as Options from "../Options.ts"
import * as Bounds from "./Bounds.ts"
import * as Metrics from "./Metrics.ts"
import { pausing, queueing } from "./Metrics/Sharing.ts"
import { type Arrival, arrival } from "./Patience.ts"
import type { Verdict } from "./RateLimit/Queue.ts"
import { most, type Rule } from "./RateLimit/Rule.ts"
import { Store, type StoreUnavailable } from "./RateLimit/Store.ts"
import * as Turns from "./RateLimit/Turns.ts"
import * as Transient from "./Transient.ts"

export {
  /** @since 0.1.0 */
  type Rate,
  /** @since 0.1.0 */
  type Rule,
  /** @since 0.1.0 */
  slidingWindow,
  /** @since 0.1.0 */
  tokenBucket
} from "./RateLimit/Rule.ts"
export {
  /** @since 0.1.0 */
  type Service,
  /** @since 0.1.0 */
  Store,
  /** @since 0.1.0 */
  StoreUnavailable,
  /** @since 0.1.0 */
  type Taken
} from "./RateLimit/Store.ts"

/**
 * A call would have had to wait for its turn for longer than its deadline allows. It is transient: it says when to ask again.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimited extends Schema.TaggedError<RateLimited>("effect-muster/Resilience/RateLimited")(
  "RateLimited",
  {
    source: Schema.String,
    limit: Schema.String,
    key: Schema.optional(Schema.String),
    /** In how many milliseconds its turn would come, as far as is known. */
    retryAfter: Schema.Number
  }
) {
  override get message() {
    const of = this.key === undefined ? "" : ` of "${this.key}"`
    const wait = Duration.format(Duration.millis(Math.ceil(this.retryAfter)))
    return `The rate limit "${this.limit}"${of} has no turn before the deadline: the next one comes in ${wait}`
  }
}

/**
 * A rate limit. Make one for each source and use it for all its calls. Shared over machines, it also fails with `E`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimit<out E = never> {
  readonly name: string
  /** How many calls wait for a turn of this key. */
  readonly waiting: (key?: string) => Effect.Effect<number>
  /** What the function `with` does. */
  readonly with: (
    call?: CallOptions
  ) => <A, E2, R>(effect: Effect.Effect<A, E2, R>) => Effect.Effect<A, E2 | RateLimited | E, R>
}

/**
 * What there is to say of one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions {
  /** Each key has a limit of its own, such as one for each host; default: all calls have the same. */
  readonly key?: string | undefined
  /** Those who wait for turns of the same key, by whom: a tenant who makes many calls does not hold up the others. */
  readonly tenant?: string | undefined
  /** How many turns it takes, a whole number from 1 to the burst of the bucket or the limit of the window; default 1. */
  readonly weight?: number | undefined
}

/**
 * How a rate limit works.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimitOptions {
  /** Its name in errors and metrics; default `"unnamed"`. The machines that share a limit go by it. */
  readonly name?: string | undefined
  /** How many turns there are: `RateLimit.tokenBucket({ limit: 50 })`. */
  readonly rule: Rule
  /**
   * How many milliseconds an error of the source asks it to be left alone; `undefined` for none. Default: its `retryAfter`,
   * as that of a 429, except for errors of the guards inside.
   */
  readonly learn?: ((error: unknown) => number | undefined) | undefined
  /** The longest that it leaves a source alone; default 1 minute. */
  readonly maxPause?: Duration.DurationInput | undefined
}

/**
 * Makes a rate limit within this process.
 *
 * - First come, first served; of several tenants, each in turn.
 * - A wait longer than what remains until the deadline fails with `RateLimited` at once, which says when to come again. Where
 *   that cannot be known (another tenant comes first later, or heavy calls leave gaps in a window), it fails at the deadline.
 * - A caller that is interrupted while it waits has taken nothing: the others move up. A call that a guard inside it then refuses has
 *   used its turn.
 * - When a call fails with an error that has a `retryAfter`, all calls of the key are held back for so long.
 *
 * @example
 * ```ts
 * const limit = RateLimit.make({ name: "orders", rule: RateLimit.tokenBucket({ limit: 50, burst: 5 }) })
 *
 * const orders = (id: number) =>
 *   Http.json(`http://orders.internal/${id}`, { schema: Orders }).pipe(RateLimit.with(limit))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: RateLimitOptions): RateLimit =>
  build("RateLimit.make", options, Turns.local(options.rule))

/**
 * Makes a rate limit that all machines with this `Store` and this name keep together. It also fails with `StoreUnavailable`,
 * when nobody knows whether the call may be made; to make it all the same, catch that and call without the guard.
 *
 * Each machine asks for a turn when there is one, so that nothing is lost with a machine that dies; which of the machines
 * gets it is left to chance. Until it has had an answer, a machine knows only of its own calls how long they will wait.
 *
 * @since 0.1.0
 * @category constructors
 */
export const shared = (options: RateLimitOptions): Effect.Effect<RateLimit<StoreUnavailable>, never, Store> =>
  Effect.map(Store, (store) =>
    build("RateLimit.shared", options, Turns.shared(options.name ?? "unnamed", options.rule, store))
  )

/**
 * No rate limit.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: RateLimit = {
  name: "none",
  waiting: () => Effect.succeed(0),
  with: () => (effect) => effect
}

/**
 * Waits for a turn, or fails with `RateLimited`; then makes the call.
 *
 * @since 0.1.0
 * @category guards
 */
const withRateLimit = <E>(
  limit: RateLimit<E>,
  call?: CallOptions
): (<A, E2, R>(effect: Effect.Effect<A, E2, R>) => Effect.Effect<A, E2 | RateLimited | E, R>) => limit.with(call)

export {
  /** @since 0.1.0 */
  withRateLimit as with
}

const asked = (error: unknown): number | undefined =>
  // A breaker inside says when it will probe the source. That is no wish of the source.
  Transient.isRefusal(error) ? undefined : Transient.retryAfter(error)

const build = <E>(where: string, options: RateLimitOptions, source: Turns.Source<E>): RateLimit<E> => {
  const { learn = asked, name = "unnamed", rule } = options
  const maxPause = Bounds.wait(where, "maxPause", options.maxPause ?? "1 minute")
  const turns = new Turns.Turns(name, source)
  const waited = queueing("rate-limit", name)
  const countPause = pausing(name)

  const weigh = (weight: number) => {
    Options.count("RateLimit.with", "weight", weight)
    const expected = `at most ${most(rule)}, as many turns as there can be at once`
    return weight <= most(rule) ? weight : Options.refuse("RateLimit.with", "weight", weight, expected)
  }

  const refuse = ({ asking }: Arrival, key: string | undefined, wait: number) => {
    asking.refused("rate-limit")
    Metrics.refused(name, "rate-limit")
    return new RateLimited({ source: asking.name, limit: name, key, retryAfter: wait })
  }

  const learning = <A, E2, R>(key: string | undefined, here: Arrival, effect: Effect.Effect<A, E2, R>) =>
    Effect.onExit(effect, (exit) => {
      const error = Transient.errorOf(exit)
      const millis = error._tag === "None" ? undefined : learn(error.value)
      if (millis === undefined || !(millis > 0)) return Effect.void
      countPause()
      return turns.pause(key, Math.min(millis, maxPause), here.now)
    })

  return {
    name,
    waiting: (key) => Effect.sync(() => turns.waiting(key)),
    with: ({ key, tenant = "", weight = 1 } = {}) => {
      weigh(weight)
      return <A, E2, R>(effect: Effect.Effect<A, E2, R>): Effect.Effect<A, E2 | RateLimited | E, R> =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(arrival, (here): Effect.Effect<A, E2 | RateLimited | E, R> => {
            const proceed = (verdict: Verdict<E>): Effect.Effect<A, E2 | RateLimited | E, R> => {
              if (verdict._tag === "Turn") return learning(key, here, restore(effect))
              return verdict._tag === "TooLong" ? refuse(here, key, verdict.wait) : Effect.failCause(verdict.cause)
            }
            const arrived = here.now
            const waiter = turns.enter(key, tenant, weight, here)
            if (waiter.verdict !== undefined) return proceed(waiter.verdict)
            const decided = Effect.async<Verdict<E>>((resume) =>
              waiter.whenDecided((verdict) => resume(Effect.succeed(verdict)))
            )
            const waiting = Effect.matchCauseEffect(restore(decided), {
              onSuccess: (verdict) => {
                waited(here.asking, here.now - arrived)
                return proceed(verdict)
              },
              onFailure: (cause) => {
                waited(here.asking, here.now - arrived)
                return Effect.zipRight(turns.leave(key, waiter), Effect.failCause(cause))
              }
            })
            return Effect.zipRight(turns.attend(waiter), waiting)
          })
        )
    }
  }
}
