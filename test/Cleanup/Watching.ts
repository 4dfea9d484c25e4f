import { Cause, Effect, Fiber, Logger, TestClock } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Testkit from "../../src/Testkit.ts"

/** A watch that remembers what it heard, and when. */
export const watching = (name: string) =>
  Effect.map(Effect.clock, (clock) => {
    const heard: Array<string> = []
    const note = (what: string) => () => void heard.push(`${what} at ${clock.unsafeCurrentTimeMillis()}`)
    const watch: Cleanup.Watch<unknown, unknown> = {
      name,
      ended: note("ended"),
      cancelled: note("cancelled"),
      cleaned: note("cleaned"),
      gaveUp: note("gave up")
    }
    return { heard, watch }
  })

/** A logger that keeps lines as text. */
export const logging = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ annotations, cause, logLevel, message }) => {
    const said = Array.isArray(message) ? message.join(" ") : String(message)
    const defects = Array.from(Cause.defects(cause), String)
    lines.push(
      [logLevel.label, said, ...Array.from(annotations, ([key, value]) => `${key}=${value}`), ...defects].join(" | ")
    )
  })
  return { lines, layer: Logger.add(logger) }
}

/** Starts a detached effect and cancels it after 100 ms. Answers with how long the interruption took. */
export const interrupted = <A, E, R>(effect: Effect.Effect<A, E, R>, watch: Cleanup.Watch<A, E>) =>
  Effect.gen(function* () {
    const caller = yield* Effect.fork(Cleanup.detach(effect, watch))
    yield* TestClock.adjust(100)
    const [waited] = yield* Testkit.timed(Fiber.interrupt(caller))
    return waited
  })

export const elapsed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Testkit.timed(effect), ([millis]) => millis)

export const running = Effect.map(Cleanup.Owner, (owner) => owner.running())
