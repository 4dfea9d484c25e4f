/**
 * A receipt as log lines and span attributes.
 *
 * @since 0.1.0
 */
import { Cause, Clock, Context, type Fiber, FiberRef, HashMap, Logger, LogLevel } from "effect"
import type { Ending, FirstCause, SourceReceipt } from "../Receipt.ts"
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
 * for the rest. To these loggers, or else to those of the fiber.
 *
 * By direct calls: an effect for each line costs more than the lines (see `npm run bench -- inproc`).
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
  if (own === Logger.none) return
  const least = fiber.getFiberRef(FiberRef.currentMinimumLogLevel)
  const loggers = own === undefined ? Array.from(fiber.getFiberRef(FiberRef.currentLoggers)) : [own]
  // An error is the gravest line that there can be.
  if (loggers.length === 0 || LogLevel.greaterThan(least, LogLevel.Error)) return
  const whole = summary()
  const write = lines(fiber, loggers, least)
  const all = LogLevel.lessThanEqual(least, LogLevel.Debug)
  for (const entry of recorder.entries) {
    const wrong = entry.tag === "Failed" || entry.tag === "TimedOut"
    if (!wrong && !all) continue
    const source = entry.receipt()
    const level = wrong ? LogLevel.Warning : LogLevel.Debug
    write(level, `${source.name} ${source.outcome}`, () => ofSource(whole, source))
  }
  write(levels[whole.outcome], `${whole.aggregation} ${whole.outcome}`, () => attributes(whole, recorder))
}

/** Gives lines to loggers, as Effect does. */
const lines = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  loggers: ReadonlyArray<Logger.Logger<unknown, unknown>>,
  least: LogLevel.LogLevel
) => {
  const annotations = fiber.getFiberRef(FiberRef.currentLogAnnotations)
  const spans = fiber.getFiberRef(FiberRef.currentLogSpan)
  const context = fiber.getFiberRefs()
  const date = new Date(Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeMillis())
  return (logLevel: LogLevel.LogLevel, text: string, details: () => Details) => {
    if (LogLevel.greaterThan(least, logLevel)) return
    const own = details()
    const all = HashMap.mutate(annotations, (all) => {
      for (const name in own) if (own[name] !== null) HashMap.set(all, name, own[name])
    })
    for (const logger of loggers)
      logger.log({
        fiberId: fiber.id(),
        logLevel,
        message: [text],
        cause: Cause.empty,
        context,
        spans,
        annotations: all,
        date
      })
  }
}

/** What a line says, by name; of what is `null`, nothing. */
type Details = Readonly<Record<string, unknown>>

const ofSource = ({ aggregation, traceId }: Summary, source: SourceReceipt): Details => ({
  aggregation,
  source: source.name,
  outcome: source.outcome,
  duration: duration(source),
  cleanup: source.cleanup,
  fallback: source.fallback || null,
  error: source.error === null ? null : `${source.error.tag}: ${source.error.message}`,
  traceId
})

/**
 * What a log line or a span says of an aggregation; durations in milliseconds. Of what is `null`, they say nothing.
 *
 * @since 0.1.0
 * @category getters
 */
export const attributes = (summary: Summary, { entries }: Recorder): Details => ({
  aggregation: summary.aggregation,
  policy: summary.policy,
  outcome: summary.outcome,
  duration: summary.elapsed,
  deadline: summary.deadline,
  remaining: summary.remaining,
  sources: entries.length,
  firstCause: summary.firstCause && describeCause(summary.firstCause),
  victims: summary.victims.length === 0 ? null : summary.victims.slice(0, 20).join(", "),
  receipt: summary.id,
  traceId: summary.traceId
})

/** In microseconds at the finest: the difference of two rounded instants is not always round. */
const duration = ({ end, start }: SourceReceipt) =>
  start === null || end === null ? null : Math.round((end - start) * 1_000) / 1_000

const describeCause = ({ kind, message, source }: FirstCause) =>
  source === null ? `${kind}: ${message}` : `${kind} of ${source}: ${message}`

const perItem = new Set(["forEach", "collectEach"])

/**
 * The name under which a source is counted. Items have as many names as there are items, and a metric or span name for
 * each would have no end: they are all called `item`.
 *
 * @since 0.1.0
 * @category getters
 */
export const labelOf = (policy: string, source: string): string => (perItem.has(policy) ? "item" : source)
