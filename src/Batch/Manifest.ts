/**
 * What became of a batch.
 *
 * @since 0.1.0
 */
import { Chunk, Effect, Schema, Stream } from "effect"
import { Failure, type LedgerUnavailable, type Service } from "./Ledger.ts"

/**
 * How many ids of each kind a manifest lists; the ledger has them all.
 *
 * @since 0.1.0
 * @category models
 */
export const listed = 1_000

/**
 * Why a batch ended before its time: a rule for the class of an error, more failures than it tolerates, or somebody's
 * wish.
 *
 * @since 0.1.0
 * @category models
 */
export const Stop = Schema.Struct({
  by: Schema.Literal("rule", "tolerance", "cancelled"),
  /** The item that was the last straw. */
  id: Schema.NullOr(Schema.String),
  failure: Schema.NullOr(Failure)
})

/** @since 0.1.0 */
export type Stop = typeof Stop.Type

/**
 * A batch after a run: `succeeded` if everything is done, `partial` if some items have failed, `stopped` if it ended
 * before its time, `unfinished` if something is left to do for another reason, such as an input that broke off.
 *
 * @since 0.1.0
 * @category models
 */
export const Manifest = Schema.Struct({
  version: Schema.Literal(1),
  batch: Schema.String,
  outcome: Schema.Literal("succeeded", "partial", "stopped", "unfinished"),
  stop: Schema.NullOr(Stop),
  total: Schema.Number,
  done: Schema.Number,
  failed: Schema.Number,
  notStarted: Schema.Number,
  /** Items that are no longer in the input, once it was read to its end: what became of them stays as it is. */
  absent: Schema.Number,
  /** Those of them that have not ended: they are not run, and not in `total`. */
  leftOut: Schema.Number,
  /** How often items were run, all together. */
  attempts: Schema.Number,
  /** Milliseconds that items have run, all together; what a sum of prices would be taken of. */
  took: Schema.Number,
  /** Milliseconds that this run took. */
  elapsed: Schema.Number,
  /** Failures of each class, with the message of the first. */
  errors: Schema.Array(Schema.Struct({ class: Schema.String, count: Schema.Number, message: Schema.String })),
  /** The first thousand items that failed, in the order of the input. */
  failures: Schema.Array(
    Schema.Struct({ id: Schema.String, class: Schema.String, message: Schema.String, attempts: Schema.Number })
  ),
  /** The first thousand items that were not started or are to be tried again, in the order of the input. */
  pending: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export type Manifest = typeof Manifest.Type

/**
 * Reads a batch from the ledger; `undefined` if it is not there.
 *
 * @since 0.1.0
 * @category getters
 */
export const read = (
  ledger: Service,
  batch: string,
  run?: { readonly elapsed: number; readonly stop: Stop | undefined }
): Effect.Effect<Manifest | undefined, LedgerUnavailable> =>
  Effect.gen(function* () {
    const counts = yield* ledger.counts(batch)
    if (counts === undefined) return undefined
    // While it is being read, they may be yet to come.
    const { absent, leftOut } = counts.sealed ? counts : { absent: 0, leftOut: 0 }
    const notStarted = counts.pending + counts.running + counts.leftOut - leftOut
    const errors = new Map<string, { class: string; count: number; message: string }>()
    const failures: Array<Manifest["failures"][number]> = []
    yield* Stream.runForEach(counts.failed === 0 ? Stream.empty : ledger.rows(batch, { states: ["failed"] }), (row) =>
      Effect.sync(() => {
        const failure = row.failure ?? { class: "unknown", message: "" }
        const group = errors.get(failure.class) ?? { ...failure, count: 0 }
        errors.set(failure.class, { ...group, count: group.count + 1 })
        if (failures.length < listed) failures.push({ id: row.id, ...failure, attempts: row.attempts })
      })
    )
    const pending = yield* notStarted === 0
      ? Effect.succeed(Chunk.empty<string>())
      : ledger.rows(batch, { states: ["pending", "running"] }).pipe(
          Stream.filter((row) => !counts.sealed || !row.absent),
          Stream.take(listed),
          Stream.map(({ id }) => id),
          Stream.runCollect
        )
    const whole = counts.sealed && notStarted === 0
    return {
      version: 1,
      batch,
      outcome:
        run?.stop !== undefined ? "stopped" : !whole ? "unfinished" : counts.failed > 0 ? "partial" : "succeeded",
      stop: run?.stop ?? null,
      total: notStarted + counts.done + counts.failed,
      done: counts.done,
      failed: counts.failed,
      notStarted,
      absent,
      leftOut,
      attempts: counts.attempts,
      took: counts.took,
      elapsed: run?.elapsed ?? 0,
      errors: Array.from(errors.values()),
      failures,
      pending: Chunk.toReadonlyArray(pending)
    }
  })
