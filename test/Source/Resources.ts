/**
 * What keeps a process alive: sockets, connections being made, timers that are waited for.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { until } from "./contract/Stage.ts"

const count = () =>
  process.getActiveResourcesInfo().filter((name) => /Socket|Connect|Pipe|Timeout|GetAddrInfo/.test(name)).length

/**
 * Whatever an effect opens in its scope has to be closed soon after it. Until then it can look how much is open, so that its
 * test cannot pass because there was nothing.
 */
export const leavesNothing = <A, E>(scoped: (opened: () => number) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const before = count()
    const value = yield* scoped(() => count() - before)
    const left = Effect.sync(() => Math.max(0, count() - before))
    // Drivers that say goodbye to a network that is gone wait for two seconds and more.
    assert.isBelow(yield* until("sockets and timers", left, 0), 1_500)
    return value
  })
