/**
 * Makes one call of those that are the same and come while it is in flight.
 *
 * @since 0.1.0
 */
import { Effect, type Exit } from "effect"
import * as Cleanup from "../Cleanup.ts"
import * as Deadline from "../Deadline.ts"
import { Asking, passed } from "../Receipt/Asking.ts"
import { Alarms } from "./Alarms.ts"
import { type Key, toText } from "./Key.ts"
import * as Sharing from "./Metrics/Sharing.ts"
import { tagged } from "./Metrics/Tags.ts"
import { arrival, Shared } from "./Patience.ts"
import { Flight } from "./SingleFlight/Flight.ts"

export type {
  /** @since 0.1.0 */
  Key,
  /** @since 0.1.0 */
  Part
} from "./Key.ts"

/**
 * Calls in flight, which give an `A` or fail with an `E`. Make one for each kind of call.
 *
 * @since 0.1.0
 * @category models
 */
export interface SingleFlight<in out A, in out E> {
  readonly name: string
  /** How many different calls are in flight. */
  readonly inFlight: Effect.Effect<number>
  /** What the function `with` does. */
  readonly with: (key: Key) => <R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Deadline.DeadlineExceeded, R>
  /** Whoever comes from now on does not share what is in flight under this key. */
  readonly forget: (key: Key) => Effect.Effect<void>
}

/**
 * Makes a single flight.
 *
 * - The first to ask for a key makes the call; who comes while it is in flight gets its value, failure or defect.
 * - Whoever is interrupted, or reaches their deadline (`DeadlineExceeded`), leaves; the others go on. When the last one has
 *   left, the call is cancelled, and its cleanup goes on under the cleanup owner.
 * - The latest deadline governs the call, also that of one who came later. So inside it there is no ambient deadline that an
 *   adapter would tell its server; guards inside it go by the latest deadline of those who wait.
 * - It is made with the services of whoever came first. So the key must tell apart what they would make different.
 *
 * @example
 * ```ts
 * const flights = SingleFlight.make<Order, SourceError>({ name: "order" })
 *
 * const order = (user: string, id: number) =>
 *   Http.json(`http://orders.internal/${id}`, { schema: Order }).pipe(
 *     SingleFlight.with(flights, { caller: user, call: ["order", id] })
 *   )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E = never>(options: { readonly name?: string | undefined } = {}): SingleFlight<A, E> => {
  const { name = "unnamed" } = options
  const flights = new Map<string, Flight<A, E>>()
  const alarms = new Alarms()
  const led = tagged(Sharing.flights, { flights: name, role: "led" })
  const joined = tagged(Sharing.flights, { flights: name, role: "joined" })

  const begin = (text: string, source: string) => {
    const flight: Flight<A, E> = new Flight(source, alarms, () => {
      if (flights.get(text) === flight) flights.delete(text)
    })
    flights.set(text, flight)
    return flight
  }

  const start = <R>(flight: Flight<A, E>, effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provideService(Asking, flight.asked()),
      Effect.provideService(Deadline.Current, Infinity),
      Effect.provideService(Shared, flight.until),
      (call) => Cleanup.start(call, flight),
      Effect.map((running) => flight.started(running))
    )

  return {
    name,
    inFlight: Effect.sync(() => flights.size),
    forget: (key) => Effect.sync(() => void flights.delete(toText("SingleFlight.forget", key))),
    with: (key) => {
      const text = toText("SingleFlight.with", key)
      return <R>(effect: Effect.Effect<A, E, R>) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(arrival, (here): Effect.Effect<A, E | Deadline.DeadlineExceeded, R> => {
            const { asking } = here
            const deadline = here.until - here.now
            const late = () =>
              new Deadline.DeadlineExceeded({ deadline: Math.max(0, deadline), pending: [asking.name] })
            if (deadline <= 0) return Effect.zipRight(passed(asking, here.until), Effect.suspend(late))

            const found = flights.get(text)
            const flight = found ?? begin(text, asking.name)
            const passenger = flight.board(here)
            if (found !== undefined) asking.served("flight")
            const counted = found === undefined ? led : joined
            counted.update(1)

            const landed = Effect.async<A, E | Deadline.DeadlineExceeded>((resume) =>
              passenger.whenLanded((landed: Exit.Exit<A, E> | "late") => resume(landed === "late" ? late() : landed))
            )
            const waiting = Effect.onError(restore(landed), () => Effect.sync(() => flight.leave(passenger)))
            const started = found === undefined ? start(flight, effect) : Effect.void
            return Effect.zipRight(Effect.zipRight(alarms.keep, started), waiting)
          })
        )
    }
  }
}

/**
 * Every call is made.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none = <A, E = never>(): SingleFlight<A, E> => ({
  name: "none",
  inFlight: Effect.succeed(0),
  with: () => (effect) => effect,
  forget: () => Effect.void
})

/**
 * Shares the call with whoever asks for the same key while it is in flight.
 *
 * @since 0.1.0
 * @category guards
 */
const withSingleFlight = <A, E>(
  flights: SingleFlight<A, E>,
  key: Key
): (<R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Deadline.DeadlineExceeded, R>) => flights.with(key)

export {
  /** @since 0.1.0 */
  withSingleFlight as with
}
