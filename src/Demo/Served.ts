/**
 * What the demo serves: the dashboard of a user, and a search over four stores, of which one fails and one is late.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Option, Schema } from "effect"
import * as Aggregation from "../Aggregation.ts"
import { Order, Profile, UserId, UserServices } from "../Demo.ts"
import * as Outcome from "../Outcome.ts"
import * as Endpoint from "../Server/Endpoint.ts"
import * as Source from "../Source.ts"
import { merge, Product, sources, type Store, typesOf } from "./Search.ts"

const Id = UserId.annotations({ message: () => `is not 1 to 100 characters that can be shown, or is "." or ".."` })

/**
 * A user's profile and orders; both, or what there is of them.
 *
 * @since 0.1.0
 * @category aggregations
 */
export const Dashboard = Aggregation.make("dashboard", {
  input: Schema.Struct({ id: Id }),
  output: Schema.Struct({ profile: Schema.NullOr(Profile), orders: Schema.NullOr(Schema.Array(Order)) }),
  sources: ({ id }) => ({
    profile: Effect.flatMap(UserServices, ({ profile }) => profile(id)),
    orders: Effect.flatMap(UserServices, ({ orders }) => orders(id))
  }),
  merge: (answers) => answers,
  partial: ({ orders, profile }) => ({
    profile: Option.getOrNull(Outcome.value(profile)),
    orders: Option.getOrNull(Outcome.value(orders))
  })
})

const Words = Schema.NonEmptyTrimmedString.pipe(Schema.maxLength(100)).annotations({
  message: () => "is not a word to search for, or several, of at most 100 characters together"
})

/**
 * The products of four stores, cheapest first, each store with 3 seconds; all of them, or what there is.
 *
 * @since 0.1.0
 * @category aggregations
 */
export const Search = Aggregation.make("search", {
  input: Schema.Struct({ q: Words }),
  output: Schema.Struct({
    total: Schema.Number,
    results: Schema.Array(Schema.Struct({ ...Product.fields, source: Schema.String })),
    errors: Schema.Array(Schema.Struct({ source: Schema.String, reason: Schema.String, message: Schema.String }))
  }),
  sources: ({ q }) => sources(stores, typesOf(q), "3 seconds"),
  merge: (answers) =>
    merge(new Map(Object.entries(answers).map(([name, value]) => [name, Outcome.Succeeded({ value })]))),
  partial: (outcomes) => merge(new Map(Object.entries(outcomes)))
})

const holds =
  (after: Duration.DurationInput, products: ReadonlyArray<Product>): Store =>
  (types) => {
    const found = products.filter(({ type }) => types.includes(type))
    return Effect.delay(Effect.succeed(found), after)
  }

const stores: Readonly<Record<string, Store>> = {
  postgres: holds("500 millis", [
    { type: "phone", manufacturer: "Apple", model: "iPhone 15", price: 799.99 },
    { type: "phone", manufacturer: "Samsung", model: "Galaxy S24 Ultra", price: 1299.99 },
    { type: "phone", manufacturer: "Google", model: "Pixel 8 Pro", price: 899.99 }
  ]),
  mongodb: holds("30 seconds", []),
  mysql: holds("700 millis", [
    { type: "headphones", manufacturer: "Sony", model: "WH-CH720N", price: 149.99 },
    { type: "phone", manufacturer: "Samsung", model: "Galaxy Z Fold 5", price: 1799.99 },
    { type: "tablet", manufacturer: "Samsung", model: "Galaxy Tab S9 Ultra", price: 849.99 }
  ]),
  redis: () => new Source.SourceUnavailable({ source: "redis", reason: "key eviction due to memory pressure" })
}

/**
 * The endpoints: `GET /dashboard?id=42` and `GET /search?q=phone`.
 *
 * @since 0.1.0
 * @category endpoints
 */
export const endpoints = [
  Endpoint.make(Dashboard, { values: true, description: "A user's profile and orders" }),
  Endpoint.make(Search, {
    values: true,
    otherwise: "lenient",
    description: "Products in four stores, cheapest first; redis fails, and mongodb is late"
  })
] as const
