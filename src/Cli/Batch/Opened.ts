/**
 * Which ledger and which batch a command is about.
 *
 * @since 0.1.0
 */
import { Config, type Context, Effect, Layer, Option, Redacted, type Scope } from "effect"
import { existsSync } from "node:fs"
import { type BatchBusy, BatchUnknown, type LeaseLost, Ledger, type LedgerUnavailable } from "../../Batch/Ledger.ts"
import { badInput, type Failed, noAnswer } from "../Failed.ts"
import { BatchDrivers, type Cluster } from "./Drivers.ts"

/**
 * What was given of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Given {
  readonly ledger: Option.Option<Redacted.Redacted>
  readonly name: Option.Option<string>
}

/**
 * A ledger that is open.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opened {
  readonly ledger: Context.Context<Ledger>
  /** Where it is. */
  readonly where: Redacted.Redacted
  /** A command to type about this ledger, such as `muster batch resume --name docs`. */
  readonly command: (word: string, name: string) => string
}

/**
 * How workers meet at the ledger, if all of them can reach it.
 *
 * @since 0.1.0
 * @category checks
 */
export const clustered = ({ where }: Opened): Effect.Effect<{ cluster: Cluster; where: Redacted.Redacted }, Failed> =>
  Effect.gen(function* () {
    if (!isUrl(Redacted.value(where)))
      return yield* badInput("workers need a ledger that all of them reach; say --ledger postgres://…")
    const { cluster } = yield* BatchDrivers
    if (cluster === undefined) return yield* badInput("this program has no drivers for workers")
    return { cluster, where }
  })

const isUrl = (where: string) => /^\w+:\/\//.test(where)

/**
 * Opens the ledger; a file that is not there is made only to `create` a batch.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  given: Given,
  { create = false }: { readonly create?: boolean } = {}
): Effect.Effect<Opened, Failed, Scope.Scope> =>
  Effect.gen(function* () {
    const { ledger, program } = yield* BatchDrivers
    const fromEnvironment = Option.map(
      Option.filter(yield* Effect.orDie(Config.option(Config.string("MUSTER_LEDGER"))), (text) => text !== ""),
      (text) => Redacted.make(text)
    )
    const redacted = Option.getOrElse(given.ledger, () =>
      Option.getOrElse(fromEnvironment, () => Redacted.make("muster-ledger.db"))
    )
    const where = Redacted.value(redacted)
    if (isUrl(where) && !/^postgres(ql)?:/.test(where))
      return yield* badInput("--ledger must be the path of a file, or a URL like postgres://localhost")
    if (!create && !isUrl(where) && !existsSync(where))
      return yield* badInput(`there is no ledger ${where}; say --ledger, or begin one with ${program} batch run`)
    const context = yield* Effect.mapError(Layer.build(ledger(redacted)), ({ message }) => noAnswer(message))
    const flag = Option.match(given.ledger, {
      onNone: () => "",
      // A URL may hold a password.
      onSome: () => ` --ledger ${isUrl(where) ? "…" : quoted(where)}`
    })
    return {
      ledger: context,
      where: redacted,
      command: (word, name) => `${program} batch ${word}${flag} --name ${quoted(name)}`
    }
  })

/** As a shell reads it back. */
const quoted = (text: string) => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

/**
 * The batches that were meant: the one that was named, else all.
 *
 * @since 0.1.0
 * @category getters
 */
export const named = ({ name }: Given) =>
  Effect.gen(function* () {
    const all = yield* (yield* Ledger).batches
    if (Option.isNone(name)) return all
    if (all.includes(name.value)) return [name.value]
    const there = all.length === 0 ? "it is empty" : `there are: ${all.join(", ")}`
    return yield* badInput(`${new BatchUnknown({ batch: name.value }).message}; ${there}`)
  })

/**
 * The one batch that was meant; it need not be named where there is no other.
 *
 * @since 0.1.0
 * @category getters
 */
export const one = (given: Given) =>
  Effect.flatMap(named(given), (names) => {
    const [name] = names
    if (name === undefined) return badInput("there is no batch in the ledger")
    return names.length === 1
      ? Effect.succeed(name)
      : badInput(`--name is missing; the ledger has several batches: ${names.join(", ")}`)
  })

/**
 * What goes wrong with a ledger is no answer.
 *
 * @since 0.1.0
 * @category errors
 */
export const withLedger =
  (opened: Opened) =>
  <A, R>(
    effect: Effect.Effect<A, Failed | BatchBusy | LeaseLost | LedgerUnavailable, R>
  ): Effect.Effect<A, Failed, Exclude<R, Ledger>> =>
    Effect.mapError(Effect.provide(effect, opened.ledger), (error) =>
      error._tag === "Failed" ? error : noAnswer(error.message)
    )

/**
 * Does something with the one batch that was meant.
 *
 * @since 0.1.0
 * @category running
 */
export const withOne = <A, R>(
  given: Given,
  use: (
    name: string,
    ledger: Ledger["Type"],
    opened: Opened
  ) => Effect.Effect<A, Failed | BatchBusy | LeaseLost | LedgerUnavailable, R>
) =>
  Effect.flatMap(open(given), (opened) =>
    Effect.gen(function* () {
      return yield* use(yield* one(given), yield* Ledger, opened)
    }).pipe(withLedger(opened))
  )
