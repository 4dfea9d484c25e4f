/**
 * The commands of `muster`. Each is a file of its own in `Cli/`, and a line in `root`.
 *
 * @since 0.1.0
 */
import { CliConfig, Command, ValidationError } from "@effect/cli"
import type { FileSystem, Path, Terminal } from "@effect/platform"
import { Effect, HashMap, Option } from "effect"
import * as Arguments from "./Cli/Arguments.ts"
import * as Batch from "./Cli/Batch.ts"
import * as Check from "./Cli/Check.ts"
import * as Dashboard from "./Cli/Dashboard.ts"
import type { Drivers } from "./Cli/Drivers.ts"
import * as Explain from "./Cli/Explain.ts"
import { badInput } from "./Cli/Failed.ts"
import * as Help from "./Cli/Help.ts"
import * as Logging from "./Cli/Logging.ts"
import { printable, Screen } from "./Cli/Screen.ts"
import * as Search from "./Cli/Search.ts"
import * as Serve from "./Cli/Serve.ts"
import * as View from "./Cli/View.ts"

export {
  /** @since 0.1.0 */
  BatchDrivers,
  /** @since 0.1.0 */
  type Cluster
} from "./Cli/Batch/Drivers.ts"
export {
  /** @since 0.1.0 */
  Drivers
} from "./Cli/Drivers.ts"
export {
  /** @since 0.1.0 */
  fromProcess,
  /** @since 0.1.0 */
  Screen
} from "./Cli/Screen.ts"
export {
  /** @since 0.1.0 */
  Signals
} from "./Cli/Signals.ts"

/** What runs when no command is named. Its flags are the root's as well, for the completion scripts. */
const fallback = "dashboard"

const root = Command.make("muster", Dashboard.flags).pipe(
  Command.withSubcommands([
    Dashboard.command,
    Search.command,
    Explain.command,
    View.command,
    Check.command,
    Check.schema,
    Serve.command,
    Batch.command
  ])
)

const first = Command.getSubcommands(root)

/** The commands by what is typed: those of `batch` are two words. */
const commands = HashMap.union(HashMap.remove(first, Batch.name), Batch.commands)

/**
 * How the program ended: 0 with an answer, 1 without, 2 when it was given something wrong, 3 when items of a batch failed.
 *
 * @since 0.1.0
 * @category models
 */
export type ExitCode = 0 | 1 | 2 | 3

/**
 * Runs a command line (without the name of the program) and gives its exit code. Everything that can be expected to go
 * wrong is said on the screen; a defect stays one.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (
  args: ReadonlyArray<string>,
  version: string
): Effect.Effect<ExitCode, never, Screen | Drivers | FileSystem.FileSystem | Path.Path | Terminal.Terminal> =>
  Effect.gen(function* () {
    const screen = yield* Screen
    if (Batch.asksWhich(args)) {
      screen.out(Help.aboutFamily(Batch.name, Batch.about, Batch.commands).join("\n"))
      return 0
    }
    const wanted = yield* Arguments.read(Batch.joined(args), commands, fallback)
    if (wanted._tag === "Run")
      return yield* Effect.provide(execute(Batch.split(wanted.args), version), Logging.layer(wanted.level))
    if (wanted._tag === "Version") screen.out(version)
    if (wanted._tag === "Completions") screen.out(yield* completions[wanted.shell])
    if (wanted._tag === "Help") screen.out(helpOn(wanted.command, version).join("\n"))
    return 0
  }).pipe(
    Effect.catchTag("Failed", ({ exitCode, message }) =>
      Effect.map(Screen, (screen) => {
        screen.err(`muster: ${printable(message)}`)
        return exitCode
      })
    )
  )

const execute = (args: ReadonlyArray<string>, version: string) => {
  const config = { name: "muster", version, executable: "muster" }
  return Command.run(
    root,
    config
  )(["node", "muster", ...args]).pipe(
    quietly,
    Effect.provide(CliConfig.layer({ isCaseSensitive: true })),
    Effect.as<ExitCode>(0),
    Effect.catchIf(ValidationError.isValidationError, ({ error }) => badInput(Help.line(error))),
    Effect.catchIf(
      (failed) => failed.exitCode !== 2,
      ({ exitCode, message }) => Effect.as(Logging.sayFailure(message), exitCode)
    )
  )
}

/** What is wrong with a command line is said above, in one line; `@effect/cli` would say it in several. */
const quietly = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.consoleWith((console) => Effect.withConsole(effect, { ...console, error: () => Effect.void }))

/** The wizard of `@effect/cli` cannot be turned off, and is no flag of ours. */
const unwizarded = (lines: ReadonlyArray<string>) =>
  lines
    .join("\n")
    .replaceAll(" --wizard", "")
    .split("\n")
    .filter((line) => !line.includes("wizard"))
    .join("\n")

const completions = {
  bash: Effect.map(Command.getBashCompletions(root, "muster"), unwizarded),
  fish: Effect.map(Command.getFishCompletions(root, "muster"), unwizarded),
  zsh: Effect.map(Command.getZshCompletions(root, "muster"), unwizarded)
}

const helpOn = (name: string | undefined, version: string) => {
  const command = name === undefined ? Option.none() : HashMap.get(commands, name)
  return Option.match(command, {
    onNone: () =>
      Help.about(`muster ${version}: asks many sources at once and answers on time, or fails at once`, first, fallback),
    onSome: (command) => Help.aboutCommand(name!, command)
  })
}
