/**
 * The options of an aggregator, read from the environment.
 *
 * @since 0.1.0
 */
import { Config, ConfigError, Either, Option } from "effect"
import * as Options from "../Options.ts"

const parsed = <A>(name: string, expected: string, parse: (text: string) => A | undefined) =>
  Config.mapOrFail(Config.string(name), (text) => {
    const value = parse(text)
    return value === undefined
      ? Either.left(ConfigError.InvalidData([name], `${name} must be ${expected}, but it is ${JSON.stringify(text)}`))
      : Either.right(value)
  }).pipe(Config.option, Config.map(Option.getOrUndefined))

const concurrency = (text: string): Options.Concurrency | undefined => {
  if (text === "unbounded") return text
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}

/**
 * `MUSTER_DEADLINE` and `MUSTER_GRACE` (durations like `500ms` or `2 seconds`) and `MUSTER_CONCURRENCY` (a whole number
 * from 1 up, or `unbounded`). What is not set keeps its default. A wrong value is a `ConfigError` that names the variable,
 * the value and what was expected.
 *
 * @since 0.1.0
 * @category config
 */
export const environment = Config.all({
  deadline: parsed("MUSTER_DEADLINE", Options.expectedDuration, Options.parseDuration),
  grace: parsed("MUSTER_GRACE", Options.expectedDuration, Options.parseDuration),
  concurrency: parsed("MUSTER_CONCURRENCY", `a whole number from 1 up, or "unbounded"`, concurrency)
})
