/**
 * Reads a recording from a file, or from stdin.
 *
 * @since 0.1.0
 */
import { Args } from "@effect/cli"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, Stream } from "effect"
import { createReadStream } from "node:fs"
import * as Recording from "../Receipt/Recording.ts"
import { badInput, type Failed } from "./Failed.ts"
import { why } from "./FileTrouble.ts"
import * as Flags from "./Flags.ts"

/**
 * The recording that a command reads.
 *
 * @since 0.1.0
 * @category flags
 */
export const args = {
  file: Args.text({ name: "file" }).pipe(Args.withDescription(`receipts, one a line; "-" is stdin`))
}

/**
 * Whether to pass over what is no receipt.
 *
 * @since 0.1.0
 * @category flags
 */
export const skipBad = Flags.given("skip-bad", "counts the lines that are no receipts, and goes on without them")

const longestLine = 32 * 1024 * 1024

/**
 * The receipts of a file, or what is wrong with a line; `-` is stdin. Holds one line at a time.
 *
 * @since 0.1.0
 * @category reading
 */
export const lines = (file: string): Stream.Stream<Recording.Line, Failed> => {
  const bytes = NodeStream.fromReadable<Failed, Uint8Array>(
    () => (file === "-" ? process.stdin : createReadStream(file)),
    (error) => badInput(`${nameOf(file)} cannot be read: ${why(error)}`),
    { closeOnDone: file !== "-" }
  )
  return Recording.lines(bytes.pipe(Stream.decodeText(), bounded(file)))
}

/**
 * What a recording is called in messages.
 *
 * @since 0.1.0
 * @category getters
 */
export const nameOf = (file: string): string => (file === "-" ? "stdin" : JSON.stringify(file))

/**
 * A line that is no receipt ends the command, unless such lines are to be passed over.
 *
 * @since 0.1.0
 * @category errors
 */
export const unreadable = (file: string, { line, reason }: Recording.ReceiptUnreadable): Failed =>
  badInput(`${nameOf(file)}: line ${line} is not a receipt: ${reason}; --skip-bad goes on without such lines`)

/** A line is held whole, so that one without an end would take all memory. */
const bounded =
  (file: string) =>
  <E>(text: Stream.Stream<string, E>): Stream.Stream<string, E | Failed> =>
    Stream.mapAccumEffect(text, 0, (length, part) => {
      const end = part.lastIndexOf("\n")
      const left = end < 0 ? length + part.length : part.length - end - 1
      return left > longestLine
        ? badInput(`${nameOf(file)} has a line of more than ${longestLine / 1024 / 1024} MB: that is no receipt`)
        : Effect.succeed([left, part] as const)
    })
