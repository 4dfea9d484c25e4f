/** A storm: a source with a scripted outage and overload, and a thousand callers a second for ten virtual minutes. */
import { Clock, Duration, Effect, type Fiber, FiberId, FiberRef, HashSet, Random, type Scheduler } from "effect"
import * as Deadline from "../../src/Deadline.ts"
import { SourceTimedOut } from "../../src/Outcome.ts"
import { SourceUnavailable } from "../../src/Source.ts"
import * as Machine from "../../src/Testkit/Machine.ts"

/** How many calls it can answer in this second; without any it refuses all. */
export type Capacity = (second: number) => number

/** What happened in one second. */
export interface Second {
  /** Callers that came. */
  callers: number
  /** Of these, how many got an answer. */
  answered: number
  /** Calls that reached the source. */
  load: number
}

/** What those who ask do about it. */
export interface Callers {
  /** After how many milliseconds their client gives up one call; `Infinity` where a guard does that. */
  readonly hangUp: number
  readonly guard: <E>(call: Effect.Effect<void, E>) => Effect.Effect<void, unknown>
}

const hungUp = new SourceTimedOut({ source: "stormy", limit: 300 })
const refused = new SourceUnavailable({ source: "stormy", reason: "it refuses" })

/**
 * A source that answers one call after the other, as fast as its capacity allows, after 20 ms. It works off every call that
 * it has taken in, also when the caller has long gone: that is how an overload outlives its cause. With more than 5,000 in
 * its queue it refuses.
 */
const makeSource = (
  capacity: Capacity,
  seconds: ReadonlyArray<Second>,
  hangUp: number
): Effect.Effect<void, SourceTimedOut | SourceUnavailable> => {
  let free = 0
  return Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<void, SourceTimedOut | SourceUnavailable> => {
    const second = Math.min(seconds.length - 1, Math.floor(now / 1_000))
    seconds[second]!.load += 1
    const rate = capacity(second)
    if (rate === 0) return Effect.delay(Effect.fail(refused), 5)
    const turn = Math.max(now, free)
    if ((turn - now) * rate > 5_000 * 1_000) return Effect.delay(Effect.fail(refused), 5)
    free = turn + 1_000 / rate
    const answer = turn - now + 20
    return answer > hangUp ? Effect.delay(Effect.fail(hungUp), hangUp) : Effect.sleep(answer)
  })
}

/** Runs the storm, and says what happened in each of its seconds. Callers have the patience of one second, then they go. */
export const storm = (
  capacity: Capacity,
  options: { readonly seconds: number; readonly callers: number },
  { guard, hangUp }: Callers
): ReadonlyArray<Second> => {
  const seconds = Array.from({ length: options.seconds }, (): Second => ({ callers: 0, answered: 0, load: 0 }))
  const guarded = Deadline.within("1 second")(guard(makeSource(capacity, seconds, hangUp)))
  const caller = (second: Second) =>
    Effect.matchCause(guarded, { onSuccess: () => void (second.answered += 1), onFailure: () => {} })
  const program = Effect.gen(function* () {
    /** Those who came in each hundredth of the last second. */
    const waiting: Array<Array<Fiber.RuntimeFiber<void>>> = []
    for (const second of seconds) {
      for (let tick = 0; tick < 100; tick++) {
        if (waiting.length === 100) waiting.shift()!.forEach(goAway)
        const came: Array<Fiber.RuntimeFiber<void>> = []
        for (let n = 0; n < options.callers / 100; n++) came.push(yield* Effect.forkDaemon(caller(second)))
        waiting.push(came)
        second.callers += options.callers / 100
        yield* Effect.sleep(10)
      }
    }
  })
  // Millions of errors are made here, of which nobody reads where.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const { exit } = Machine.run(program.pipe(inBulk, Effect.withRandom(Random.make("storm"))), "together")
  Error.stackTraceLimit = stackTraceLimit
  if (exit._tag === "None" || exit.value._tag === "Failure") throw new Error("the storm did not end")
  return seconds
}

const goAway = (caller: Fiber.RuntimeFiber<void>) => {
  if (caller.unsafePoll() === null) caller.unsafeInterruptAsFork(FiberId.none)
}

/**
 * The machine counts its steps, to find programs that never rest, and a storm has more of them than anything else. Here what
 * is ready at once is one step, and time has a grain of 5 ms.
 */
const inBulk = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const scheduler = yield* FiberRef.get(FiberRef.currentScheduler)
    return yield* program.pipe(
      Effect.locally(FiberRef.currentLoggers, HashSet.empty()),
      Effect.withClock(grained(clock)),
      Effect.withScheduler(new Bulk(scheduler))
    )
  })

const grain = 5

const grained = (clock: Clock.Clock): Clock.Clock => ({
  ...clock,
  unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis(),
  unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
  sleep: (duration) => {
    const now = clock.unsafeCurrentTimeMillis()
    const at = Math.ceil((now + Duration.toMillis(duration)) / grain) * grain
    return clock.sleep(Duration.millis(at - now))
  }
})

class Bulk implements Scheduler.Scheduler {
  private tasks: Array<Scheduler.Task> = []

  constructor(private readonly scheduler: Scheduler.Scheduler) {}

  readonly shouldYield: Scheduler.Scheduler["shouldYield"] = (fiber) => this.scheduler.shouldYield(fiber)

  scheduleTask(task: Scheduler.Task, priority: number): void {
    if (this.tasks.push(task) > 1) return
    this.scheduler.scheduleTask(() => {
      for (let next = 0; next < this.tasks.length; next++) this.tasks[next]!()
      this.tasks = []
    }, priority)
  }
}
