/**
 * A recorded receipt as scripted sources: the same latencies and endings, in virtual time.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import type { Aggregator, AggregatorOptions } from "../Aggregator.ts"
import { SourceTimedOut } from "../Outcome.ts"
import type { Receipt, SourceReceipt } from "../Receipt.ts"
import type { Explored } from "./Explored.ts"
import { reproduce } from "./Explorer.ts"
import type { Behaviour, Ending, Schedule } from "./Schedule.ts"
import type { Scripted } from "./Scripted.ts"

/**
 * What a receipt does not tell.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReplayOptions {
  /** What sources that succeeded give; default `undefined`. A receipt has no values: they may be secret. */
  readonly values?: Readonly<Record<string, unknown>> | undefined
  /** The aggregator that the program is given; default: one with the deadline of the receipt. */
  readonly aggregator?: AggregatorOptions | undefined
}

/**
 * Runs a program over sources that do what the receipt says they did: each takes as long, ends in the same way, and
 * cleans up as long as it did. One that was stopped never ends by itself. Says what came of the program.
 *
 * Errors come back with the `_tag`, message and status that the receipt has. The program names the sources that it takes; a
 * receipt that has others leaves them `undefined`.
 *
 * @example
 * ```ts
 * const page = ({ profile, orders }: { profile: Effect.Effect<string, Error>; orders: Effect.Effect<number, Error> }) =>
 *   Aggregator.gather("dashboard", { profile, orders: Source.optional(orders) })
 *
 * const { receipts } = yield* Testkit.replay(recorded, page)
 * ```
 *
 * @since 0.1.0
 * @category replay
 */
export const replay = <A, E, Sources = Readonly<Record<string, Scripted<unknown, unknown>>>>(
  receipt: Receipt,
  program: (sources: Sources) => Effect.Effect<A, E, Aggregator>,
  options?: ReplayOptions
): Effect.Effect<Explored<A, E>> =>
  reproduce(
    program,
    scheduleOf(receipt, options?.values),
    options?.aggregator ?? { deadline: receipt.deadline ?? Infinity }
  )

/**
 * The schedule that a receipt tells of.
 *
 * @since 0.1.0
 * @category replay
 */
export const scheduleOf = (receipt: Receipt, values: Readonly<Record<string, unknown>> = {}): Schedule => {
  const firstEnd = Math.min(...receipt.sources.map(({ end }) => end ?? Infinity))
  return {
    sources: Object.fromEntries(receipt.sources.map((source) => [source.name, behaviourOf(source, firstEnd, values)])),
    ties: "forward"
  }
}

const behaviourOf = (source: SourceReceipt, firstEnd: number, values: Readonly<Record<string, unknown>>): Behaviour => {
  const { cleaned, end, start } = source
  const took = start === null || end === null ? 0 : end - start
  const cleaning = end === null || cleaned === null ? 0 : cleaned - end
  // In real time it takes a while to ask them all; without it, those asked last would end too early. One that was asked
  // after another had ended was waiting for its place, as it will be again.
  const lag = start !== null && start < firstEnd ? start : 0
  return { ends: endingOf(source, took, values), after: lag + took, cleanup: cleaning, uninterruptible: false }
}

const endingOf = (
  { error, name, outcome }: SourceReceipt,
  took: number,
  values: Readonly<Record<string, unknown>>
): Ending => {
  switch (outcome) {
    case "succeeded":
      return { succeed: values[name] }
    case "failed": {
      if (error?.tag === "SourceDied") return { die: new Error(error.message) }
      const { message, tag = "Error", ...more } = error ?? {}
      return { fail: Object.assign(new Error(message), { _tag: tag, ...more }) }
    }
    case "timed-out":
      return error === null ? "hang" : { fail: new SourceTimedOut({ source: name, limit: took }) }
    case "cancelled":
    case "not-started":
      return "hang"
  }
}
