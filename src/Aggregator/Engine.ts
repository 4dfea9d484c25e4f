/**
 * The engine of the aggregator: asks as `Gather/Policies.reference` does, with less machinery.
 *
 * One settle loop and one timer for each aggregation, a fiber for each effect and none for a promise, spans by direct calls:
 * `npm run bench -- inproc` says what that buys. The explorer compares it with the model of the reference on every schedule.
 *
 * @since 0.1.0
 */
import { Clock, Context, Effect, FiberRef, FiberRefs, RuntimeFlags } from "effect"
import * as Cleanup from "../Cleanup.ts"
import * as Deadline from "../Deadline.ts"
import type { Asker } from "../Gather/Policies.ts"
import { type Ended, limits, type Spec, type Task, waitForCleanup } from "../Gather/Run.ts"
import type { Entry } from "../Receipt/Recorder.ts"
import { after, askFiber, askPromise, type Place } from "./Engine/Asking.ts"
import { Signals } from "./Engine/Signals.ts"
import { below } from "./Spans.ts"

/**
 * Asks for each task; see `Policies.Asker`.
 *
 * @since 0.1.0
 * @category running
 */
export const ask: Asker = <A, E, R>(
  spec: Spec<A, E>,
  entries: ReadonlyArray<Entry<A, E>>,
  tasks: ReadonlyArray<Task<A, E, R>>
): Effect.Effect<Ended<A, E>, never, R> =>
  Effect.withFiberRuntime((fiber, { runtimeFlags }) => {
    const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    const now = Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const ambient = Context.get(fiber.currentContext, Deadline.Current)
    const { concurrency, deadline, grace, left } = limits(spec, now, ambient)
    if (left === 0) return Effect.succeed({ decidedBy: undefined, struck: true })
    const { recorder } = spec
    // The cast: whoever runs this effect has provided what the tasks require.
    const context = Context.add(fiber.currentContext as Context.Context<R>, Deadline.Current, deadline)
    const run = new Run(spec, entries, tasks, concurrency === "unbounded" ? Infinity : concurrency, {
      fiber,
      clock,
      context,
      runtimeFlags: RuntimeFlags.enable(runtimeFlags, RuntimeFlags.Interruption),
      owner: Context.get(context, Cleanup.Owner),
      spans: below(fiber)
    })
    const wait = grace === 0 ? Effect.void : waitForCleanup(recorder, grace)
    const ended = Effect.async<Ended<A, E>>((resume) => {
      run.start(left, (ended) => resume(Effect.succeed(ended)))
      return Effect.suspend(() => {
        run.stop()
        recorder.finished("cancelled", null, "caller")
        return wait
      })
    })
    return Effect.flatMap(ended, (ended) => {
      if (ended.struck) recorder.entries.forEach((entry) => entry.timedOut())
      const inherited = ended.struck || ended.decidedBy !== undefined ? Effect.void : run.inherit()
      return inherited === Effect.void && wait === Effect.void
        ? Effect.succeed(ended)
        : Effect.as(Effect.zipRight(inherited, wait), ended)
    })
  })

class Run<A, E, R> {
  private readonly signals: Signals
  /** How to cancel those that are being asked, by index. */
  private readonly cancels: Array<(() => void) | undefined> = []
  /** The fiber refs of those that have succeeded and have changed any. */
  private readonly changed: Array<FiberRefs.FiberRefs> = []
  private next = 0
  private asked = 0
  private asking = false
  /** Those that ended while others were being asked. */
  private readonly early: Array<Entry<A, E>> = []
  private decidedBy: Entry<A, E> | undefined = undefined
  private over = false
  private stopTimer = () => {}
  private ended: (ended: Ended<A, E>) => void = () => {}

  constructor(
    private readonly spec: Spec<A, E>,
    private readonly entries: ReadonlyArray<Entry<A, E>>,
    private readonly tasks: ReadonlyArray<Task<A, E, R>>,
    /** How many are asked at once. */
    private readonly most: number,
    private readonly place: Place<R>
  ) {
    this.signals = new Signals(spec, tasks)
  }

  start(left: number, ended: (ended: Ended<A, E>) => void): void {
    this.ended = ended
    this.askMore()
    if (!this.over && left !== Infinity) this.stopTimer = after(this.place, left, () => this.end(true))
  }

  /** Cancels what is being asked; nothing more is asked. */
  stop(): void {
    this.over = true
    this.stopTimer()
    for (const cancel of this.cancels) cancel?.()
  }

  /** The changes of fiber refs that the sources made, as `Fiber.join` carries them over. */
  inherit(): Effect.Effect<void> {
    return this.changed.length === 0 ? Effect.void : Effect.forEach(this.changed, inheritRefs, { discard: true })
  }

  /**
   * Asks as many as may be asked. What ends while others are being asked counts after that: all of them have been asked when
   * the first decides, as with `Effect.forEach`.
   */
  private askMore(): void {
    this.asking = true
    while (!this.over && this.next < this.tasks.length && this.asked < this.most) {
      while (this.next < this.tasks.length && this.asked < this.most) this.ask(this.next++)
      for (const entry of this.early.splice(0)) this.settle(entry)
    }
    this.asking = false
    if (this.asked === 0) this.end(false)
  }

  private ask(index: number): void {
    const [entry, task] = [this.entries[index]!, this.tasks[index]!]
    this.asked += 1
    let done = false
    entry.onEnded = () => {
      done = true
      this.cancels[index] = undefined
      if (this.asking) return void this.early.push(entry)
      this.settle(entry)
      this.askMore()
    }
    const cancel =
      task.promised === undefined
        ? askFiber(this.place, entry, task.effect, (refs) => this.succeeded(refs))
        : askPromise(this.place, entry, task.promised, this.signals, index)
    if (!done) this.cancels[index] = cancel
  }

  private succeeded(refs: FiberRefs.FiberRefs): void {
    if (differs(refs, this.place.fiber.getFiberRefs())) this.changed.push(refs)
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
