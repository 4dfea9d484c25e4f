/**
 * Log lines on stderr: for eyes on a terminal, else one JSON object a line.
 *
 * @since 0.1.0
 */
import { Cause, Config, Effect, HashMap, Layer, Logger, LogLevel } from "effect"
import { badInput, type Failed } from "./Failed.ts"
import * as Json from "./Logging/Json.ts"
import { printable, Screen } from "./Screen.ts"

const levels: Readonly<Record<string, LogLevel.LogLevel>> = {
  all: LogLevel.All,
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warn: LogLevel.Warning,
  warning: LogLevel.Warning,
  error: LogLevel.Error,
  fatal: LogLevel.Fatal,
  off: LogLevel.None,
  none: LogLevel.None
}

/**
 * Reads a level; `where` is the flag or variable that it stands in.
 *
 * @since 0.1.0
 * @category getters
 */
export const readLevel = (where: string, text: string): Effect.Effect<LogLevel.LogLevel, Failed> => {
  const level = levels[text.trim().toLowerCase()]
  if (level !== undefined) return Effect.succeed(level)
  const expected = "one of all, trace, debug, info, warn, error, fatal, none"
  return badInput(`${where} must be ${expected}, but it is ${JSON.stringify(text.slice(0, 100))}`)
}

const fromEnvironment = Effect.gen(function* () {
  const text = yield* Effect.orElseSucceed(Config.string("LOG_LEVEL"), () => "")
  return text === "" ? undefined : yield* readLevel("LOG_LEVEL", text)
})

/**
 * Logs to the screen from a level up: the one given, else `LOG_LEVEL`, else `info`.
 *
 * On a terminal the lines about an aggregation are left out unless a level was asked for: its waterfall says the same.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (given: LogLevel.LogLevel | undefined): Layer.Layer<never, Failed, Screen> =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const screen = yield* Screen
      const level = given ?? (yield* fromEnvironment)
      const logger =
        screen.columns === undefined
          ? Json.logger(screen.err)
          : Logger.map(forEyes(screen.color, level === undefined), (line) => line !== undefined && screen.err(line))
      return Layer.merge(Logger.replace(Logger.defaultLogger, logger), Logger.minimumLogLevel(level ?? LogLevel.Info))
    })
  )

const forEyes = (color: boolean, brief: boolean) =>
  Logger.make<unknown, string | undefined>(({ annotations, cause, date, logLevel, message }) => {
    if (brief && HashMap.has(annotations, "aggregation")) return undefined
    const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
    const said = (Array.isArray(message) ? message : [message]).map(textOf).join(" ")
    const beside = Array.from(annotations, ([key, value]) => ` ${key}=${textOf(value)}`).join("")
    const time = date.toISOString().slice(11, 23)
    const why = Cause.isEmpty(cause) ? "" : `\n${Cause.pretty(cause, { renderErrorCause: true })}`
    return `${paint(2, time)} ${paint(colorOf(logLevel), logLevel.label)} ${said}${paint(2, beside)}${why}`
  })

const colorOf = (level: LogLevel.LogLevel) =>
  LogLevel.greaterThanEqual(level, LogLevel.Error) ? 31 : LogLevel.greaterThanEqual(level, LogLevel.Warning) ? 33 : 36

const textOf = (value: unknown): string =>
  printable(typeof value === "string" ? value : (JSON.stringify(value) ?? String(value)))

/**
 * Says why a command failed, whatever the level: as a line on a terminal, else as a log line, so that stderr stays JSON.
 *
 * @since 0.1.0
 * @category logging
 */
export const sayFailure = (message: string): Effect.Effect<void, never, Screen> =>
  Effect.flatMap(Screen, (screen) =>
    screen.columns === undefined
      ? Logger.withMinimumLogLevel(Effect.logError(message), LogLevel.All)
      : Effect.sync(() => screen.err(`muster: ${printable(message)}`))
  )
