/**
 * Until when somebody waits for what a guard is about to do.
 *
 * @since 0.1.0
 */
import { type Clock, Context, Effect } from "effect"
import * as Deadline from "../Deadline.ts"
import { Asking, type Asked } from "../Receipt/Asking.ts"

/**
 * Until when those wait who share a call: the latest of their deadlines, as it is when it is asked for. It changes while the
 * call runs, since others join it and leave it, so it is no deadline that an adapter could tell its server.
 *
 * @since 0.1.0
 * @category services
 */
export class Shared extends Context.Reference<Shared>()("effect-muster/Resilience/Patience", {
  defaultValue: () => (): number => Infinity
}) {}

/**
 * Who has come to a guard, and how long they have. Time is given as `Deadline.now` gives it.
 *
 * @since 0.1.0
 * @category models
 */
export class Arrival {
  constructor(
    readonly asking: Asked,
    readonly clock: Clock.Clock,
    private readonly deadline: number,
    private readonly shared: () => number
  ) {}

  /** Until when there is somebody who waits, as far as is known now; in a shared call it may become later. */
  get until(): number {
    return Math.min(this.deadline, this.shared())
  }

  get now(): number {
    return Number(this.clock.unsafeCurrentTimeNanos()) / 1e6
  }
}

/**
 * Who comes to a guard here.
 *
 * @since 0.1.0
 * @category getters
 */
export const arrival: Effect.Effect<Arrival> = Effect.flatMap(Effect.context<never>(), (context) =>
  Effect.map(
    Effect.clock,
    (clock) =>
      new Arrival(
        Context.get(context, Asking),
        clock,
        Context.get(context, Deadline.Current),
        Context.get(context, Shared)
      )
  )
)
