/**
 * A receipt as log lines and span attributes.
 *
 * @since 0.1.0
 */
import { type Fiber, type Logger, LogLevel } from "effect"
import type { Ending, FirstCause, SourceReceipt } from "../Receipt.ts"
import * as Lines from "../Receipt/Lines.ts"
import type { Recorder, Summary } from "../Receipt/Recorder.ts"

const levels = {
  succeeded: LogLevel.Info,
  partial: LogLevel.Warning,
  failed: LogLevel.Error,
  "timed-out": LogLevel.Error,
  cancelled: LogLevel.Info
} as const satisfies Record<Ending, LogLevel.LogLevel>

/**
 * Logs one line for the aggregation, and one for each source before it: a warning for those that failed or were late, debug
 * for the rest. To this logger, or else to those of the fiber.
 *
 * @since 0.1.0
 * @category logging
 */
export const log = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  own: Logger.Logger<unknown, unknown> | undefined,
  recorder: Recorder,
  summary: () => Summary
): void => {
  const lines = Lines.of(fiber, own)
  if (lines === undefined) return
  const { least, write } = lines
  const whole = summary()
  const all = LogLevel.lessThanEqual(least, LogLevel.Debug)
  for (const entry of recorder.entries) {
    const wrong = entry.tag === "Failed" || entry.tag === "TimedOut"
    if (!wrong && !all) continue
    const source = entry.receipt()
    write(wrong ? LogLevel.Warning : LogLevel.Debug, `${source.name} ${source.outcome}`, ofSource(whole, source))
  }
  write(levels[whole.outcome], `${whole.aggregation} ${whole.outcome}`, attributes(whole, recorder))
}

const ofSource = ({ aggregation, traceId }: Summary, source: SourceReceipt): Lines.Beside => ({
  aggregation,
  source: source.name,
  outcome: source.outcome,
  duration: duration(source),
  cleanup: source.cleanup,
  fallback: source.fallback || undefined,
  error: source.error === null ? undefined : `${source.error.tag}: ${source.error.message}`,
  traceId: traceId ?? undefined
})

/**
 * What a log line or a span says of an aggregation; durations in milliseconds.
 *
 * @since 0.1.0
 * @category getters
 */
export const attributes = (summary: Summary, { entries }: Recorder): Lines.Beside => ({
  aggregation: summary.aggregation,
  policy: summary.policy,
  outcome: summary.outcome,
  duration: summary.elapsed,
  deadline: summary.deadline ?? undefined,
  remaining: summary.remaining ?? undefined,
  sources: entries.length,
  firstCause: summary.firstCause === null ? undefined : describeCause(summary.firstCause),
  victims: summary.victims.length === 0 ? undefined : summary.victims.slice(0, 20).join(", "),
  receipt: summary.id,
  traceId: summary.traceId ?? undefined
})

/** In microseconds at the finest: the difference of two rounded instants is not always round. */
const duration = ({ end, start }: SourceReceipt) =>
  start === null || end === null ? undefined : Math.round((end - start) * 1_000) / 1_000

const describeCause = ({ kind, message, source }: FirstCause) =>
  source === null ? `${kind}: ${message}` : `${kind} of ${source}: ${message}`

const perItem = new Set(["forEach", "collectEach"])

/**
 * Whether the sources of a policy are the items of a list.
 *
 * @since 0.1.0
 * @category getters
 */
export const isPerItem = (policy: string): boolean => perItem.has(policy)

/**
 * The name under which a source is counted. Items have as many names as there are items, and a metric or span name for
 * each would have no end: they are all called `item`.
 *
 * @since 0.1.0
 * @category getters
 */
export const labelOf = (policy: string, source: string): string => (isPerItem(policy) ? "item" : source)
