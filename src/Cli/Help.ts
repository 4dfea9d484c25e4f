/**
 * The help texts, made from what the commands say of themselves.
 *
 * @since 0.1.0
 */
import { CliConfig, CommandDescriptor, HelpDoc } from "@effect/cli"
import { HashMap } from "effect"
import type { AnyCommand } from "./Arguments.ts"

const environment = [
  ["MUSTER_DEADLINE", "when the answer leaves at the latest, such as 500ms or 2s"],
  ["MUSTER_GRACE", "how long it may wait for what was cancelled to clean up; default 0ms"],
  ["MUSTER_CONCURRENCY", "how many sources are asked at once; default unbounded"],
  ["MUSTER_LEDGER", "where batches are kept: a file, or a URL; default muster-ledger.db"],
  ["LOG_LEVEL", "all, trace, debug, info, warn, error, fatal or none; default info"],
  ["NO_COLOR", "no colours on the terminal"]
] as const

const everywhere = [
  ["-h, --help", "shows this, or the flags of a command"],
  ["--version", "shows the version"],
  ["--log-level level", "what LOG_LEVEL says, for once"],
  ["--completions shell", "prints a completion script for bash, fish or zsh"]
] as const

const exitCodes = [
  ["0", "there is an answer"],
  ["1", "there is none: a source failed, or was late"],
  ["2", "the command was given something wrong"],
  ["3", "a batch is through, and some of its items have failed"],
  ["130, 143", "stopped by Ctrl-C, by SIGTERM"]
] as const

/** The flags that `@effect/cli` adds are told of here. */
const config = CliConfig.make({ showBuiltIns: false })

/**
 * The help about all commands.
 *
 * @since 0.1.0
 * @category getters
 */
export const about = (
  title: string,
  commands: HashMap.HashMap<string, AnyCommand>,
  fallback: string
): ReadonlyArray<string> => [
  title,
  ...section("Usage", [
    ["muster [command] [flags]", `without a command: ${fallback}`],
    ["muster command --help", "the flags of a command"]
  ]),
  ...section("Commands", rowsOf(commands)),
  ...section("Flags of every command", everywhere),
  ...section("Environment", environment),
  ...section("Exit codes", exitCodes)
]

/**
 * The help about commands that have their first word in common.
 *
 * @since 0.1.0
 * @category getters
 */
export const aboutFamily = (
  name: string,
  title: string,
  commands: HashMap.HashMap<string, AnyCommand>
): ReadonlyArray<string> => [
  title,
  ...section("Usage", [
    [`muster ${name} command [flags]`, ""],
    [`muster ${name} command --help`, "the flags of a command"]
  ]),
  ...section("Commands", rowsOf(commands)),
  ...section("Exit codes", exitCodes)
]

/**
 * The help about one command.
 *
 * @since 0.1.0
 * @category getters
 */
export const aboutCommand = (name: string, command: AnyCommand): ReadonlyArray<string> => {
  const all = definitions(CommandDescriptor.getHelp(command, config))
  const places = all.filter(([name]) => name.startsWith("<"))
  const usage = ["muster", name, ...places.map(([name]) => name), "[flags]"].join(" ")
  return [
    ...descriptionOf(command),
    ...section("Usage", [[usage, ""]]),
    ...(places.length > 0 ? section("Arguments", places) : []),
    ...section("Flags", [...all.filter(([name]) => !name.startsWith("<")), ...everywhere])
  ]
}

const rowsOf = (commands: HashMap.HashMap<string, AnyCommand>) =>
  HashMap.toEntries(commands)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, command]) => [name, descriptionOf(command)[0] ?? ""] as const)

const section = (title: string, rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([left]) => left.length))
  return ["", title, ...rows.map(([left, right]) => `  ${left.padEnd(width + 2)}${right}`.trimEnd())]
}

const descriptionOf = (command: AnyCommand): ReadonlyArray<string> => {
  const parts = flat(CommandDescriptor.getHelp(command, config))
  const start = parts.findIndex((part) => part._tag === "Header" && textOf(part) === "DESCRIPTION")
  const rest = start < 0 ? [] : parts.slice(start + 1)
  const end = rest.findIndex((part) => part._tag !== "Paragraph")
  return rest.slice(0, end < 0 ? rest.length : end).map(textOf)
}

const flat = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpDoc.HelpDoc> =>
  doc._tag === "Sequence" ? [...flat(doc.left), ...flat(doc.right)] : [doc]

/** What `@effect/cli` says of every flag of a kind says nothing of this one. */
const isNoise = (text: string) =>
  /^(A user-defined piece of text|A true or false value|This setting is optional|This option may be repeated)/.test(
    text
  )

const definitions = (doc: HelpDoc.HelpDoc): ReadonlyArray<readonly [string, string]> =>
  flat(doc).flatMap((part) =>
    part._tag === "DescriptionList"
      ? part.definitions.map(
          ([flag, about]) =>
            [
              textOf(HelpDoc.p(flag)),
              flat(about)
                .map(textOf)
                .filter((text) => !isNoise(text))
                .join(" ")
            ] as const
        )
      : []
  )

const textOf = (doc: HelpDoc.HelpDoc): string =>
  HelpDoc.toAnsiText(doc)
    .replace(/\u001b\[[\d;]*m/g, "")
    .replace(/\s+/g, " ")
    .trim()

/**
 * A piece of help as one line of plain text.
 *
 * @since 0.1.0
 * @category getters
 */
export const line = textOf
