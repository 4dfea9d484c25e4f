/**
 * Items from a file of one JSON value a line, read as a stream: however long the file is, little of it is in memory.
 *
 * @since 0.1.0
 */
import { Chunk, Effect, Either, Option, ParseResult, Schema, Stream } from "effect"
import { open, stat } from "node:fs/promises"
import { getSystemErrorMap } from "node:util"
import type { Batch } from "../Batch.ts"
import * as Json from "../Json.ts"
import * as Options from "../Options.ts"
import { encoded, wrongId } from "./Item.ts"
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
 * The version of a file: another one for each that may have been touched since. Fails for what is no regular file.
 *
 * @since 0.1.0
 * @category getters
 */
export const version = (file: string): Effect.Effect<string, FileRejected> =>
  Effect.tryPromise({
    try: async () => {
      const found = await stat(file, { bigint: true })
      const other = irregular(file, found)
      if (other !== undefined) throw other
      // The time of its last change cannot be set, as that of its last modification can.
      return [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ")
    },
    catch: (error) => rejectedBy(file, error)
  })

const irregular = (
  file: string,
  stat: { readonly isFile: () => boolean; readonly isDirectory: () => boolean }
): FileRejected | undefined => {
  if (stat.isFile()) return undefined
  const reason = stat.isDirectory() ? "it is a directory" : "it is no regular file, which could be gone on with later"
  return new FileRejected({ file, line: null, reason })
}

const rejectedBy = (file: string, error: unknown) =>
  error instanceof FileRejected ? error : new FileRejected({ file, line: null, reason: why(error) })

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
  const itemOf = ({ end, line, open, text }: Line): Effect.Effect<NewItem, FileRejected> => {
    const rejected = (reason: string) => new FileRejected({ file, line, reason })
    const value = Json.parse(text)
    if (Either.isLeft(value)) return rejected(`it ${value.left}${open ? cutOff : whereIn(text)}`)
    // These are computed at once where the schema is, without an effect for each item.
    const decoded = ParseResult.mapError(decode(value.right), (error) => rejected(misfit(error)))
    return ParseResult.flatMap(decoded, (item) => {
      const id = idOf(item, line)
      const wrong = wrongId(id)
      if (wrong !== undefined) return rejected(wrong)
      return ParseResult.map(encoded(batch, item, { id, position: line - 1 }), (stored) => ({ ...stored, end }))
    })
  }
  // Read anew by each who reads the stream.
  const lines = { [Symbol.asyncIterator]: () => linesOf(file, from, maxBytes) }
  return Stream.fromAsyncIterable(lines, (error) => rejectedBy(file, error)).pipe(
    Stream.flatMap((lines) => Stream.unwrap(itemsUntil(lines, itemOf)))
  )
}

/** The items of some lines up to the first that is none, which is the end of the stream. */
const itemsUntil = (lines: ReadonlyArray<Line>, itemOf: (line: Line) => Effect.Effect<NewItem, FileRejected>) =>
  Effect.gen(function* () {
    const items: Array<NewItem> = []
    for (const line of lines) {
      const item = itemOf(line)
      // The cast: an `Either` is an effect of the same types.
      const ended = Either.isEither(item) ? (item as Either.Either<NewItem, FileRejected>) : yield* Effect.either(item)
      if (Either.isLeft(ended))
        return Stream.concat(Stream.fromChunk(Chunk.unsafeFromArray(items)), Stream.fail(ended.left))
      items.push(ended.right)
    }
    return Stream.fromChunk(Chunk.unsafeFromArray(items))
  })

/**
 * Reads a file to its end and says what is wrong with it, before anything is done; `compare` may say what is wrong with some
 * of its items. Of repeated ids, it sees those among the first hundred thousand; the ledger sees all of them. Says how many
 * items there are.
 *
 * @since 0.1.0
 * @category reading
 */
export const check = <E = never>(
  items: Stream.Stream<NewItem, FileRejected>,
  file: string,
  compare: (items: ReadonlyArray<NewItem>) => Effect.Effect<void, FileRejected | E> = () => Effect.void
): Effect.Effect<number, FileRejected | E> =>
  Effect.suspend(() => {
    const seen = new Map<string, number>()
    let count = 0
    // Their hashes would take most of the memory, and are wanted once.
    const hashOf = (position: number) =>
      Effect.map(
        Stream.runHead(Stream.filter(items, (item) => item.position === position)),
        Option.map(({ hash }) => hash)
      )
    const look = (items: Chunk.Chunk<NewItem>): Effect.Effect<void, FileRejected | E> => {
      for (const { hash, id, position } of items) {
        const first = seen.get(id)
        if (first !== undefined)
          return Effect.flatMap(hashOf(first), (earlier) => {
            const same = Option.contains(earlier, hash)
            return repeated(file, { id, first: first + 1, second: position + 1, same, earlier: false })
          })
        if (seen.size < remembered) seen.set(id, position)
      }
      count += items.length
      return compare(Chunk.toReadonlyArray(items))
    }
    return Effect.map(Stream.runForEachChunk(Stream.rechunk(items, 1_000), look), () => count)
  })

const remembered = 100_000

/**
 * Two lines have one id, or a line is another item than the batch has by its id.
 *
 * @since 0.1.0
 * @category errors
 */
export const repeated = (
  file: string,
  { earlier, first, id, same, second }: Pick<ItemConflict, "first" | "second" | "id" | "same" | "earlier">
): FileRejected => {
  const named = `the id ${JSON.stringify(id)}`
  const reason = earlier
    ? id === `line-${first}` && first === second
      ? `it has changed since the file was read before, and has no id. Items without an id go by their line: put the lines back as they were, give each item an "id", or begin another batch with --name`
      : `it has changed: the batch has another item with ${named}, read before from line ${first}. Put it back as it was, give it another id, or begin another batch with --name`
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
    const other = irregular(file, await handle.stat())
    if (other !== undefined) throw other
    let line = from.lines
    let offset = from.offset
    // What was read is in it, from the beginning of a line on.
    let buffer = Buffer.allocUnsafe(pieceBytes)
    let held = 0
    for (;;) {
      if (held === buffer.length) buffer = Buffer.concat([buffer], 2 * held)
      const { bytesRead } = await handle.read(buffer, held, buffer.length - held, offset + held)
      const piece = buffer.subarray(0, held + bytesRead)
      const found: Array<Line> = []
      let start = 0
      const take = (to: number, open: boolean): FileRejected | undefined => {
        line += 1
        const read = textOf(piece.subarray(start, to), maxBytes)
        if ("reason" in read) return new FileRejected({ file, line, reason: read.reason })
        if (/[^ \t\r]/.test(read.text)) found.push({ line, text: read.text, end: offset + to + (open ? 0 : 1), open })
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
      held = piece.length - start
      buffer.copyWithin(0, start, piece.length)
    }
  } finally {
    await handle.close()
  }
}

/** Their items are made in one go, which takes a few milliseconds. */
const pieceBytes = 64 * 1024
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
const cutOff = "; it is the last line, and has no newline: the file may have been cut off"

/** What the parser says of where a line is no JSON. */
const whereIn = (text: string): string => {
  try {
    JSON.parse(text)
    return ""
  } catch (error) {
    return `: ${messageOf(error)}`
  }
}

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
