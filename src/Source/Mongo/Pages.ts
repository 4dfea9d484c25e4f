/**
 * The pages of a cursor, whose bytes are counted before they are read as documents.
 *
 * @since 0.1.0
 */
import type { AbstractCursor, Document } from "mongodb"
import * as Fault from "../Fault.ts"
import type { Module } from "./Errors.ts"

/**
 * What a page is read with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reading {
  readonly signal: AbortSignal
  readonly maxBytes: number
}

/**
 * Reads all pages of a cursor that was opened with `raw`. Rejected with a `Fault` when they are too long together; the driver
 * has read one of them (at most 16 MB) by then, and the server's cursor is closed.
 *
 * @since 0.1.0
 * @category reading
 */
export const readAll = async (
  mongodb: Module,
  cursor: AbstractCursor,
  reading: Reading
): Promise<ReadonlyArray<Document>> => {
  const documents: Array<Document> = []
  let left = reading.maxBytes
  for (;;) {
    const page = await nextPage(cursor, reading, left)
    if (page === undefined) return documents
    left -= page.size
    for (const bytes of page.documents) documents.push(mongodb.BSON.deserialize(bytes))
  }
}

/**
 * Reads the next page; `undefined` after the last.
 *
 * @since 0.1.0
 * @category reading
 */
export const readNext = async (
  mongodb: Module,
  cursor: AbstractCursor,
  reading: Reading
): Promise<ReadonlyArray<Document> | undefined> => {
  const page = await nextPage(cursor, reading, reading.maxBytes)
  return page?.documents.map((bytes) => mongodb.BSON.deserialize(bytes))
}

const nextPage = async (cursor: AbstractCursor, { maxBytes, signal }: Reading, left: number) => {
  withSignal(cursor, signal)
  if (!(await cursor.hasNext())) return undefined
  // The cast: opened with `raw`, it gives each document as it came, which its type does not say.
  const documents = cursor.readBufferedDocuments() as Array<Uint8Array>
  const size = documents.reduce((sum, bytes) => sum + bytes.byteLength, 0)
  if (size <= left) return { documents, size }
  // Nobody waits for it, and it fails only if the connection has.
  cursor.close().catch(() => {})
  throw Fault.malformed(`the answer is longer than ${maxBytes} bytes`)
}

/**
 * The driver gives the signal to the first page only (7.8): of the others it closes the cursor instead, for which it needs
 * another connection, which a full pool has not.
 */
const withSignal = (cursor: AbstractCursor, signal: AbortSignal) => {
  // The cast: the options of the later pages are its own affair. Without them, it does what it did.
  const { cursorOptions } = cursor as { cursorOptions?: { signal?: AbortSignal } }
  if (cursorOptions !== undefined) cursorOptions.signal = signal
}
