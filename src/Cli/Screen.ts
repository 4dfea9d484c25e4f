/**
 * Where a command writes: answers to stdout, everything else to stderr.
 *
 * @since 0.1.0
 */
import { Context } from "effect"
import { Together } from "./Screen/Together.ts"

/**
 * What a command sees of the terminal, or of the files that stand in for it.
 *
 * @since 0.1.0
 * @category services
 */
export class Screen extends Context.Tag("effect-muster/Cli/Screen")<
  Screen,
  {
    /** Writes a line of the answer. */
    readonly out: (line: string) => void
    /** Writes a line of what is said beside the answer. */
    readonly err: (line: string) => void
    /** How many columns stderr has; `undefined` when it is no terminal. */
    readonly columns: number | undefined
    /** Whether stderr may have colours. */
    readonly color: boolean
  }
>() {}

/**
 * The screen of a process. `NO_COLOR` (set to anything but nothing) and `TERM=dumb` mean no colours.
 *
 * @see https://no-color.org
 * @since 0.1.0
 * @category constructors
 */
export const fromProcess = (process: NodeJS.Process): typeof Screen.Service => {
  const { env, stderr, stdout } = process
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // Whoever reads has seen enough, as in `muster | head`.
      if (error.code === "EPIPE") return
      process.exitCode = 1
      if (stream === stdout) stderr.write(`muster: the answer could not be written: ${error.message}\n`)
    })
  }
  const columns = stderr.isTTY ? (stderr.columns ?? 0) || 80 : undefined
  const together = new Together((text) => void stderr.write(text))
  process.once("exit", () => together.flush())
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: columns === undefined ? (line) => together.line(line) : (line) => void stderr.write(`${line}\n`),
    columns,
    color: columns !== undefined && !env["NO_COLOR"] && env["TERM"] !== "dumb"
  }
}

/**
 * Text from outside, as it can be shown: what would move the cursor, break the line or turn the direction of writing
 * stands there as its code.
 *
 * @since 0.1.0
 * @category getters
 */
export const printable = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
