/**
 * Where a rate limit keeps what was taken of it: the port to the stores that machines share.
 *
 * @since 0.1.0
 */
import { Context, type Effect, Schema } from "effect"
import type { Rule } from "./Rule.ts"

/**
 * The store of a rate limit could not be asked, so nobody knows whether a call may be made.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>(
  "effect-muster/Resilience/RateLimit/StoreUnavailable"
)("StoreUnavailable", {
  /** Which kind of store: `"redis"`. */
  store: Schema.String,
  reason: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {
  override get message() {
    return `The rate limit cannot be read from ${this.store}: ${this.reason}`
  }
}

/**
 * What was taken.
 *
 * @since 0.1.0
 * @category models
 */
export interface Taken {
  /** How many turns; 0 when there were fewer than wanted. */
  readonly count: number
  /** When, in milliseconds on the clock of the store. */
  readonly at: number
  /** When none was taken: in how many milliseconds there would be enough, if nobody else took any. */
  readonly wait: number
}

/**
 * A store. Each of its changes happens at one instant for all machines, on the clock of the store.
 *
 * Nobody reserves a turn: they are taken when they are there. So whoever goes away while waiting has nothing to give back,
 * and what a machine was waiting for as it died is not lost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Takes as many turns as there are, `most` at most; none if there are fewer than `least`. */
  readonly take: (rule: Rule, key: string, least: number, most: number) => Effect.Effect<Taken, StoreUnavailable>
  /** Gives back turns of those taken at `at`, since no call was made. */
  readonly giveBack: (rule: Rule, key: string, count: number, at: number) => Effect.Effect<void, StoreUnavailable>
  /** No turn comes for so many milliseconds from now. */
  readonly pause: (rule: Rule, key: string, millis: number) => Effect.Effect<void, StoreUnavailable>
}

/**
 * The store that the machines share.
 *
 * @since 0.1.0
 * @category services
 */
export class Store extends Context.Tag("effect-muster/Resilience/RateLimit/Store")<Store, Service>() {}
