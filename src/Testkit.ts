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
  Effect,
  type Exit,
  Fiber,
  type Layer,
  Logger,
  TestClock,
  TestContext,
  type TestServices
} from "effect"

export {
  /** @since 0.1.0 */
  type Explored,
  /** @since 0.1.0 */
  type Invariant
} from "./Testkit/Explored.ts"
export {
  /** @since 0.1.0 */
  explore,
  /** @since 0.1.0 */
  reproduce,
  /** @since 0.1.0 */
  ScheduleFailed
} from "./Testkit/Explorer.ts"
export {
  /** @since 0.1.0 */
  type Rules
} from "./Testkit/Model.ts"
export {
  /** @since 0.1.0 */
  replay,
  /** @since 0.1.0 */
  type ReplayOptions
} from "./Testkit/Replay.ts"
export {
  /** @since 0.1.0 */
  type Estimate,
  /** @since 0.1.0 */
  Observations,
  /** @since 0.1.0 */
  type Setting
} from "./Testkit/WhatIf.ts"
export {
  /** @since 0.1.0 */
  type Behaviours,
  /** @since 0.1.0 */
  type Schedule
} from "./Testkit/Schedule.ts"
export {
  /** @since 0.1.0 */
  dies,
  /** @since 0.1.0 */
  fails,
  /** @since 0.1.0 */
  hangs,
  /** @since 0.1.0 */
  type Script,
  /** @since 0.1.0 */
  type Scripted,
  /** @since 0.1.0 */
  type Seen,
  /** @since 0.1.0 */
  succeeds
} from "./Testkit/Scripted.ts"

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
