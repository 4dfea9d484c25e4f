/** A program whose sources fail in every way: prints each error as node does, then ends as `runMain` does. */
import { NodeRuntime } from "@effect/platform-node"
import { Data, Effect, Stream } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"

class OrdersDown extends Data.TaggedError("OrdersDown")<{ readonly shard: number }> {
  override get message() {
    return `shard ${this.shard} is down`
  }
}

// The names of these functions are what a person looks for in the printed stacks.
const askOrders = () => Effect.suspend(() => Effect.fail(new OrdersDown({ shard: 7 })))
const askPrices = () =>
  Effect.sync(() => {
    throw new TypeError("prices is not a function")
  })

const errors = {
  SourceFailed: Aggregator.gather("page", { orders: askOrders() }),
  SourceDied: Effect.sandbox(Aggregator.gather("page", { prices: askPrices() })).pipe(
    Effect.mapError((cause) => (cause._tag === "Die" ? cause.defect : cause))
  ),
  QuorumNotReached: Gather.quorum({ orders: askOrders(), prices: askPrices(), fine: Effect.succeed(1) }, 2),
  DeadlineExceeded: Gather.quorum({ orders: askOrders(), hangs: Effect.never }, 1, { deadline: 20 }),
  InputFailed: Gather.collectEach(Stream.fromEffect(askOrders()), Effect.succeed)
}

const printed = Effect.forEach(Object.entries(errors), ([name, failing]) =>
  Effect.flatMap(Effect.flip(failing as Effect.Effect<unknown, unknown, Aggregator>), (error) =>
    Effect.sync(() => {
      console.error(`--- ${name}`)
      console.error(error)
      console.error(`--- ${name} as JSON`)
      console.error(JSON.stringify(error))
    })
  )
)

printed.pipe(
  Effect.tap(() => Effect.sync(() => console.error("--- runMain"))),
  Effect.andThen(Aggregator.gather("page", { orders: askOrders() })),
  Effect.provide(Aggregator.layer()),
  NodeRuntime.runMain
)
