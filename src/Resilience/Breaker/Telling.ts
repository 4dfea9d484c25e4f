/**
 * Who is told when a breaker changes: logs, metrics, and whoever listens.
 *
 * @since 0.1.0
 */
import { type Clock, Effect, LogLevel, Stream } from "effect"
import * as Metrics from "../Metrics.ts"
import { each, tagged } from "../Metrics/Tags.ts"
import type { Change, Circuit, State } from "./Circuit.ts"

/**
 * A change of a breaker.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transition {
  readonly breaker: string
  /** Of a keyed breaker, which of them. */
  readonly key: string | undefined
  readonly from: State
  readonly to: State
  /** Why, in words. */
  readonly reason: string
  /** Where it opens: what the call that opened it failed with, in words. */
  readonly lastFailure: string | undefined
  /** The error of that call. */
  readonly cause: unknown
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * Those who listen to the changes of one breaker, or of all breakers of a keyed one.
 *
 * @since 0.1.0
 * @category models
 */
export type Listeners = Set<(transition: Transition) => void>

/**
 * Every change from now on. A reader that stands still holds the last thousand.
 *
 * @since 0.1.0
 * @category getters
 */
export const heard = (listeners: Listeners): Stream.Stream<Transition> =>
  Stream.asyncPush<Transition>(
    (emit) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listener = (transition: Transition) => void emit.single(transition)
          listeners.add(listener)
          return listener
        }),
        (listener) => Effect.sync(() => listeners.delete(listener))
      ),
    { bufferSize: 1_000, strategy: "sliding" }
  )

/**
 * Tells of the changes of a circuit.
 *
 * @since 0.1.0
 * @category models
 */
export interface Teller {
  /** Tells of what has changed since the last time. */
  readonly tell: (clock: Clock.Clock) => Effect.Effect<void>
  /** The circuit is not used any more, so it does not count as open. */
  readonly retire: () => void
}

/**
 * Makes one for the circuit of this breaker.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (circuit: Circuit, breaker: string, key: string | undefined, listeners: Listeners): Teller => {
  const open = tagged(Metrics.breakersOpen, { breaker })
  const by = each(Metrics.breakers, { breaker }, "state")
  const count = (state: State, more: 1 | -1) => by(state).modify(more)
  let told = circuit.state
  let retired = false
  count(told, 1)
  const tellOf = (transition: Transition) => {
    if (!retired) {
      open.modify(Number(transition.from === "closed") - Number(transition.to === "closed"))
      count(transition.from, -1)
      count((told = transition.to), 1)
    }
    Metrics.changed(breaker, transition.to)
    listeners.forEach((listener) => listener(transition))
    return log(transition)
  }
  return {
    tell: (clock) => {
      if (circuit.changes.length === 0) return Effect.void
      const at = clock.unsafeCurrentTimeMillis()
      const changes: ReadonlyArray<Change> = circuit.changes.splice(0)
      return Effect.all(
        changes.map(({ failure, ...change }) =>
          tellOf({ breaker, key, ...change, lastFailure: failure?.message, cause: failure?.cause, at })
        ),
        { discard: true }
      )
    },
    retire: () => {
      if (retired) return
      if (told !== "closed") open.modify(-1)
      count(told, -1)
      retired = true
    }
  }
}

/**
 * What a breaker is called in messages.
 *
 * @since 0.1.0
 * @category getters
 */
export const title = (breaker: string, key: string | undefined): string =>
  `The breaker "${breaker}"${key === undefined ? "" : ` of "${key}"`}`

const log = ({ breaker, from, key, lastFailure, reason, to }: Transition): Effect.Effect<void> => {
  const because = lastFailure === undefined ? reason : `${reason} (last: ${lastFailure})`
  return Effect.logWithLevel(
    to === "open" ? LogLevel.Warning : LogLevel.Info,
    `${title(breaker, key)} is ${to}: ${because}`
  ).pipe(Effect.annotateLogs({ breaker, ...(key === undefined ? {} : { key }), from, to, reason: because }))
}
