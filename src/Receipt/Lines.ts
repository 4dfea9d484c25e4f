/**
 * Log lines by direct calls to loggers: an effect for each costs more than the line (see `npm run bench -- inproc`).
 *
 * @since 0.1.0
 */
import { Cause, Clock, Context, type Fiber, type FiberId, FiberRef, HashMap, Logger, LogLevel } from "effect"

/**
 * Writes a line: what it says, and what stands beside it, but for what is `null` or `undefined`.
 *
 * @since 0.1.0
 * @category models
 */
export type Write = (level: LogLevel.LogLevel, text: string, beside: Readonly<Record<string, unknown>>) => void

/**
 * Who writes what, and down to which level.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lines {
  readonly least: LogLevel.LogLevel
  readonly write: Write
}

/**
 * The way to write lines as `Effect.log` does in this fiber: to its loggers, or to one of one's own. `undefined` where nobody
 * would read an error, the gravest line that there can be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  own?: Logger.Logger<unknown, unknown>,
  fiberId: FiberId.FiberId = fiber.id()
): Lines | undefined => {
  if (own === Logger.none) return undefined
  const least = fiber.getFiberRef(FiberRef.currentMinimumLogLevel)
  const loggers = own === undefined ? Array.from(fiber.getFiberRef(FiberRef.currentLoggers)) : [own]
  if (loggers.length === 0 || LogLevel.greaterThan(least, LogLevel.Error)) return undefined
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  const around = fiber.getFiberRef(FiberRef.currentLogAnnotations)
  const spans = fiber.getFiberRef(FiberRef.currentLogSpan)
  const context = fiber.getFiberRefs()
  const write: Write = (logLevel, text, beside) => {
    if (LogLevel.greaterThan(least, logLevel)) return
    const annotations = HashMap.mutate(around, (all) => {
      for (const name in beside)
        if (beside[name] !== null && beside[name] !== undefined) HashMap.set(all, name, beside[name])
    })
    const date = new Date(clock.unsafeCurrentTimeMillis())
    const line = { fiberId, logLevel, message: [text], cause: Cause.empty, context, spans, annotations, date }
    for (const logger of loggers) logger.log(line)
  }
  return { least, write }
}
