/**
 * Redis as a source, on `ioredis`: what waits on the server has a connection of its own, which closes with the caller.
 *
 * @since 0.1.0
 */
import { Config, type ConfigError, Context, Effect, Layer, Option, Schema, type Scope } from "effect"
import * as Json from "../Json.ts"
import { Asking } from "../Receipt/Asking.ts"
import { type SourceError, SourceMalformed } from "../Source.ts"
import * as Driver from "./Driver.ts"
import * as Mismatch from "./Mismatch.ts"
import * as Client from "./Redis/Client.ts"
import * as Connections from "./Redis/Connections.ts"
import { check, type Settings } from "./Redis/Settings.ts"

export type {
  /** @since 0.1.0 */
  Argument,
  /** @since 0.1.0 */
  Client
} from "./Redis/Client.ts"
export type {
  /** @since 0.1.0 */
  Reply
} from "./Redis/Reply.ts"
export type {
  /** @since 0.1.0 */
  Settings
} from "./Redis/Settings.ts"

/**
 * The Redis that is asked.
 *
 * @since 0.1.0
 * @category services
 */
export class Redis extends Context.Tag("effect-muster/Source/Redis")<Redis, Client.Client>() {}

/**
 * A client whose connections end with the scope; for more than one Redis in a program. The first command connects.
 *
 * @example
 * ```ts
 * class Sessions extends Context.Tag("Sessions")<Sessions, Redis.Client>() {}
 * const sessions = Layer.scoped(Sessions, Redis.make("redis://sessions.internal"))
 * const user = Effect.flatMap(Sessions, ({ get }) => get("session:42"))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (settings: string | Settings): Effect.Effect<Client.Client, Driver.DriverMissing, Scope.Scope> =>
  Effect.gen(function* () {
    const checked = check(typeof settings === "string" ? { url: settings } : settings)
    const { Redis } = yield* Driver.load("ioredis", "ioredis@5", () => import("ioredis"))
    return Client.make(yield* Connections.make(Redis, checked), checked)
  })

/**
 * One Redis, whose connections end with the layer. It is made without asking the server, which may be down at the start.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (settings: string | Settings): Layer.Layer<Redis, Driver.DriverMissing> =>
  Layer.scoped(Redis, make(settings))

/**
 * As {@link layer}, from the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Settings>
): Layer.Layer<Redis, Driver.DriverMissing | ConfigError.ConfigError> =>
  Layer.scoped(Redis, Effect.flatMap(Config.unwrap(config), make))

/**
 * Reads a key whose value is JSON, and decodes it; none when there is no such key. A number that no JavaScript number holds is a
 * `JsonNumber`, so a schema of numbers refuses it.
 *
 * @since 0.1.0
 * @category reading
 */
export const json = <A, I, R>(
  key: Client.Argument,
  options: { readonly schema: Schema.Schema<A, I, R> }
): Effect.Effect<Option.Option<A>, SourceError, Redis | R> =>
  Effect.gen(function* () {
    const source = (yield* Asking).name
    const value = yield* (yield* Redis).get(key)
    if (Option.isNone(value)) return Option.none()
    const malformed = (reason: string) => new SourceMalformed({ source, reason: `GET: ${reason}` })
    const parsed = yield* Effect.mapError(Json.parse(value.value), (reason) => malformed(`the value ${reason}`))
    return yield* Schema.decodeUnknown(options.schema)(parsed).pipe(
      Effect.mapBoth({ onSuccess: Option.some, onFailure: ({ issue }) => malformed(Mismatch.describe(issue)) })
    )
  })
