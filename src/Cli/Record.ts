/**
 * Appends receipts to a recording.
 *
 * @since 0.1.0
 */
import { Effect, type Scope } from "effect"
import { LineFile } from "../Aggregator/Recorder/File.ts"
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
        try: () => LineFile.open(path),
        catch: (error) => badInput(`--record: ${JSON.stringify(path)} cannot be written: ${why(error)}`)
      }),
      (file) => Effect.ignore(Effect.tryPromise(() => file.close()))
    )
    return (receipt) =>
      Effect.tryPromise({
        try: () => file.append([Recording.line(receipt)]),
        catch: (error) => noAnswer(`the receipt was not recorded in ${JSON.stringify(path)}: ${why(error)}`)
      })
  })
