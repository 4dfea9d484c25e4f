/**
 * Receipts in a file: one JSON object a line (NDJSON), written and read as a stream.
 *
 * @since 0.1.0
 */
import { Effect, ParseResult, Schema, Stream } from "effect"
import { Receipt } from "../Receipt.ts"

/**
 * A line of a recording is no receipt.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReceiptUnreadable extends Schema.TaggedError<ReceiptUnreadable>("effect-muster/Receipt/ReceiptUnreadable")(
  "ReceiptUnreadable",
  {
    /** Counted from 1. */
    line: Schema.Number,
    reason: Schema.String
  }
) {
  override get message() {
    return `Line ${this.line} is not a receipt: ${this.reason}`
  }
}

const decode = Schema.decodeUnknownEither(Receipt)

/**
 * Reads one line.
 *
 * @since 0.1.0
 * @category reading
 */
export const parse = (text: string, line = 1): Effect.Effect<Receipt, ReceiptUnreadable> =>
  Effect.suspend(() => {
    const read = readJson(text)
    if ("error" in read) return new ReceiptUnreadable({ line, reason: read.error })
    const version = versionOf(read.json)
    if (version !== 1) return new ReceiptUnreadable({ line, reason: expectedVersion(version) })
    const receipt = decode(read.json)
    if (receipt._tag === "Right") return Effect.succeed(receipt.right)
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(receipt.left)
    const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `
    return new ReceiptUnreadable({ line, reason: `${where}${issue?.message ?? "it does not fit"}` })
  })

const readJson = (text: string): { readonly json: unknown } | { readonly error: string } => {
  try {
    return { json: JSON.parse(text) }
  } catch (error) {
    return { error: `it is not JSON (${error instanceof Error ? error.message : String(error)})` }
  }
}

const versionOf = (json: unknown): unknown =>
  typeof json === "object" && json !== null && "version" in json ? json.version : undefined

const expectedVersion = (version: unknown): string =>
  version === undefined
    ? "it has no version; a receipt has version 1"
    : `it has version ${JSON.stringify(version)}; this muster reads version 1`

/**
 * A line of a recording: a receipt, or what is wrong with it.
 *
 * @since 0.1.0
 * @category models
 */
export type Line = { readonly receipt: Receipt } | { readonly unreadable: ReceiptUnreadable }

/**
 * Reads lines of text as receipts; empty lines are passed over. Holds one line at a time.
 *
 * @since 0.1.0
 * @category reading
 */
export const lines = <E, R>(text: Stream.Stream<string, E, R>): Stream.Stream<Line, E, R> =>
  Stream.splitLines(text).pipe(
    Stream.zipWithIndex,
    Stream.filter(([line]) => line.trim() !== ""),
    Stream.mapEffect(([line, index]) =>
      Effect.match(parse(line, index + 1), {
        onSuccess: (receipt): Line => ({ receipt }),
        onFailure: (unreadable): Line => ({ unreadable })
      })
    )
  )

/**
 * A receipt as one line, with its line break.
 *
 * @since 0.1.0
 * @category writing
 */
export const line = (receipt: Receipt): string => `${JSON.stringify(receipt)}\n`
