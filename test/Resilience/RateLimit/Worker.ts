/** A machine that calls as fast as a shared rate limit lets it. Says in JSON when it has taken turns, on the store's clock. */
import { Clock, Effect } from "effect"
import * as RateLimit from "../../../src/Resilience/RateLimit.ts"
import * as RateLimitPostgres from "../../../src/Resilience/RateLimit/Postgres.ts"
import * as RateLimitRedis from "../../../src/Resilience/RateLimit/Redis.ts"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Redis from "../../../src/Source/Redis.ts"

/** What a worker is told. */
export interface Orders {
  readonly kind: "redis" | "postgres"
  readonly url: string
  readonly name: string
  readonly rule: RateLimit.Rule
  /** Milliseconds since 1970. */
  readonly from: number
  readonly to: number
}

/** What it says. */
export interface Report {
  /** The instants of turns, one for each. */
  readonly turns: ReadonlyArray<number>
  /** The instants of calls, on the clock of the machine. */
  readonly calls: ReadonlyArray<number>
  /** How often the store was asked. */
  readonly asked: number
}

const store = ({ kind, url }: Orders) =>
  kind === "redis"
    ? Effect.map(Redis.make({ url }), (redis) => RateLimitRedis.make(redis))
    : Effect.flatMap(Postgres.make(url), RateLimitPostgres.make)

const work = (orders: Orders) =>
  Effect.gen(function* () {
    const taking = yield* store(orders)
    const turns: Array<number> = []
    const calls: Array<number> = []
    let asked = 0
    const watched: RateLimit.Service = {
      ...taking,
      take: (...all) =>
        Effect.tap(taking.take(...all), ({ at, count }) => {
          asked += 1
          for (let turn = 0; turn < count; turn++) turns.push(at)
        }),
      giveBack: (rule, key, count, at) =>
        Effect.tap(taking.giveBack(rule, key, count, at), () => {
          for (let turn = 0; turn < count; turn++) turns.splice(turns.lastIndexOf(at), 1)
        })
    }
    const limit = yield* RateLimit.shared(orders).pipe(Effect.provideService(RateLimit.Store, watched))
    const call = Effect.map(Clock.currentTimeMillis, (now) => void calls.push(now)).pipe(RateLimit.with(limit))
    const caller = Effect.forever(call)
    yield* Effect.sleep(orders.from - Date.now())
    yield* Effect.timeoutOption(
      Effect.all(
        Array.from({ length: 20 }, () => caller),
        { concurrency: "unbounded" }
      ),
      orders.to - Date.now()
    )
    yield* Effect.sleep(200)
    const report: Report = { turns, calls, asked }
    process.stdout.write(JSON.stringify(report))
  }).pipe(Effect.scoped)

const orders = process.argv[2]
if (orders !== undefined) Effect.runFork(work(JSON.parse(orders) as Orders))
