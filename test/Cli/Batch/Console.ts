/** `muster batch` in this process, in a folder of its own. */
import { type Scope, Effect, Layer, Redacted } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Sql from "../../../src/Batch/Ledger/Sql.ts"
import { BatchDrivers } from "../../../src/Cli.ts"
import * as Sqlite from "../../../src/Source/Sqlite.ts"
import { type Options, typed } from "../Typed.ts"

const drivers = {
  program: "muster",
  ledger: (where: Redacted.Redacted) =>
    Layer.provide(Sql.layer, Sqlite.layerInside({ filename: Redacted.value(where) }))
}

/** A line typed without a ledger has that of the folder. */
export const make = (): Effect.Effect<
  {
    readonly path: (name: string) => string
    readonly write: (name: string, text: string) => string
    readonly read: (name: string) => string
    readonly batch: (
      line: string | ReadonlyArray<string>,
      options?: Options
    ) => Effect.Effect<{ exitCode: number; out: ReadonlyArray<string>; err: ReadonlyArray<string> }>
  },
  never,
  Scope.Scope
> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-cli-batch-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const path = (name: string) => join(folder, name)
      return {
        path,
        write: (name, text) => {
          writeFileSync(path(name), text)
          return path(name)
        },
        read: (name) => readFileSync(path(name), "utf8"),
        batch: (line, options = {}) =>
          typed(typeof line === "string" ? `batch ${line}` : ["batch", ...line], {
            ...options,
            env: { MUSTER_LEDGER: path("ledger.db"), ...options.env }
          }).pipe(
            Effect.provideService(BatchDrivers, drivers),
            // What is written names the folder, which is another each time.
            Effect.map(({ err, exitCode, out }) => ({ exitCode, out: out.map(short), err: err.map(short) }))
          )
      }
      function short(text: string) {
        return text.replaceAll(`${folder}/`, "").replace(/in \d+\.\d s$/, "in … s")
      }
    }
  )

/** Lines of JSON with the ids `doc-1` and so on. */
export const documents = (count: number, field = "n") =>
  Array.from({ length: count }, (_, n) => `{"id":"doc-${n + 1}","${field}":${n + 1}}\n`).join("")
