/**
 * The Slow Poke: one service takes longer than the dashboard's deadline, which names it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, type Duration, Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import { logger, Orders, Profiles, UserAggregator } from "./Dashboard.ts"

/** The dashboard with services as slow as you like, and one second to answer. */
export const dashboard = (delays: { profile: Duration.DurationInput; orders: Duration.DurationInput }) =>
  UserAggregator.pipe(
    Effect.flatMap((users) => users.aggregate(1)),
    Effect.provide(UserAggregator.layer({ deadline: "1 second", logger })),
    Effect.provide(
      Layer.merge(
        Layer.succeed(Profiles, { nameOf: () => Effect.succeed("Alice").pipe(Effect.delay(delays.profile)) }),
        Layer.succeed(Orders, { countOf: () => Effect.succeed(5).pipe(Effect.delay(delays.orders)) })
      )
    )
  )

export const slowOrders = dashboard({ profile: "100 millis", orders: "2 seconds" })

export const slowProfile = dashboard({ profile: "2 seconds", orders: "500 millis" })

export const program = Effect.forEach(
  [slowOrders, slowProfile],
  Effect.catchTag("DeadlineExceeded", (late) => Console.log(late.message))
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
