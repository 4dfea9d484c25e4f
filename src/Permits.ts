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
import { Line, Place } from "./Permits/Line.ts"

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
  /**
   * Takes permits without a fiber that waits: `onTurn` is called in the instant of the turn, at once if it need not wait. A
   * holder joins once.
   */
  readonly join: (holder: Holder) => void
  /** Gives back the permits of one that has joined; one that still waits for its turn leaves the line. Call it once. */
  readonly leave: (holder: Holder) => void
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

/**
 * One that has permits, or waits for its turn to have them.
 *
 * @since 0.1.0
 * @category models
 */
export abstract class Holder extends Place {
  /** True from its turn on. */
  granted = false

  constructor(readonly weight: number) {
    super()
  }

  /** Called in the instant of its turn; it must not throw. */
  abstract onTurn(): void
}

/** A fiber that waits. */
class Waiter extends Holder {
  wake: (() => void) | undefined = undefined

  onTurn() {
    this.wake?.()
  }
}

/**
 * Makes `limit` permits, a whole number from 1 up.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (limit: number): Permits => {
  Options.count("Permits.make", "limit", limit)
  const line = new Line<Holder>()
  let free = limit

  const weigh = (weight: number) => {
    Options.count("Permits", "weight", weight)
    if (weight > limit) Options.refuse("Permits", "weight", weight, `at most the limit of ${limit}`)
    return weight
  }

  const tryTake = (weight = 1) => {
    weigh(weight)
    if (line.first !== undefined || weight > free) return false
    free -= weight
    return true
  }

  const join = (holder: Holder) => {
    if (tryTake(holder.weight)) {
      holder.granted = true
      holder.onTurn()
    } else line.join(holder)
  }

  const grant = () => {
    for (let next = line.first; next !== undefined && next.weight <= free; next = line.first) {
      line.leave(next)
      free -= next.weight
      next.granted = true
      next.onTurn()
    }
  }

  const release = (weight = 1) => {
    // `NaN` would stand in `free` for ever, and nobody would have a turn again.
    if (!(weight > 0)) Options.refuse("Permits.release", "weight", weight, "more than zero")
    free += weight
    grant()
  }

  // One that was granted its turn in the instant it was interrupted gives it back; one that leaves the head of the line may
  // have been all that held up the next.
  const leave = (holder: Holder) => {
    if (holder.granted) return release(holder.weight)
    line.leave(holder)
    grant()
  }

  // What follows stands inside the mask, and reads the end of the wait itself: between the turn and the end of the region
  // that can be interrupted, an interruption would lose the permits. Few closures, since every waiter keeps them.
  const afterTurn = <A, E, R>(weight: number, restore: Restore, next: () => Effect.Effect<A, E, R>) => {
    if (tryTake(weight)) return next()
    const waiter = new Waiter(weight)
    line.join(waiter)
    const turn = Effect.async<void>((resume) => {
      if (waiter.granted) resume(Effect.void)
      else waiter.wake = () => resume(Effect.void)
    })
    return Effect.matchCauseEffect(restore(turn), {
      onSuccess: next,
      onFailure: (cause) => {
        leave(waiter)
        return Effect.failCause(cause)
      }
    })
  }

  const holding = <A, E, R>(weight: number, effect: Effect.Effect<A, E, R>) =>
    Effect.ensuring(
      effect,
      Effect.sync(() => release(weight))
    )

  return {
    limit,
    free: () => free,
    waiting: () => line.length,
    take: (weight, restore) => Effect.suspend(() => afterTurn(weight, restore, () => Effect.void)),
    tryTake,
    join,
    leave,
    release,
    with:
      (weight = 1) =>
      (effect) =>
        Effect.uninterruptibleMask((restore) => afterTurn(weight, restore, () => holding(weight, restore(effect)))),
    tryWith:
      (weight = 1) =>
      (effect) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.suspend(() => (tryTake(weight) ? Effect.asSome(holding(weight, restore(effect))) : Effect.succeedNone))
        )
  }
}
