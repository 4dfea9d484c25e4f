/**
 * The Domino Effect: the profile service is down, so nobody waits ten seconds for the orders; they are cancelled.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import { logger, Orders, Profiles, ServiceDown, UserAggregator } from "./Dashboard.ts"

const services = Layer.merge(
  Layer.succeed(Profiles, { nameOf: () => new ServiceDown({ reason: "the profile service is down" }) }),
  Layer.succeed(Orders, {
    countOf: () =>
      Effect.succeed(5).pipe(
        Effect.delay("10 seconds"),
        Effect.onInterrupt(() => Console.log("orders: the request was closed"))
      )
  })
)

/** `SourceFailed` says who failed, when, and who was stopped because of it. */
export const aggregate = UserAggregator.pipe(Effect.flatMap((users) => users.aggregate(1)))

export const program = aggregate.pipe(
  Effect.catchTag("SourceFailed", (failed) => Console.log(failed.message)),
  Effect.provide(UserAggregator.layer({ deadline: "20 seconds", logger })),
  Effect.provide(services)
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
