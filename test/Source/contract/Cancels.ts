/**
 * Cancelled calls: their caller is back at once, the server stops, nobody else is hit, and the pool stays whole.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { type Adapter, type Form, type Test } from "./Adapter.ts"
import { answered, build, judge, soon, stage, stop, until } from "./Stage.ts"

export const cancels = <R>(test: Test, adapter: Adapter<R>, form: Form) => {
  const { busyFor, quick } = adapter
  const long = busyFor(30_000)

  /** Uses as many connections as it may have, all at once. */
  const fill = (run: <A, E>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E>, connections: number) =>
    run(
      Effect.all(
        Array.from({ length: connections }, () => busyFor(100)),
        { concurrency: "unbounded" }
      )
    )

  test("interrupted: the caller is back and the server idle, each time", () =>
    Effect.gen(function* () {
      const { url, watch } = yield* stage(adapter)
      const { run } = yield* build(adapter, url)
      const times = []
      for (let round = 0; round < form.rounds; round++) {
        const fiber = yield* Effect.fork(run(long))
        yield* until("calls", watch.busy, 1)
        times.push(yield* stop([fiber], watch.busy))
      }
      judge(times, form.measures)
      yield* answered(run(quick))
    }))

  test("timed out: the same", () =>
    Effect.gen(function* () {
      const { url, watch } = yield* stage(adapter)
      const { run } = yield* build(adapter, url)
      yield* run(quick)
      const times = []
      for (let round = 0; round < form.rounds; round++) {
        const moment = performance.now() + 60
        yield* Effect.timeoutOption(run(long), 60)
        const back = performance.now() - moment
        times.push({ back, idle: yield* until("calls", watch.busy, 0, moment) })
      }
      judge(times, form.measures)
      yield* answered(run(quick))
    }))

  test("interrupted with every connection busy and others waiting: the same", () =>
    Effect.gen(function* () {
      const { url, watch } = yield* stage(adapter)
      const { run } = yield* build(adapter, url)
      const times = []
      for (let round = 0; round < form.rounds; round++) {
        const running = yield* Effect.all([Effect.fork(run(long)), Effect.fork(run(long))])
        yield* until("calls", watch.busy, 2)
        const waiting = yield* Effect.all([Effect.fork(run(long)), Effect.fork(run(quick))])
        times.push(yield* stop([...waiting, ...running], watch.busy))
      }
      judge(times, form.measures)
      yield* answered(run(quick))
    }))

  test("one that only waits for a connection can be interrupted, and the others go on", () =>
    Effect.gen(function* () {
      const { url, watch } = yield* stage(adapter)
      const { run } = yield* build(adapter, url, { connections: 1 })
      const running = yield* Effect.fork(run(busyFor(300)))
      yield* until("calls", watch.busy, 1)
      const waiting = yield* Effect.fork(run(long))
      yield* Effect.yieldNow()

      yield* Fiber.interrupt(waiting)

      assert.isTrue(Exit.isSuccess(yield* Fiber.await(running)))
      yield* answered(run(quick))
    }))

  if (adapter.turns !== false)
    test("a cancel that comes as its call ends never hits the next", () =>
      Effect.gen(function* () {
        const { url } = yield* stage(adapter)
        const { run } = yield* build(adapter, url, { connections: 1 })
        let completed = 0
        for (let race = 0; race < form.races; race++) {
          const call = yield* Effect.fork(run(busyFor(3)))
          const innocent = yield* Effect.fork(run(busyFor(4)))
          // Of eight, the first is stopped at once, and the last when it has ended.
          const moment = race % 8
          yield* moment === 7 ? Fiber.await(call) : Effect.sleep(moment)
          if (Exit.isSuccess(yield* Fiber.interrupt(call))) completed += 1
          const exit = yield* Fiber.await(innocent)
          assert(Exit.isSuccess(exit), `race ${race}: an innocent call was hit: ${String(exit)}`)
        }
        // Otherwise these were no races.
        assert(completed > 0 && completed < form.races, `${completed} of ${form.races} completed`)
      }))

  test("after many cancels it has the connections it had, and answers at once", () =>
    Effect.gen(function* () {
      const { url, watch } = yield* stage(adapter)
      const { run } = yield* build(adapter, url, { connections: 4 })
      const whole = 4 + (adapter.besides ?? 0)
      yield* run(quick)
      const full = Effect.orDie(Effect.zipRight(fill(run, 4), watch.connections))
      yield* until("connections", full, whole)

      for (let cancelled = 0; cancelled < form.cancels; cancelled += 8) {
        const fibers = yield* Effect.all(Array.from({ length: 8 }, () => Effect.fork(run(long))))
        yield* Effect.sleep(cancelled % 16)
        yield* Fiber.interruptAll(fibers)
      }

      // Connections of what was cancelled may still wait to be accepted, and whoever comes now is let in after them.
      if (!adapter.isEmbedded)
        yield* Effect.scoped(Effect.flatMap(build(adapter, url), (other) => answered(other.run(quick))))
      const start = performance.now()
      yield* answered(run(quick))
      assert.isBelow(performance.now() - start, form.measures ? 1_000 : soon)
      yield* until("calls", watch.busy, 0)
      yield* until("connections", full, whole)
    }))

  test("closing it stops what runs, and leaves no connection", () =>
    Effect.gen(function* () {
      const { url, watch } = yield* stage(adapter)
      const scope = yield* Scope.make()
      const { run } = yield* Scope.extend(build(adapter, url), scope)
      const calls = yield* Effect.all([Effect.fork(run(long)), Effect.fork(run(long)), Effect.fork(run(long))])
      yield* until("calls", watch.busy, 2)

      const start = performance.now()
      yield* Scope.close(scope, Exit.void)

      assert.isBelow(performance.now() - start, 3_000)
      yield* until("calls", watch.busy, 0)
      yield* until("connections", watch.connections, 0)
      // None of them may wait for ever.
      for (const call of calls) assert.isTrue(Exit.isFailure(yield* Effect.timeout(Fiber.await(call), soon)))
    }))
}
