/**
 * `muster check`: says what is wrong with a file before it is served; `muster schema`: tells editors what it may say.
 *
 * @since 0.1.0
 */
import { Args, Command } from "@effect/cli"
import { Effect } from "effect"
import type { Summary } from "../Server/Config.ts"
import { badInput, type Failed } from "./Failed.ts"
import { printable, Screen } from "./Screen.ts"

const args = {
  file: Args.text({ name: "file" }).pipe(Args.withDescription(`a file of YAML or JSON; "-" is stdin`))
}

/**
 * `muster check FILE`. Prints what the file comes to, or fails with everything that is wrong with it, a line for each.
 * Nobody is asked.
 *
 * @since 0.1.0
 * @category commands
 */
export const command = Command.make("check", args, ({ file }) => check(file)).pipe(
  Command.withDescription("Checks a file of endpoints, and says what is wrong and where")
)

/**
 * `muster schema`. Prints the JSON Schema of the file.
 *
 * @since 0.1.0
 * @category commands
 */
export const schema = Command.make("schema", {}, () =>
  Effect.gen(function* () {
    const { out } = yield* Screen
    const Config = yield* loaded
    out(JSON.stringify(yield* Config.schema, null, 2))
  })
).pipe(Command.withDescription("Prints the JSON Schema of a file of endpoints, for editors"))

/** The reader of files is loaded when it is needed, which is not for the help. */
const loaded = Effect.promise(() => import("../Server/Config.ts"))

const check = (file: string): Effect.Effect<void, Failed, Screen> =>
  Effect.gen(function* () {
    const { err, out } = yield* Screen
    const Config = yield* loaded
    const summary = yield* Effect.catchTag(Config.check(file), "ConfigRejected", ({ lines, problems }) => {
      lines.forEach((line) => err(printable(line)))
      return badInput(`${Config.nameOf(file)} has ${counted(problems.length, "problem")}`)
    })
    linesOf(Config.nameOf(file), summary).forEach((line) => out(printable(line)))
  })

const linesOf = (file: string, { endpoints, services }: Summary): ReadonlyArray<string> => {
  const sources = endpoints.reduce((sum, endpoint) => sum + endpoint.sources.length, 0)
  const all = [counted(endpoints.length, "endpoint"), counted(sources, "source"), counted(services, "service")]
  const width = Math.max(0, ...endpoints.map(({ path }) => path.length))
  return [
    `${file} is right: ${all.join(", ")}`,
    ...endpoints.map(
      ({ method, path, sources }) => `  ${method.padEnd(4)} ${path.padEnd(width)}  ${sources.join(", ")}`
    )
  ]
}

const counted = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`
