/**
 * What the demo serves: the dashboard of a user, and a search over four stores, of which one fails and one is late.
 *
 * @since 0.1.0
 */
import { Effect, Option, Schema } from "effect"
import * as Aggregation from "../Aggregation.ts"
import { Order, Profile, UserId, UserServices } from "../Demo.ts"
import * as Outcome from "../Outcome.ts"
import * as Endpoint from "../Server/Endpoint.ts"
import { Found, merge, scripted, sources, typesOf } from "./Search.ts"

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

const Words = Schema.String.pipe(Schema.filter((q) => typesOf(q).length > 0 && q.length <= 100)).annotations({
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
  output: Found,
  sources: ({ q }) => sources(scripted, typesOf(q), "3 seconds"),
  merge: (answers) =>
    merge(new Map(Object.entries(answers).map(([name, value]) => [name, Outcome.Succeeded({ value })]))),
  partial: (outcomes) => merge(new Map(Object.entries(outcomes)))
})

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
