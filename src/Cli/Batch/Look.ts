/**
 * The commands that run nothing: `status`, `failures`, `export`, `cancel` and `purge`.
 *
 * @since 0.1.0
 */
import type { Command } from "@effect/cli"
import { Effect, Option, Stream } from "effect"
import { resolve } from "node:path"
import * as Manifest from "../../Batch/Manifest.ts"
import { Ledger } from "../../Batch/Ledger.ts"
import * as Json from "../../Json.ts"
import type { flags } from "../Batch.ts"
import { badInput } from "../Failed.ts"
import { printable, Screen } from "../Screen.ts"
import * as Opened from "./Opened.ts"
import * as Results from "./Results.ts"
import * as Words from "./Words.ts"

type Given<Name extends keyof typeof flags> = Command.Command.ParseConfig<(typeof flags)[Name]>

/**
 * Says how far batches are.
 *
 * @since 0.1.0
 * @category running
 */
export const status = (given: Given<"which">) =>
  Effect.gen(function* () {
    const { out } = yield* Screen
    const opened = yield* Opened.open(given)
    yield* Effect.gen(function* () {
      const ledger = yield* Ledger
      const names = yield* Opened.named(given)
      if (names.length === 0 && !given.json) out("the ledger has no batch")
      yield* Effect.forEach(names, (name) =>
        Effect.gen(function* () {
          const manifest = yield* Manifest.read(ledger, name)
          // Somebody may have purged it since.
          if (manifest === undefined) return
          if (given.json) return out(JSON.stringify(manifest))
          const running = (yield* ledger.counts(name))?.running ?? 0
          out(`${Words.counts(manifest)}${running > 0 ? ` (${Words.number(running)} taken by a run)` : ""}`)
          Words.errors(manifest).forEach(out)
          Words.absent(manifest).forEach(out)
        })
      )
    }).pipe(Opened.withLedger(opened))
  })

/**
 * Lists what has failed.
 *
 * @since 0.1.0
 * @category running
 */
export const failures = (given: Given<"failures">) =>
  Opened.withOne(given, (name, ledger) =>
    Effect.gen(function* () {
      const { out } = yield* Screen
      const rows = ledger.rows(name, { states: ["failed"], class: Option.getOrUndefined(given.only) })
      yield* Stream.runForEach(rows, ({ attempts, failure, id, item }) =>
        Effect.sync(() => {
          const { class: kind, message } = failure ?? { class: "unknown", message: "" }
          if (given.json) out(Json.stringify({ id, class: kind, message, attempts, item: new Json.JsonText(item) })!)
          else out(printable(`${id}  ${kind}  ${message}${attempts > 1 ? ` (${attempts} attempts)` : ""}`))
        })
      )
    })
  )

/**
 * Writes the results there are.
 *
 * @since 0.1.0
 * @category running
 */
export const exportResults = (given: Given<"export">) =>
  Opened.withOne(given, (name, ledger) =>
    Effect.gen(function* () {
      const { out } = yield* Screen
      if (Option.isNone(given.out))
        return yield* Stream.runForEach(ledger.rows(name, { states: ["done"] }), (row) =>
          Effect.sync(() => out(Results.line(row)))
        )
      const file = resolve(given.out.value)
      yield* Results.check(file)
      out(`${file}: ${Words.items(yield* Results.write(name, file))}`)
    })
  )

/**
 * Asks whoever runs a batch to stop.
 *
 * @since 0.1.0
 * @category running
 */
export const cancel = (given: Given<"one">) =>
  Opened.withOne(given, (name, ledger) =>
    Effect.gen(function* () {
      const { out } = yield* Screen
      out((yield* ledger.cancel(name)) ? `${printable(name)} is told to stop` : `nobody runs ${printable(name)}`)
    })
  )

/**
 * Forgets a batch, which has to be named.
 *
 * @since 0.1.0
 * @category running
 */
export const purge = (given: Given<"one">) =>
  Effect.gen(function* () {
    if (Option.isNone(given.name)) return yield* badInput("--name is missing: which batch is to be forgotten?")
    const { out } = yield* Screen
    yield* Opened.withOne(given, (name, ledger) =>
      Effect.map(ledger.purge(name), (count) => out(`${printable(name)} is forgotten, with ${Words.items(count)}`))
    )
  })
