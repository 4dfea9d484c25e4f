/**
 * Reads the text of a file.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { createReadStream } from "node:fs"
import { getSystemErrorMap } from "node:util"

/**
 * The longest file that is read, in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export const maxBytes = 1_000_000

/**
 * The text of a file; `-` is stdin. Fails with what is wrong.
 *
 * @since 0.1.0
 * @category reading
 */
export const text = (file: string): Effect.Effect<string, string> =>
  Effect.tryPromise({
    try: (signal) => bytesOf(file, signal),
    catch: (error) => why(error)
  }).pipe(
    Effect.flatMap((bytes) =>
      bytes.byteLength > maxBytes ? Effect.fail(`it has more than ${maxBytes} bytes`) : decoded(bytes)
    )
  )

/** As far as it may go, and one more byte: a device has no end. */
const bytesOf = async (file: string, signal: AbortSignal): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of file === "-" ? process.stdin : createReadStream(file, { signal })) {
    const bytes = Buffer.from(chunk as Buffer)
    chunks.push(bytes)
    size += bytes.byteLength
    if (size > maxBytes) break
  }
  return Buffer.concat(chunks)
}

const why = (error: unknown): string => {
  const number = error instanceof Error && "errno" in error ? error.errno : undefined
  const known = typeof number === "number" ? getSystemErrorMap().get(number)?.[1] : undefined
  return `it cannot be read: ${known ?? (error instanceof Error ? error.message : String(error))}`
}

const decoded = (bytes: Buffer) =>
  Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => {
      const good = Buffer.from(bytes.toString("utf8").split("\uFFFD")[0]!).byteLength
      return `it is not UTF-8: see byte ${good + 1}`
    }
  })
