/**
 * Which calls must not be made twice.
 *
 * @since 0.1.0
 */
import { Context, Effect } from "effect"

/**
 * What the guards around a call are told of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Called {
  /** Nothing inside may be called twice. */
  readonly once: boolean
  /** A call that must not be made twice is made now. */
  readonly made: () => void
}

/**
 * What there is to tell here; nobody listens outside any guard.
 *
 * @since 0.1.0
 * @category services
 */
export class Current extends Context.Reference<Current>()("effect-muster/Resilience/Idempotence", {
  defaultValue: (): Called => ({ once: false, made: () => {} })
}) {}

/**
 * Marks a call that must not be made twice, such as a payment: it is not retried and not hedged. What is not marked may be,
 * since what aggregations do is mostly reading.
 *
 * It can stand inside the guards or around them. Inside, right around the call, a guard knows whether the call was made at
 * all: one that a breaker refused is retried, since nothing has happened yet.
 *
 * @example
 * ```ts
 * const paid = pay(order).pipe(Resilience.once, Breaker.with(breaker), retry)
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const once = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Current, ({ made }) => {
    made()
    return Effect.provideService(effect, Current, { once: true, made })
  })

/**
 * What a guard needs to know whether it may call again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Watched {
  /** False once a call was made that must not be made twice. */
  readonly repeatable: () => boolean
  /** Puts the call where it is watched. */
  readonly inside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * Watches the calls inside a guard for one that must not be made twice.
 *
 * @since 0.1.0
 * @category guards
 */
export const watch: Effect.Effect<Watched> = Effect.map(Current, (outer) => {
  let repeatable = !outer.once
  const inner: Called = {
    once: outer.once,
    made: () => {
      repeatable = false
      outer.made()
    }
  }
  return { repeatable: () => repeatable, inside: (effect) => Effect.provideService(effect, Current, inner) }
})
