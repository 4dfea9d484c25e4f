/**
 * A search for products in several stores at once: what they find in time is merged, cheapest first, and what fails or is
 * late is said beside it.
 *
 * @since 0.1.0
 */
import { Array, type Duration, Effect, Option, Order, Redacted, Schema, type Scope } from "effect"
import * as Outcome from "../Outcome.ts"
import * as Source from "../Source.ts"

/**
 * What is found. Databases give exact numbers as text.
 *
 * @since 0.1.0
 * @category models
 */
export const Product = Schema.Struct({
  type: Schema.String,
  manufacturer: Schema.String,
  model: Schema.String,
  price: Schema.Union(Schema.Number, Schema.NumberFromString)
})

/** @since 0.1.0 */
export type Product = typeof Product.Type

/**
 * A store that is asked for the products of some types, such as `phone`.
 *
 * @since 0.1.0
 * @category models
 */
export type Store = (types: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Product>, Source.SourceError>

/**
 * What is answered.
 *
 * @since 0.1.0
 * @category models
 */
export const Found = Schema.Struct({
  total: Schema.Number,
  results: Schema.Array(Schema.Struct({ ...Product.fields, price: Schema.Number, source: Schema.String })),
  errors: Schema.Array(Schema.Struct({ source: Schema.String, reason: Schema.String, message: Schema.String }))
})

/** @since 0.1.0 */
export type Found = typeof Found.Type

/**
 * The types that a query is about: its words, in small letters.
 *
 * @since 0.1.0
 * @category getters
 */
export const typesOf = (query: string): ReadonlyArray<string> =>
  Array.dedupe(query.toLowerCase().match(/[^\s,]+/g) ?? [])

/**
 * The stores as sources, each with a limit of its own.
 *
 * @since 0.1.0
 * @category sources
 */
export const sources = (
  stores: Readonly<Record<string, Store>>,
  types: ReadonlyArray<string>,
  limit: Duration.DurationInput
): Record<string, Effect.Effect<ReadonlyArray<Product>, Source.SourceError | Source.SourceTimedOut>> =>
  Object.fromEntries(Object.entries(stores).map(([name, store]) => [name, Source.timeLimit(store(types), limit)]))

/**
 * Merges what came of each store: cheapest first, and of a product that two stores have the cheaper offer.
 *
 * @since 0.1.0
 * @category getters
 */
export const merge = (
  outcomes: ReadonlyMap<string, Outcome.Outcome<ReadonlyArray<Product>, Source.SourceError | Source.SourceTimedOut>>
): Found => {
  const { failures, values } = Outcome.partition(outcomes)
  const all = Array.fromIterable(values).flatMap(([source, products]) =>
    products.map((product) => ({ ...product, source }))
  )
  const results = Array.dedupeWith(Array.sort(all, byPrice), sameProduct)
  const errors = Array.fromIterable(failures).map(([source, outcome]) => ({
    source,
    reason: Outcome.status(outcome),
    message: Option.getOrElse(Outcome.message(outcome), () => "")
  }))
  return { total: results.length, results, errors }
}

const byPrice = Order.mapInput(Order.number, ({ price }: Product) => price)

const sameProduct = (a: Product, b: Product) => a.manufacturer === b.manufacturer && a.model === b.model

/**
 * Where real stores are; those that are left out are not asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Urls {
  /** Has a table `products (type, manufacturer, model, price)`, as the other SQL databases have. */
  readonly postgres?: Redacted.Redacted | undefined
  readonly mysql?: Redacted.Redacted | undefined
  /** A file. */
  readonly sqlite?: Redacted.Redacted | undefined
  /** Has a list of products as JSON for each type, at `products:<type>`. */
  readonly redis?: Redacted.Redacted | undefined
  /** Has a collection `products`. */
  readonly mongo?: Redacted.Redacted | undefined
}

/**
 * The stores at these URLs. Connections end with the scope; none is made before the first search.
 *
 * @since 0.1.0
 * @category stores
 */
export const stores = (
  urls: Urls
): Effect.Effect<
  Readonly<Record<string, Store>>,
  { readonly _tag: string; readonly message: string },
  Source.Drivers | Scope.Scope
> =>
  Effect.gen(function* () {
    const drivers = yield* Source.Drivers
    const made: Record<string, Store> = {}
    for (const kind of ["postgres", "mysql", "sqlite"] as const) {
      const url = urls[kind]
      if (url !== undefined) made[kind] = inSql(kind, yield* drivers[kind]({ url }))
    }
    if (urls.redis !== undefined) made["redis"] = inRedis(yield* drivers.redis({ url: urls.redis }))
    if (urls.mongo !== undefined) {
      const ask = yield* drivers.mongo({ url: urls.mongo })
      made["mongo"] = (types) =>
        products(
          "mongo",
          ask({ collection: "products", read: { find: { type: { $in: types } }, project: { _id: 0 } } })
        )
    }
    return made
  })

type Ask<Q> = (question: Q) => Effect.Effect<unknown, Source.SourceError>

const inSql =
  (name: string, ask: Ask<Source.SqlQuestion>): Store =>
  (types) => {
    const between = types.slice(1).map(() => ", ")
    const text = ["SELECT type, manufacturer, model, price FROM products WHERE type IN (", ...between, ")"]
    return products(name, ask({ text, params: types }))
  }

/** A list that is not there has been there: Redis throws keys away when memory is short. */
const inRedis =
  (ask: Ask<Source.Questions["redis"]>): Store =>
  (types) => {
    const keys = types.map((type) => `products:${type}`)
    const lists = Schema.Array(Schema.NullOr(Schema.parseJson(Schema.Array(Product))))
    return Effect.flatMap(decoded("redis", lists, ask({ command: ["MGET", ...keys] })), (found) => {
      const missing = keys.filter((_, index) => found[index] === null)
      const reason = `${missing.join(", ")}: not there, which is what key eviction under memory pressure leaves`
      return missing.length > 0
        ? new Source.SourceUnavailable({ source: "redis", reason })
        : Effect.succeed(found.flatMap((list) => list ?? []))
    })
  }

const products = (source: string, answer: Effect.Effect<unknown, Source.SourceError>) =>
  decoded(source, Schema.Array(Product), answer)

const decoded = <A, I>(
  source: string,
  schema: Schema.Schema<A, I>,
  answer: Effect.Effect<unknown, Source.SourceError>
): Effect.Effect<A, Source.SourceError> =>
  Effect.flatMap(answer, (found) =>
    Effect.mapError(
      Schema.decodeUnknown(schema)(found),
      () => new Source.SourceMalformed({ source, reason: "what it has is no list of products" })
    )
  )

/**
 * Stores that need no server: SQLite in memory with six products, a store that takes 30 seconds, and one that fails.
 *
 * @since 0.1.0
 * @category stores
 */
export const embedded: Effect.Effect<
  Readonly<Record<string, Store>>,
  { readonly _tag: string; readonly message: string },
  Source.Drivers | Scope.Scope
> = Effect.gen(function* () {
  const { sqlite } = yield* Source.Drivers
  const ask = yield* sqlite({ url: Redacted.make(":memory:") })
  const rows = stock.flatMap(({ manufacturer, model, price, type }) => [type, manufacturer, model, price])
  const values = stock.map(() => "(|, |, |, |)").join(", ")
  const seeded = yield* Effect.once(
    Effect.zipRight(
      ask({ text: ["CREATE TABLE products (type TEXT, manufacturer TEXT, model TEXT, price REAL)"], params: [] }),
      ask({ text: `INSERT INTO products VALUES ${values}`.split("|"), params: rows })
    )
  )
  return {
    sqlite: (types) => Effect.zipRight(seeded, inSql("sqlite", ask)(types)),
    slow: holding([], "30 seconds"),
    failing: evicting("failing")
  }
})

const holding =
  (products: ReadonlyArray<Product>, after: Duration.DurationInput): Store =>
  (types) =>
    Effect.delay(Effect.succeed(products.filter(({ type }) => types.includes(type))), after)

const evicting =
  (source: string): Store =>
  () =>
    new Source.SourceUnavailable({ source, reason: "key eviction due to memory pressure" })

const stock: ReadonlyArray<Product> = [
  { type: "phone", manufacturer: "Apple", model: "iPhone 15", price: 799.99 },
  { type: "phone", manufacturer: "Samsung", model: "Galaxy S24 Ultra", price: 1299.99 },
  { type: "phone", manufacturer: "Google", model: "Pixel 8 Pro", price: 899.99 },
  { type: "headphones", manufacturer: "Sony", model: "WH-CH720N", price: 149.99 },
  { type: "phone", manufacturer: "Samsung", model: "Galaxy Z Fold 5", price: 1799.99 },
  { type: "tablet", manufacturer: "Samsung", model: "Galaxy Tab S9 Ultra", price: 849.99 }
]

/**
 * Stores that need nothing at all: two with three products each, one that takes 30 seconds, and one that fails.
 *
 * @since 0.1.0
 * @category stores
 */
export const scripted: Readonly<Record<string, Store>> = {
  postgres: holding(stock.slice(0, 3), "500 millis"),
  mongodb: holding([], "30 seconds"),
  mysql: holding(stock.slice(3), "700 millis"),
  redis: evicting("redis")
}
