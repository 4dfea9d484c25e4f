/**
 * What a cache knows, as it is written outside the process.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Schema } from "effect"
import * as Json from "../../Json.ts"
import * as Behind from "../Behind.ts"
import * as Bounds from "../Bounds.ts"
import { type Cache, type CacheOptions, over } from "../Cache.ts"

/**
 * How values are written, and how long a cache waits for where they are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoredOptions<A, I, E, IE> extends CacheOptions<E> {
  readonly value: Schema.Schema<A, I>
  /** Needed to keep failures. */
  readonly failure?: Schema.Schema<E, IE> | undefined
  /** A place that has not answered within this time knows nothing; default 100 milliseconds. */
  readonly patience?: Duration.DurationInput | undefined
}

/**
 * Where it is written, as JSON in which no digit of a number is lost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place {
  /** `undefined` for what is not there. */
  readonly get: (key: string) => Effect.Effect<unknown, unknown>
  /** `millis` is a whole number. */
  readonly set: (key: string, json: string, millis: number) => Effect.Effect<unknown, unknown>
  readonly remove: (key: string) => Effect.Effect<unknown, unknown>
}

/**
 * Makes a cache over a place. It never fails because of it: what cannot be read is not known, and what cannot be written is
 * logged.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, I, E, IE>(where: string, options: StoredOptions<A, I, E, IE>, place: Place): Cache<A, E> => {
  const patience = Bounds.span(where, "patience", options.patience ?? 100)
  // The cast: without a schema of failures none is kept, so none is written.
  const failure = options.failure ?? (Schema.Never as unknown as Schema.Schema<E, IE>)
  const failures = options.failure === undefined ? undefined : options.failures
  const schema = Schema.Struct({
    at: Schema.Number,
    exit: Schema.Exit({ success: options.value, failure, defect: Schema.Defect })
  })
  const decode = Schema.decodeUnknown(schema)
  const read = (json: unknown) => {
    if (json === undefined) return Effect.succeed(undefined)
    return typeof json === "string" ? Effect.flatMap(Json.parse(json), decode) : Effect.fail("it is no text")
  }

  return over<A, E>(
    where,
    { ...options, failures },
    {
      get: (key) => Effect.timeout(Effect.flatMap(place.get(key), read), patience),
      set: (key, known, millis) => {
        const written = Effect.flatMap(Schema.encode(schema)(known), (stored) =>
          place.set(key, Json.stringify(stored)!, Math.ceil(millis))
        )
        return Behind.run("writing to a cache", written)
      },
      remove: (key) => Behind.run("removing from a cache", place.remove(key))
    }
  )
}
