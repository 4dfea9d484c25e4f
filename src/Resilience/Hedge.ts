/**
 * Makes a second call when the first is slow or has failed, and takes whichever answers first.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, type Exit, Option } from "effect"
import * as Options from "../Options.ts"
import type { Restore } from "../Permits.ts"
import { type Asked, Asking } from "../Receipt/Asking.ts"
import * as Attempt from "./Attempt.ts"
import * as Bounds from "./Bounds.ts"
import * as Budget from "./Budget.ts"
import * as Idempotence from "./Idempotence.ts"
import * as Latency from "./Latency.ts"
import * as Metrics from "./Metrics.ts"
import * as Patience from "./Patience.ts"
import { Race, type Runner } from "./Race.ts"
import * as Transient from "./Transient.ts"

/**
 * A hedge: a function from effect to effect. Make one for each source and use it for all its calls, since they share its
 * budget and what it has seen of how long they take.
 *
 * @since 0.1.0
 * @category models
 */
export type Hedge = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * How a hedge works; all of it may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface HedgeOptions {
  /** Its name in metrics; default `"unnamed"`. */
  readonly name?: string | undefined
  /** Which errors of the first call are worth a second one at once; default {@link Transient.isWorthRepeating}. */
  readonly while?: ((error: unknown) => boolean) | undefined
  /**
   * Of the sources of one gather, hedges those alone that hold the answer: a slow one waits with its second call until
   * every other source that is still being asked is slow as well. Default false.
   */
  readonly criticalPath?: boolean | undefined
  /** What second calls take from; default 5 % of the calls, of which 10 can be saved up. */
  readonly budget?: Budget.Budget | undefined
}

/**
 * What second calls take from where no budget is given.
 *
 * @since 0.1.0
 * @category models
 */
export const defaultBudget = { ratio: 0.05, burst: 10 } as const satisfies Budget.BudgetOptions

/**
 * No hedge.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Hedge = (effect) => effect

/**
 * Makes a hedge that makes its second call after this time.
 *
 * - A first call that fails before is followed by the second at once, unless its error asks to be left alone with a
 *   `retryAfter`.
 * - The first success is the answer, and the other call is cancelled; nobody waits for its cleanup. When both fail, it
 *   fails with the error of the one that failed last; what a guard inside refuses decides nothing while the other runs.
 * - What is marked as `once` is called once. Nor is there a second call when the budget is used up, or when half of the
 *   calls of the last minute took longer than the time that remains.
 *
 * @example
 * ```ts
 * const hedge = Hedge.after("50 millis", { name: "orders" })
 *
 * const orders = (id: number) => Http.json(`http://orders.internal/${id}`, { schema: Orders }).pipe(hedge)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const after = (delay: Duration.DurationInput, options: HedgeOptions = {}): Hedge => {
  const where = "Hedge.after"
  const millis = Options.duration(where, "delay", delay)
  return make(where, () => millis, options)
}

/**
 * Makes a hedge that makes its second call when the first takes longer than this share of the calls of the last minute
 * did: 0.95 for the slowest 5 %. Until enough of them were seen (20, or 100 for 0.99) there is none but after a failure.
 * Everything else is as in {@link after}.
 *
 * @since 0.1.0
 * @category constructors
 */
export const percentile = (share: number, options: HedgeOptions = {}): Hedge => {
  const where = "Hedge.percentile"
  Bounds.percentile(where, "share", share)
  return make(where, (latency, now) => latency.percentile(share, now) ?? Infinity, options)
}

type Delay = (latency: Latency.Latency, now: number) => number

const make = (where: string, delay: Delay, options: HedgeOptions): Hedge => {
  const { budget = Budget.make(defaultBudget), criticalPath = false, name = "unnamed" } = options
  const isWorthIt = options.while ?? Transient.isWorthRepeating
  const latency = Latency.make(where)
  const count = Metrics.counting(Metrics.hedges, name)

  /** It may pass: another call may do better. */
  const mayPass = (exit: Exit.Exit<unknown, unknown>) => Option.exists(Transient.errorOf(exit), isWorthIt)

  /**
   * The call that is the answer, once there is one: the first that is good or beyond hope, else the last of all that a guard
   * inside did not refuse. A refused call says nothing of the other one.
   */
  const decided = <A, E>({ ended, runners }: Race<A, E>): Runner<A, E> | undefined => {
    const final = ended.find(({ exit }) => !mayPass(exit!) && !wasRefused(exit!))
    if (final !== undefined || ended.length < runners.length) return final
    return ended.findLast(({ exit }) => !wasRefused(exit!)) ?? ended.at(-1)
  }

  const hedged = <A, E, R>(effect: Effect.Effect<A, E, R>, restore: Restore) =>
    Effect.gen(function* () {
      const arrival = yield* Patience.arrival
      const { asking } = arrival
      const watched = yield* Idempotence.watch
      const began = arrival.now
      const slowAfter = delay(latency, began)
      const race = new Race<A, E>()

      const start = (kind: "first" | "hedge") => {
        const attempt = Attempt.begin(asking, kind)
        const inner = asking.inner()
        return race.start(Effect.provideService(watched.inside(effect), Asking, attempt.asked), {
          ...inner,
          ended: (exit) => {
            attempt.ended(exit)
            if (kind === "hedge") count(Attempt.outcomeOf(exit))
            if (kind === "first") latency.ended(exit, arrival.now - began, arrival.now)
          },
          cancelled: () => {
            attempt.cancelled()
            if (kind === "hedge") count("cancelled")
            inner.cancelled()
          }
        })
      }

      const mayStartSecond = () => {
        const { now, until } = arrival
        const room = until - now - (latency.percentile(0.5, now) ?? 0)
        const why = !watched.repeatable()
          ? "once"
          : !(room > 0)
            ? "deadline"
            : budget.take(now) === undefined && "budget"
        if (why === false) return true
        asking.unhedged(why)
        if (why === "budget") Metrics.refused(name, "hedge-budget")
        return false
      }

      const answered = Effect.gen(function* () {
        budget.called()
        const first = yield* start("first")
        const hasEnded = () => first.exit !== undefined
        yield* race.within(slowAfter, hasEnded, restore)
        if (!hasEnded()) yield* restore(overdue(race, hasEnded, asking, criticalPath))
        const wanted = first.exit === undefined || (mayPass(first.exit) && !asksForPeace(first.exit))
        if (wanted && mayStartSecond()) yield* start("hedge")
        let winner = decided(race)
        for (; winner === undefined; winner = decided(race)) {
          const { length } = race.ended
          yield* restore(race.until(() => race.ended.length > length))
        }
        // It took at least this long. Not to count it would make slow calls seem rare just because they are hedged.
        if (!hasEnded()) latency.observe(arrival.now - began, arrival.now)
        return yield* race.answer(winner)
      })
      const left = () => {
        const alone = race.runners.length === 1 && race.runners[0]!.exit?._tag !== "Failure"
        if (slowAfter === Infinity && alone) asking.unhedged("few-calls")
        race.cancel()
      }
      return yield* Effect.ensuring(answered, Effect.sync(left))
    })

  return (effect) => Effect.uninterruptibleMask((restore) => hedged(effect, restore))
}

const wasRefused = (exit: Exit.Exit<unknown, unknown>) => Option.exists(Transient.errorOf(exit), Transient.isRefusal)

const asksForPeace = (exit: Exit.Exit<unknown, unknown>) =>
  Option.exists(Transient.errorOf(exit), (error) => (Transient.retryAfter(error) ?? 0) > 0)

/** The call is slow. Where only the critical path is hedged, waits until it is on it, or the call has ended. */
const overdue = <A, E>(race: Race<A, E>, hasEnded: () => boolean, asking: Asked, criticalPath: boolean) =>
  Effect.suspend(() => {
    let mayHedge = !criticalPath
    const stop = asking.overdue(() => {
      mayHedge = true
      race.ring()
    })
    return Effect.ensuring(
      race.until(() => mayHedge || hasEnded()),
      Effect.sync(stop)
    )
  })
