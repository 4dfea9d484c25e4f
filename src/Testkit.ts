/**
 * Helpers for testing aggregations in virtual time: scripted sources, and a clock that runs ahead by itself.
 *
 * They need Effect's `TestClock`, which `it.effect` of `@effect/vitest` provides, and {@link context}.
 *
 * @since 0.1.0
 */
import {
  Chunk,
  Clock,
  Duration,
  Effect,
  type Exit,
  Fiber,
  type Layer,
  Logger,
  TestClock,
  TestContext,
  type TestServices
} from "effect"
import * as Options from "./Options.ts"

/**
 * What a scripted source saw, in milliseconds on the Clock: under `TestClock`, since the test began. One element for each
 * time it was asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Seen {
  readonly asked: Array<number>
  /** It gave its value, error or defect. */
  readonly ended: Array<number>
  /** It was interrupted. */
  readonly interrupted: Array<number>
  /** Its cleanup after an interruption had ended. */
  readonly cleaned: Array<number>
}

/**
 * A source that does what its script says, and remembers what was done to it. It is an effect.
 *
 * @since 0.1.0
 * @category models
 */
export type Scripted<A, E = never> = Effect.Effect<A, E> & { readonly seen: Seen }

/**
 * How a scripted source behaves besides its ending.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script {
  /** How long it takes; default zero. */
  readonly after?: Duration.DurationInput | undefined
  /** How long its cleanup takes when it is interrupted; default zero. */
  readonly cleanup?: Duration.DurationInput | undefined
  /** A defect that its cleanup raises. */
  readonly cleanupDefect?: unknown
  /** It cannot be interrupted before its time has passed. */
  readonly uninterruptible?: boolean | undefined
}

/**
 * A source that gives a value.
 *
 * @since 0.1.0
 * @category scripted sources
 */
export const succeeds = <A>(value: A, script?: Script): Scripted<A> => scripted(Effect.succeed(value), script)

/**
 * A source that fails.
 *
 * @since 0.1.0
 * @category scripted sources
 */
export const fails = <E>(error: E, script?: Script): Scripted<never, E> => scripted(Effect.fail(error), script)

/**
 * A source that raises a defect.
 *
 * @since 0.1.0
 * @category scripted sources
 */
export const dies = (defect: unknown, script?: Script): Scripted<never> => scripted(Effect.die(defect), script)

/**
 * A source that never ends by itself.
 *
 * @since 0.1.0
 * @category scripted sources
 */
export const hangs = (script?: Omit<Script, "after" | "uninterruptible">): Scripted<never> =>
  scripted(Effect.never, script)

const scripted = <A, E>(ending: Effect.Effect<A, E>, script: Script | undefined): Scripted<A, E> => {
  const after = Options.duration("Testkit", "after", script?.after ?? 0)
  const cleanup = Options.duration("Testkit", "cleanup", script?.cleanup ?? 0)
  const seen: Seen = { asked: [], ended: [], interrupted: [], cleaned: [] }
  const at = (times: Array<number>) => Effect.map(Clock.currentTimeMillis, (now) => void times.push(now))

  const noted = Effect.onExit(ending, (exit) =>
    exit._tag === "Success" || exit.cause._tag !== "Interrupt" ? at(seen.ended) : Effect.void
  )
  const timed = after === 0 ? noted : Effect.zipRight(Effect.sleep(after), noted)
  const cleaning = at(seen.interrupted).pipe(
    Effect.andThen(cleanup === 0 ? Effect.void : Effect.sleep(cleanup)),
    Effect.andThen(at(seen.cleaned)),
    Effect.andThen(script?.cleanupDefect === undefined ? Effect.void : Effect.die(script.cleanupDefect))
  )
  const effect = Effect.zipRight(at(seen.asked), script?.uninterruptible ? Effect.uninterruptible(timed) : timed).pipe(
    Effect.onInterrupt(() => cleaning)
  )
  return Object.assign(effect, { seen })
}

/**
 * Virtual time for programs that do not run under `it.effect`.
 *
 * @since 0.1.0
 * @category layers
 */
export const context: Layer.Layer<TestServices.TestServices> = TestContext.TestContext

/**
 * A logger that keeps quiet, for aggregators whose log lines a test does not read.
 *
 * @since 0.1.0
 * @category loggers
 */
export const silent: Logger.Logger<unknown, void> = Logger.none

/**
 * Runs an effect in virtual time, moving the clock on whenever it waits, until it ends. Answers with how many
 * milliseconds that took, and with its exit.
 *
 * Time does not pass for what it left behind: to see cleanup through, run `timed(Cleanup.settled)` after it, or
 * `timed(Aggregator.settled)`.
 *
 * Dies when the effect waits for something that no passing of time will bring.
 *
 * @example
 * ```ts
 * it.effect("answers at the deadline", () =>
 *   Effect.gen(function* () {
 *     const [elapsed, exit] = yield* Testkit.timed(Gather.failFast({ slow: Testkit.hangs() }, { deadline: "1 second" }))
 *     assert.strictEqual(elapsed, 1_000)
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category virtual time
 */
export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [elapsed: number, exit: Exit.Exit<A, E>], never, R> =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.fork(effect)
    while (yield* running(fiber)) {
      const next = yield* nextWaking
      yield* next === undefined ? Effect.dieMessage(stuck) : TestClock.setTime(next)
    }
    return [(yield* Clock.currentTimeMillis) - start, yield* Fiber.await(fiber)] as const
  })

const stuck = "Testkit.timed: the effect waits for something that no passing of time will bring"

/** Gives the effect every chance to go on without time passing; says whether it still runs. */
const running = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    for (let turn = 0; turn < 3; turn++) {
      yield* TestClock.adjust(0)
      if (fiber.unsafePoll() !== null) return false
      if ((yield* nextWaking) !== undefined) return true
    }
    return true
  })

const nextWaking = Effect.map(TestClock.sleeps(), (sleeps) => {
  const finite = Chunk.toReadonlyArray(sleeps).filter(Number.isFinite)
  return finite.length === 0 ? undefined : Math.min(...finite)
})
