/**
 * Many items, durably: what worked is kept through failures and crashes, and only what failed is run again.
 *
 * A batch is run by an engine and kept in a ledger. Each item is run at least once, and never again once its result is
 * in the ledger; so what `run` does should bear being done twice.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Schema, Stream } from "effect"
import { Engine, type Input, type Job, type Progress, type RunError } from "./Batch/Engine.ts"
import { encoded, read, runItem } from "./Batch/Item.ts"
import { BatchUnknown, type ItemConflict, Ledger, type LedgerUnavailable, type NewItem } from "./Batch/Ledger.ts"
import * as Manifest from "./Batch/Manifest.ts"
import * as Ndjson from "./Batch/Ndjson.ts"
import * as Rules from "./Batch/Rules.ts"
import { isStream } from "./Gather/Items.ts"
import * as Deadline from "./Deadline.ts"
import * as Options from "./Options.ts"

export {
  /** @since 0.1.0 */
  Engine,
  /** @since 0.1.0 */
  type Progress,
  /** @since 0.1.0 */
  type RunError
} from "./Batch/Engine.ts"
export {
  /** @since 0.1.0 */
  BatchBusy,
  /** @since 0.1.0 */
  BatchUnknown,
  /** @since 0.1.0 */
  ItemConflict,
  /** @since 0.1.0 */
  LeaseLost,
  /** @since 0.1.0 */
  Ledger,
  /** @since 0.1.0 */
  LedgerUnavailable
} from "./Batch/Ledger.ts"
export {
  /** @since 0.1.0 */
  layer as layerMemory
} from "./Batch/Ledger/Memory.ts"
export {
  /** @since 0.1.0 */
  Manifest,
  /** @since 0.1.0 */
  Stop
} from "./Batch/Manifest.ts"
export {
  /** @since 0.1.0 */
  FileRejected
} from "./Batch/Ndjson.ts"
export {
  /** @since 0.1.0 */
  type Rules,
  /** @since 0.1.0 */
  standard as standardRules,
  /** @since 0.1.0 */
  type Tolerance
} from "./Batch/Rules.ts"

/**
 * What is done with each item of a kind.
 *
 * @since 0.1.0
 * @category models
 */
export interface Batch<I, A, E, R, IEncoded = I, AEncoded = A> {
  readonly name: string
  readonly item: Schema.Schema<I, IEncoded>
  readonly result: Schema.Schema<A, AEncoded>
  /** No two items have the same. */
  readonly id: (item: I) => string
  /** An `Aggregation` will do. */
  readonly run: (item: I) => Effect.Effect<A, E, R>
  /** The class of an error, for rules; default: its HTTP status, or its tag. */
  readonly classOf: ((error: E) => string | undefined) | undefined
}

/**
 * Describes a batch. Its name is that of its rows in the ledger.
 *
 * @example
 * ```ts
 * const Translate = Batch.make("translate", {
 *   item: Schema.Struct({ id: Schema.String, text: Schema.String }),
 *   result: Schema.String,
 *   id: ({ id }) => id,
 *   run: ({ text }) => translate(text)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <I, A, E, R, IEncoded = I, AEncoded = A>(
  name: string,
  options: {
    readonly item: Schema.Schema<I, IEncoded>
    readonly result: Schema.Schema<A, AEncoded>
    readonly id: (item: I) => string
    readonly run: (item: I) => Effect.Effect<A, E, R>
    readonly classOf?: ((error: E) => string | undefined) | undefined
  }
): Batch<I, A, E, R, IEncoded, AEncoded> => ({ classOf: undefined, ...options, name })

/**
 * How a batch is run; all of it may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunOptions {
  /** How many items run at once; default 10. */
  readonly concurrency?: number | undefined
  /** How many items that have not ended may be in the ledger; the input waits beyond that. Default 10,000. */
  readonly buffer?: number | undefined
  /** How often an item is tried, where rules say so; default 3. */
  readonly attempts?: number | undefined
  /** Default: {@link Rules.standard}. */
  readonly rules?: Rules.Rules | undefined
  /** When it has seen enough failures; default: never. */
  readonly tolerance?: Rules.Tolerance | undefined
  /** How long a silent run is taken for alive; default 1.5 seconds. */
  readonly lease?: Duration.DurationInput | undefined
  /**
   * How many items of the input are not read again, since the ledger has them: `read` of the ledger, where the input is
   * the very same as before. Default 0, which is always safe: items that the ledger has are passed over.
   */
  readonly skip?: number | undefined
  /** Told of every change, synchronously. */
  readonly progress?: ((progress: Progress) => void) | undefined
}

/**
 * Runs all items that are not done yet, and says what became of the batch. The items of an earlier run that was stopped
 * or killed are gone on with; those that have failed stay failed until {@link redrive}.
 *
 * The items are the whole input of the batch, in any order: what an earlier run has read, and they do not have any more, is
 * left out unless it has ended. An item of the same id that is another one is refused with `ItemConflict`.
 *
 * Without items it goes on with what the ledger has. When the input breaks off, it fails with the error of the input
 * once what was read has ended.
 *
 * @since 0.1.0
 * @category running
 */
export const run = <I, A, E, R, IEncoded, AEncoded, E2 = never, R2 = never>(
  batch: Batch<I, A, E, R, IEncoded, AEncoded>,
  items?: Iterable<I> | Stream.Stream<I, E2, R2>,
  options: RunOptions = {}
): Effect.Effect<Manifest.Manifest, RunError | E2, Ledger | R | R2> =>
  Effect.suspend(() => {
    const skip = Options.count(`Batch.run "${batch.name}"`, "skip", options.skip ?? 0, 0)
    let position = skip
    const input =
      items &&
      Stream.mapEffect(Stream.drop(isStream(items) ? items : Stream.fromIterable(items), skip), (item) =>
        encoded(batch, item, { id: batch.id(item), position: position++ })
      )
    return start(batch, input && { version: skip > 0 ? undefined : null, itemsFrom: () => input }, options)
  })

/**
 * The same with the items of a file of one JSON value a line, which is read as a stream. An item that is refused is named
 * by its line. A number that no JavaScript number holds is a `Json.JsonNumber`, which keeps its digits; a schema of
 * `Schema.Number` refuses it.
 *
 * A file that has not been touched since an earlier run is read on where that run stopped reading. Any other is read from its
 * beginning: its items may have moved, and there may be more of them or fewer.
 *
 * @since 0.1.0
 * @category running
 */
export const runFile = <I, A, E, R, IEncoded, AEncoded>(
  batch: Batch<I, A, E, R, IEncoded, AEncoded>,
  file: string,
  options: Omit<RunOptions, "skip"> & Ndjson.FileOptions<I> = {}
): Effect.Effect<Manifest.Manifest, Exclude<RunError, ItemConflict> | Ndjson.FileRejected, Ledger | R> =>
  Effect.gen(function* () {
    const version = yield* Ndjson.version(file)
    const itemsFrom = ({ offset, read }: { readonly read: number; readonly offset: number }) =>
      Ndjson.items(batch, file, options, { offset, lines: read })
    return yield* start(batch, { version, itemsFrom }, options)
  }).pipe(Effect.catchTag("ItemConflict", (conflict) => Effect.fail(Ndjson.repeated(file, conflict))))

const start = <I, A, E, R, IEncoded, AEncoded, E2, R2>(
  batch: Batch<I, A, E, R, IEncoded, AEncoded>,
  input:
    | {
        readonly version: Input<E2>["version"]
        readonly itemsFrom: (place: {
          readonly read: number
          readonly offset: number
        }) => Stream.Stream<NewItem, E2, R2>
      }
    | undefined,
  options: RunOptions
): Effect.Effect<Manifest.Manifest, RunError | E2, Ledger | R | R2> =>
  Effect.gen(function* () {
    const where = `Batch.run "${batch.name}"`
    const ledger = yield* Ledger
    const engine = yield* Engine
    const context = yield* Effect.context<R | R2>()
    const job: Job<E2> = {
      batch: batch.name,
      ledger,
      concurrency: Options.count(where, "concurrency", options.concurrency ?? 10),
      buffer: Options.count(where, "buffer", options.buffer ?? 10_000),
      attempts: Options.count(where, "attempts", options.attempts ?? 3),
      lease: positive(where, options.lease ?? 1_500),
      tolerance: options.tolerance,
      rules: options.rules,
      // Not `provide`, which would make another context for each item.
      run: (claimed) => Effect.mapInputContext(runItem(batch, claimed, options.rules), () => context),
      input: input && {
        version: input.version,
        read: (add, from) => Effect.provide(Stream.runForEach(input.itemsFrom(from), add), context)
      },
      progress: options.progress
    }
    // A wrong tolerance is refused before anything is opened.
    Rules.exceeds(where, options.tolerance)
    const began = yield* Deadline.now
    const stop = yield* engine.run(job)
    const elapsed = Math.round((yield* Deadline.now) - began)
    // It was opened, so it is there.
    return (yield* Manifest.read(ledger, batch.name, { elapsed, stop }))!
  })

const positive = (where: string, lease: Duration.DurationInput): number => {
  const millis = Options.duration(where, "lease", lease)
  return millis > 0 ? millis : Options.refuse(where, "lease", lease, "a duration of more than zero")
}

/**
 * What has become of a batch so far, also while it runs.
 *
 * @since 0.1.0
 * @category reading
 */
export const manifest = (name: string): Effect.Effect<Manifest.Manifest, BatchUnknown | LedgerUnavailable, Ledger> =>
  Effect.flatMap(Ledger, (ledger) =>
    Effect.flatMap(Manifest.read(ledger, name), (manifest) =>
      manifest === undefined ? new BatchUnknown({ batch: name }) : Effect.succeed(manifest)
    )
  )

/**
 * The results there are, by id in the order of the input, also while it runs.
 *
 * @since 0.1.0
 * @category reading
 */
export const results = <I, A, E, R, IEncoded, AEncoded>(
  batch: Batch<I, A, E, R, IEncoded, AEncoded>
): Stream.Stream<readonly [id: string, result: A], LedgerUnavailable, Ledger> =>
  Stream.unwrap(
    Effect.map(Ledger, (ledger) =>
      Stream.mapEffect(ledger.rows(batch.name, { states: ["done"] }), ({ id, result }) =>
        Effect.suspend(() => Schema.decodeUnknown(batch.result)(read(result ?? "null"))).pipe(
          Effect.orDie,
          Effect.map((value) => [id, value] as const)
        )
      )
    )
  )

/**
 * Makes items that have failed (of one class, if given) pending again, with all their attempts; the next {@link run} runs
 * them, and only them. Says how many there are.
 *
 * @since 0.1.0
 * @category running
 */
export const redrive = (name: string, only?: string): Effect.Effect<number, LedgerUnavailable, Ledger> =>
  Effect.flatMap(Ledger, (ledger) => ledger.redrive(name, only))
