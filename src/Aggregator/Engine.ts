/**
 * The engine of the aggregator: asks as `Gather/Policies.reference` does, with less machinery.
 *
 * One settle loop and one timer for each aggregation, a fiber for each effect and none for a promise, spans by direct calls:
 * `npm run bench -- inproc` says what that buys. The explorer compares it with the model of the reference on every schedule.
 *
 * @since 0.1.0
 */
import { Clock, Context, Effect, FiberRef, FiberRefs } from "effect"
import * as Deadline from "../Deadline.ts"
import type { Asker } from "../Gather/Policies.ts"
import { type Ended, limits, type Spec, type Task, waitForCleanup } from "../Gather/Run.ts"
import type { Entry, Listener } from "../Receipt/Recorder.ts"
import { after, askCall, askFiber, askPromise } from "./Engine/Asking.ts"
import { type Observed, Place } from "./Engine/Place.ts"
import { Signals } from "./Engine/Signals.ts"

/**
 * Asks for each task; see `Policies.Asker`. Sources get what is observed of the aggregation with their context.
 *
 * @since 0.1.0
 * @category running
 */
export const asker =
  (observed: Observed): Asker =>
  <A, E, R, B, E2>(
    spec: Spec<A, E>,
    entries: ReadonlyArray<Entry<A, E>>,
    tasks: ReadonlyArray<Task<A, E, R>>,
    answer: (ended: Ended<A, E>) => Effect.Effect<B, E2>
  ): Effect.Effect<B, E2, R> => {
    const run = new Run(spec, entries, tasks)
    return Effect.withFiberRuntime((fiber, { runtimeFlags }) => {
      const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
      const now = Number(clock.unsafeCurrentTimeNanos()) / 1e6
      const ambient = Context.get(fiber.currentContext, Deadline.Current)
      const { concurrency, deadline, grace, left } = limits(spec, now, ambient)
      if (left === 0) return answer({ decidedBy: undefined, struck: true })
      // The cast: whoever runs this effect has provided what the tasks require.
      const outside = fiber.currentContext as Context.Context<R>
      const place = new Place(observed, outside, deadline, fiber, clock, runtimeFlags)
      const wait = grace === 0 ? undefined : waitForCleanup(spec.recorder, grace)
      const answered = (ended: Ended<A, E>) => {
        if (ended.struck) entries.forEach((entry) => entry.timedOut())
        const inherited = ended.struck || ended.decidedBy !== undefined ? undefined : run.inherited()
        if (inherited === undefined && wait === undefined) return answer(ended)
        return Effect.zipRight(
          Effect.zipRight(inherited ?? Effect.void, wait ?? Effect.void),
          Effect.suspend(() => answer(ended))
        )
      }
      return Effect.async<B, E2>((resume) => {
        const most = concurrency === "unbounded" ? Infinity : concurrency
        run.start(place, most, left, (ended) => resume(orDie(() => answered(ended))))
        return Effect.suspend(() => {
          run.stop()
          spec.recorder.finished("cancelled", null, "caller")
          return wait ?? Effect.void
        })
      })
    })
  }

/** The answer is made where the last source ends: what a fallback throws would reach nobody there. */
const orDie = <B, E2>(answered: () => Effect.Effect<B, E2>): Effect.Effect<B, E2> => {
  try {
    return answered()
  } catch (defect) {
    return Effect.die(defect)
  }
}

class Run<A, E, R> implements Listener {
  private readonly signals: Signals
  /** The fiber refs of those that have succeeded and have changed any. */
  private readonly changed: Array<FiberRefs.FiberRefs> = []
  private place!: Place<R>
  private most = Infinity
  private next = 0
  private asked = 0
  private asking = false
  /** Those that ended while others were being asked. */
  private readonly early: Array<Entry<A, E>> = []
  private decidedBy: Entry<A, E> | undefined = undefined
  private over = false
  private stopTimer: (() => void) | undefined = undefined
  private ended: (ended: Ended<A, E>) => void = () => {}

  constructor(
    private readonly spec: Spec<A, E>,
    private readonly entries: ReadonlyArray<Entry<A, E>>,
    /** Dropped once all have been asked. */
    private tasks: ReadonlyArray<Task<A, E, R>>
  ) {
    this.signals = new Signals(spec.allOrNothing === true)
  }

  /** Asks at most so many at once, for so many milliseconds. */
  start(place: Place<R>, most: number, left: number, ended: (ended: Ended<A, E>) => void): void {
    this.place = place
    this.most = most
    this.ended = ended
    this.spec.recorder.listener = this
    this.askMore()
    if (!this.over && left !== Infinity) this.stopTimer = after(place, left, () => this.end(true))
  }

  /** Cancels what is being asked; nothing more is asked. */
  stop(): void {
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

  /** The changes of fiber refs that the sources made, as `Fiber.join` carries them over; `undefined` if there are none. */
  inherited(): Effect.Effect<void> | undefined {
    return this.changed.length === 0 ? undefined : Effect.forEach(this.changed, inheritRefs, { discard: true })
  }

  /**
   * Asks as many as may be asked. What ends while others are being asked counts after that: all of them have been asked when
   * the first decides, as with `Effect.forEach`.
   */
  private askMore(): void {
    this.asking = true
    while (!this.over && this.next < this.entries.length && this.asked < this.most) {
      while (this.next < this.entries.length && this.asked < this.most) this.ask(this.next++)
      for (const entry of this.early.splice(0)) this.settle(entry)
    }
    this.asking = false
    if (this.next === this.entries.length) this.tasks = []
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
    if (this.asking) return void this.early.push(entry)
    this.settle(entry)
    this.askMore()
  }

  private succeeded(refs: FiberRefs.FiberRefs): void {
    if (differs(refs, this.place.fiberRefs)) this.changed.push(refs)
  }

  /** One has ended by itself; maybe in the instant in which it was to be cancelled. */
  private settle(entry: Entry<A, E>): void {
    this.asked -= 1
    if (this.over || !this.spec.decides(entry)) return
    this.decidedBy = entry
    this.end(false)
  }

  private end(struck: boolean): void {
    if (this.over) return
    const { asking, decidedBy } = this
    this.stop()
    const ended = () => this.ended({ decidedBy, struck })
    // Decided while the sources were still being asked: those that were begun hear of it before the answer leaves.
    if (asking) this.place.fiber.currentScheduler.scheduleTask(ended, 0)
    else ended()
  }
}

const differs = (refs: FiberRefs.FiberRefs, before: FiberRefs.FiberRefs): boolean => {
  for (const [ref, [[, value]]] of refs.locals)
    if (ref !== FiberRef.currentContext && before.locals.get(ref)?.[0][1] !== value) return true
  return false
}

/** A source had services of its own, which are no change. */
const inheritRefs = (refs: FiberRefs.FiberRefs) =>
  Effect.inheritFiberRefs(FiberRefs.delete(refs, FiberRef.currentContext))
