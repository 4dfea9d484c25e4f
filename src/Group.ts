/**
 * Tasks that share one fate, for work that is not known up front: Go's errgroup, whole.
 *
 * The first failure cancels the rest and is what `wait` fails with. Nothing starts after it.
 *
 * @see https://pkg.go.dev/golang.org/x/sync/errgroup
 * @since 0.1.0
 */
import { Context, type Duration, Effect, type Scope } from "effect"
import * as Cleanup from "./Cleanup.ts"
import * as Deadline from "./Deadline.ts"
import * as Options from "./Options.ts"
import * as Permits from "./Permits.ts"
import type { Receipt } from "./Receipt.ts"
import { type Asked, Asking } from "./Receipt/Asking.ts"
import { failWith } from "./Receipt/Failure.ts"
import * as Recorder from "./Receipt/Recorder.ts"

/**
 * A group of tasks whose errors are all `E`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Group<in out E> {
  /**
   * Starts a task, and returns when it has started: while the limit is reached, it waits (the back-pressure to whoever
   * makes the work). From inside one of the group's own tasks it does not wait, the new task queues: a task that waited
   * for its own permit would wait for ever. After the first failure it starts nothing.
   */
  readonly go: <R>(task: Effect.Effect<unknown, E, R>, options?: TaskOptions) => Effect.Effect<void, never, R>
  /** Starts a task unless the limit is reached, and says whether it did. */
  readonly tryGo: <R>(task: Effect.Effect<unknown, E, R>, options?: TaskOptions) => Effect.Effect<boolean, never, R>
  /**
   * Waits until all tasks have ended; fails with the first failure, at once, or with `DeadlineExceeded`. A defect is
   * raised as a `SourceDied` that names the task.
   */
  readonly wait: Effect.Effect<void, E | Deadline.DeadlineExceeded>
  /** What has happened so far. */
  readonly receipt: Effect.Effect<Receipt>
}

/**
 * What a task is called, and how many permits of the limit it takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface TaskOptions {
  /** Names the task in errors and receipts; default its number, counted from 0. */
  readonly name?: string | undefined
  /** How much of the group's limit it takes, a whole number from 1 to the limit; default 1. */
  readonly weight?: number | undefined
}

/**
 * The options of a group.
 *
 * @since 0.1.0
 * @category models
 */
export interface GroupOptions {
  /** Names the group in its receipt; default `"group"`. */
  readonly name?: string | undefined
  /** The sum of the weights of tasks that run at once; default: no limit. */
  readonly limit?: number | undefined
  /** All tasks end at most this long after the group was made; default: the ambient deadline alone. */
  readonly deadline?: Duration.DurationInput | undefined
  /**
   * How long `wait` and closing the scope together may wait for cancelled tasks to clean up, never beyond the deadline;
   * default zero.
   */
  readonly grace?: Duration.DurationInput | undefined
}

/** The groups in whose tasks the current fiber runs. */
class Inside extends Context.Reference<Inside>()("effect-muster/Group/Inside", {
  defaultValue: (): ReadonlyArray<object> => []
}) {}

/**
 * Makes a group that lives as long as its scope: closing the scope cancels what still runs.
 *
 * @example
 * ```ts
 * const program = Effect.scoped(
 *   Effect.gen(function* () {
 *     const group = yield* Group.make<FetchFailed>({ limit: 10 })
 *     for (const url of urls) yield* group.go(fetchPage(url), { name: url })
 *     yield* group.wait
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E = never>(options?: GroupOptions): Effect.Effect<Group<E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const limit = options?.limit === undefined ? Infinity : Options.count("Group.make", "limit", options.limit)
    const grace = Options.duration("Group.make", "grace", options?.grace ?? 0)
    const start = yield* Deadline.now
    const own =
      options?.deadline === undefined ? Infinity : Options.duration("Group.make", "deadline", options.deadline)
    const deadline = Math.min(yield* Deadline.Current, start + own)
    const recorder = yield* Recorder.make(options?.name ?? "group", "group")
    recorder.deadline = Math.max(0, deadline - start)
    recorder.until = deadline

    const permits = limit === Infinity ? undefined : Permits.make(limit)
    const group = new State<E>(recorder, permits, yield* Asking, deadline, grace)
    if (recorder.deadline === 0) group.strike()
    else if (deadline !== Infinity) {
      const timer = Effect.zipRight(
        Effect.sleep(recorder.deadline),
        Effect.sync(() => group.strike())
      )
      yield* Effect.forkScoped(Effect.interruptible(timer))
    }
    yield* Effect.addFinalizer(() => group.close)
    return group
  })

class State<E> implements Group<E>, Recorder.Listener {
  private readonly active = new Map<Recorder.Entry<unknown, E>, Cleanup.Running<unknown, E> | undefined>()
  private readonly waiting = new Set<() => void>()
  private failed: Recorder.Entry<unknown, E> | undefined
  /** Those that were still awaited when the deadline struck. */
  private late: ReadonlyArray<Recorder.Entry<unknown, E>> | undefined
  private stopped = false

  constructor(
    private readonly recorder: Recorder.Recorder,
    private readonly permits: Permits.Permits | undefined,
    private readonly asking: Asked,
    private readonly deadline: number,
    private readonly grace: number
  ) {
    recorder.listener = this
  }

  go<R>(task: Effect.Effect<unknown, E, R>, options?: TaskOptions): Effect.Effect<void, never, R> {
    const weight = options?.weight ?? 1
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Inside, (inside) => {
        if (this.stopped) return Effect.sync(() => void this.enter(options))
        const { permits } = this
        if (permits === undefined) return this.start(this.enter(options), task)
        const waits = permits.free() < weight || permits.waiting() > 0
        if (inside.includes(this)) return this.start(this.enter(options), task, permits.with(weight), waits)
        return Effect.zipRight(
          permits.take(weight, restore),
          Effect.suspend(() => this.startHolding(weight, task, options, waits))
        )
      })
    )
  }

  tryGo<R>(task: Effect.Effect<unknown, E, R>, options?: TaskOptions): Effect.Effect<boolean, never, R> {
    const weight = options?.weight ?? 1
    return Effect.uninterruptible(
      Effect.suspend(() =>
        this.stopped || this.permits?.tryTake(weight) === false
          ? Effect.succeed(false)
          : Effect.as(this.startHolding(weight, task, options), true)
      )
    )
  }

  readonly wait: Effect.Effect<void, E | Deadline.DeadlineExceeded> = Effect.flatMap(Inside, (inside) => {
    if (inside.includes(this)) {
      return Effect.dieMessage("group.wait was called from one of the group's own tasks, which it would wait for")
    }
    return Effect.zipRight(
      this.idle,
      Effect.zipRight(
        Effect.suspend(() => this.cleanup),
        Effect.suspend(() => this.result())
      )
    )
  })

  readonly receipt = Effect.sync(() => this.recorder.receipt())

  /** The deadline has come. */
  strike(): void {
    if (this.stopped) return
    this.asking.setter(this.deadline)?.()
    this.late = Array.from(this.active.keys())
    this.stop()
    this.recorder.entries.forEach((entry) => entry.timedOut())
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const stopped = this.active.size > 0
    this.stop()
    if (stopped) this.recorder.finished("cancelled", null, "caller")
    else if (this.recorder.ending === undefined) this.record()
    return this.cleanup
  })

  private enter(options: TaskOptions | undefined): Recorder.Entry<unknown, E> {
    const entry = this.recorder.entry<unknown, E>(options?.name ?? String(this.recorder.entries.length))
    entry.required = true
    return entry
  }

  /** Starts a task for which the caller has taken the permits. */
  private startHolding<R>(
    weight: number,
    task: Effect.Effect<unknown, E, R>,
    options: TaskOptions | undefined,
    waited = false
  ) {
    const entry = this.enter(options)
    if (this.stopped) return Effect.void
    const release = Effect.sync(() => this.permits?.release(weight))
    return this.start(entry, task, (begun) => Effect.ensuring(begun, release), waited)
  }

  private start<R>(
    entry: Recorder.Entry<unknown, E>,
    task: Effect.Effect<unknown, E, R>,
    holding: <A, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = (effect) => effect,
    waited = false
  ): Effect.Effect<void, never, R> {
    this.active.set(entry, undefined)
    const begun = Effect.suspend(() => {
      if (waited) entry.after = this.recorder.latest
      entry.begin()
      return task
    })
    return Effect.flatMap(Inside, (inside) =>
      holding(begun).pipe(
        Effect.provideService(Asking, entry),
        Effect.provideService(Deadline.Current, this.deadline),
        Effect.provideService(Inside, [...inside, this]),
        (running) => Cleanup.start(running, entry),
        Effect.map((running) => {
          // It may have been stopped between its being entered and its having a fiber.
          if (this.stopped) running.cancel()
          else if (this.active.has(entry)) this.active.set(entry, running)
        })
      )
    )
  }

  sourceEnded(entry: Recorder.Entry<unknown, E>): void {
    if (entry.tag !== "Succeeded" && !this.stopped) {
      this.failed = entry
      this.stop(entry)
    }
    this.leave(entry)
  }

  private leave(entry: Recorder.Entry<unknown, E>): void {
    this.active.delete(entry)
    if (this.active.size > 0) return
    this.waiting.forEach((wake) => wake())
    this.waiting.clear()
  }

  private stop(except?: Recorder.Entry<unknown, E>): void {
    this.stopped = true
    for (const [entry, running] of Array.from(this.active)) {
      if (entry === except) continue
      running?.cancel()
      this.leave(entry)
    }
    // Nothing starts any more, so the limit has nothing left to bound: let everybody go who waits for a permit.
    this.permits?.release(Number.MAX_SAFE_INTEGER / 2)
  }

  private readonly idle: Effect.Effect<void> = Effect.async<void>((resume) => {
    const wake = () => resume(Effect.void)
    if (this.active.size === 0) return wake()
    this.waiting.add(wake)
    return Effect.sync(() => void this.waiting.delete(wake))
  })

  private get cleanup(): Effect.Effect<void> {
    return this.recorder.cleanup(this.grace)
  }

  /** All have ended, or the deadline came. */
  private record(): void {
    const { failed, late, recorder } = this
    if (failed !== undefined) recorder.finished("failed", failed)
    else if (late !== undefined) recorder.finished("timed-out", recorder.awaited(late), "deadline")
    else recorder.finished("succeeded", recorder.lastEnded())
  }

  private result(): Effect.Effect<void, E | Deadline.DeadlineExceeded> {
    const { failed, late, recorder } = this
    if (failed !== undefined) return failWith(recorder, failed)
    this.record()
    if (late === undefined) return Effect.void
    const pending = late.map((entry) => entry.name)
    return new Deadline.DeadlineExceeded({ deadline: recorder.deadline, pending, receipt: recorder.receipt() })
  }
}
