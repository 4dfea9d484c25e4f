/**
 * One function over many items: the loops behind `forEach` and `collectEach`.
 *
 * @since 0.1.0
 */
import { Cause, Effect, Schema, Stream } from "effect"
import type { DeadlineExceeded } from "../Deadline.ts"
import { causedBy, type Outcome } from "../Outcome.ts"
import { failWith } from "../Receipt/Failure.ts"
import type { Entry } from "../Receipt/Recorder.ts"
import { type ItemOptions, namer } from "./Item.ts"
import * as Policies from "./Policies.ts"
import { collected, type Context, late } from "./Policies.ts"
import { Input, pulled } from "./Pulled.ts"
import { run, type Task } from "./Run.ts"

class InputFailedBase extends Schema.TaggedError<InputFailedBase>("effect-muster/Gather/InputFailed")("InputFailed", {
  error: Schema.Unknown,
  /** What the items that had been read came to, by id (or position), in input order. */
  outcomes: Schema.Unknown
}) {
  constructor(fields: { readonly error: unknown; readonly outcomes: unknown }, options?: Schema.MakeOptions) {
    super(fields, options)
    causedBy(this, fields.error)
  }

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
    const input = new Input(recorder, true)
    const decides = (entry: Entry<B, E>) => entry.tag !== "Succeeded"
    const { decidedBy, struck } = yield* run<B, E, R, E2, R2>({ ...context, decides }, (ask, concurrency) =>
      pulled(context, input, stream, f, options, entries, ask, concurrency)
    ).pipe(
      within,
      Effect.tapErrorCause((broken) => Effect.sync(() => input.broke(broken)))
    )
    if (decidedBy !== undefined) return yield* failWith(recorder, decidedBy)
    const pending = entries.filter((entry) => entry.tag !== "Succeeded")
    if (struck && pending.length > 0) return yield* late(recorder, pending)
    if (struck && input.endedAt === undefined) return yield* late(recorder, [], ["input"], input.after ?? null)
    recorder.finished("succeeded", input.last)
    return entries.flatMap((entry) => (entry.tag === "Succeeded" ? [entry.value] : []))
  })

const collectPulled = <I, B, E, R, E2, R2>(
  context: Context,
  stream: Stream.Stream<I, E2, R2>,
  f: (item: I, index: number) => Effect.Effect<B, E, R>,
  options: ItemOptions<I> | undefined
): Effect.Effect<ReadonlyMap<string, Outcome<B, E>>, InputFailed<B, E, E2>, R | R2> =>
  Effect.gen(function* () {
    const { recorder, within = Policies.asItIs } = context
    const entries: Array<Entry<B, E>> = []
    let broken: { readonly error: E2; readonly at: number } | undefined
    const items = Stream.catchAll(stream, (error) =>
      Stream.execute(Effect.sync(() => (broken = { error, at: recorder.now() })))
    )
    const input = new Input(recorder, false)
    const { struck } = yield* within(
      run<B, E, R, never, R2>({ ...context, decides: () => false }, (ask, concurrency) =>
        pulled(context, input, items, f, options, entries, ask, concurrency)
      )
    ).pipe(Effect.tapErrorCause((broken) => Effect.sync(() => input.broke(broken))))
    const outcomes = new Map(entries.map((entry) => [entry.name, entry.result]))
    if (broken !== undefined) {
      const { at, error } = broken
      recorder.finished("failed", struck ? recorder.awaited([]) : input.last, { broken: Cause.fail(error), at })
      return yield* new InputFailed<B, E, E2>({ error, outcomes })
    }
    if (struck && input.endedAt === undefined && !entries.some((entry) => entry.late))
      recorder.finished("partial", input.after ?? null, "deadline")
    else collected(recorder, entries, struck, input.last)
    return outcomes
  })
