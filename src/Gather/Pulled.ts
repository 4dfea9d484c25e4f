/**
 * The loop that asks for the items of a stream.
 *
 * @since 0.1.0
 */
import { Effect, FiberSet, Option, Stream } from "effect"
import * as Cleanup from "../Cleanup.ts"
import * as Options from "../Options.ts"
import * as Permits from "../Permits.ts"
import type { Entry } from "../Receipt/Recorder.ts"
import { type ItemOptions, namer } from "./Item.ts"
import type { Context } from "./Policies.ts"
import type { Ask } from "./Run.ts"

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
  input: { readonly required: boolean; ended: boolean },
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
      recorder.bounded = slots !== undefined
      const name = namer(options)
      const asking = yield* FiberSet.make<void, Effect.Effect.Error<ReturnType<Ask<B, E, R>>>>()

      const take = places === undefined ? Effect.void : Effect.uninterruptibleMask((restore) => places.take(1, restore))
      const start = (item: I) =>
        Effect.suspend(() => {
          const index = entries.length
          const entry = recorder.entry<B, E>(name(item, index))
          entry.required = input.required
          entries.push(entry)
          const asked = ask(
            entry,
            Effect.suspend(() => f(item, index))
          )
          const turn = slots === undefined ? asked : slots.with()(asked)
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
              onNone: () => Effect.sync(() => (input.ended = true)),
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
