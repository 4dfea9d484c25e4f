/**
 * Calls again after a failure that may pass, within the deadline and a budget.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Random } from "effect"
import * as Options from "../Options.ts"
import { Asking } from "../Receipt/Asking.ts"
import * as Attempt from "./Attempt.ts"
import * as Bounds from "./Bounds.ts"
import * as Budget from "./Budget.ts"
import * as Idempotence from "./Idempotence.ts"
import * as Latency from "./Latency.ts"
import * as Metrics from "./Metrics.ts"
import * as Patience from "./Patience.ts"
import * as Transient from "./Transient.ts"

/**
 * A retry: a function from effect to effect. Make one for each source and use it for all its calls, since they share its
 * budget and what it has seen of how long they take.
 *
 * @since 0.1.0
 * @category models
 */
export type Retry = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * How a retry works; all of it may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryOptions {
  /** Its name in metrics; default `"unnamed"`. */
  readonly name?: string | undefined
  /** How many calls are made at most, the first with them; default 3. */
  readonly attempts?: number | undefined
  /** The longest wait before the second call; each one after it is twice as long. Default 50 milliseconds. */
  readonly delay?: Duration.DurationInput | undefined
  /** The longest wait of all. An error that asks for a longer one is not retried. Default 10 seconds. */
  readonly maxDelay?: Duration.DurationInput | undefined
  /**
   * Which errors are worth another call; default {@link Transient.isWorthRepeating}: transient ones of the source. With
   * `isTransient` it also waits until a guard inside it no longer refuses.
   */
  readonly while?: ((error: unknown) => boolean) | undefined
  /** Also calls again what is marked as `once`; default false. */
  readonly repeatOnce?: boolean | undefined
  /** What retries take from; default 20 % of the calls and 10 a second. */
  readonly budget?: Budget.Budget | undefined
}

/**
 * No retry.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Retry = (effect) => effect

/**
 * Makes a retry.
 *
 * - It waits a random time between zero and `delay`, doubled with every call ("full jitter"), after as long as the error
 *   asks for with a `retryAfter`, in milliseconds.
 * - A call that could not end in time is not made: the failure is the answer at once when its wait and half of the calls of
 *   the last minute would take longer than the time that remains. The first call is always made.
 * - A refusal of a guard inside it (`BreakerOpen`, `BulkheadFull`, `RateLimited`) is the answer at once.
 * - What is marked as `once` is called once; defects and interruptions are no failures to call again after.
 * - When the budget is used up, the failure is the answer.
 *
 * It fails with the error of the last call.
 *
 * @example
 * ```ts
 * const retry = Retry.make({ name: "orders" })
 *
 * const orders = (id: number) => Http.json(`http://orders.internal/${id}`, { schema: Orders }).pipe(retry)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: RetryOptions = {}): Retry => {
  const where = "Retry.make"
  const attempts = Options.count(where, "attempts", options.attempts ?? 3)
  const delay = Bounds.wait(where, "delay", options.delay ?? 50)
  const maxDelay = Options.duration(where, "maxDelay", options.maxDelay ?? 10_000)
  const { budget = Budget.make({ ratio: 0.2, perSecond: 10 }), name = "unnamed", repeatOnce = false } = options
  const isWorthIt = options.while ?? Transient.isWorthRepeating
  const latency = Latency.make(where)
  const count = Metrics.counting(Metrics.retries, name)

  return (effect) =>
    Effect.gen(function* () {
      const arrival = yield* Patience.arrival
      const { asking } = arrival
      const watched = yield* Idempotence.watch
      const call = watched.inside(effect)
      budget.called()
      for (let made = 1; ; made++) {
        const began = arrival.now
        const attempt = Attempt.begin(asking, made === 1 ? "first" : "retry")
        const exit = yield* call.pipe(
          Effect.provideService(Asking, attempt.asked),
          Effect.onExit((exit) =>
            Effect.sync(() => {
              attempt.ended(exit)
              if (made > 1) count(Attempt.outcomeOf(exit))
            })
          ),
          Effect.exit
        )
        const { now } = arrival
        latency.ended(exit, now - began, now)
        const error = Transient.errorOf(exit)
        if (error._tag === "None" || made === attempts || !isWorthIt(error.value)) return yield* exit
        if (!repeatOnce && !watched.repeatable()) return yield* exit

        const asked = Transient.retryAfter(error.value) ?? 0
        const room = arrival.until - now - asked - (latency.percentile(0.5, now) ?? 0)
        if (asked > maxDelay || !(room > 0)) return yield* exit
        const giveBack = budget.take(now)
        if (giveBack === undefined) {
          asking.refused("retry-budget")
          Metrics.refused(name, "retry-budget")
          return yield* exit
        }
        const wait = asked + (yield* Random.next) * Math.min(maxDelay, delay * 2 ** (made - 1), room)
        yield* Effect.onInterrupt(Effect.sleep(wait), () => Effect.sync(giveBack))
      }
    })
}
