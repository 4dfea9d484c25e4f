/**
 * Makes the guards of services and sources, in the order that `Resilience` gives them.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import * as Resilience from "../../Resilience.ts"
import * as Bulkhead from "../../Resilience/Bulkhead.ts"
import * as Cache from "../../Resilience/Cache.ts"
import * as RateLimit from "../../Resilience/RateLimit.ts"
import type * as File from "./File.ts"

/**
 * A guard that changes nothing about a call but how, and whether, it is made.
 *
 * @since 0.1.0
 * @category models
 */
export type Guard = <A, R>(effect: Effect.Effect<A, unknown, R>) => Effect.Effect<A, unknown, R>

/**
 * The guard that does nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Guard = (effect) => effect

/**
 * The guards around each call to a service, shared by all that ask it. Options that cannot be meant are an `InvalidOption`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ofService = (name: string, service: File.Service): Guard => {
  const { breaker: broken, bulkhead: limit, rateLimit: rate, timeLimit } = service
  if ([broken, limit, rate, timeLimit].every((guard) => guard === undefined)) return none
  const breaker = makeBreaker(name, service.breaker)
  const bulkhead = makeBulkhead(name, service.bulkhead)
  const rateLimit = makeRateLimit(name, service.rateLimit)
  const limited = service.timeLimit === undefined ? none : Resilience.timeLimit(service.timeLimit)
  return (effect) =>
    effect.pipe(
      limited,
      Resilience.Breaker.with(breaker),
      RateLimit.with(rateLimit),
      Bulkhead.with(bulkhead),
      Resilience.Breaker.gate(breaker)
    )
}

const makeBulkhead = (name: string, bulkhead: File.Service["bulkhead"]) => {
  if (bulkhead === undefined) return Bulkhead.none
  return Bulkhead.make({ name, ...(typeof bulkhead === "number" ? { limit: bulkhead } : bulkhead) })
}

const makeRateLimit = (name: string, rateLimit: File.Service["rateLimit"]) => {
  if (rateLimit === undefined) return RateLimit.none
  const { burst, rate } = "rate" in rateLimit ? rateLimit : { burst: undefined, rate: rateLimit }
  return RateLimit.make({ name, rule: RateLimit.tokenBucket({ ...rate, burst }) })
}

const makeBreaker = (name: string, breaker: File.Service["breaker"]) => {
  if (breaker === undefined) return Resilience.Breaker.none
  if (typeof breaker === "number")
    return Resilience.Breaker.make({ name, trip: Resilience.Breaker.consecutive(breaker) })
  const { failures, minimum, rate, window, ...others } = breaker
  const trip =
    failures === undefined
      ? Resilience.Breaker.rate({ threshold: rate, minimum, window })
      : Resilience.Breaker.consecutive(failures)
  return Resilience.Breaker.make({ name, trip, ...others })
}

/**
 * The guards around a source. `name` is what it is called in metrics; `question` tells its questions apart, for those whose
 * answers are kept.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ofSource = (name: string, source: File.Source): ((question: () => string) => Guard) => {
  const hedge = makeHedge(name, source.hedge)
  const retry = makeRetry(name, source.retry)
  const cache = makeCache(name, source.cache)
  const limited = source.timeLimit === undefined ? none : Resilience.timeLimit(source.timeLimit)
  const marked = isOnce(source) ? Resilience.once : none
  const { hedge: second, retry: again, cache: kept, timeLimit } = source
  if (marked === none && [second, again, kept, timeLimit].every((guard) => guard === undefined)) return () => none
  return (question) => (effect) => effect.pipe(marked, hedge, retry, cache(question), limited)
}

const makeCache = (name: string, cache: File.Source["cache"]): ((question: () => string) => Guard) => {
  if (cache === undefined) return () => none
  const kept = Cache.make<unknown, unknown>({ name, ...(typeof cache === "number" ? { ttl: cache } : cache) })
  // The question has whatever is sent, also of who asks: what it does not have, the answer does not depend on.
  return (question) => (effect) =>
    // What was kept under this question is what this source gave.
    kept.with({ public: true, call: [question()] })(effect) as typeof effect
}

/** What changes something is not asked twice, unless the file says that it may be. */
const isOnce = ({ delete: _delete, once, patch, post, put }: File.Source) =>
  once ?? (post ?? put ?? patch ?? _delete) !== undefined

const makeHedge = (name: string, hedge: File.Source["hedge"]): Guard => {
  if (hedge === undefined) return none
  const { after, budget, criticalPath } =
    "after" in hedge ? hedge : { after: hedge, budget: undefined, criticalPath: undefined }
  const options = {
    name,
    criticalPath,
    ...(budget === undefined ? {} : { budget: Resilience.Budget.make({ ratio: budget, burst: 10 }) })
  }
  return "millis" in after
    ? Resilience.Hedge.after(after.millis, options)
    : Resilience.Hedge.percentile(after.percentile, options)
}

const makeRetry = (name: string, retry: File.Source["retry"]): Guard => {
  if (retry === undefined) return none
  if (typeof retry === "number") return Resilience.Retry.make({ name, attempts: retry })
  const { budget, ...others } = retry
  return Resilience.Retry.make({
    name,
    ...others,
    ...(budget === undefined ? {} : { budget: Resilience.Budget.make({ ratio: budget, perSecond: 10 }) })
  })
}
