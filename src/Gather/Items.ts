/**
 * One function over many items: the loops behind `forEach` and `collectEach`.
 *
 * @since 0.1.0
 */
import { Effect, FiberSet, Option, Schema, Stream } from "effect"
import * as Cleanup from "../Cleanup.ts"
import type { DeadlineExceeded } from "../Deadline.ts"
import * as Options from "../Options.ts"
import type { Outcome } from "../Outcome.ts"
import * as Permits from "../Permits.ts"
import { type Entry, failWith } from "../Receipt/Recorder.ts"
import * as Policies from "./Policies.ts"
import { collected, type Context, late } from "./Policies.ts"
import { type Ask, run, type RunOptions, type Task } from "./Run.ts"

/**
 * The options of policies over items.
 *
 * @since 0.1.0
 * @category models
 */
export interface ItemOptions<I> extends RunOptions {
  /** Names an item in errors and receipts, and keys the outcomes of `collectEach`; default: its position. */
  readonly id?: ((item: I, index: number) => string) | undefined
  /** How many items of a Stream may be pulled beyond those being worked on; default zero. */
  readonly buffer?: number | undefined
}

/**
 * Two items have one id. It is raised as a defect, for a list before anything is asked: a result could not be told from
 * the other's.
 *
 * @since 0.1.0
 * @category errors
 */
export class DuplicateId extends Schema.TaggedError<DuplicateId>("effect-muster/Gather/DuplicateId")("DuplicateId", {
  id: Schema.String,
  /** The positions of the two, counted from 0. */
  first: Schema.Number,
  second: Schema.Number
}) {
  override get message() {
    return `Items ${this.first} and ${this.second} have the same id "${this.id}"; ids must be unique`
  }
}

class InputFailedBase extends Schema.TaggedError<InputFailedBase>("effect-muster/Gather/InputFailed")("InputFailed", {
  error: Schema.Unknown,
  /** What the items that had been read came to, by id (or position), in input order. */
  outcomes: Schema.Unknown
}) {
  override get message() {
    const text = this.error instanceof Error ? this.error.message : String(this.error)
    return `The stream of items failed: ${text}`
  }
}

/**
 * The stream of items failed while `collectEach` was reading it. What had been read is finished first, and kept here.
 *
 * @since 0.1.0
 * @category errors
 */
export class InputFailed<B, E, E2> extends InputFailedBase {
  declare readonly error: E2
  declare readonly outcomes: ReadonlyMap<string, Outcome<B, E>>
}

/**
 * The error of items read from a stream that fails with `E2`; none for one that cannot fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type Broken<B, E, E2> = [E2] extends [never] ? never : InputFailed<B, E, E2>

/** Gives each item its name, and refuses a name given twice. */
const namer = <I>(options: ItemOptions<I> | undefined) => {
  const seen = new Map<string, number>()
  return (item: I, index: number): string => {
    if (options?.id === undefined) return String(index)
    const id = options.id(item, index)
    const first = seen.get(id)
    if (first !== undefined) throw new DuplicateId({ id, first, second: index })
    seen.set(id, index)
    return id
  }
}

/**
 * `failFast` over items, of an Iterable or of a Stream.
 *
 * @since 0.1.0
 * @category policies
 */
export const failFast = <I, B, E, R, E2, R2>(
  context: Context,
  items: Iterable<I> | Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options: ItemOptions<I> | undefined
): Effect.Effect<ReadonlyArray<B>, E | E2 | DeadlineExceeded, R | R2> =>
  isStream(items)
    ? failFastPulled(context, items, f, options)
    : Effect.flatMap(tasksOf(items, f, options), (tasks) => Policies.failFast(context, tasks))

/**
 * `collect` over items, of an Iterable or of a Stream; by id, or by position where no id is given.
 *
 * @since 0.1.0
 * @category policies
 */
export const collect = <I, B, E, R, E2, R2>(
  context: Context,
  items: Iterable<I> | Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options: ItemOptions<I> | undefined
): Effect.Effect<ReadonlyMap<string, Outcome<B, E>>, InputFailed<B, E, E2>, R | R2> =>
  isStream(items)
    ? collectPulled(context, items, f, options)
    : Effect.flatMap(tasksOf(items, f, options), (tasks) =>
        Effect.map(
          Policies.collect(context, tasks),
          (outcomes) => new Map(tasks.map((task, index) => [task.name, outcomes[index]!]))
        )
      )

/**
 * Tells a stream from an iterable.
 *
 * @since 0.1.0
 * @category guards
 */
export const isStream = <I, E, R>(items: Iterable<I> | Stream.Stream<I, E, R>): items is Stream.Stream<I, E, R> =>
  typeof items === "object" && Stream.StreamTypeId in items

const tasksOf = <I, B, E, R>(
  items: Iterable<I>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options: ItemOptions<I> | undefined
): Effect.Effect<ReadonlyArray<Task<B, E, R>>> =>
  Effect.sync(() => {
    const name = namer(options)
    return Array.from(items, (item, index) => ({
      name: name(item, index),
      effect: Effect.suspend(() => f(item, index))
    }))
  })

const failFastPulled = <I, B, E, R, E2, R2>(
  context: Context,
  stream: Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options: ItemOptions<I> | undefined
): Effect.Effect<ReadonlyArray<B>, E | E2 | DeadlineExceeded, R | R2> =>
  Effect.gen(function* () {
    const { recorder, within = Policies.asItIs } = context
    const entries: Array<Entry<B, E>> = []
    const input = { required: true, ended: false }
    const decides = (entry: Entry<B, E>) => entry.tag !== "Succeeded"
    const { decidedBy, struck } = yield* run<B, E, R, E2, R2>({ ...context, decides }, (ask, concurrency) =>
      pulled(context, input, stream, f, options, entries, ask, concurrency)
    ).pipe(
      within,
      Effect.tapErrorCause(() => Effect.sync(() => recorder.finished("failed", null)))
    )
    if (decidedBy !== undefined) return yield* failWith(recorder, decidedBy)
    const pending = entries.filter((entry) => entry.tag !== "Succeeded")
    if (struck && (pending.length > 0 || !input.ended)) {
      return yield* late(recorder, pending, pending.length === 0 ? ["input"] : [])
    }
    recorder.finished("succeeded", entries.at(-1) ?? null)
    return entries.flatMap((entry) => (entry.tag === "Succeeded" ? [entry.value] : []))
  })

const collectPulled = <I, B, E, R, E2, R2>(
  context: Context,
  stream: Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options: ItemOptions<I> | undefined
): Effect.Effect<ReadonlyMap<string, Outcome<B, E>>, InputFailed<B, E, E2>, R | R2> =>
  Effect.gen(function* () {
    const entries: Array<Entry<B, E>> = []
    let broken: Option.Option<E2> = Option.none()
    const input = Stream.catchAll(stream, (error) =>
      Stream.fromEffectOption(
        Effect.sync(() => (broken = Option.some(error))).pipe(Effect.andThen(Effect.fail(Option.none())))
      )
    )
    const { within = Policies.asItIs } = context
    yield* within(
      run<B, E, R, never, R2>({ ...context, decides: () => false }, (ask, concurrency) =>
        pulled(context, { required: false, ended: false }, input, f, options, entries, ask, concurrency)
      )
    )
    collected(context.recorder, entries)
    const outcomes = new Map(entries.map((entry) => [entry.name, entry.result]))
    return Option.isSome(broken) ? yield* new InputFailed<B, E, E2>({ error: broken.value, outcomes }) : outcomes
  })

/**
 * Pulls items and asks for each. An item is pulled only when there is a place for it, so the stream is never further
 * ahead than `concurrency + buffer`. The stream itself runs in a fiber of its own: one that is slow to close does not
 * hold up the answer.
 */
const pulled = <I, B, E, R, E2, R2>(
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
          return FiberSet.run(asking, Effect.zipLeft(turn, done))
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
