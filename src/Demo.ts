/**
 * The demo: two mock services over HTTP on the loopback, and the `UserAggregator` that asks them.
 *
 * @since 0.1.0
 */
import { HttpClient } from "@effect/platform/HttpClient"
import { Context, Effect, Layer, Schema } from "effect"
import { Aggregator, type SourceFailed } from "./Aggregator.ts"
import type { DeadlineExceeded } from "./Deadline.ts"
import * as Source from "./Source.ts"

export {
  /** @since 0.1.0 */
  orders,
  /** @since 0.1.0 */
  profile,
  /** @since 0.1.0 */
  type ServiceOptions,
  /** @since 0.1.0 */
  ServiceNotStarted
} from "./Demo/Service.ts"

/**
 * Whom an answer is about: 1 to 100 characters, no control characters, and not `.` or `..`, which a URL would take for a
 * step to another folder.
 *
 * @since 0.1.0
 * @category models
 */
export const UserId = Schema.String.pipe(Schema.filter((id) => /^(?!\.{1,2}$)[^\p{C}]{1,100}$/u.test(id)))

/**
 * What the profile service answers.
 *
 * @since 0.1.0
 * @category models
 */
export const Profile = Schema.Struct({ id: Schema.String, name: Schema.String })

/** @since 0.1.0 */
export type Profile = typeof Profile.Type

/**
 * What the order service answers a list of.
 *
 * @since 0.1.0
 * @category models
 */
export const Order = Schema.Struct({ id: Schema.String, item: Schema.String })

/** @since 0.1.0 */
export type Order = typeof Order.Type

/**
 * What is known of a user.
 *
 * @since 0.1.0
 * @category models
 */
export interface User {
  readonly profile: Profile
  readonly orders: ReadonlyArray<Order>
}

/**
 * Why there is no user.
 *
 * @since 0.1.0
 * @category errors
 */
export type Unanswered = SourceFailed<Source.SourceError> | DeadlineExceeded

/**
 * Where the two services are.
 *
 * @since 0.1.0
 * @category models
 */
export interface Urls {
  /** `GET <profile>/profile/<id>` gives a `Profile`. */
  readonly profile: string
  /** `GET <orders>/orders/<id>` gives a list of `Order`. */
  readonly orders: string
}

/**
 * Gives the decoded JSON at a URL: `json` of `Source/Http`.
 *
 * @since 0.1.0
 * @category models
 */
export type AskJson = <A, I>(
  url: string,
  options: { readonly schema: Schema.Schema<A, I> }
) => Effect.Effect<A, Source.SourceError, HttpClient>

/**
 * The services that a user is asked from.
 *
 * @since 0.1.0
 * @category services
 */
export class UserServices extends Context.Tag("effect-muster/Demo/UserServices")<
  UserServices,
  {
    readonly profile: (id: string) => Effect.Effect<Profile, Source.SourceError>
    readonly orders: (id: string) => Effect.Effect<ReadonlyArray<Order>, Source.SourceError>
  }
>() {
  /** The services behind two URLs, asked with `json`. An id that is no `UserId` is rejected before anything is asked. */
  static layer(urls: Urls, json: AskJson): Layer.Layer<UserServices, never, HttpClient> {
    return Layer.effect(
      UserServices,
      Effect.map(HttpClient, (client) => {
        const ask =
          <A, I>(source: keyof Urls, schema: Schema.Schema<A, I>) =>
          (id: string): Effect.Effect<A, Source.SourceError> =>
            Schema.is(UserId)(id)
              ? Effect.provideService(
                  json(`${urls[source]}/${source}/${encodeURIComponent(id)}`, { schema }),
                  HttpClient,
                  client
                )
              : new Source.SourceRejected({ source, reason: "this is no id of a user" })
        return { profile: ask("profile", Profile), orders: ask("orders", Schema.Array(Order)) }
      })
    )
  }
}

/**
 * Gives a user by asking both services at once: both answer on time, or the first failure at once.
 *
 * @example
 * ```ts
 * const user = Effect.flatMap(UserAggregator, (users) => users.aggregate("1"))
 * ```
 *
 * @since 0.1.0
 * @category services
 */
export class UserAggregator extends Context.Tag("effect-muster/Demo/UserAggregator")<
  UserAggregator,
  { readonly aggregate: (id: string) => Effect.Effect<User, Unanswered> }
>() {
  /** Deadline and logger are those of the `Aggregator` below it. */
  static readonly layer: Layer.Layer<UserAggregator, never, Aggregator | UserServices> = Layer.effect(
    UserAggregator,
    Effect.gen(function* () {
      const aggregator = yield* Aggregator
      const services = yield* UserServices
      return {
        aggregate: (id) =>
          Aggregator.gather("dashboard", { profile: services.profile(id), orders: services.orders(id) }).pipe(
            Effect.provideService(Aggregator, aggregator)
          )
      }
    })
  )
}

/**
 * A user in one line: `User: Alice | Orders: 5`.
 *
 * @since 0.1.0
 * @category getters
 */
export const render = ({ orders, profile }: User): string => `User: ${profile.name} | Orders: ${orders.length}`
