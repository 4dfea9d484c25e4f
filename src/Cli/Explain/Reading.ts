/**
 * Reads a recording, and keeps what is to be played of each aggregation in it.
 *
 * @since 0.1.0
 */
import { Effect, Stream } from "effect"
import type { Receipt } from "../../Receipt.ts"
import { type Confidence, Observations } from "../../Testkit/WhatIf.ts"
import { unknown } from "../Arguments.ts"
import { badInput, type Failed } from "../Failed.ts"
import * as Recorded from "../Recorded.ts"

/**
 * What to read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wanted {
  /** Its path; `-` is stdin. */
  readonly file: string
  /** Only the aggregations of this name. */
  readonly aggregation: string | undefined
  /** Whether lines that are no receipts are counted and passed over. */
  readonly skipBad: boolean
  /** Of the intervals of what is estimated. */
  readonly confidence: Confidence
}

/**
 * What was read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Read {
  /** By the name of the aggregation, in the order in which they came up. */
  readonly aggregations: ReadonlyMap<string, Observations>
  /** How many receipts are of policies that cannot be played, by policy. */
  readonly leftOut: ReadonlyMap<string, number>
  /** How many lines are no receipts, and what is wrong with the first. */
  readonly skipped: number
  readonly firstSkipped: string | undefined
}

/** Those whose answer follows from how each source ended. `gather` is called `failFast` in receipts. */
const playable = new Set(["failFast", "collect", "stream"])

const mostAggregations = 20
const mostSources = 1_000
const progressEvery = 250_000

/**
 * Reads a recording from its start to its end. Its length does not matter: memory is bounded.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = (wanted: Wanted): Effect.Effect<Read, Failed> =>
  Effect.gen(function* () {
    const aggregations = new Map<string, Observations>()
    const leftOut = new Map<string, number>()
    const others = new Set<string>()
    const where = Recorded.nameOf(wanted.file)
    let lines = 0
    let skipped = 0
    let firstSkipped: string | undefined

    const add = (receipt: Receipt): Effect.Effect<void, Failed> => {
      const { aggregation, policy } = receipt
      if (wanted.aggregation !== undefined && aggregation !== wanted.aggregation) {
        if (others.size < mostAggregations) others.add(aggregation)
        return Effect.void
      }
      if (!playable.has(policy)) {
        leftOut.set(policy, (leftOut.get(policy) ?? 0) + 1)
        return Effect.void
      }
      const observations = aggregations.get(aggregation) ?? new Observations(1, wanted.confidence)
      if (aggregations.set(aggregation, observations).size > mostAggregations)
        return badInput(`${where} has more than ${mostAggregations} aggregations; pick one with --aggregation`)
      observations.add(receipt)
      return observations.width > mostSources
        ? badInput(`${where}: the sources of ${JSON.stringify(aggregation)} have more than ${mostSources} names`)
        : Effect.void
    }

    yield* Stream.runForEach(Recorded.lines(wanted.file), (line) => {
      lines += 1
      if ("unreadable" in line) {
        const { line: number, reason } = line.unreadable
        if (!wanted.skipBad) return Recorded.unreadable(wanted.file, line.unreadable)
        skipped += 1
        firstSkipped ??= `line ${number}: ${reason}`
        return Effect.void
      }
      const added = add(line.receipt)
      return lines % progressEvery === 0 ? Effect.zipRight(Effect.logInfo(`${lines} receipts read`), added) : added
    })

    if (lines === 0) return yield* badInput(`${where} is empty: there is no receipt in it`)
    if (aggregations.size === 0) return yield* nothing(wanted, { leftOut, others, firstSkipped })
    return { aggregations, leftOut, skipped, firstSkipped }
  })

/** Why nothing is left to be played. */
const nothing = (
  { aggregation, file }: Wanted,
  seen: Pick<Read, "leftOut" | "firstSkipped"> & { readonly others: ReadonlySet<string> }
): Failed => {
  const where = Recorded.nameOf(file)
  if (seen.leftOut.size > 0) return badInput(`${where} has only receipts ${ofPolicies(seen.leftOut)}`)
  if (aggregation === undefined || seen.others.size === 0)
    return badInput(`${where} has no receipt in it; the first line that is none is ${seen.firstSkipped}`)
  const names = Array.from(seen.others)
  return unknown("aggregation", aggregation, names, `there are: ${names.join(", ")}`)
}

/**
 * Says which receipts cannot be played.
 *
 * @since 0.1.0
 * @category getters
 */
export const ofPolicies = (leftOut: ReadonlyMap<string, number>): string =>
  `of ${Array.from(leftOut.keys()).join(", ")}, whose answers do not follow from how each source ended`
