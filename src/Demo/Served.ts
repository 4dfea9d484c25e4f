/**
 * What the demo serves: the dashboard of a user, and a search over four stores, of which one fails and one is late.
 *
 * @since 0.1.0
 */
import { Array, type Duration, Effect, Option, Order as Orders, Schema } from "effect"
import * as Aggregation from "../Aggregation.ts"
import { Order, Profile, UserId, UserServices } from "../Demo.ts"
import * as Outcome from "../Outcome.ts"
import * as Endpoint from "../Server/Endpoint.ts"
import * as Source from "../Source.ts"

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

/**
 * What is found.
 *
 * @since 0.1.0
 * @category models
 */
export const Product = Schema.Struct({
  type: Schema.Literal("phone", "tablet", "headphones"),
  manufacturer: Schema.String,
  model: Schema.String,
  price: Schema.Number
})

type Product = typeof Product.Type

const SearchAnswer = Schema.Struct({
  total: Schema.Number,
  results: Schema.Array(Schema.Struct({ ...Product.fields, source: Schema.String })),
  errors: Schema.Array(Schema.Struct({ source: Schema.String, reason: Schema.String, message: Schema.String }))
})

/**
 * The products of four stores, cheapest first; each store has 3 seconds.
 *
 * @since 0.1.0
 * @category aggregations
 */
export const Search = Aggregation.make("search", {
  input: Schema.Struct({
    q: Schema.NonEmptyTrimmedString.pipe(Schema.maxLength(100)).annotations({
      message: () => "is not a word to search for, or several, of at most 100 characters together"
    })
  }),
  output: SearchAnswer,
  sources: ({ q }) => ({
    postgres: stock(q, "500 millis", inPostgres),
    mongodb: stock(q, "30 seconds", []),
    mysql: stock(q, "700 millis", inMysql),
    redis: new Source.SourceUnavailable({ source: "redis", reason: "key eviction due to memory pressure" })
  }),
  merge: (answers) => merged(Object.entries<ReadonlyArray<Product>>(answers), []),
  partial: (outcomes) => {
    const { failures, values } = Outcome.partition<Found>(outcomes)
    const errors = Array.fromIterable(failures).map(([source, outcome]) => ({
      source,
      reason: Outcome.status(outcome),
      message: Option.getOrElse(Outcome.message(outcome), () => "")
    }))
    return merged(Array.fromIterable(values), errors)
  }
})

type Found = Outcome.Outcome<ReadonlyArray<Product>, Source.SourceUnavailable | Source.SourceTimedOut>

/** Those that have one of the words in their type, manufacturer or model. */
const stock = (query: string, after: Duration.DurationInput, products: ReadonlyArray<Product>) => {
  const words = query.toLowerCase().split(/[\s,]+/)
  const found = products.filter(({ manufacturer, model, type }) =>
    `${type} ${manufacturer} ${model}`
      .toLowerCase()
      .split(" ")
      .some((word) => words.includes(word))
  )
  return Source.timeLimit(Effect.delay(Effect.succeed(found), after), "3 seconds")
}

const merged = (
  found: ReadonlyArray<readonly [source: string, products: ReadonlyArray<Product>]>,
  errors: (typeof SearchAnswer.Type)["errors"]
): typeof SearchAnswer.Type => {
  const all = found.flatMap(([source, products]) => products.map((product) => ({ ...product, source })))
  const results = Array.dedupeWith(Array.sort(all, byPrice), sameModel)
  return { total: results.length, results, errors }
}

const byPrice = Orders.mapInput(Orders.number, ({ price }: Product) => price)

const sameModel = (a: Product, b: Product) => a.manufacturer === b.manufacturer && a.model === b.model

const inPostgres: ReadonlyArray<Product> = [
  { type: "phone", manufacturer: "Apple", model: "iPhone 15", price: 799.99 },
  { type: "phone", manufacturer: "Samsung", model: "Galaxy S24 Ultra", price: 1299.99 },
  { type: "phone", manufacturer: "Google", model: "Pixel 8 Pro", price: 899.99 }
]

const inMysql: ReadonlyArray<Product> = [
  { type: "headphones", manufacturer: "Sony", model: "WH-CH720N", price: 149.99 },
  { type: "phone", manufacturer: "Samsung", model: "Galaxy Z Fold 5", price: 1799.99 },
  { type: "tablet", manufacturer: "Samsung", model: "Galaxy Tab S9 Ultra", price: 849.99 }
]

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
