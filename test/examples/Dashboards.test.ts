import { assert, describe, it } from "@effect/vitest"
import { FetchHttpClient, HttpClient, HttpServer } from "@effect/platform"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Schedule } from "effect"
import { Aggregator, DeadlineExceeded, SourceFailed, Testkit } from "../../src/index.ts"
import { Orders, Profiles, program, ServiceDown, UserAggregator } from "./Dashboard.ts"
import * as Handler from "./DashboardHandler.ts"
import * as Domino from "./Domino.ts"
import { printed } from "./Printed.ts"
import * as SlowPoke from "./SlowPoke.ts"

const { fails, hangs, succeeds } = Testkit

/** The error of a fail-fast exit, which may hold more than the failure. */
const failureOf = <E>(exit: Exit.Exit<unknown, E>): E =>
  Option.getOrThrow(Cause.failureOption(Option.getOrThrow(Exit.causeOption(exit))))

/** Two scripted services under an aggregator of one minute. */
const services = (profile: Effect.Effect<string, ServiceDown>, orders: Effect.Effect<number, ServiceDown>) =>
  UserAggregator.layer({ deadline: "1 minute", logger: Logger.none }).pipe(
    Layer.provide(Layer.succeed(Profiles, { nameOf: () => profile })),
    Layer.provide(Layer.succeed(Orders, { countOf: () => orders }))
  )

describe("Dashboard", () => {
  it.effect("asks both services at once and answers when the slower has", () =>
    Effect.gen(function* () {
      const profile = succeeds("Bob", { after: 200 })
      const orders = succeeds(7, { after: 300 })
      const aggregate = UserAggregator.pipe(Effect.flatMap((users) => users.aggregate(42)))
      const [elapsed, exit] = yield* Testkit.timed(Effect.provide(aggregate, services(profile, orders)))

      assert.deepStrictEqual(exit, Exit.succeed("User: Bob | Orders: 7"))
      assert.strictEqual(elapsed, 300)
      assert.deepStrictEqual([profile.seen.asked, orders.seen.asked], [[0], [0]])
    })
  )

  it.effect("logs one structured line to stderr, with the deadline of its layer", () =>
    Effect.gen(function* () {
      const { stderr } = yield* printed(program)

      assert.strictEqual(stderr.length, 1)
      const { annotations, logLevel } = JSON.parse(stderr[0]!)
      assert.strictEqual(logLevel, "INFO")
      assert.include(annotations, { aggregation: "user", outcome: "succeeded", duration: 50, deadline: 1_000 })
    })
  )
})

describe("SlowPoke", () => {
  const variants = { orders: SlowPoke.slowOrders, profile: SlowPoke.slowProfile }
  for (const [slow, dashboard] of Object.entries(variants)) {
    it.effect(`fails at exactly 1,000 ms and names the ${slow} when they take 2 seconds`, () =>
      Effect.gen(function* () {
        const { elapsed, exit } = yield* printed(dashboard)

        const error = failureOf(exit)
        assert(error instanceof DeadlineExceeded)
        assert.deepStrictEqual([elapsed, error.deadline, error.pending], [1_000, 1_000, [slow]])
      })
    )
  }
})

describe("Domino", () => {
  it.effect("fails at 0 ms and cancels the orders at 0 ms", () =>
    Effect.gen(function* () {
      const orders = succeeds(5, { after: "10 seconds" })
      const down = fails(new ServiceDown({ reason: "down" }))
      const [elapsed, exit] = yield* Testkit.timed(Effect.provide(Domino.aggregate, services(down, orders)))

      const error = failureOf(exit)
      assert(error instanceof SourceFailed)
      assert.deepStrictEqual([elapsed, error.source, error.receipt.victims], [0, "profile", ["orders"]])
      assert.deepStrictEqual(orders.seen, { asked: [0], ended: [], interrupted: [0], cleaned: [0] })
    })
  )
})

describe("DashboardHandler", () => {
  const aggregator = (deadline: Duration.DurationInput) => Aggregator.layer({ deadline, logger: Logger.none })

  type Answer<A> = Effect.Effect<A, Handler.ServiceDown>

  const down = (script: Testkit.Script) => fails(new Handler.ServiceDown({ service: "orders" }), script)

  /** Asks the served dashboard, with scripted services, over a real socket. */
  const get = (
    user: Answer<string>,
    orders: Answer<number>,
    options?: { readonly query?: string; readonly deadline?: Duration.DurationInput }
  ) =>
    HttpClient.get(`/dashboard?${options?.query ?? "id=42"}`).pipe(
      Effect.flatMap((response) => Effect.map(response.text, (text) => [response.status, text])),
      Effect.timed,
      Effect.map(([took, answer]) => ({ answer, took: Duration.toMillis(took) })),
      Effect.provide(HttpServer.layerTestClient),
      Effect.provide([Handler.server, FetchHttpClient.layer]),
      Effect.provide(aggregator(options?.deadline ?? "5 seconds")),
      Effect.provideService(Handler.Users, { nameOf: () => user }),
      Effect.provideService(Handler.Orders, { countOf: () => orders })
    )

  it.live("answers 200 in the time of one service rather than of both", () =>
    Effect.gen(function* () {
      const user = succeeds("User-42", { after: 50 })
      const orders = succeeds(2, { after: 50 })
      const asks = yield* Effect.replicateEffect(get(user, orders), 5)

      for (const { answer } of asks) assert.deepStrictEqual(answer, [200, "Hello User-42, you have 2 orders"])
      const best = Math.min(...asks.map(({ took }) => took))
      assert.isTrue(best >= 49 && best < 95, `it took ${best} ms`)
    })
  )

  it.live("answers 502 at once when one service fails, and closes the other", () =>
    Effect.gen(function* () {
      const user = hangs()
      const { answer, took } = yield* get(user, down({ after: 20 }))

      assert.deepStrictEqual(answer, [502, "orders is not available"])
      assert.isTrue(took < 500, `it took ${took} ms`)
      assert.isTrue(user.seen.interrupted[0]! - user.seen.asked[0]! < 500)
    })
  )

  it.live("answers 504 at the deadline, naming who was late, and closes them", () =>
    Effect.gen(function* () {
      const user = hangs()
      const { answer, took } = yield* get(user, succeeds(2), { deadline: "100 millis" })

      assert.deepStrictEqual(answer, [504, "user took too long"])
      assert.isTrue(took >= 99 && took < 1_000, `it took ${took} ms`)
      assert.strictEqual(user.seen.interrupted.length, 1)
    })
  )

  it.live("answers 400 to a bad id, and asks nobody", () =>
    Effect.gen(function* () {
      const user = succeeds("nobody")
      const { answer } = yield* get(user, succeeds(0), { query: "id=forty-two" })

      assert.deepStrictEqual(answer, [400, "id must be a number"])
      assert.deepStrictEqual(user.seen.asked, [])
    })
  )

  it.live("cancels both services when the client goes away", () =>
    Effect.gen(function* () {
      const user = hangs()
      const orders = hangs()
      const until = (what: keyof Testkit.Seen) =>
        Effect.suspend(() => Effect.succeed(user.seen[what].length + orders.seen[what].length)).pipe(
          Effect.repeat({ until: (count) => count === 2, schedule: Schedule.spaced("5 millis") }),
          Effect.timeoutFail({ duration: "2 seconds", onTimeout: () => new Error(`not both were ${what}`) })
        )
      // The server is held open for the whole test: closing it would cancel its requests as well.
      yield* Effect.gen(function* () {
        const client = yield* Effect.fork(HttpClient.get("/dashboard?id=42"))
        yield* until("asked")
        yield* Fiber.interrupt(client)
        yield* until("interrupted")
      }).pipe(
        Effect.provide(HttpServer.layerTestClient),
        Effect.provide([Handler.server, FetchHttpClient.layer]),
        Effect.provide(aggregator("5 seconds")),
        Effect.provideService(Handler.Users, { nameOf: () => user }),
        Effect.provideService(Handler.Orders, { countOf: () => orders })
      )

      // The deadline would have cancelled them too, at five seconds.
      for (const { seen } of [user, orders]) assert.isTrue(seen.interrupted[0]! - seen.asked[0]! < 4_000)
    })
  )
})
