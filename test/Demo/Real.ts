/** The demo's services and their aggregator, over real sockets. */
import { Effect, HashMap, Layer, Logger } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Demo from "../../src/Demo.ts"
import * as Http from "../../src/Source/Http.ts"

export const aggregate = (id: string, deadline: string) =>
  Effect.flatMap(Demo.UserAggregator, (users) => users.aggregate(id)).pipe(
    Effect.provide(Demo.UserAggregator.layer),
    Effect.provide(Aggregator.layer({ deadline: deadline as "1 second", logger: Logger.none }))
  )

/** Keeps log lines, each with the instant in which it was written. */
export const logged = () => {
  const lines: Array<{ readonly message: unknown; readonly at: number }> = []
  const logger = Logger.make<unknown, void>(({ annotations, message }) => {
    lines.push({ message, ...Object.fromEntries(HashMap.toEntries(annotations)), at: performance.now() })
  })
  return { lines, layer: Logger.replace(Logger.defaultLogger, logger) }
}

type Services = { readonly profile?: Demo.ServiceOptions; readonly orders?: Demo.ServiceOptions }

/** Asks the services through the real client, which stays open as long as the scope. */
const asked = (deadline: string, options: Services) =>
  Effect.gen(function* () {
    const urls = yield* Effect.all({ profile: Demo.profile(options.profile), orders: Demo.orders(options.orders) })
    const services = Layer.provide(Demo.UserServices.layer(urls, Http.json), Http.layer())
    return yield* Effect.provide(aggregate("1", deadline), yield* Layer.build(services))
  })

/** Asks, and is over when the client and the services are. */
export const asks = (deadline: string, options: Services = {}) => Effect.scoped(asked(deadline, options))

/** The profile fails while the orders are asked: the instants of the answer and of the line that tells of their end. */
export const domino = Effect.gen(function* () {
  const { layer, lines } = logged()
  const start = performance.now()
  const failed = asked("5 seconds", { profile: { fail: true }, orders: { delay: "10 seconds" } }).pipe(
    Effect.flip,
    Effect.map((error) => ({ error, at: performance.now() })),
    // While all is open: the end of the client or of the service would close the request too.
    Effect.tap(Effect.repeat(Effect.sleep("1 millis"), { until: () => lines.length > 0 })),
    Effect.scoped,
    Effect.provide(layer)
  )
  return { ...(yield* failed), lines, start }
})
