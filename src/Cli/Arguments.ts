/**
 * Looks at what was typed before it is parsed, so that what is wrong with it can be said in one line.
 *
 * Left to itself, `@effect/cli` calls a flag without its value an unknown argument, suggests nothing for a mistyped flag
 * that may be left out, and reads `--help` only in the first place.
 *
 * @since 0.1.0
 */
import { AutoCorrect, CliConfig, CommandDescriptor, type Usage } from "@effect/cli"
import { Effect, HashMap, type LogLevel, Option } from "effect"
import { badInput, type Failed } from "./Failed.ts"
import { readLevel } from "./Logging.ts"

/**
 * A command of any kind.
 *
 * @since 0.1.0
 * @category models
 */
export type AnyCommand = CommandDescriptor.Command<unknown>

const shells = ["bash", "fish", "zsh"] as const

/**
 * What is wanted; `Help` without a command is about all of them. `args` begin with the name of the command, and every
 * flag in them has its value in the argument after it.
 *
 * @since 0.1.0
 * @category models
 */
export type Wanted =
  | { readonly _tag: "Help"; readonly command: string | undefined }
  | { readonly _tag: "Version" }
  | { readonly _tag: "Completions"; readonly shell: (typeof shells)[number] }
  | { readonly _tag: "Run"; readonly args: ReadonlyArray<string>; readonly level: LogLevel.LogLevel | undefined }

/**
 * The flags that every command has, by whether they take a value.
 *
 * @since 0.1.0
 * @category models
 */
export const everywhere: ReadonlyMap<string, boolean> = new Map([
  ["--help", false],
  ["-h", false],
  ["--version", false],
  ["--completions", true],
  ["--log-level", true]
])

/**
 * Reads what was typed after the name of the program. When it does not begin with the name of a command, it is for the
 * command called `fallback`.
 *
 * @since 0.1.0
 * @category parsing
 */
export const read = (
  args: ReadonlyArray<string>,
  commands: HashMap.HashMap<string, AnyCommand>,
  fallback: string
): Effect.Effect<Wanted, Failed> =>
  Effect.gen(function* () {
    const named = args[0] !== undefined && !args[0].startsWith("-")
    const name = named ? args[0]! : fallback
    const command = Option.getOrUndefined(HashMap.get(commands, name))
    const names = Array.from(HashMap.keys(commands)).toSorted()
    if (command === undefined) return yield* unknown("command", name, names, `there are: ${names.join(", ")}`)
    const rest = named ? args.slice(1) : args
    if (asksFor(rest, "--help", "-h")) return { _tag: "Help", command: named || rest.length > 1 ? name : undefined }
    if (asksFor(rest, "--version")) return { _tag: "Version" }

    const usage = CommandDescriptor.getUsage(command)
    const flags = new Map([...flagsOf(usage), ...everywhere])
    const passed: Array<string> = [name]
    const seen = new Map<string, string>()
    for (let at = 0; at < rest.length; at++) {
      const argument = rest[at]!
      const forced = argument === "--" ? rest.slice(at + 1) : []
      const [word] = argument === "--" ? forced : /^-[^\d]/.test(argument) ? [] : [argument]
      if (word !== undefined && !takesArguments(usage)) return yield* badInput(`there is no use for ${quoted(word)}`)
      if (argument === "--") {
        passed.push(argument, ...forced)
        break
      }
      if (word !== undefined) {
        passed.push(word)
        continue
      }
      const [flag = "", ...texts] = argument.split("=")
      const takesValue = flags.get(flag)
      if (takesValue === undefined)
        return yield* unknown("flag", flag, Array.from(flags.keys()), `see muster ${name} --help`)
      if (seen.has(flag)) return yield* badInput(`${flag} is given twice`)
      if (!takesValue && texts.length > 0) return yield* badInput(`${flag} takes no value`)
      const next = rest[at + 1]
      if (takesValue && texts.length === 0 && (next === undefined || flags.has(next.split("=")[0]!)))
        return yield* badInput(`${flag} needs a value`)
      const value = !takesValue ? "" : texts.length > 0 ? texts.join("=") : rest[++at]!
      seen.set(flag, value)
      if (!everywhere.has(flag)) passed.push(flag, ...(takesValue ? [value] : []))
    }
    const shell = seen.get("--completions")
    if (shell !== undefined) return yield* completions(shell)
    const level = seen.get("--log-level")
    return {
      _tag: "Run",
      args: passed,
      level: level === undefined ? undefined : yield* readLevel("--log-level", level)
    }
  })

const asksFor = (args: ReadonlyArray<string>, ...flags: ReadonlyArray<string>): boolean => {
  const end = args.indexOf("--")
  return args.slice(0, end < 0 ? args.length : end).some((argument) => flags.includes(argument))
}

const completions = (text: string): Effect.Effect<Wanted, Failed> => {
  const shell = shells.find((name) => name === text)
  return shell === undefined
    ? badInput(`--completions must be one of ${shells.join(", ")}, but it is ${quoted(text)}`)
    : Effect.succeed({ _tag: "Completions", shell })
}

/** The names in a usage, by whether they take a value: of flags, of the command itself, and of its arguments. */
const namesOf = (usage: Usage.Usage): ReadonlyArray<readonly [name: string, takesValue: boolean]> => {
  switch (usage._tag) {
    case "Named":
      return usage.names.map((name) => [name, Option.isSome(usage.acceptedValues)] as const)
    case "Optional":
    case "Repeated":
      return namesOf(usage.usage)
    case "Alternation":
    case "Concat":
      return [...namesOf(usage.left), ...namesOf(usage.right)]
    default:
      return []
  }
}

const flagsOf = (usage: Usage.Usage) => namesOf(usage).filter(([name]) => name.startsWith("-"))

const takesArguments = (usage: Usage.Usage) => namesOf(usage).some(([name]) => name.startsWith("<"))

const quoted = (text: string) => JSON.stringify(text.slice(0, 100))

const unknown = (kind: string, given: string, all: ReadonlyArray<string>, otherwise: string): Failed => {
  const near = all
    .map((name) => [distance(given.slice(0, 100), name), name] as const)
    .filter(([steps, name]) => steps <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted(([a], [b]) => a - b)
  const hint = near[0] === undefined ? otherwise : `did you mean ${near[0][1]}?`
  return badInput(`there is no ${kind} ${quoted(given)}; ${hint}`)
}

const distance = (a: string, b: string) => AutoCorrect.levensteinDistance(a, b, CliConfig.defaultConfig)
