/**
 * The metrics of guards. They are counted by the name that a guard was given, and not by the source that is being asked:
 * among these are items, of which there are any number.
 *
 * @since 0.1.0
 */
import { MetricKey } from "effect"
import type { Attempt, Refused } from "../Receipt.ts"
import { each, keyed, tagged } from "./Metrics/Tags.ts"

/**
 * Calls made again after a failure, by `source` and `outcome` (`succeeded`, `failed`, `cancelled`).
 *
 * @since 0.1.0
 * @category metrics
 */
export const retries = keyed(
  MetricKey.counter("muster_retries_total", {
    description: "Calls made again after a failure",
    incremental: true
  })
)

/**
 * Second calls made beside a slow one or right after a failed one, by `source` and `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const hedges = keyed(
  MetricKey.counter("muster_hedges_total", {
    description: "Second calls made beside a slow one, or right after one that failed",
    incremental: true
  })
)

/**
 * Calls that a guard refused to make, by `source` and `by` (`breaker`, `retry-budget`, `hedge-budget`, …).
 *
 * @since 0.1.0
 * @category metrics
 */
export const refusals = keyed(
  MetricKey.counter("muster_refusals_total", {
    description: "Calls that a guard refused to make",
    incremental: true
  })
)

/**
 * Breakers that are not closed, by `breaker`: of one it is 0 or 1, of a keyed one how many of its keys.
 *
 * @since 0.1.0
 * @category metrics
 */
export const breakersOpen = keyed(
  MetricKey.gauge("muster_breakers_open", { description: "Breakers that are not closed" })
)

/**
 * Breakers, by `breaker` and `state` (`closed`, `open`, `half-open`): of one it is 1 in one state and 0 in the others, of
 * a keyed one how many of its keys.
 *
 * @since 0.1.0
 * @category metrics
 */
export const breakers = keyed(MetricKey.gauge("muster_breakers", { description: "Breakers in a state" }))

/**
 * Changes of breakers, by `breaker` and `to` (`open`, `half-open`, `closed`).
 *
 * @since 0.1.0
 * @category metrics
 */
export const breakerTransitions = keyed(
  MetricKey.counter("muster_breaker_transitions_total", {
    description: "Changes of breakers",
    incremental: true
  })
)

/**
 * Counts calls that a guard with this name makes besides the first.
 *
 * @since 0.1.0
 * @category recording
 */
export const counting = (metric: typeof retries, source: string) => {
  const by = each(metric, { source }, "outcome")
  return (outcome: NonNullable<Attempt["outcome"]>): void => by(outcome).update(1)
}

/**
 * Counts a refusal of the guard with this name.
 *
 * @since 0.1.0
 * @category recording
 */
export const refused = (source: string, by: Refused | "hedge-budget"): void => {
  let kinds = refusing.get(source)
  if (kinds === undefined) refusing.set(source, (kinds = refusalsOf(source)))
  kinds(by).update(1)
}

/** Kept by the names of guards, as Effect keeps the states: when there is too much to do, most of it is to refuse. */
const refusing = new Map<string, ReturnType<typeof refusalsOf>>()
const refusalsOf = (source: string) => each(refusals, { source }, "by")

/**
 * Counts a change of the breaker with this name.
 *
 * @since 0.1.0
 * @category recording
 */
export const changed = (breaker: string, to: string): void => tagged(breakerTransitions, { breaker, to }).update(1)
