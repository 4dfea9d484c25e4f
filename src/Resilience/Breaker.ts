/**
 * Stops asking a source that keeps failing, and asks again, carefully, after a while.
 *
 * @since 0.1.0
 */
import { Cause, Duration, Effect, type Exit, Predicate, Schema, Stream } from "effect"
import * as Options from "../Options.ts"
import { describe } from "../Receipt.ts"
import { Circuit, type Failure, type State } from "./Breaker/Circuit.ts"
import { type BreakerOptions, read, type Settings } from "./Breaker/Settings.ts"
import * as Telling from "./Breaker/Telling.ts"
import * as Verdict from "./Breaker/Verdict.ts"
import * as Metrics from "./Metrics.ts"
import * as Patience from "./Patience.ts"

export {
  /** @since 0.1.0 */
  type State
} from "./Breaker/Circuit.ts"
export {
  /** @since 0.1.0 */
  type BreakerOptions
} from "./Breaker/Settings.ts"
export {
  /** @since 0.1.0 */
  type Transition
} from "./Breaker/Telling.ts"
export {
  /** @since 0.1.0 */
  consecutive,
  /** @since 0.1.0 */
  rate,
  /** @since 0.1.0 */
  type RateOptions,
  /** @since 0.1.0 */
  type Trip
} from "./Breaker/Trip.ts"
export {
  /** @since 0.1.0 */
  type Verdict
} from "./Breaker/Verdict.ts"

/**
 * A breaker did not let a call through, because too many before it have failed. It is transient: it says when to ask again.
 * Guards do not wait for that by themselves. Its `cause` is the error of the call that opened the breaker.
 *
 * @since 0.1.0
 * @category errors
 */
export class BreakerOpen extends Schema.TaggedError<BreakerOpen>("effect-muster/Resilience/BreakerOpen")(
  "BreakerOpen",
  {
    source: Schema.String,
    breaker: Schema.String,
    /** Of a keyed breaker, which of them. */
    key: Schema.optional(Schema.String),
    /** What it opened for, in words. */
    reason: Schema.String,
    /** What the call that opened it failed with, in words. */
    lastFailure: Schema.optional(Schema.String),
    /** The status of that failure, if it has one, as an HTTP status. */
    status: Schema.optional(Schema.Number),
    /** In how many milliseconds a call may go through again, at the latest. */
    retryAfter: Schema.Number,
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message() {
    const wait = Duration.format(Duration.millis(Math.ceil(this.retryAfter)))
    const last = this.lastFailure === undefined ? "" : ` (last: ${this.lastFailure})`
    return `${Telling.title(this.breaker, this.key)} is open: ${this.reason}${last}; it may let a call through in ${wait}`
  }
}

/**
 * A breaker. Make one for each source and use it for all its calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface Breaker {
  readonly name: string
  readonly state: Effect.Effect<State>
  /** Every change from now on. A reader that stands still holds the last thousand. */
  readonly transitions: Stream.Stream<Telling.Transition>
  /** What the function `with` does. */
  readonly with: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BreakerOpen, R>
  /** What the function `gate` does. */
  readonly gate: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BreakerOpen, R>
}

/**
 * Makes a breaker.
 *
 * - Closed, it lets every call through and counts. It opens when `trip` says so.
 * - Open, it fails every call with `BreakerOpen` at once.
 * - After `openFor` it is half-open: it lets `probes` calls through. When all succeed, it closes; when one fails, it opens
 *   again. A probe that is interrupted gives its place back, and one that takes longer than `openFor` loses it.
 *
 * A defect is a failure; an interruption says nothing of the source. So a source that hangs until the deadline of a gather
 * interrupts it never opens a breaker, unless it has a time limit inside the breaker, or `slowAfter` is given.
 *
 * Each change is logged, counted, and an element of `transitions`.
 *
 * @example
 * ```ts
 * const breaker = Breaker.make({ name: "orders", trip: Breaker.consecutive(5) })
 *
 * const orders = (id: number) =>
 *   Http.json(`http://orders.internal/${id}`, { schema: Orders }).pipe(Source.timeLimit("1 second"), Breaker.with(breaker))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: BreakerOptions = {}): Breaker =>
  build(read("Breaker.make", options), undefined, new Set())

/**
 * A breaker that is always closed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Breaker = {
  name: "none",
  state: Effect.succeed("closed"),
  transitions: Stream.empty,
  with: (effect) => effect,
  gate: (effect) => effect
}

/**
 * Breakers by key, such as one for each host or tenant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keyed {
  /** The breaker of this key, always the same. */
  readonly of: (key: string) => Breaker
  /** Every change of any of them from now on. */
  readonly transitions: Stream.Stream<Telling.Transition>
}

/**
 * Makes breakers by key, each when it is first asked for. Of more than `maxKeys` (default 1,000) it forgets those first
 * that were not asked for the longest, of the closed ones if there is one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const keyed = (options: BreakerOptions & { readonly maxKeys?: number | undefined } = {}): Keyed => {
  const where = "Breaker.keyed"
  const maxKeys = Options.count(where, "maxKeys", options.maxKeys ?? 1_000)
  const settings = read(where, options)
  const listeners: Telling.Listeners = new Set()
  const breakers = new Map<string, Built>()
  const forget = () => {
    const all = Array.from(breakers)
    const [key, breaker] = all.find(([, { circuit }]) => circuit.state === "closed") ?? all[0]!
    breaker.retire()
    breakers.delete(key)
  }
  return {
    of: (key) => {
      const found = breakers.get(key)
      if (found === undefined && breakers.size === maxKeys) forget()
      const breaker = found ?? build(settings, key, listeners)
      // The order of a Map is that of insertion: the one asked for last stands last.
      breakers.delete(key)
      breakers.set(key, breaker)
      return breaker
    },
    transitions: Telling.heard(listeners)
  }
}

/**
 * Asks through a breaker: fails with `BreakerOpen` at once while it does not let the call through, and tells it how the
 * call ended.
 *
 * Put it right around the call and its time limit, so that it judges the source alone, and not how long a call waited for
 * its turn.
 *
 * @since 0.1.0
 * @category guards
 */
const withBreaker =
  (breaker: Breaker) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BreakerOpen, R> =>
    breaker.with(effect)

export {
  /** @since 0.1.0 */
  withBreaker as with
}

/**
 * Fails with `BreakerOpen` at once while the breaker would not let a call through, and does nothing else: it takes no place
 * of a probe and is not told how the call ended. For calls that would wait for a turn first, only to hear that in the end;
 * {@link withBreaker} stands inside, around the call.
 *
 * @since 0.1.0
 * @category guards
 */
export const gate =
  (breaker: Breaker) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BreakerOpen, R> =>
    breaker.gate(effect)

interface Built extends Breaker {
  readonly circuit: Circuit
  /** Nobody asks for it any more. */
  readonly retire: () => void
}

const build = (settings: Settings, key: string | undefined, listeners: Telling.Listeners): Built => {
  const { name, slowAfter } = settings
  const circuit = new Circuit(settings.circuit)
  const { retire, tell } = Telling.make(circuit, name, key, listeners)

  const refuse = ({ asking, now }: Patience.Arrival): Effect.Effect<never, BreakerOpen> => {
    asking.refused("breaker")
    Metrics.refused(name, "breaker")
    const { failure, reason } = circuit
    return new BreakerOpen({
      source: asking.name,
      breaker: name,
      key,
      reason,
      retryAfter: circuit.refusesFor(now),
      lastFailure: failure?.message,
      status: statusOf(failure?.cause),
      ...(failure?.cause === undefined ? {} : { cause: failure.cause })
    })
  }
  const failureOf = (exit: Exit.Exit<unknown, unknown>, slow: boolean): Failure => {
    if (exit._tag === "Success" || Cause.isInterruptedOnly(exit.cause) || slow)
      return { message: `it took longer than ${Duration.format(Duration.millis(slowAfter))}`, cause: undefined }
    const cause = Cause.squash(exit.cause)
    return { message: describe(cause).message, cause }
  }

  return {
    name,
    circuit,
    retire,
    state: Effect.sync(() => circuit.state),
    transitions: Telling.heard(listeners),
    with: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Patience.arrival, (arrival): Effect.Effect<A, E | BreakerOpen, R> => {
          const began = arrival.now
          const admitted = circuit.admit(began)
          if (admitted === undefined) return refuse(arrival)
          const judged = Effect.onExit(restore(effect), (exit) =>
            Effect.suspend(() => {
              const { now } = arrival
              const slow = now - began > slowAfter
              const verdict = slow ? "failed" : Verdict.ofExit(exit, settings.classify)
              circuit.settle(admitted, verdict, now, () => failureOf(exit, slow))
              return tell(arrival.clock)
            })
          )
          return Effect.zipRight(tell(arrival.clock), judged)
        })
      ),
    gate: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.flatMap(Patience.arrival, (arrival): Effect.Effect<A, E | BreakerOpen, R> =>
        circuit.refusesFor(arrival.now) > 0 ? refuse(arrival) : effect
      )
  }
}

const statusOf = (error: unknown): number | undefined =>
  Predicate.hasProperty(error, "status") && typeof error.status === "number" ? error.status : undefined
