/**
 * A fair, weighted semaphore: first come, first served, at a cost linear in the number of waiters.
 *
 * `Effect.makeSemaphore` wakes every waiter on each release: 3,000 waiters on 10 permits cost 96 s of CPU for 6 s of
 * work (effect 3.22.4). Here a release wakes exactly those whose turn it is.
 *
 * @since 0.1.0
 */
import { Effect, Option } from "effect"
import * as Options from "./Options.ts"

/**
 * A number of permits that effects take and give back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Permits {
  /** All permits there are. */
  readonly limit: number
  /** Permits nobody holds now. */
  readonly free: () => number
  /** Effects that wait for their turn. */
  readonly waiting: () => number
  /**
   * Runs an effect while holding `weight` permits (default 1), once it is its turn. They are given back however the
   * effect ends; a waiter that is interrupted leaves the queue at once. A weight over the limit is an `InvalidOption`.
   */
  readonly with: (weight?: number) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The same if it need not wait; otherwise `Option.none`, without running the effect. */
  readonly tryWith: (
    weight?: number
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
  /**
   * Takes permits, waiting for its turn; the way to hold them beyond one effect. Call it inside
   * `Effect.uninterruptibleMask`, with that mask's `restore`, so that it can be interrupted while it waits and never
   * between having them and your being able to `release` them.
   */
  readonly take: (weight: number, restore: Restore) => Effect.Effect<void>
  /** Takes permits if it need not wait, and says whether it did. Nobody overtakes those who wait. */
  readonly tryTake: (weight?: number) => boolean
  /** Gives permits back, as many as were taken, and wakes those whose turn it is. */
  readonly release: (weight?: number) => void
}

/**
 * What `Effect.uninterruptibleMask` hands out.
 *
 * @since 0.1.0
 * @category models
 */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** One that waits, in a doubly linked list, so that leaving the queue costs the same wherever it stands. */
interface Waiter {
  readonly weight: number
  wake: (() => void) | undefined
  granted: boolean
  before: Waiter | undefined
  after: Waiter | undefined
}

/**
 * Makes `limit` permits, a whole number from 1 up.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (limit: number): Permits => {
  Options.count("Permits.make", "limit", limit)
  let free = limit
  let first: Waiter | undefined
  let last: Waiter | undefined
  let waiting = 0

  const weigh = (weight: number) => {
    Options.count("Permits", "weight", weight)
    if (weight > limit) Options.refuse("Permits", "weight", weight, `at most the limit of ${limit}`)
    return weight
  }

  const tryTake = (weight = 1) => {
    weigh(weight)
    if (first !== undefined || weight > free) return false
    free -= weight
    return true
  }

  const enqueue = (weight: number): Waiter => {
    const waiter: Waiter = { weight, wake: undefined, granted: false, before: last, after: undefined }
    if (last === undefined) first = waiter
    else last.after = waiter
    last = waiter
    waiting += 1
    return waiter
  }

  const unlink = (waiter: Waiter) => {
    if (waiter.before === undefined) first = waiter.after
    else waiter.before.after = waiter.after
    if (waiter.after === undefined) last = waiter.before
    else waiter.after.before = waiter.before
    waiting -= 1
  }

  const grant = () => {
    while (first !== undefined && first.weight <= free) {
      const waiter = first
      unlink(waiter)
      free -= waiter.weight
      waiter.granted = true
      waiter.wake?.()
    }
  }

  const release = (weight = 1) => {
    // `NaN` would stand in `free` for ever, and nobody would have a turn again.
    if (!(weight > 0)) Options.refuse("Permits.release", "weight", weight, "more than zero")
    free += weight
    grant()
  }

  // One that was granted its turn in the instant it was interrupted gives it back; one that leaves the head of the queue
  // may have been all that held up the next.
  const leave = (waiter: Waiter) => {
    if (waiter.granted) return release(waiter.weight)
    unlink(waiter)
    grant()
  }

  const turn = (waiter: Waiter) =>
    Effect.async<void>((resume) => {
      if (waiter.granted) resume(Effect.void)
      else waiter.wake = () => resume(Effect.void)
    })

  // The interruption of a waiter is caught outside `restore`: caught inside, one that arrives between the grant and the end
  // of the region would lose the permits.
  const take = (weight: number, restore: Restore): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (tryTake(weight)) return Effect.void
      const waiter = enqueue(weight)
      return Effect.onInterrupt(restore(turn(waiter)), () => Effect.sync(() => leave(waiter)))
    })

  return {
    limit,
    free: () => free,
    waiting: () => waiting,
    take,
    tryTake,
    release,
    with:
      (weight = 1) =>
      (effect) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.zipRight(
            take(weight, restore),
            Effect.ensuring(
              restore(effect),
              Effect.sync(() => release(weight))
            )
          )
        ),
    tryWith:
      (weight = 1) =>
      (effect) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.suspend(() =>
            tryTake(weight)
              ? Effect.asSome(
                  Effect.ensuring(
                    restore(effect),
                    Effect.sync(() => release(weight))
                  )
                )
              : Effect.succeedNone
          )
        )
  }
}
