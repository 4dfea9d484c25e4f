/**
 * Log lines of a server by direct calls to its loggers.
 *
 * @since 0.1.0
 */
import { Cause, type Clock, Effect, FiberId, FiberRef, HashMap, LogLevel } from "effect"

/**
 * Writes a line: what it says, and what stands beside it.
 *
 * @since 0.1.0
 * @category models
 */
export type Write = (level: LogLevel.LogLevel, text: string, annotations: Readonly<Record<string, unknown>>) => void

/**
 * The way to write lines to the loggers of the fiber that runs this, as `Effect.log` does.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (clock: Clock.Clock): Effect.Effect<Write> =>
  Effect.withFiberRuntime((fiber) => {
    const loggers = Array.from(fiber.getFiberRef(FiberRef.currentLoggers))
    const least = fiber.getFiberRef(FiberRef.currentMinimumLogLevel)
    const around = fiber.getFiberRef(FiberRef.currentLogAnnotations)
    const spans = fiber.getFiberRef(FiberRef.currentLogSpan)
    const context = fiber.getFiberRefs()
    return Effect.succeed((logLevel, text, annotations) => {
      if (LogLevel.greaterThan(least, logLevel)) return
      const own = HashMap.fromIterable(Object.entries(annotations).filter(([, value]) => value !== undefined))
      const line = {
        fiberId: FiberId.none,
        logLevel,
        message: [text],
        cause: Cause.empty,
        context,
        spans,
        annotations: HashMap.isEmpty(around) ? own : HashMap.union(around, own),
        date: new Date(clock.unsafeCurrentTimeMillis())
      }
      for (const logger of loggers) logger.log(line)
    })
  })
