/**
 * Records the receipts of an aggregator in a file, for `muster explain` and `muster view`: a sample, within bounds.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Layer, Schema } from "effect"
import { Aggregator } from "../Aggregator.ts"
import * as Options from "../Options.ts"
import * as Recording from "../Receipt/Recording.ts"
import { LineFile } from "./Recorder/File.ts"
import { Sampler } from "./Recorder/Sampler.ts"

/**
 * How much is recorded; all of it may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface RecorderOptions {
  /**
   * The share kept of the answers that are complete and not among the slowest 5 % of the last minute; more than 0, at most
   * 1. Default 0.05. Failed, partial, late and slow ones are all kept.
   */
  readonly rate?: number | undefined
  /** At most so many receipts a second of either kind; more are sampled. Default 100. */
  readonly maxPerSecond?: number | undefined
  /** A file that would become larger is moved to `FILE.1`, that to `FILE.2`, and so on. Default 64 MiB. */
  readonly maxBytes?: number | undefined
  /** How many files there are at most, the oldest is removed. Default 4. */
  readonly files?: number | undefined
}

/**
 * A recording cannot be written.
 *
 * @since 0.1.0
 * @category errors
 */
export class RecordingNotWritten extends Schema.TaggedError<RecordingNotWritten>(
  "effect-muster/Aggregator/RecordingNotWritten"
)("RecordingNotWritten", { path: Schema.String, cause: Schema.Defect }) {
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `The recording ${JSON.stringify(this.path)} cannot be written: ${why}`
  }
}

const every: Duration.DurationInput = "1 second"

/** For what is still cleaning up when the recording ends: its receipts come after its cleanup. */
const patience: Duration.DurationInput = "1 second"

/**
 * Records as long as it lives. Each receipt has its `weight`: how many it stands for, so that whatever counts by weight, as
 * `explain` does, is not misled by the sampling.
 *
 * Nothing waits for the disk: receipts are written once a second, and when the disk is slow or full, fewer are kept, or none,
 * which is logged. One process may write to a file. A wrong option is raised as an `InvalidOption` when the layer is built.
 *
 * @example
 * ```ts
 * const recorded = Recorder.layer("receipts.ndjson", { rate: 0.1 })
 *
 * served.pipe(Layer.provide(recorded), Layer.provide(Aggregator.layer()))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  path: string,
  options: RecorderOptions = {}
): Layer.Layer<never, RecordingNotWritten, Aggregator> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const { bounds, most, rate } = settings(options)
      const aggregator = yield* Aggregator
      const clock = yield* Effect.clock
      const notWritten = (cause: unknown) => new RecordingNotWritten({ path, cause })
      const file = yield* Effect.acquireRelease(
        Effect.tryPromise({ try: () => LineFile.open(path, bounds), catch: notWritten }),
        (file) => Effect.ignore(Effect.tryPromise(() => file.close()))
      )
      const sampler = new Sampler({ rate, most, random: Math.random })

      let isBroken = false
      const write = Effect.suspend(() => {
        const lines = sampler.take().map(Recording.line)
        if (lines.length === 0) return Effect.void
        return Effect.matchEffect(Effect.tryPromise({ try: () => file.append(lines), catch: notWritten }), {
          onSuccess: () => Effect.sync(() => void (isBroken = false)),
          onFailure: ({ message }) => {
            const log = isBroken ? Effect.logDebug : Effect.logWarning
            isBroken = true
            return log(`${message}; receipts are lost until it can`)
          }
        })
      })

      // Finalizers run in the opposite order: those that listen stop first, and what they have heard is written.
      yield* Effect.addFinalizer(() => write)
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          aggregator.listen((receipt) => sampler.add(receipt, Number(clock.unsafeCurrentTimeNanos()) / 1e6))
        ),
        (stop) => Effect.sync(stop)
      )
      yield* Effect.addFinalizer(() =>
        Effect.ignore(Effect.timeout(Effect.interruptible(aggregator.settled), patience))
      )
      yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(every), Effect.uninterruptible(write))))
    })
  )

const settings = (options: RecorderOptions) => {
  const where = "Recorder.layer"
  const rate = options.rate ?? 0.05
  if (!(rate > 0 && rate <= 1)) Options.refuse(where, "rate", rate, "more than 0 and at most 1")
  return {
    rate,
    most: Options.count(where, "maxPerSecond", options.maxPerSecond ?? 100),
    bounds: {
      maxBytes: Options.count(where, "maxBytes", options.maxBytes ?? 64 * 1024 * 1024),
      files: Options.count(where, "files", options.files ?? 4)
    }
  }
}
