/**
 * How every policy runs: each source in a fiber of its own, all of them under one deadline, stopped at once when the
 * policy has seen enough.
 *
 * The plan is the one that Effect users know: `Effect.forEach` with a concurrency asks, a failure in it interrupts the
 * rest, `Effect.raceFirst` with a sleep is the deadline. What `Cleanup.detach` adds is that none of them ever waits for a loser.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, type Exit, Fiber } from "effect"
import * as Cleanup from "../Cleanup.ts"
import * as Deadline from "../Deadline.ts"
import * as Options from "../Options.ts"
import { Asking, passed } from "../Receipt/Asking.ts"
import type { Entry, Recorder } from "../Receipt/Recorder.ts"
import type { Call } from "./Calling.ts"

/**
 * The options of every policy.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunOptions {
  /** How many are asked at once; default `"unbounded"`. */
  readonly concurrency?: Options.Concurrency | undefined
  /** The answer leaves at most this long after the start; default: the ambient deadline alone. */
  readonly deadline?: Duration.DurationInput | undefined
  /**
   * How long the return may wait for cancelled sources to clean up; default zero. It never makes an answer miss its
   * deadline.
   */
  readonly grace?: Duration.DurationInput | undefined
}

/**
 * One source as a policy sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Task<A, E, R> {
  readonly name: string
  readonly effect: Effect.Effect<A, E, R>
  /** What takes its place in the answer when it fails or is late; without one, its failure is the answer's failure. */
  readonly fallback?: (() => A) | undefined
  /** The same as its effect, for who can ask it without a fiber. */
  readonly promised?: Promised<A, E> | undefined
  /** The same as its effect, as one exchange by direct calls. */
  readonly called?: Call<A, E> | undefined
}

/**
 * A function of an AbortSignal, and what its effect makes of what comes of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Promised<A, E> {
  readonly ask: (signal: AbortSignal) => PromiseLike<unknown>
  /** What it throws is a defect. */
  readonly succeeded: (value: unknown) => A
  readonly failed: (error: unknown) => Exit.Exit<A, E>
  /** Whether its cleanup lasts until the promise has settled; otherwise it is let go of when it is cancelled. */
  readonly lingers: boolean
}

/** The rest is not needed any more: fails the loop that asks, which interrupts it. */
class Decided {
  readonly _tag = "Decided"
}
const decided = new Decided()

/**
 * Asks one source and returns when it has ended or was told to stop.
 *
 * @since 0.1.0
 * @category models
 */
export type Ask<A, E, R> = (entry: Entry<A, E>, effect: Effect.Effect<A, E, R>) => Effect.Effect<void, Decided, R>

/**
 * What a run needs to know.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spec<A, E> {
  /** Named in the message about a wrong option. */
  readonly where: string
  readonly recorder: Recorder
  readonly options: RunOptions | undefined
  /** Called in the instant a source ends; `true` means that the answer is decided. */
  readonly decides: (entry: Entry<A, E>) => boolean
  /** True when no value leaves without those of all tasks that have no fallback. */
  readonly allOrNothing?: boolean | undefined
}

/**
 * How a run ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ended<A, E> {
  /** The source that decided the answer. */
  readonly decidedBy: Entry<A, E> | undefined
  /** True when the deadline struck. */
  readonly struck: boolean
}

/**
 * Runs a loop that asks sources, until it ends, the answer is decided, or the deadline strikes. Returns at once in all
 * three cases; what was cancelled cleans up under its owner. A deadline that has passed already means that nothing is
 * asked.
 *
 * @since 0.1.0
 * @category running
 */
export const run = <A, E, R, E2 = never, R2 = never>(
  spec: Spec<A, E>,
  loop: (ask: Ask<A, E, R>, concurrency: Options.Concurrency) => Effect.Effect<void, Decided | E2, R | R2>
): Effect.Effect<Ended<A, E>, E2, R | R2> =>
  Effect.gen(function* () {
    const { recorder } = spec
    const { concurrency, deadline, grace, left } = limits(spec, yield* Deadline.now, yield* Deadline.Current)
    const around = yield* Asking
    if (left === 0) {
      yield* Effect.suspend(() => passed(around, deadline))
      return { decidedBy: undefined, struck: true }
    }

    let decidedBy: Entry<A, E> | undefined
    let struck = false
    let ended = false
    let rung = () => {}
    const isOver = () => struck || decidedBy !== undefined
    const strike = () => {
      if (ended || isOver()) return
      struck = true
      around.setter(deadline)?.()
      recorder.entries.forEach((entry) => entry.tag ?? entry.cancel?.())
      rung()
    }
    recorder.listener = {
      sourceEnded(entry: Entry<A, E>) {
        if (!isOver() && spec.decides(entry)) decidedBy = entry
      },
      strike
    }
    const ask: Ask<A, E, R> = (entry, effect) =>
      Effect.suspend(() => {
        if (isOver()) return Effect.fail(decided)
        const begun = Effect.suspend(() => {
          entry.begin()
          return effect
        })
        const started = ({ cancel }: Cleanup.Running<A, E>) => void (entry.cancel = cancel)
        return Effect.flatMap(Cleanup.detach(Effect.provideService(begun, Asking, entry), entry, started), () =>
          isOver() ? Effect.fail(decided) : Effect.void
        )
      })

    const wait = recorder.cleanup(grace)
    const asking = loop(ask, concurrency).pipe(
      Effect.catchIf(
        (error) => error instanceof Decided,
        () => Effect.void
      ),
      Effect.provideService(Deadline.Current, deadline)
    )
    const alarm = Effect.async<void>((resume) => {
      rung = () => resume(Effect.void)
      if (struck) rung()
    })
    const timer = Effect.raceFirst(Effect.zipRight(Effect.sleep(left), Effect.sync(strike)), alarm)
    const over = Effect.suspend(() => {
      ended = true
      if (struck) recorder.entries.forEach((entry) => entry.timedOut())
      return wait
    })
    yield* stoppable(left === Infinity ? asking : Effect.raceFirst(asking, timer)).pipe(
      Effect.zipRight(over),
      Effect.onInterrupt(() =>
        Effect.zipRight(
          Effect.sync(() => recorder.finished("cancelled", null, "caller")),
          wait
        )
      )
    )
    return { decidedBy, struck }
  })

/**
 * The options of a run, at its start; instants in milliseconds on the scale of `Deadline.Current`.
 *
 * @since 0.1.0
 * @category running
 */
export const limits = (
  { options, recorder, where }: Spec<never, never>,
  start: number,
  ambient: number
): {
  readonly concurrency: Options.Concurrency
  readonly grace: number
  readonly deadline: number
  /** Zero when the deadline has passed: nothing is asked then. */
  readonly left: number
} => {
  const concurrency = Options.concurrency(where, options?.concurrency)
  const grace = Options.duration(where, "grace", options?.grace ?? 0)
  const limit = options?.deadline === undefined ? Infinity : Options.duration(where, "deadline", options.deadline)
  const deadline = Math.min(ambient, start + limit)
  const left = Math.max(0, deadline - start)
  recorder.deadline = left
  recorder.until = deadline
  return { concurrency, grace, deadline, left }
}

/**
 * Runs the loop that asks in a fiber of its own, so that it stops at once also where the caller cannot be interrupted; and a
 * daemon, so that an interruption sent to such a caller waits: Effect passes it on to the caller's children in the same instant.
 */
const stoppable = <A, E, R>(asking: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDaemon(Effect.interruptible(Cleanup.handled(asking))), (fiber) =>
      Effect.onInterrupt(restore(Fiber.join(fiber)), () => Fiber.interrupt(fiber))
    )
  )
