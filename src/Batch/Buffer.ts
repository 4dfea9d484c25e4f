/**
 * Collects what comes one at a time and writes it many at a time: while one write is under way, the next one fills.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"

/**
 * A buffer in front of a writer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Buffer<T> {
  /** Adds without waiting. */
  readonly push: (item: T) => void
  /** Waits until there is room for more. */
  readonly room: Effect.Effect<void>
  /** How many are neither written nor being written. */
  readonly size: () => number
  /** Writes what there is, again and again, until it is ended and empty. */
  readonly run: Effect.Effect<void>
  /** Nothing else will come. */
  readonly end: () => void
}

/**
 * Somebody who can be woken; a call without anybody waiting is forgotten.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bell {
  readonly ring: () => void
  /** Waits until it rings, unless `ready` is true already. */
  readonly until: (ready: () => boolean) => Effect.Effect<void>
}

/**
 * Makes a bell.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeBell = (): Bell => {
  const waiting = new Set<{ readonly ready: () => boolean; readonly wake: () => void }>()
  // It rings often, so nobody is woken in vain.
  const ring = () => {
    for (const one of waiting) if (one.ready()) one.wake()
  }
  const heard = (ready: () => boolean) =>
    Effect.async<void>((resume) => {
      const wake = () => {
        waiting.delete(one)
        resume(Effect.void)
      }
      const one = { ready, wake }
      waiting.add(one)
      return Effect.sync(() => void waiting.delete(one))
    })
  // What it was woken for may be over by the time it runs.
  const until = (ready: () => boolean): Effect.Effect<void> =>
    Effect.suspend(() => (ready() ? Effect.void : Effect.flatMap(heard(ready), () => until(ready))))
  return { ring, until }
}

/**
 * Makes a buffer that holds up to about `most`, and gives at most as many to one write. What is being written cannot be
 * interrupted, so that nothing is taken out of the buffer and lost; `write` is expected to keep its errors to itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <T>(most: number, write: (items: ReadonlyArray<T>) => Effect.Effect<void>): Buffer<T> => {
  let items: Array<T> = []
  let ended = false
  const changed = makeBell()

  const writeOnce = Effect.uninterruptible(
    Effect.suspend(() => {
      const taken = items.splice(0, most)
      changed.ring()
      return taken.length === 0 ? Effect.void : write(taken)
    })
  )
  const run: Effect.Effect<void> = changed
    .until(() => items.length > 0 || ended)
    .pipe(Effect.andThen(writeOnce), Effect.repeat({ until: () => ended && items.length === 0 }), Effect.asVoid)

  return {
    push: (item) => {
      items.push(item)
      if (items.length === 1) changed.ring()
    },
    room: changed.until(() => items.length < most),
    size: () => items.length,
    run,
    end: () => {
      ended = true
      changed.ring()
    }
  }
}
