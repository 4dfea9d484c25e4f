/**
 * Where a cache keeps what it knows.
 *
 * @since 0.1.0
 */
import { Effect, type Exit } from "effect"
import { Line, Place } from "../../Permits/Line.ts"

/**
 * What is known of a key, and since when, as `Deadline.now` gives it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Known<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly at: number
}

/**
 * A place to keep it. `get` fails where it cannot be asked; the others do not wait until it is done.
 *
 * @since 0.1.0
 * @category models
 */
export interface Values<A, E> {
  readonly get: (key: string) => Effect.Effect<Known<A, E> | undefined, unknown>
  /** It is of no use after so many milliseconds. */
  readonly set: (key: string, known: Known<A, E>, millis: number) => Effect.Effect<void>
  readonly remove: (key: string) => Effect.Effect<void>
}

class Kept<A, E> extends Place {
  constructor(
    readonly key: string,
    readonly known: Known<A, E>
  ) {
    super()
  }
}

/**
 * In memory, at most so many: of more, those go first that were not asked for the longest.
 *
 * @since 0.1.0
 * @category constructors
 */
export const inMemory = <A, E>(capacity: number, onEvicted: () => void): Values<A, E> => {
  const all = new Map<string, Kept<A, E>>()
  /** The one that was not asked for the longest stands in front. */
  const line = new Line<Kept<A, E>>()
  const drop = (kept: Kept<A, E> | undefined) => {
    if (kept === undefined) return
    line.leave(kept)
    all.delete(kept.key)
  }
  return {
    get: (key) =>
      Effect.sync(() => {
        const kept = all.get(key)
        if (kept === undefined) return undefined
        line.leave(kept)
        line.join(kept)
        return kept.known
      }),
    set: (key, known) =>
      Effect.sync(() => {
        drop(all.get(key))
        if (all.size === capacity) {
          drop(line.first)
          onEvicted()
        }
        const kept = new Kept(key, known)
        all.set(key, kept)
        line.join(kept)
      }),
    remove: (key) => Effect.sync(() => drop(all.get(key)))
  }
}
