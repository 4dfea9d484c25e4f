/**
 * MongoDB as a source, on the official driver: a read that nobody wants any more is stopped in the server.
 *
 * Tested against a stub that speaks the wire protocol, not against a real MongoDB, unless `MONGODB_URL` names one.
 *
 * @since 0.1.0
 */
import { Config, type ConfigError, Context, Effect, Layer, type Scope } from "effect"
import * as Driver from "./Driver.ts"
import type * as Client from "./Mongo/Client.ts"
import * as Reads from "./Mongo/Reads.ts"
import { check, type Settings } from "./Mongo/Settings.ts"

export type {
  /** @since 0.1.0 */
  AggregateSettings,
  /** @since 0.1.0 */
  Client,
  /** @since 0.1.0 */
  FindSettings,
  /** @since 0.1.0 */
  Limits,
  /** @since 0.1.0 */
  Query
} from "./Mongo/Client.ts"
export type {
  /** @since 0.1.0 */
  Settings
} from "./Mongo/Settings.ts"

/**
 * The MongoDB that is asked.
 *
 * @since 0.1.0
 * @category services
 */
export class Mongo extends Context.Tag("effect-muster/Source/Mongo")<Mongo, Client.Client>() {}

/** How long closing waits for the driver, which says goodbye to the server, in milliseconds. */
const patience = 500

/**
 * A client whose connections end with the scope; for more than one MongoDB in a program. The first read connects, so the
 * server may be down at the start.
 *
 * Interrupting a read closes the connection on which its answer is awaited: MongoDB stops what it runs for a client that has
 * hung up. The deadline goes along as `maxTimeMS`; a read that ends by it keeps its connection.
 *
 * @example
 * ```ts
 * const Product = Schema.Struct({ model: Schema.String, price: Schema.Number })
 * const phones = Effect.flatMap(Mongo.Mongo, (mongo) =>
 *   mongo.find("products", { type: "phone" }, { schema: Product, sort: { price: 1 } })
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (settings: string | Settings): Effect.Effect<Client.Client, Driver.DriverMissing, Scope.Scope> =>
  Effect.gen(function* () {
    const mongodb = yield* Driver.load("mongodb", "mongodb@7", () => import("mongodb"))
    const checked = yield* Effect.acquireRelease(
      Effect.sync(() => check(mongodb.MongoClient, typeof settings === "string" ? { url: settings } : settings)),
      ({ connection }) =>
        Effect.promise(() => connection.close().catch(() => {})).pipe(
          Effect.interruptible,
          Effect.timeout(patience),
          Effect.ignore
        )
    )
    return Reads.make(mongodb, checked)
  })

/**
 * One MongoDB, whose connections end with the layer. It is made without asking the server, which may be down at the start.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (settings: string | Settings): Layer.Layer<Mongo, Driver.DriverMissing> =>
  Layer.scoped(Mongo, make(settings))

/**
 * As {@link layer}, from the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Settings>
): Layer.Layer<Mongo, Driver.DriverMissing | ConfigError.ConfigError> =>
  Layer.scoped(Mongo, Effect.flatMap(Config.unwrap(config), make))
