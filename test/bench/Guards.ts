/** What a guard costs a call that succeeds at once, beside the libraries that people use for it. */
import Bottleneck from "bottleneck"
import { bulkhead, circuitBreaker, ConsecutiveBreaker, ExponentialBackoff, handleAll, retry } from "cockatiel"
import DataLoader from "dataloader"
import { Effect, ManagedRuntime, Layer } from "effect"
import CircuitBreaker from "opossum"
import pLimit from "p-limit"
import pRetry from "p-retry"
import { RateLimiterMemory } from "rate-limiter-flexible"
import * as Resilience from "../../src/Resilience.ts"
import { median } from "./Median.ts"
import type { Cell, Part } from "./Part.ts"
import { here, measure, promise, type Variant } from "./Rounds.ts"

const call = () => Promise.resolve(1)
const asked = Effect.promise(call)
const runtime = ManagedRuntime.make(Layer.empty)

const effect = (name: string, once: Effect.Effect<unknown, unknown>): Variant =>
  here(name, (times) => runtime.runPromise(times === 1 ? once : Effect.repeatN(once, times - 1)))

const key = { public: true, call: ["bench"] } as const

/** So many that nobody ever waits: what is measured is the way through. */
const plenty = 1_000_000_000

const rows = (): Readonly<Record<string, ReadonlyArray<Variant>>> => {
  const limited = pLimit(10)
  const bottleneck = new Bottleneck({ maxConcurrent: 10 })
  const rate = new RateLimiterMemory({ points: plenty, duration: 1 })
  const opossum = new CircuitBreaker(call, { timeout: false })
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker: new ConsecutiveBreaker(5) })
  const again = retry(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() })
  const ward = bulkhead(10)
  const loader = new DataLoader(async (keys: ReadonlyArray<number>) => keys, { cache: false })
  const { Breaker, Bulkhead, Cache, Hedge, RateLimit, Retry, SingleFlight } = Resilience
  const cache = Cache.make<number>({ ttl: "1 hour" })
  return {
    "no guard": [promise("a promise", call), effect("muster", asked)],
    retry: [
      effect("muster", asked.pipe(Retry.make())),
      promise("p-retry", () => pRetry(call)),
      promise("cockatiel", () => again.execute(call))
    ],
    hedge: [effect("muster", asked.pipe(Hedge.after("1 second")))],
    breaker: [
      effect("muster", asked.pipe(Breaker.make().with)),
      promise("opossum", () => opossum.fire()),
      promise("cockatiel", () => breaker.execute(call))
    ],
    bulkhead: [
      effect("muster", asked.pipe(Bulkhead.make({ limit: 10 }).with())),
      promise("p-limit", () => limited(call)),
      promise("bottleneck", () => bottleneck.schedule(call)),
      promise("cockatiel", () => ward.execute(call))
    ],
    "rate limit": [
      effect("muster", asked.pipe(RateLimit.make({ rule: RateLimit.tokenBucket({ limit: plenty }) }).with())),
      promise("rate-limiter-flexible", () => rate.consume("key").then(call))
    ],
    "single flight": [
      effect("muster", asked.pipe(SingleFlight.make<number>().with(key))),
      promise("dataloader", () => loader.load(1))
    ],
    "cache, a hit": [effect("muster", asked.pipe(cache.with(key)))]
  }
}

export const measureAll = async (rounds: number): Promise<Part> => {
  const lines: Array<ReadonlyArray<Cell>> = []
  for (const [guard, variants] of Object.entries(rows())) {
    const measured = await measure(variants, { rounds, millis: 20 })
    for (const { name, rounds } of measured) lines.push([`${guard}: ${name}`, median(rounds)])
  }
  return {
    title: "Guards: a call that succeeds at once",
    head: ["CPU for one call", "us, median (95 %)"],
    rows: lines,
    targets: [],
    notes: ["one call after the other; bottleneck waits for a timer at each, and its turn of the event loop counts"]
  }
}
