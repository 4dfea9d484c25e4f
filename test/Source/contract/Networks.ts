/**
 * A network that is gone: the caller is back in time, the server ends the call itself, and all is well when the network is.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import * as Deadline from "../../../src/Deadline.ts"
import { type Adapter, type Form, type Test } from "./Adapter.ts"
import { answered, build, failed, late, network, until } from "./Stage.ts"

export const networks = <R>(test: Test, adapter: Adapter<R>, form: Form) => {
  const { busyFor, quick } = adapter
  const long = busyFor(30_000)

  if (adapter.carriesDeadline !== false)
    test("the deadline goes along: the server ends the call itself when the network is gone", () =>
      Effect.gen(function* () {
        const { proxy, url, watch } = yield* network(adapter)
        const { run } = yield* build(adapter, url)
        yield* run(quick)
        const start = performance.now()
        const call = yield* Effect.fork(Deadline.within(600)(run(long)))
        yield* until("calls", watch.busy, 1)

        yield* proxy.freeze
        const idle = yield* until("calls", watch.busy, 0, start)
        yield* Fiber.interrupt(call)

        assert(idle > 400 && idle < 600 + (form.measures ? 250 : 2_000), `idle after ${idle} ms`)
        yield* proxy.heal
        yield* answered(run(quick))
      }))

  test("frozen in the middle of a call: given up at the deadline, and well again when the network is", () =>
    Effect.gen(function* () {
      const { proxy, url, watch } = yield* network(adapter)
      const { run } = yield* build(adapter, url)
      const call = yield* Effect.fork(late(run(long), 500))
      yield* until("calls", watch.busy, 1)

      yield* proxy.freeze
      yield* Fiber.join(call)
      // The connections that it kept are frozen too.
      yield* late(run(quick))

      yield* proxy.heal
      yield* answered(run(quick))
      yield* until("calls", watch.busy, 0)
    }))

  test("closing it is bounded when the network is frozen", () =>
    Effect.gen(function* () {
      const { proxy, url, watch } = yield* network(adapter)
      const scope = yield* Scope.make()
      const { run } = yield* Scope.extend(build(adapter, url), scope)
      const call = yield* Effect.fork(Deadline.within(1_000)(run(long)))
      yield* until("calls", watch.busy, 1)

      yield* proxy.freeze
      const start = performance.now()
      yield* Scope.close(scope, Exit.void)

      assert.isBelow(performance.now() - start, 3_000)
      yield* Fiber.interrupt(call)
      yield* proxy.heal
      yield* until("connections", watch.connections, 0)
    }))

  if (adapter.shakesHands === false) return

  test("a connection that never comes about is an error of its own, without any deadline", () =>
    Effect.gen(function* () {
      const { proxy, url } = yield* network(adapter)
      yield* proxy.freeze
      const { run } = yield* build(adapter, url, { connectTimeout: 300 })

      yield* failed(run(quick), "SourceUnavailable")

      yield* proxy.heal
      yield* answered(run(quick))
    }))
}
