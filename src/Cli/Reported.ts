/**
 * Writes a page to a file.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { rename, rm, writeFile } from "node:fs/promises"
import { type Failed, noAnswer } from "./Failed.ts"
import { why } from "./FileTrouble.ts"
import * as Flags from "./Flags.ts"

/**
 * Where the page goes.
 *
 * @since 0.1.0
 * @category flags
 */
export const out = (about: string) =>
  Flags.parsed("out", {
    kind: "file",
    about,
    expected: "the name of a file",
    parse: (text) => (text === "" ? undefined : text)
  })

/**
 * Writes it beside its place first: whoever opens it finds a whole page, or the one that was there.
 *
 * @since 0.1.0
 * @category writing
 */
export const write = (path: string, text: string): Effect.Effect<void, Failed> => {
  const beside = `${path}.${process.pid}.part`
  return Effect.tryPromise({
    try: () => writeFile(beside, text).then(() => rename(beside, path)),
    catch: (error) => noAnswer(`${JSON.stringify(path)} cannot be written: ${why(error)}`)
  }).pipe(Effect.onError(() => Effect.promise(() => rm(beside, { force: true }))))
}
