/**
 * The last receipts of an aggregator, and what they say of the health of its sources.
 *
 * @since 0.1.0
 */
import { Effect, PubSub, type Scope, Stream } from "effect"
import { isPerItem } from "../Aggregator/Report.ts"
import { Aggregator } from "../Aggregator.ts"
import type { Receipt } from "../Receipt.ts"

/**
 * How a source has done lately.
 *
 * @since 0.1.0
 * @category models
 */
export interface Health {
  readonly aggregation: string
  readonly source: string
  /** How it ended the last time it was asked, and when, in milliseconds since 1970. */
  readonly last: Receipt["sources"][number]["outcome"]
  readonly at: number
  /** How often in a row it has failed or been late. */
  readonly failing: number
}

/**
 * The last receipts, the oldest first.
 *
 * @since 0.1.0
 * @category models
 */
export interface Recent {
  readonly receipts: () => ReadonlyArray<Receipt>
  readonly health: () => ReadonlyArray<Health>
  /** The last receipts and every one from now on. A reader who is slow misses some. */
  readonly follow: Stream.Stream<Receipt>
}

const most = 1_000

/** A receipt of a hundred thousand items is as large as a thousand of a hundred. */
const mostSources = 100_000

/**
 * Keeps the last 1,000 receipts from now on; fewer when they have more than 100,000 sources together, and none where nobody
 * could read them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (isRead: boolean): Effect.Effect<Recent, never, Aggregator | Scope.Scope> =>
  Effect.gen(function* () {
    const aggregator = yield* Aggregator
    const latest = yield* Effect.acquireRelease(PubSub.sliding<Receipt>(most), PubSub.shutdown)
    // Those before `first` are forgotten. To take each out by itself would move all the others.
    const all: Array<Receipt> = []
    let first = 0
    const receipts = () => all.slice(first)
    const health = new Map<string, Health>()
    let sources = 0

    const keep = (receipt: Receipt) => {
      if (!isPerItem(receipt.policy)) note(receipt, health)
      if (!isRead) return
      all.push(receipt)
      sources += receipt.sources.length
      while (all.length - first > most || (sources > mostSources && all.length - first > 1))
        sources -= all[first++]!.sources.length
      if (first > all.length / 2) {
        all.splice(0, first)
        first = 0
      }
      latest.unsafeOffer(receipt)
    }

    yield* Effect.acquireRelease(
      Effect.sync(() => aggregator.listen(keep)),
      (stop) => Effect.sync(stop)
    )
    return {
      receipts,
      health: () => Array.from(health.values()),
      follow: Stream.unwrapScoped(
        Effect.map(Stream.fromPubSub(latest, { scoped: true }), (latest) =>
          Stream.concat(Stream.fromIterable(receipts()), latest)
        )
      )
    }
  })

/** One that was cancelled, or not asked, has shown nothing of its health. */
const note = ({ aggregation, sources, startedAt }: Receipt, health: Map<string, Health>) => {
  for (const { end, name, outcome } of sources) {
    if (outcome === "cancelled" || outcome === "not-started") continue
    // No other pair of names makes the same.
    const key = `${aggregation.length} ${aggregation}${name}`
    const failing = outcome === "succeeded" ? 0 : (health.get(key)?.failing ?? 0) + 1
    // Sources may be named by what is asked for, and then there is no end of names: those longest unheard of are forgotten.
    health.delete(key)
    if (health.size === most) health.delete(health.keys().next().value!)
    health.set(key, { aggregation, source: name, last: outcome, at: Math.round(startedAt + (end ?? 0)), failing })
  }
}
