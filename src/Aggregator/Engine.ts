/**
 * The engine of the aggregator: asks as `Gather/Policies.reference` does, with less machinery.
 *
 * One settle loop and one timer for each aggregation, a fiber for each effect and none for a promise, spans by direct calls:
 * `npm run bench -- inproc` says what that buys. The explorer compares it with the model of the reference on every schedule.
 *
 * @since 0.1.0
 */
import { Clock, Context, Effect, type Exit, type Fiber, type FiberRefs, Runtime, type RuntimeFlags } from "effect"
import * as Deadline from "../Deadline.ts"
import * as Calling from "../Gather/Calling.ts"
import type { Asker } from "../Gather/Policies.ts"
import { type Ended, limits, type Spec, type Task } from "../Gather/Run.ts"
import { type Asked, Asking, passed } from "../Receipt/Asking.ts"
import { isLive } from "../Receipt/Instant.ts"
import type { Entry, Listener } from "../Receipt/Recorder.ts"
import { after, askCall, askFiber, askPromise } from "./Engine/Asking.ts"
import { type Observed, Place } from "./Engine/Place.ts"
import { differs, inherit } from "./Engine/Refs.ts"
import { Signals } from "./Engine/Signals.ts"

/**
 * Asks for each task; see `Policies.Asker`. Sources get what is observed of the aggregation with their context.
 *
 * @since 0.1.0
 * @category running
 */
export const asker =
  (observed: Observed): Asker =>
  (spec, entries, tasks, answer) => {
    const run = new Run(observed, spec, entries, tasks, answer)
    return Effect.withFiberRuntime((fiber, { runtimeFlags }) => run.begin(fiber, runtimeFlags))
  }

/**
 * The same by a call, which carries no fiber refs over: it has no fiber that could have them.
 *
 * @since 0.1.0
 * @category running
 */
export const caller =
  (observed: Observed): Asker =>
  (spec, entries, tasks, answer) => {
    const run = new Run(observed, spec, entries, tasks, answer)
    return Calling.make((where, done) => run.call(where, done))
  }

/**
 * One run, which holds all that is known of it until it is told to {@link forget}; closures hold nothing else.
 *
 * V8 makes a closure that is assigned to a property where only a full collection takes it away, and so those that Effect
 * makes for `async` and for masks of interruption. Till then every scavenge copied what they led to: all entries of all
 * aggregations (73 us instead of 113 for 100 sources, 1.1 ms instead of 1.6 for 1,000).
 */
class Run<A, E, R, B, E2> implements Listener {
  private signals: Signals
  /** The fiber refs of those that have succeeded and have changed any. */
  private changed: Array<FiberRefs.FiberRefs> | undefined = undefined
  private place!: Place<R>
  /** The source in which it runs. */
  private around!: Asked
  private most = Infinity
  private next = 0
  private asked = 0
  private asking = false
  /** Those that ended while others were being asked. */
  private early: Array<Entry<A, E>> | undefined = undefined
  private decidedBy: Entry<A, E> | undefined = undefined
  private over = false
  private stopTimer: (() => void) | undefined = undefined
  /** For cleanup, where there is a grace. */
  private wait: Effect.Effect<void> | undefined = undefined
  /** As long as the answer is waited for and not made. */
  private resume: (answer: Effect.Effect<B, E2>) => void = nobody

  constructor(
    private observed: Observed,
    private spec: Spec<A, E>,
    private entries: ReadonlyArray<Entry<A, E>>,
    /** Dropped once all have been asked. */
    private tasks: ReadonlyArray<Task<A, E, R>>,
    private answer: (ended: Ended<A, E>) => Effect.Effect<B, E2>
  ) {
    this.signals = new Signals(spec.allOrNothing === true)
  }

  /** Asks in this fiber, and waits for the answer. */
  begin(fiber: Fiber.RuntimeFiber<unknown, unknown>, runtimeFlags: RuntimeFlags.RuntimeFlags): Effect.Effect<B, E2, R> {
    const { currentContext: context } = fiber
    const [asking, deadline] = [Context.get(context, Asking), Context.get(context, Deadline.Current)]
    const left = this.enter({ asking, context, deadline, fiber }, runtimeFlags)
    return left === 0 ? this.tooLate() : this.waiting(left)
  }

  /** Asks, and calls back with the answer. */
  call(where: Calling.Where, done: (exit: Exit.Exit<B, E2>) => void): () => void {
    const left = this.enter(where, Runtime.defaultRuntimeFlags)
    let stop: (() => void) | undefined
    const resume = (answer: Effect.Effect<B, E2>) => {
      stop = Calling.start(answer, where, done)
    }
    if (left === 0) resume(this.tooLate())
    else this.start(left, resume)
    return () => {
      stop?.()
      // Nobody waits any more for what is cleaning up.
      void this.interrupted()
    }
  }

  /** Nothing is asked any more. */
  private tooLate(): Effect.Effect<B, E2> {
    const { answer } = this
    const [around, { deadline }] = [this.around, this.place]
    return around.setter(deadline) === undefined
      ? answer(tooLate)
      : Effect.flatMap(passed(around, deadline), () => answer(tooLate))
  }

  /** For so many milliseconds. */
  private enter(
    { asking, context, deadline: ambient, fiber }: Pick<Calling.Where, "asking" | "context" | "deadline" | "fiber">,
    runtimeFlags: RuntimeFlags.RuntimeFlags
  ): number {
    const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    const now = Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const { concurrency, deadline, grace, left } = limits(this.spec, now, ambient)
    // The cast: whoever runs this has provided what the tasks require.
    const outside = context as Context.Context<R>
    this.place = new Place(this.observed, outside, deadline, fiber, clock, runtimeFlags)
    this.around = asking
    this.most = concurrency === "unbounded" ? Infinity : concurrency
    if (grace > 0) this.wait = this.spec.recorder.cleanup(grace)
    return left
  }

  private waiting(left: number): Effect.Effect<B, E2> {
    return Effect.async((resume) => {
      this.start(left, resume)
      return Effect.suspend(() => this.interrupted())
    })
  }

  /** Asks for so many milliseconds. */
  private start(left: number, resume: (answer: Effect.Effect<B, E2>) => void): void {
    this.resume = resume
    this.spec.recorder.listener = this
    // Of two timers for one instant Node calls the one that was made first, and a source may make one: `Plain` inside `Plain`.
    const first = isLive(this.place.clock)
    if (first) this.arm(left)
    this.askMore()
    if (!first) this.arm(left)
  }

  private arm(left: number): void {
    if (!this.over && left !== Infinity) this.stopTimer = after(this.place, left, () => this.strike())
  }

  private interrupted(): Effect.Effect<void> {
    this.resume = nobody
    this.stop()
    this.spec.recorder.finished("cancelled", null, "caller")
    return this.wait ?? Effect.void
  }

  /** Cancels what is being asked; nothing more is asked. */
  private stop(): void {
    this.over = true
    this.stopTimer?.()
    if (this.asked === 0) return
    const now = this.spec.recorder.now()
    let lost = false
    for (const entry of this.entries) {
      if (entry.tag !== undefined || (entry.cancel === undefined && entry.start === null)) continue
      if (entry.cancel !== undefined) entry.cancel()
      else entry.letGo(now)
      lost ||= entry.required
    }
    // Those that are optional share no signal: without them the values of the others leave.
    if (lost) this.signals.abort()
  }

  /**
   * Asks as many as may be asked. What ends while others are being asked counts after that: all of them have been asked when
   * the first decides, as with `Effect.forEach`.
   */
  private askMore(): void {
    this.asking = true
    while (!this.over && this.next < this.entries.length && this.asked < this.most) {
      while (this.next < this.entries.length && this.asked < this.most) this.ask(this.next++)
      const { early } = this
      this.early = undefined
      early?.forEach((entry) => this.settle(entry))
    }
    this.asking = false
    if (this.next === this.entries.length) this.tasks = none
    if (this.asked === 0) this.end(false)
  }

  private ask(index: number): void {
    const [entry, { called, effect, fallback, promised }] = [this.entries[index]!, this.tasks[index]!]
    this.asked += 1
    if (called !== undefined) askCall(this.place, entry, called)
    else if (promised === undefined) askFiber(this.place, entry, effect, (refs) => this.succeeded(refs))
    else askPromise(this.place, entry, promised, this.signals, fallback === undefined)
  }

  sourceEnded(entry: Entry<A, E>): void {
    entry.cancel = undefined
    if (this.asking) return void (this.early ??= []).push(entry)
    this.settle(entry)
    this.askMore()
  }

  private succeeded(refs: FiberRefs.FiberRefs): void {
    if (!this.over && differs(refs, this.place.fiberRefs)) (this.changed ??= []).push(refs)
  }

  /** One has ended by itself; maybe in the instant in which it was to be cancelled. */
  private settle(entry: Entry<A, E>): void {
    this.asked -= 1
    if (this.over || !this.spec.decides(entry)) return
    this.decidedBy = entry
    this.end(false)
  }

  strike(): void {
    if (this.over) return
    this.around.setter(this.place.deadline)?.()
    this.end(true)
  }

  private end(struck: boolean): void {
    if (this.over) return
    const { asking, place } = this
    this.stop()
    // Decided while the sources were still being asked: those that were begun hear of it before the answer leaves.
    if (asking) place.fiber.currentScheduler.scheduleTask(() => this.ended(struck), 0)
    else this.ended(struck)
  }

  /** The answer is made where the last source ends: what a fallback throws would reach nobody there. */
  private ended(struck: boolean): void {
    const { resume } = this
    if (resume === nobody) return
    this.resume = nobody
    resume(Calling.attempt(() => this.answered({ decidedBy: this.decidedBy, struck })))
  }

  private answered(ended: Ended<A, E>): Effect.Effect<B, E2> {
    const { answer } = this
    if (ended.struck) for (const entry of this.entries) entry.timedOut()
    const inherited = ended.struck || ended.decidedBy !== undefined ? undefined : this.changed
    const wait = this.spec.recorder.cleaning === 0 ? undefined : this.wait
    if (inherited === undefined && wait === undefined) return answer(ended)
    return Effect.zipRight(
      Effect.zipRight(inherit(inherited ?? []), wait ?? Effect.void),
      Effect.suspend(() => answer(ended))
    )
  }

  forget(): void {
    // Interrupted by what it had begun to ask, before Effect knew how to cancel it.
    if (this.resume !== nobody && this.spec.recorder.ending === undefined) this.interrupted()
    // The cast: nobody calls it any more who would look at these.
    const gone = undefined as never
    this.observed = this.spec = this.answer = this.place = this.around = this.signals = gone
    this.entries = none
    this.tasks = none
    this.resume = nobody
    this.decidedBy = this.stopTimer = this.changed = undefined
  }
}

const tooLate = { decidedBy: undefined, struck: true }

const none: ReadonlyArray<never> = []
const nobody = () => {}
