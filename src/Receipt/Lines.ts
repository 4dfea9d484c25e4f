/**
 * Log lines by direct calls to loggers: an effect for each costs more than the line (see `npm run bench -- inproc`).
 *
 * @since 0.1.0
 */
import {
  Cause,
  Clock,
  Context,
  type Fiber,
  type FiberId,
  FiberRef,
  HashMap,
  type HashSet,
  List,
  Logger,
  LogLevel
} from "effect"
import { isKept } from "./Spans.ts"

/**
 * What stands beside a line; of what is `undefined`, nothing is said.
 *
 * @since 0.1.0
 * @category models
 */
export type Beside = Readonly<Record<string, string | number | boolean | undefined>>

/**
 * Writes a line: what it says, and what stands beside it.
 *
 * @since 0.1.0
 * @category models
 */
export type Write = (level: LogLevel.LogLevel, text: string, beside: Beside) => void

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
 * A line with nothing around it: no cause, no spans, no annotations of the fiber.
 *
 * @since 0.1.0
 * @category models
 */
export interface Line {
  readonly level: LogLevel.LogLevel
  readonly text: string
  readonly beside: Beside
  /** Milliseconds since 1970. */
  readonly time: number
  readonly fiberId: FiberId.FiberId
}

const key: unique symbol = Symbol.for("effect-muster/Receipt/Lines")

/**
 * The same logger, which takes a {@link Line} as it is: the map of annotations that a logger reads else is most of what a line
 * costs, and two of them were a fifth of what a request to `muster serve` allocated.
 *
 * @since 0.1.0
 * @category constructors
 */
export const direct = <A, B>(logger: Logger.Logger<A, B>, write: (line: Line) => void): Logger.Logger<A, B> =>
  Object.assign(
    Logger.map(logger, (written) => written),
    { [key]: write }
  )

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
  const loggers: ReadonlyArray<Writer> = own === undefined ? loggersOf(fiber) : [own]
  if (loggers.length === 0 || LogLevel.greaterThan(least, LogLevel.Error)) return undefined
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  const around = fiber.getFiberRef(FiberRef.currentLogAnnotations)
  const spans = fiber.getFiberRef(FiberRef.currentLogSpan)
  const isBare = HashMap.isEmpty(around) && List.isNil(spans)
  const write: Write = (level, text, beside) => {
    if (LogLevel.greaterThan(least, level)) return
    const time = clock.unsafeCurrentTimeMillis()
    for (const logger of loggers) {
      const direct = isBare ? logger[key] : undefined
      if (direct !== undefined) direct({ level, text, beside, time, fiberId })
      else logger.log(whole({ level, text, beside, time, fiberId }, around, spans, fiber))
    }
  }
  return { least, write }
}

type Writer = Logger.Logger<unknown, unknown> & { readonly [key]?: (line: Line) => void }

const loggersOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): ReadonlyArray<Writer> => {
  const [known, left] = isKept(fiber) ? [whereKept, undefined] : [whereNotKept, Logger.tracerLogger]
  const set = fiber.getFiberRef(FiberRef.currentLoggers)
  let loggers = known.get(set)
  if (loggers === undefined) known.set(set, (loggers = Array.from(set).filter((logger) => logger !== left)))
  return loggers
}

type Known = WeakMap<HashSet.HashSet<Writer>, ReadonlyArray<Writer>>

const whereKept: Known = new WeakMap()

/** Without the one that writes lines into spans where nobody can see them afterwards. */
const whereNotKept: Known = new WeakMap()

/** As loggers get it from Effect. */
const whole = (
  { beside, fiberId, level, text, time }: Line,
  around: HashMap.HashMap<string, unknown>,
  spans: Logger.Logger.Options<unknown>["spans"],
  fiber: Fiber.RuntimeFiber<unknown, unknown>
): Logger.Logger.Options<unknown> => ({
  fiberId,
  logLevel: level,
  message: [text],
  cause: Cause.empty,
  context: fiber.getFiberRefs(),
  spans,
  annotations: HashMap.mutate(around, (all) => {
    for (const name in beside) if (beside[name] !== undefined) HashMap.set(all, name, beside[name])
  }),
  date: new Date(time)
})
