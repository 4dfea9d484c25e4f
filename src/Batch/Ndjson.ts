/**
 * Items from a file of one JSON value a line, read as a stream: however long the file is, little of it is in memory.
 *
 * @since 0.1.0
 */
import { Chunk, Effect, ParseResult, Schema, Stream } from "effect"
import { open } from "node:fs/promises"
import { getSystemErrorMap } from "node:util"
import type { Batch } from "../Batch.ts"
import * as Options from "../Options.ts"
import { encoded } from "./Item.ts"
import type { ItemConflict, NewItem } from "./Ledger.ts"

/**
 * A file that is no input.
 *
 * @since 0.1.0
 * @category errors
 */
export class FileRejected extends Schema.TaggedError<FileRejected>("effect-muster/Batch/FileRejected")("FileRejected", {
  file: Schema.String,
  /** From 1 up; `null` for the file as a whole. */
  line: Schema.NullOr(Schema.Number),
  reason: Schema.String
}) {
  override get message() {
    return `${this.file}${this.line === null ? "" : `, line ${this.line}`}: ${this.reason}`
  }
}

/**
 * How a file is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileOptions<I> {
  /** The longest line, in bytes; default 1 MB (1,000,000 bytes). */
  readonly maxLineBytes?: number | undefined
  /** The id of an item; default: what the batch says. */
  readonly idOf?: ((item: I, line: number) => string) | undefined
}

/**
 * Where to begin: behind so many bytes, which are so many lines.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place {
  readonly offset: number
  readonly lines: number
}

/**
 * The items of a file, each with its line and the offset behind it. Empty lines are passed over. The last line needs no
 * newline if it is whole. Fails at the first line that is no item, after all items before it.
 *
 * @since 0.1.0
 * @category reading
 */
export const items = <I, A, E, R, IEncoded, AEncoded>(
  batch: Batch<I, A, E, R, IEncoded, AEncoded>,
  file: string,
  options: FileOptions<I> = {},
  from: Place = { offset: 0, lines: 0 }
): Stream.Stream<NewItem, FileRejected> => {
  const where = `Batch.runFile "${batch.name}"`
  const maxBytes = Options.count(where, "maxLineBytes", options.maxLineBytes ?? 1_000_000)
  const decode = Schema.decodeUnknown(batch.item)
  const idOf = options.idOf ?? batch.id
  return Stream.fromAsyncIterable(linesOf(file, from, maxBytes), (error) =>
    error instanceof FileRejected ? error : new FileRejected({ file, line: null, reason: why(error) })
  ).pipe(
    Stream.mapConcatChunk(Chunk.unsafeFromArray),
    Stream.mapEffect(({ end, line, open, text }) => {
      const rejected = (reason: string) => new FileRejected({ file, line, reason })
      return Effect.gen(function* () {
        const value = yield* Effect.try({
          try: (): unknown => JSON.parse(text),
          catch: (error) => rejected(`it is no JSON${lastWords(open, error)}`)
        })
        const item = yield* Effect.mapError(decode(value), (error) => rejected(misfit(error)))
        const id = idOf(item, line)
        if (typeof id !== "string" || id === "" || id.length > 1_000)
          return yield* rejected(`its id must be a text of 1 to 1,000 characters`)
        const stored = yield* encoded({ ...batch, id: () => id }, item, line - 1)
        return { ...stored, end }
      })
    })
  )
}

/**
 * Reads a file to its end and says what is wrong with it, before anything is done. Of repeated ids, it sees those among the
 * first hundred thousand; the ledger sees all of them. Says how many items there are.
 *
 * @since 0.1.0
 * @category reading
 */
export const check = (items: Stream.Stream<NewItem, FileRejected>, file: string): Effect.Effect<number, FileRejected> =>
  Effect.suspend(() => {
    const seen = new Map<string, { readonly line: number; readonly hash: string }>()
    let count = 0
    const look = ({ hash, id, position }: NewItem) => {
      count += 1
      const first = seen.get(id)
      if (first !== undefined)
        return repeated(file, { id, first: first.line, second: position + 1, same: first.hash === hash })
      if (seen.size < remembered) seen.set(id, { line: position + 1, hash })
      return Effect.void
    }
    return Effect.map(Stream.runForEach(items, look), () => count)
  })

const remembered = 100_000

/**
 * Two lines have one id.
 *
 * @since 0.1.0
 * @category errors
 */
export const repeated = (
  file: string,
  { first, id, same, second }: Pick<ItemConflict, "first" | "second" | "id" | "same">
): FileRejected => {
  const named = `the id ${JSON.stringify(id)}`
  const reason =
    first === second
      ? `it has changed since it was first read: another item has ${named}`
      : same
        ? `it is the same as line ${first}, and has ${named} as well`
        : `it has ${named} of line ${first}, and is another item`
  return new FileRejected({ file, line: second, reason })
}

interface Line {
  readonly line: number
  readonly text: string
  /** The offset behind it. */
  readonly end: number
  /** True of a last line without a newline. */
  readonly open: boolean
}

const newline = 10

/** The lines of a piece of the file at a time. */
async function* linesOf(file: string, from: Place, maxBytes: number): AsyncGenerator<ReadonlyArray<Line>> {
  const handle = await open(file)
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) {
      const reason = stat.isDirectory()
        ? "it is a directory"
        : "it is no regular file, which could be gone on with later"
      throw new FileRejected({ file, line: null, reason })
    }
    let line = from.lines
    let offset = from.offset
    let rest: Buffer = Buffer.alloc(0)
    for (;;) {
      const { buffer, bytesRead } = await handle.read(
        Buffer.allocUnsafe(pieceBytes),
        0,
        pieceBytes,
        offset + rest.length
      )
      const piece =
        rest.length === 0 ? buffer.subarray(0, bytesRead) : Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      const found: Array<Line> = []
      let start = 0
      const take = (to: number, open: boolean): FileRejected | undefined => {
        line += 1
        const read = textOf(piece.subarray(start, to), maxBytes)
        if ("reason" in read) return new FileRejected({ file, line, reason: read.reason })
        if (read.text.trim() !== "") found.push({ line, text: read.text, end: offset + to + (open ? 0 : 1), open })
        return undefined
      }
      let bad: FileRejected | undefined
      for (let to = piece.indexOf(newline); to >= 0 && bad === undefined; to = piece.indexOf(newline, start)) {
        bad = take(to, false)
        start = to + 1
      }
      if (bad === undefined && (bytesRead === 0 ? start < piece.length : piece.length - start > maxBytes))
        bad = take(piece.length, true)
      yield found
      if (bad !== undefined) throw bad
      if (bytesRead === 0) return
      offset += start
      rest = piece.subarray(start)
    }
  } finally {
    await handle.close()
  }
}

const pieceBytes = 256 * 1024
const utf8 = new TextDecoder("utf-8", { fatal: true })

const textOf = (bytes: Buffer, maxBytes: number): { readonly text: string } | { readonly reason: string } => {
  if (bytes.length > maxBytes) return { reason: `it is longer than ${maxBytes.toLocaleString("en")} bytes` }
  try {
    return { text: utf8.decode(bytes) }
  } catch {
    return { reason: "it is no UTF-8" }
  }
}

/** A line is cut off where a file was not written to its end. */
const lastWords = (isLast: boolean, error: unknown) =>
  isLast ? "; it is the last line, and has no newline: the file may have been cut off" : `: ${messageOf(error)}`

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

const misfit = (error: ParseResult.ParseError): string => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const path = issue?.path.map(String).join(".") ?? ""
  return `${path === "" ? "it" : `"${path}"`} does not fit: ${issue?.message ?? error.message}`
}

/** What Node raises, as the sentence that the system has for it. */
const why = (error: unknown): string => {
  const number = typeof error === "object" && error !== null && "errno" in error ? error.errno : undefined
  return (typeof number === "number" ? getSystemErrorMap().get(number)?.[1] : undefined) ?? messageOf(error)
}
