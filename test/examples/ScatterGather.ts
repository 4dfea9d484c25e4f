/**
 * Scatter-gather search: one query for three kinds of product goes to four stores. What comes in time is merged, cheapest
 * first; what fails or is late is reported beside it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Array, Console, type Duration, Effect, Logger, Order, Record, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { Aggregator, Outcome, Source, Testkit } from "../../src/index.ts"

type Kind = "phone" | "tablet" | "headphones"

export interface Product {
  readonly type: Kind
  readonly manufacturer: string
  readonly model: string
  readonly price: number
}

export class StoreFailed extends Schema.TaggedError<StoreFailed>()("StoreFailed", { message: Schema.String }) {}

export type Store = (kinds: ReadonlyArray<Kind>) => Effect.Effect<ReadonlyArray<Product>, StoreFailed>

const limit = 3_000

/** Each store has three seconds. Of a product that two stores have, the cheaper offer stands. */
export const search = (stores: Record<string, Store>, kinds: ReadonlyArray<Kind>) =>
  Effect.gen(function* () {
    const outcomes = yield* Aggregator.collect(
      "search",
      Record.map(stores, (store) => Source.timeLimit(store(kinds), limit))
    )
    const found = Object.entries(outcomes).flatMap(([source, outcome]) =>
      outcome._tag === "Succeeded" ? outcome.value.map(({ price, ...product }) => ({ ...product, source, price })) : []
    )
    const errors = Object.entries(outcomes).flatMap(([source, outcome]) =>
      outcome._tag === "Succeeded" ? [] : [{ source, reason: Outcome.status(outcome), message: explain(outcome) }]
    )
    const results = Array.dedupeWith(Array.sort(found, byPrice), sameProduct)
    return { total: results.length, results, errors }
  })

const explain = (outcome: Outcome.Outcome<unknown, StoreFailed | Source.SourceTimedOut>) =>
  outcome._tag === "Failed" ? outcome.error.message : `no answer within ${limit} ms`

const byPrice = Order.mapInput(Order.number, ({ price }: Product) => price)

const sameProduct = (a: Product, b: Product) => a.manufacturer === b.manufacturer && a.model === b.model

const stock = (after: Duration.DurationInput, products: ReadonlyArray<Product>) => (kinds: ReadonlyArray<Kind>) =>
  Testkit.succeeds(
    products.filter(({ type }) => kinds.includes(type)),
    { after }
  )

export const stores = {
  postgres: stock("500 millis", [
    { type: "phone", manufacturer: "Apple", model: "iPhone 15", price: 799.99 },
    { type: "phone", manufacturer: "Samsung", model: "Galaxy S24 Ultra", price: 1299.99 },
    { type: "phone", manufacturer: "Google", model: "Pixel 8 Pro", price: 899.99 }
  ]),
  mongodb: stock("30 seconds", []),
  mysql: stock("700 millis", [
    { type: "headphones", manufacturer: "Sony", model: "WH-CH720N", price: 149.99 },
    { type: "phone", manufacturer: "Samsung", model: "Galaxy Z Fold 5", price: 1799.99 },
    { type: "tablet", manufacturer: "Samsung", model: "Galaxy Tab S9 Ultra", price: 849.99 }
  ]),
  redis: () => Testkit.fails(new StoreFailed({ message: "key eviction due to memory pressure" }))
}

export const program = search(stores, ["phone", "tablet", "headphones"]).pipe(
  Effect.flatMap((answer) => Console.log(JSON.stringify(answer, null, 2))),
  Effect.provide(Aggregator.layer({ logger: Logger.withConsoleError(Logger.jsonLogger) }))
)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(program)
