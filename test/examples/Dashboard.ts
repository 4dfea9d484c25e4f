/**
 * The dashboard: a user's name and the number of their orders, from two services asked at once.
 *
 * The services are Tags, so that others can take their place; deadline and logger come by Layer.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Context, Effect, Layer, Logger, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { Aggregator, type AggregatorOptions, type DeadlineExceeded, type SourceFailed } from "../../src/index.ts"

export class ServiceDown extends Schema.TaggedError<ServiceDown>()("ServiceDown", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

export class Profiles extends Context.Tag("Profiles")<
  Profiles,
  { readonly nameOf: (id: number) => Effect.Effect<string, ServiceDown> }
>() {}

export class Orders extends Context.Tag("Orders")<
  Orders,
  { readonly countOf: (id: number) => Effect.Effect<number, ServiceDown> }
>() {}

export class UserAggregator extends Context.Tag("UserAggregator")<
  UserAggregator,
  { readonly aggregate: (id: number) => Effect.Effect<string, SourceFailed<ServiceDown> | DeadlineExceeded> }
>() {
  static readonly layer = (options: AggregatorOptions) =>
    Layer.effect(
      UserAggregator,
      Effect.gen(function* () {
        const profiles = yield* Profiles
        const orders = yield* Orders
        const aggregator = yield* Aggregator
        return {
          aggregate: (id) =>
            Aggregator.gather("user", { profile: profiles.nameOf(id), orders: orders.countOf(id) }).pipe(
              Effect.map(({ orders, profile }) => `User: ${profile} | Orders: ${orders}`),
              Effect.provideService(Aggregator, aggregator)
            )
        }
      })
    ).pipe(Layer.provide(Aggregator.layer(options)))
}

/** Answers go to stdout, so log lines go to stderr. */
export const logger = Logger.withConsoleError(Logger.jsonLogger)

const services = Layer.merge(
  Layer.succeed(Profiles, { nameOf: () => Effect.succeed("Alice").pipe(Effect.delay("30 millis")) }),
  Layer.succeed(Orders, { countOf: () => Effect.succeed(5).pipe(Effect.delay("50 millis")) })
)

export const program = UserAggregator.pipe(
  Effect.flatMap((users) => users.aggregate(1)),
  Effect.flatMap((line) => Console.log(line)),
  Effect.provide(UserAggregator.layer({ deadline: "1 second", logger })),
  Effect.provide(services)
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
