/**
 * The source that is being asked, for whoever runs inside it: limits, guards, adapters, and the source itself.
 *
 * @since 0.1.0
 */
import { Context, Effect } from "effect"
import type * as Cleanup from "../Cleanup.ts"
import type { Attempt, Refused, Served, Unhedged } from "../Receipt.ts"

/**
 * What those inside a source may know and say of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asked {
  readonly name: string
  /** How far it has got; the last word stands in the receipt. */
  readonly progress: (text: string) => void
  /** Watches a fiber that the source lets go of, so that its cleanup counts as the source's. */
  readonly inner: () => Cleanup.Watch<unknown, unknown>
  /** A guard makes a call now; what it gives back is called when the call has ended. */
  readonly attempt: (kind: Attempt["kind"]) => (outcome: Attempt["outcome"], error?: Attempt["error"]) => void
  /** It has waited this many milliseconds for a place or a turn. */
  readonly queued: (millis: number) => void
  /** Its value did not come from a call of its own. */
  readonly served: (from: Served) => void
  /** A guard has refused to make the call. */
  readonly refused: (by: Refused) => void
  /** A call that was slow or had failed gets no second one. */
  readonly unhedged: (why: Unhedged) => void
  /**
   * It takes longer than it usually does. Calls back once the answer waits for it, which is when every other source that
   * is still being asked is overdue as well; at once if that is so now. Gives a way to be called no more.
   */
  readonly overdue: (holdsTheAnswer: () => void) => () => void
  /**
   * The way to make the answer around this source leave now, if it is the one that set this deadline (on the scale of
   * `Deadline.Current`) and has not left. The limit that set a deadline answers for it: what only inherits it calls this
   * first, and is told to stop by it.
   */
  readonly setter: (deadline: number) => (() => void) | undefined
}

const nothing = () => {}

/**
 * The source that is being asked; `"unnamed"` outside any.
 *
 * @since 0.1.0
 * @category services
 */
export class Asking extends Context.Reference<Asking>()("effect-muster/Receipt/Asking", {
  defaultValue: (): Asked => ({
    name: "unnamed",
    progress: nothing,
    attempt: () => nothing,
    queued: nothing,
    served: nothing,
    refused: nothing,
    unhedged: nothing,
    setter: () => undefined,
    // Outside any, nothing else is waited for.
    overdue: (holdsTheAnswer) => {
      holdsTheAnswer()
      return nothing
    },
    inner: () => ({ name: "unnamed", ended: nothing, cancelled: nothing, cleaned: nothing, gaveUp: nothing })
  })
}) {}

/**
 * The same source with some functions of its own, for who runs a part of it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const within = (asking: Asked, own: Partial<Asked>): Asked => ({
  name: asking.name,
  progress: (text) => asking.progress(text),
  inner: () => asking.inner(),
  attempt: (kind) => asking.attempt(kind),
  queued: (millis) => asking.queued(millis),
  served: (from) => asking.served(from),
  refused: (by) => asking.refused(by),
  unhedged: (why) => asking.unhedged(why),
  overdue: (holdsTheAnswer) => asking.overdue(holdsTheAnswer),
  setter: (deadline) => asking.setter(deadline),
  ...own
})

/**
 * A deadline had passed before anything was asked. Where the answer around this one set it, that one leaves first, in a task
 * of its own: it may be asking this source at this very moment.
 *
 * @since 0.1.0
 * @category recording
 */
export const passed = (around: Asked, deadline: number): Effect.Effect<void> =>
  around.setter(deadline) === undefined
    ? Effect.void
    : Effect.zipRight(
        Effect.yieldNow(),
        Effect.sync(() => around.setter(deadline)?.())
      )

/**
 * Says how far the source has got, such as `"4 of 10"`; the last word said stands in the receipt.
 *
 * @since 0.1.0
 * @category recording
 */
export const progress = (text: string): Effect.Effect<void> => Effect.map(Asking, (asking) => asking.progress(text))
