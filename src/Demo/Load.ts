/**
 * Somebody who asks the demo, so that its page has something to show.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"

/** Whole answers and such as are there in time; every answer to a search lacks two stores. */
const asked = [
  "/dashboard?id=1",
  "/dashboard?id=42",
  "/search?q=phone",
  "/dashboard?id=7",
  "/search?q=tablet%20headphones"
]

/**
 * Asks a server of the demo one thing after the other, five in two seconds, and waits for no answer, until it is
 * interrupted. What it is answered does not matter.
 *
 * @since 0.1.0
 * @category running
 */
export const load = (url: string): Effect.Effect<never> => {
  const ask = (path: string) =>
    Effect.ignore(
      Effect.tryPromise(async (signal) => {
        const response = await fetch(`${url}${path}`, { signal, headers: { prefer: "handling=lenient" } })
        await response.arrayBuffer()
      })
    )
  const each = Effect.forEach(asked, (path) => Effect.delay(Effect.forkScoped(ask(path)), "400 millis"))
  return Effect.scoped(Effect.forever(each))
}
