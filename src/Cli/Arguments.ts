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
 * command called `fallback`; `help explain` is `explain --help`.
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
    if (args[0] === "help") return yield* read([...args.slice(1), "--help"], commands, fallback)
    const named = args[0] !== undefined && !args[0].startsWith("-")
    const name = named ? args[0]! : fallback
    const command = Option.getOrUndefined(HashMap.get(commands, name))
    const names = Array.from(HashMap.keys(commands)).toSorted()
    if (command === undefined) return yield* unknown("command", name, names, `there are: ${names.join(", ")}`)
    const rest = named ? args.slice(1) : args
    if (asksFor(rest, "--help", "-h")) return { _tag: "Help", command: named || rest.length > 1 ? name : undefined }
    if (asksFor(rest, "--version")) return { _tag: "Version" }

    const known = namesOf(CommandDescriptor.getUsage(command))
    const flags = new Map(known.filter(({ name }) => name.startsWith("-")).map((flag) => [flag.name, flag]))
    for (const [name, takesValue] of everywhere) flags.set(name, { name, takesValue, ...once })
    const places = known.filter(({ name }) => name.startsWith("<"))
    const passed: Array<string> = [name]
    const words: Array<string> = []
    const seen = new Map<string, string>()
    for (let at = 0; at < rest.length; at++) {
      const argument = rest[at]!
      const forced = argument === "--" ? rest.slice(at + 1) : /^-[^\d]/.test(argument) ? undefined : [argument]
      if (forced !== undefined) {
        words.push(...forced)
        const more = words[places.length]
        if (more !== undefined) return yield* badInput(`there is no use for ${quoted(more)}`)
        if (argument === "--") break
        continue
      }
      const [word = "", ...texts] = argument.split("=")
      const flag = flags.get(word)
      if (flag === undefined) return yield* unknown("flag", word, Array.from(flags.keys()), `see muster ${name} --help`)
      if (seen.has(word) && !flag.repeats) return yield* badInput(`${word} is given twice`)
      if (!flag.takesValue && texts.length > 0) return yield* badInput(`${word} takes no value`)
      const next = rest[at + 1]
      if (flag.takesValue && texts.length === 0 && (next === undefined || flags.has(next.split("=")[0]!)))
        return yield* badInput(`${word} needs a value`)
      const value = !flag.takesValue ? "" : texts.length > 0 ? texts.join("=") : rest[++at]!
      // `@effect/cli` drops an empty value of a flag that repeats.
      if (flag.repeats && value === "") return yield* badInput(`${word} needs a value`)
      seen.set(word, value)
      if (!everywhere.has(word)) passed.push(word, ...(flag.takesValue ? [value] : []))
    }
    const shell = seen.get("--completions")
    if (shell !== undefined) return yield* completions(shell)
    const missing = places[words.length]
    if (missing !== undefined && !missing.optional)
      return yield* badInput(`${missing.name} is missing; see muster ${name} --help`)
    const level = seen.get("--log-level")
    return {
      _tag: "Run",
      args: words.length === 0 ? passed : [...passed, "--", ...words],
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

/** A name in a usage: of a flag, of the command itself, or of one of its arguments, such as `<file>`. */
interface Name {
  readonly name: string
  readonly takesValue: boolean
  readonly optional: boolean
  /** It may be given more than once. */
  readonly repeats: boolean
}

const once = { optional: false, repeats: false }

const namesOf = (usage: Usage.Usage): ReadonlyArray<Name> => {
  switch (usage._tag) {
    case "Named":
      return usage.names.map((name) => ({ name, takesValue: Option.isSome(usage.acceptedValues), ...once }))
    case "Optional":
      return namesOf(usage.usage).map((name) => ({ ...name, optional: true }))
    case "Repeated":
      return namesOf(usage.usage).map((name) => ({ ...name, repeats: true }))
    case "Alternation":
    case "Concat":
      return [...namesOf(usage.left), ...namesOf(usage.right)]
    default:
      return []
  }
}

const quoted = (text: string) => JSON.stringify(text.slice(0, 100))

/**
 * What was given is none of those that there are: says which one may have been meant, or what `otherwise` says.
 *
 * @since 0.1.0
 * @category errors
 */
export const unknown = (kind: string, given: string, all: ReadonlyArray<string>, otherwise: string): Failed => {
  const near = all
    .map((name) => [distance(given.slice(0, 100), name.slice(0, 100)), name] as const)
    // Names of one letter are all alike.
    .filter(([steps, name]) => steps <= name.length / 3 || (steps === 1 && name.length > 2))
    .toSorted(([a], [b]) => a - b)
  const hint = near[0] === undefined ? otherwise : `did you mean ${near[0][1]}?`
  return badInput(`there is no ${kind} ${quoted(given)}; ${hint}`)
}

const distance = (a: string, b: string) => AutoCorrect.levensteinDistance(a, b, CliConfig.defaultConfig)
