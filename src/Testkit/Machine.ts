/**
 * A virtual machine for programs under test: a clock and a scheduler of its own, run to quiescence.
 *
 * `TestClock` waits for real milliseconds at each step to see whether fibers have come to rest (13.5 ms a schedule). Here
 * the scheduler is ours, so that it is known: no task is left. Only promises can still bring one, and those that resolve
 * in microtasks are let in before each choice: {@link steps} yields there.
 *
 * @since 0.1.0
 */
import { Clock, Context, Duration, Effect, type Exit, type Fiber, Option, type Scheduler, Supervisor } from "effect"

/**
 * In which order what is due in the same instant happens: one by one in the order in which it was scheduled (`forward`)
 * or against it (`backward`), each run to rest before the next; or all at once, before any fiber runs (`together`).
 *
 * @since 0.1.0
 * @category models
 */
export type Ties = "forward" | "backward" | "together"

/**
 * What came of a program.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ran<A, E> {
  /** How it ended; none when it waits for something that no passing of time will bring, or never came to rest. */
  readonly exit: Option.Option<Exit.Exit<A, E>>
  /** When it returned, in milliseconds; `Infinity` for never. */
  readonly elapsed: number
  /** When the last of what it left behind had come to rest. */
  readonly settled: number
  /** Fibers that are alive although nothing will happen any more. */
  readonly fibers: number
  /** False when it was still busy after {@link maxSteps}: a loop that never ends. */
  readonly rested: boolean
}

/**
 * After this many steps a program is taken for a loop that never ends.
 *
 * @since 0.1.0
 * @category models
 */
export const maxSteps = 1_000_000

/**
 * Runs a program to its end in virtual time, and then what it left behind; without a fiber, timer or tick outside it.
 *
 * A program that never returns is interrupted, so that what it leaves behind can be seen; `stuck` is called before that.
 *
 * Yields each time no task is left, before time passes: who drives it may let promises resolve there, which wake fibers.
 *
 * @since 0.1.0
 * @category running
 */
export function* steps<A, E>(
  program: Effect.Effect<A, E>,
  ties: Ties = "forward",
  stuck: () => void = () => {}
): Generator<void, Ran<A, E>> {
  const machine = new Machine(ties)
  const fibers = new Living()
  const fiber = Effect.runFork(Effect.withClock(Effect.supervised(program, fibers), machine), { scheduler: machine })

  let elapsed = Infinity
  fiber.addObserver(() => (elapsed = machine.now))
  yield* machine.runUntil(() => fiber.unsafePoll() !== null)
  const exit = Option.fromNullable(fiber.unsafePoll())
  const returned = elapsed
  if (Option.isNone(exit)) {
    stuck()
    fiber.unsafeInterruptAsFork(fiber.id())
  }
  yield* machine.runUntil(() => false)

  const alive = fibers.count + (fiber.unsafePoll() === null ? 1 : 0)
  return { exit, elapsed: returned, settled: machine.now, fibers: alive, rested: machine.rested }
}

/**
 * {@link steps} in one go, for programs without promises.
 *
 * @since 0.1.0
 * @category running
 */
export const run = <A, E>(program: Effect.Effect<A, E>, ties?: Ties): Ran<A, E> => {
  const running = steps(program, ties)
  for (;;) {
    const step = running.next()
    if (step.done) return step.value
  }
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly wake: () => void
}

class Machine implements Clock.Clock, Scheduler.Scheduler {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  now = 0
  private tasks: Array<Scheduler.Task> = []
  /** By instant, the next one last. */
  private readonly timers: Array<Timer> = []
  private scheduled = 0
  private steps = 0

  constructor(private readonly ties: Ties) {}

  readonly unsafeCurrentTimeMillis = () => this.now
  readonly unsafeCurrentTimeNanos = () => BigInt(Math.round(this.now * 1e6))
  readonly currentTimeMillis = Effect.sync(this.unsafeCurrentTimeMillis)
  readonly currentTimeNanos = Effect.sync(this.unsafeCurrentTimeNanos)

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const millis = Duration.toMillis(duration)
      if (millis === Infinity) return
      const timer = this.schedule(this.now + millis, () => resume(Effect.void))
      return Effect.sync(() => this.cancel(timer))
    })
  }

  scheduleTask(task: Scheduler.Task): void {
    this.tasks.push(task)
  }

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > 2048 ? 0 : false
  }

  /** False once it was busy for too long; it does nothing any more. */
  get rested(): boolean {
    return this.steps <= maxSteps
  }

  /** Runs what is ready, then lets time pass to the next timer, and so on. */
  *runUntil(done: () => boolean): Generator<void> {
    yield* this.rest()
    while (this.rested && !done() && this.timers.length > 0) {
      this.fire()
      yield* this.rest()
    }
  }

  private *rest(): Generator<void> {
    do {
      this.drain()
      yield
    } while (this.rested && this.tasks.length > 0)
  }

  private drain(): void {
    while (this.rested && this.tasks.length > 0) {
      const ready = this.tasks
      this.tasks = []
      for (const task of ready) task()
      this.steps += ready.length
    }
  }

  private fire(): void {
    const at = this.timers[this.timers.length - 1]!.at
    this.now = at
    if (this.ties !== "together") return this.timers.pop()!.wake()
    const due: Array<Timer> = []
    while (this.timers.length > 0 && this.timers[this.timers.length - 1]!.at === at) due.push(this.timers.pop()!)
    for (const timer of due) timer.wake()
  }

  private schedule(at: number, wake: () => void): Timer {
    const timer: Timer = {
      at: inNanoseconds(at),
      order: this.ties === "backward" ? -this.scheduled++ : this.scheduled++,
      wake
    }
    this.timers.splice(this.place(timer), 0, timer)
    return timer
  }

  private cancel(timer: Timer): void {
    const place = this.place(timer)
    if (this.timers[place] === timer) this.timers.splice(place, 1)
  }

  /** Where a timer stands, or would stand. */
  private place(timer: Timer): number {
    let low = 0
    let high = this.timers.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.timers[middle]!
      if (other.at > timer.at || (other.at === timer.at && other.order > timer.order)) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Whole ones, as Effect's clock has them: 2.1 and 10.245 make 12.345, which they do not as floats. */
const inNanoseconds = (millis: number) => Math.round(millis * 1e6) / 1e6

/** Counts the fibers that are alive. */
class Living extends Supervisor.AbstractSupervisor<number> {
  count = 0
  override readonly value = Effect.sync(() => this.count)

  override onStart<A, E, R>(
    _context: Context.Context<R>,
    _effect: Effect.Effect<A, E, R>,
    _parent: Option.Option<Fiber.RuntimeFiber<unknown, unknown>>,
    _fiber: Fiber.RuntimeFiber<A, E>
  ): void {
    this.count += 1
  }

  override onEnd<A, E>(_value: Exit.Exit<A, E>, _fiber: Fiber.RuntimeFiber<A, E>): void {
    this.count -= 1
  }
}
