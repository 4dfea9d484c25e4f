/**
 * What keeps a process alive: sockets and timers.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Socket } from "node:net"
import { until } from "./contract/Stage.ts"

/** Sockets to these ports from the client's side, and those that are being made. */
const sockets = (ports: ReadonlyArray<number>) => {
  // The cast: the types leave it out, since it is only there to be looked at.
  const { _getActiveHandles } = process as unknown as { readonly _getActiveHandles: () => ReadonlyArray<unknown> }
  const isOurs = (handle: unknown) =>
    handle instanceof Socket && (handle.connecting || ports.includes(handle.remotePort ?? 0))
  return _getActiveHandles().filter(isOurs).length
}

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

/**
 * Whatever an effect opens in its scope has to be closed soon after it. Until then it can look how many sockets there are,
 * so that its test cannot pass because there was none.
 */
export const leavesNoSocket = <A, E>(
  ports: ReadonlyArray<number>,
  scoped: (opened: () => number) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const value = yield* scoped(() => sockets(ports))
    // Drivers that say goodbye to a network that is gone wait for two seconds and more.
    const elapsed = yield* until(
      "sockets",
      Effect.sync(() => sockets(ports)),
      0
    )
    assert.isBelow(elapsed, 1_500)
    return value
  })

/** As `leavesNoSocket`, and no timer either. */
export const leavesNothing: typeof leavesNoSocket = (ports, scoped) =>
  Effect.gen(function* () {
    const before = timers()
    const value = yield* leavesNoSocket(ports, scoped)
    const left = Effect.sync(() => Math.max(0, timers() - before))
    assert.isBelow(yield* until("timers", left, 0), 1_500)
    return value
  })
