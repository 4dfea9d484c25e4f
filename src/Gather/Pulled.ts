/**
 * The loop that asks for the items of a stream.
 *
 * @since 0.1.0
 */
import { Cause, Effect, FiberSet, Option, Stream } from "effect"
import * as Cleanup from "../Cleanup.ts"
import * as Options from "../Options.ts"
import * as Permits from "../Permits.ts"
import type { Entry, Recorder } from "../Receipt/Recorder.ts"
import { type ItemOptions, namer } from "./Item.ts"
import type { Context } from "./Policies.ts"
import type { Ask } from "./Run.ts"

/**
 * What the loop has read of the stream so far.
 *
 * @since 0.1.0
 * @category models
 */
export class Input {
  /** When it had no more items. */
  endedAt: number | undefined = undefined
  /** The item for whose end it waited last, before it pulled another. */
  after: Entry<unknown, unknown> | undefined = undefined

  constructor(
    private readonly recorder: Recorder,
    /** Whether each item is required. */
    readonly required: boolean
  ) {}

  /** What the answer waited for last: an item, or where the stream ended after all of them, what it had waited for. */
  get last(): Entry<unknown, unknown> | null {
    const last = this.recorder.lastEnded()
    return this.endedAt !== undefined && this.endedAt > (last?.end ?? 0) ? (this.after ?? null) : last
  }

  /** The stream failed, or the loop did; an interruption has been recorded already. */
  broke(broken: Cause.Cause<unknown>): void {
    if (Cause.isInterruptedOnly(broken)) return
    this.recorder.finished("failed", this.after ?? null, { broken, at: this.recorder.now() })
  }
}

/**
 * Pulls items and asks for each. An item is pulled only when there is a place for it, so the stream is never further
 * ahead than `concurrency + buffer`. The stream itself runs in a fiber of its own: one that is slow to close does not
 * hold up the answer.
 *
 * @since 0.1.0
 * @category running
 */
export const pulled = <I, B, E, R, E2, R2>(
  { recorder, where }: Context,
  input: Input,
  stream: Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options: ItemOptions<I> | undefined,
  entries: Array<Entry<B, E>>,
  ask: Ask<B, E, R>,
  concurrency: Options.Concurrency
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const buffer = Options.count(where, "buffer", options?.buffer ?? 0, 0)
      const places = concurrency === "unbounded" ? undefined : Permits.make(concurrency + buffer)
      const slots = concurrency === "unbounded" ? undefined : Permits.make(concurrency)
      const name = namer(options)
      const asking = yield* FiberSet.make<void, Effect.Effect.Error<ReturnType<Ask<B, E, R>>>>()

      const take =
        places === undefined
          ? Effect.void
          : Effect.suspend(() => {
              const waits = places.free() < 1
              const taken = Effect.uninterruptibleMask((restore) => places.take(1, restore))
              return waits ? Effect.map(taken, () => void (input.after = recorder.latest)) : taken
            })
      const start = (item: I) =>
        Effect.suspend(() => {
          const index = entries.length
          const entry = recorder.entry<B, E>(name(item, index))
          entry.required = input.required
          entry.after = input.after
          entries.push(entry)
          const asked = ask(
            entry,
            Effect.suspend(() => f(item, index))
          )
          const waited = Effect.suspend(() => {
            entry.after = recorder.latest
            return asked
          })
          const turn =
            slots === undefined
              ? asked
              : Effect.suspend(() => slots.with()(slots.free() < 1 || slots.waiting() > 0 ? waited : asked))
          // A place is given back only by what has ended well: when the run is stopping, nothing more is pulled.
          const done = Effect.sync(() => places?.release())
          return FiberSet.run(asking, Cleanup.handled(Effect.zipLeft(turn, done)))
        })
      const feed = Effect.scoped(
        Effect.flatMap(Stream.toPull(Stream.rechunk(stream, 1)), (pull) =>
          Effect.forever(
            Effect.zipRight(
              take,
              Effect.flatMap(pull, (chunk) => Effect.forEach(chunk, start))
            )
          )
        )
      )
      const fed = Effect.flatMap(
        Cleanup.detach(
          Effect.catchAll(
            feed,
            Option.match({
              onNone: () => Effect.sync(() => (input.endedAt = recorder.now())),
              onSome: (error) => Effect.fail(error)
            })
          ),
          recorder.watch("input")
        ),
        (exit) => exit
      )
      yield* Effect.raceFirst(Effect.zipRight(fed, FiberSet.awaitEmpty(asking)), FiberSet.join(asking))
    })
  )
