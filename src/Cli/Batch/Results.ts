/**
 * Writes the results of a batch into a file, which is whole or not there.
 *
 * @since 0.1.0
 */
import { Chunk, Effect, Stream } from "effect"
import { constants } from "node:fs"
import { access, open, rename, stat, unlink } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { Ledger, type Row } from "../../Batch/Ledger.ts"
import { badInput, type Failed, noAnswer } from "../Failed.ts"
import { why } from "../FileTrouble.ts"

/**
 * A result as a line of JSON: its text is in the ledger as it is written here.
 *
 * @since 0.1.0
 * @category rendering
 */
export const line = ({ id, result }: Row): string => `{"id":${JSON.stringify(id)},"result":${result ?? "null"}}`

/**
 * Sees before anything is run whether a file can be written.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (file: string): Effect.Effect<void, Failed> =>
  Effect.tryPromise({
    try: async () => {
      const there = await stat(file).catch(() => undefined)
      if (there?.isDirectory() === true) throw new Error("it is a directory")
      if (there !== undefined) await access(file, constants.W_OK)
      if (there === undefined || there.isFile()) await access(dirname(file), constants.W_OK)
    },
    catch: (error) => badInput(`--out: ${file} cannot be written: ${why(error)}`)
  })

/**
 * Writes the results there are, in the order of the input, and says how many.
 *
 * They go to a new file beside it, which takes its place once it is on the disk: the ledger has every result already, so
 * nothing is gained by appending as they come, and whoever reads the file never sees half of it. What is no regular file,
 * such as a pipe, is written as it is.
 *
 * @since 0.1.0
 * @category running
 */
export const write = (name: string, file: string) =>
  Effect.gen(function* () {
    const ledger = yield* Ledger
    const tried = <A>(what: () => Promise<A>) =>
      Effect.tryPromise({ try: what, catch: (error) => noAnswer(`${file} cannot be written: ${why(error)}`) })
    const there = yield* Effect.promise(() => stat(file).catch(() => undefined))
    const beside = there !== undefined && !there.isFile() ? undefined : partOf(file)
    const written = yield* Effect.acquireUseRelease(
      tried(() => open(beside ?? file, "w")),
      (handle) =>
        ledger.rows(name, { states: ["done"] }).pipe(
          Stream.chunks,
          Stream.mapEffect((rows) => {
            const text = Chunk.toReadonlyArray(rows).map((row) => `${line(row)}\n`)
            // Not `write`, which may write a part of it.
            return Effect.as(
              tried(() => handle.writeFile(text.join(""))),
              rows.length
            )
          }),
          Stream.runSum,
          Effect.tap(() => (beside === undefined ? Effect.void : tried(() => handle.sync())))
        ),
      (handle) => Effect.ignore(Effect.tryPromise(() => handle.close()))
    )
      .pipe(Effect.tap(() => (beside === undefined ? Effect.void : tried(() => rename(beside, file)))))
      .pipe(
        Effect.onError(() =>
          beside === undefined ? Effect.void : Effect.ignore(Effect.tryPromise(() => unlink(beside)))
        )
      )
    return written
  })

const partOf = (file: string) => join(dirname(file), `.${basename(file)}.${process.pid}.part`)
