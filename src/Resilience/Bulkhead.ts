/**
 * Bounds how many calls are in flight, and how many wait.
 *
 * @since 0.1.0
 */
import { Effect, type Option, Schema } from "effect"
import * as Options from "../Options.ts"
import { type Call, type Settings, Wards } from "./Bulkhead/Wards.ts"
import * as Metrics from "./Metrics.ts"
import { queueing } from "./Metrics/Sharing.ts"
import { arrival, type Arrival } from "./Patience.ts"

/**
 * A bulkhead did not take a call in: too many wait already (`queue`), or no place will be free in time (`deadline`).
 *
 * It is not transient: calling again at once would be one more call where there are too many.
 *
 * @since 0.1.0
 * @category errors
 */
export class BulkheadFull extends Schema.TaggedError<BulkheadFull>("effect-muster/Resilience/BulkheadFull")(
  "BulkheadFull",
  {
    source: Schema.String,
    bulkhead: Schema.String,
    /** Of a keyed bulkhead, which of them. */
    key: Schema.optional(Schema.String),
    reason: Schema.Literal("queue", "deadline"),
    limit: Schema.Number,
    /** How many calls wait, without this one. */
    waiting: Schema.Number
  }
) {
  override get message() {
    const of = this.key === undefined ? "" : ` of "${this.key}"`
    const waiting = `${this.waiting} ${this.waiting === 1 ? "call waits" : "calls wait"}`
    const why = this.reason === "queue" ? "no more may wait" : "no place would be free in time"
    return `The bulkhead "${this.bulkhead}"${of} is full: its limit is ${this.limit}, ${waiting}, and ${why}`
  }
}

/**
 * A bulkhead. Make one for each source and use it for all its calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bulkhead {
  readonly name: string
  /** How much of the limit is taken. */
  readonly inFlight: Effect.Effect<number>
  /** How many calls wait. */
  readonly waiting: Effect.Effect<number>
  /** What the function `with` does. */
  readonly with: (
    call?: CallOptions
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /** What the function `tryWith` does. */
  readonly tryWith: (
    call?: CallOptions
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
}

/**
 * What there is to say of one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions {
  /** How much of the limit it takes, a whole number from 1 to the limit; default 1. */
  readonly weight?: number | undefined
}

/**
 * How a bulkhead works.
 *
 * @since 0.1.0
 * @category models
 */
export interface BulkheadOptions {
  /** Its name in errors and metrics; default `"unnamed"`. */
  readonly name?: string | undefined
  /** The sum of the weights of the calls in flight, a whole number from 1 up. */
  readonly limit: number
  /** How many calls may wait, a whole number from 0 up, or `"unbounded"`; default 1,000. */
  readonly queue?: number | "unbounded" | undefined
}

/**
 * Makes a bulkhead.
 *
 * - First come, first served: nobody is overtaken, not by a lighter call either.
 * - One too many in the queue fails with `BulkheadFull` at once.
 * - So does one that would not end before its deadline if each call took as long as half of them did of late; while fewer
 *   than 20 were seen, only one that has no time left. At its deadline a call that still waits leaves with the same error.
 * - An interruption gives back what was taken, whenever it comes.
 *
 * @example
 * ```ts
 * const bulkhead = Bulkhead.make({ name: "orders", limit: 10, queue: 50 })
 *
 * const orders = (id: number) =>
 *   Http.json(`http://orders.internal/${id}`, { schema: Orders }).pipe(Bulkhead.with(bulkhead))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: BulkheadOptions): Bulkhead => {
  const where = "Bulkhead.make"
  return build(where, options).of(undefined)
}

/**
 * A bulkhead without a limit.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Bulkhead = {
  name: "none",
  inFlight: Effect.succeed(0),
  waiting: Effect.succeed(0),
  with: () => (effect) => effect,
  tryWith: () => Effect.asSome
}

/**
 * Bulkheads by key, such as one for each host or tenant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keyed {
  /** The bulkhead of this key. */
  readonly of: (key: string) => Bulkhead
  /** How many keys have a call in flight or waiting; the others cost nothing. */
  readonly busy: Effect.Effect<number>
}

/**
 * Makes bulkheads by key, each with the limit and the queue of its own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const keyed = (options: BulkheadOptions): Keyed => build("Bulkhead.keyed", options)

/**
 * Asks through a bulkhead: waits for a place, or fails with `BulkheadFull`.
 *
 * @since 0.1.0
 * @category guards
 */
const withBulkhead = (
  bulkhead: Bulkhead,
  call?: CallOptions
): (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>) => bulkhead.with(call)

export {
  /** @since 0.1.0 */
  withBulkhead as with
}

/**
 * Asks through a bulkhead if there is a place at once; otherwise it is `Option.none`, without the call being made.
 *
 * @since 0.1.0
 * @category guards
 */
export const tryWith = (
  bulkhead: Bulkhead,
  call?: CallOptions
): (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>) => bulkhead.tryWith(call)

const build = (where: string, options: BulkheadOptions) => {
  const settings = read(where, options)
  const { limit, name } = settings
  const wards = new Wards(settings)
  const waited = queueing("bulkhead", name)

  const weigh = (where: string, { weight = 1 }: CallOptions = {}) => {
    Options.count(where, "weight", weight)
    return weight <= limit ? weight : Options.refuse(where, "weight", weight, `at most the limit of ${limit}`)
  }

  const refuse = ({ asking }: Arrival, key: string | undefined, reason: "queue" | "deadline") => {
    asking.refused("bulkhead")
    Metrics.refused(name, "bulkhead")
    const waiting = wards.permits(key)?.waiting() ?? 0
    return new BulkheadFull({ source: asking.name, bulkhead: name, key, reason, limit, waiting })
  }

  const run = <A, E, R>(call: Call, here: Arrival, effect: Effect.Effect<A, E, R>) =>
    Effect.onExit(effect, (exit) => Effect.sync(() => wards.ended(call, exit, here.now)))

  const guard =
    (key: string | undefined, weight: number) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BulkheadFull, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(arrival, (here): Effect.Effect<A, E | BulkheadFull, R> => {
          const refused = wards.refuses(key, weight, here)
          if (refused !== undefined) return refuse(here, key, refused)
          const call = wards.enter(key, weight, here)
          if (call.granted) return run(call, here, restore(effect))

          const arrived = here.now
          const turn = Effect.async<void, BulkheadFull>((resume) =>
            call.whenDecided(() => resume(call.expired ? refuse(here, key, "deadline") : Effect.void))
          )
          // It reads the end of the wait itself, outside what can be interrupted: between its turn and the end of that, an
          // interruption would lose the place.
          const decided = Effect.matchCauseEffect(restore(turn), {
            onSuccess: () => {
              waited(here.asking, call.began - arrived)
              return run(call, here, restore(effect))
            },
            onFailure: (cause) => {
              waited(here.asking, here.now - arrived)
              call.leave(here.now)
              return Effect.failCause(cause)
            }
          })
          return call.at === Infinity ? decided : Effect.zipRight(wards.alarms.keep, decided)
        })
      )

  const tryGuard =
    (key: string | undefined, weight: number) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option.Option<A>, E, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(arrival, (here) =>
          wards.mustWait(key, weight)
            ? Effect.succeedNone
            : Effect.asSome(run(wards.enter(key, weight, here), here, restore(effect)))
        )
      )

  return {
    busy: Effect.sync(() => wards.size),
    of: (key: string | undefined): Bulkhead => ({
      name,
      inFlight: Effect.sync(() => limit - (wards.permits(key)?.free() ?? limit)),
      waiting: Effect.sync(() => wards.permits(key)?.waiting() ?? 0),
      with: (call) => guard(key, weigh("Bulkhead.with", call)),
      tryWith: (call) => tryGuard(key, weigh("Bulkhead.tryWith", call))
    })
  }
}

const read = (where: string, options: BulkheadOptions): Settings => ({
  name: options.name ?? "unnamed",
  limit: Options.count(where, "limit", options.limit),
  queue: options.queue === "unbounded" ? Infinity : Options.count(where, "queue", options.queue ?? 1_000, 0)
})
