/**
 * Appends receipts to a recording.
 *
 * @since 0.1.0
 */
import { Effect, type Scope } from "effect"
import { type FileHandle, open as openFile } from "node:fs/promises"
import type { Receipt } from "../Receipt.ts"
import * as Recording from "../Receipt/Recording.ts"
import { badInput, type Failed, noAnswer } from "./Failed.ts"
import { why } from "./FileTrouble.ts"

/**
 * Appends a receipt, as one line.
 *
 * @since 0.1.0
 * @category models
 */
export type Append = (receipt: Receipt) => Effect.Effect<void, Failed>

/**
 * Opens a recording, which is made if there is none, so that a file that cannot be written is known before anything is
 * asked. Several processes may append to one file.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (path: string): Effect.Effect<Append, Failed, Scope.Scope> =>
  Effect.gen(function* () {
    const file = yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () => openFile(path, "a+"),
        catch: (error) => badInput(`--record: ${JSON.stringify(path)} cannot be written: ${why(error)}`)
      }),
      (file) => Effect.ignore(Effect.tryPromise(() => file.close()))
    )
    return (receipt) =>
      Effect.tryPromise({
        try: async () => file.appendFile(`${(await isTorn(file)) ? "\n" : ""}${Recording.line(receipt)}`),
        catch: (error) => noAnswer(`the receipt was not recorded in ${JSON.stringify(path)}: ${why(error)}`)
      })
  })

/** Whoever wrote last died in the middle of a line: that is one bad line, and must not become part of the next. */
const isTorn = async (file: FileHandle): Promise<boolean> => {
  const stat = await file.stat()
  if (!stat.isFile() || stat.size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, stat.size - 1)
  return buffer[0] !== newline
}

const newline = 10
