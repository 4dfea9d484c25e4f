/**
 * A receipt as log lines and span attributes.
 *
 * @since 0.1.0
 */
import { Effect, LogLevel } from "effect"
import type { Ending, Receipt, SourceReceipt } from "../Receipt.ts"

const levels = {
  succeeded: LogLevel.Info,
  partial: LogLevel.Warning,
  failed: LogLevel.Error,
  "timed-out": LogLevel.Error,
  cancelled: LogLevel.Info
} as const satisfies Record<Ending, LogLevel.LogLevel>

/**
 * Logs one line for the aggregation, and one for each source: a warning for those that failed or were late, debug for the
 * rest.
 *
 * @since 0.1.0
 * @category logging
 */
export const log = (receipt: Receipt): Effect.Effect<void> =>
  Effect.zipRight(
    Effect.forEach(receipt.sources, (source) => logSource(receipt, source), { discard: true }),
    Effect.annotateLogs(
      Effect.logWithLevel(levels[receipt.outcome], `${receipt.aggregation} ${receipt.outcome}`),
      attributes(receipt)
    )
  )

const logSource = ({ aggregation, traceId }: Receipt, source: SourceReceipt): Effect.Effect<void> => {
  const wrong = source.outcome === "failed" || source.outcome === "timed-out"
  return Effect.logWithLevel(wrong ? LogLevel.Warning : LogLevel.Debug, `${source.name} ${source.outcome}`).pipe(
    Effect.annotateLogs(
      present({
        aggregation,
        source: source.name,
        outcome: source.outcome,
        duration: duration(source),
        cleanup: source.cleanup,
        fallback: source.fallback || null,
        error: source.error === null ? null : `${source.error.tag}: ${source.error.message}`,
        traceId
      })
    )
  )
}

/**
 * What a log line or a span says of an aggregation; durations in milliseconds.
 *
 * @since 0.1.0
 * @category getters
 */
export const attributes = (receipt: Receipt): Record<string, unknown> =>
  present({
    aggregation: receipt.aggregation,
    policy: receipt.policy,
    outcome: receipt.outcome,
    duration: receipt.elapsed,
    deadline: receipt.deadline,
    remaining: receipt.remaining,
    sources: receipt.sources.length,
    firstCause: receipt.firstCause && describeCause(receipt.firstCause),
    victims: receipt.victims.length === 0 ? null : receipt.victims.slice(0, 20).join(", "),
    receipt: receipt.id,
    traceId: receipt.traceId
  })

/** In microseconds at the finest: the difference of two rounded instants is not always round. */
const duration = ({ end, start }: SourceReceipt) =>
  start === null || end === null ? null : Math.round((end - start) * 1_000) / 1_000

const describeCause = ({ kind, message, source }: NonNullable<Receipt["firstCause"]>) =>
  source === null ? `${kind}: ${message}` : `${kind} of ${source}: ${message}`

const present = (all: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null))

const perItem = new Set(["forEach", "collectEach"])

/**
 * The name under which a source is counted. Items have as many names as there are items, and a metric or span name for
 * each would have no end: they are all called `item`.
 *
 * @since 0.1.0
 * @category getters
 */
export const labelOf = (policy: string, source: string): string => (perItem.has(policy) ? "item" : source)
