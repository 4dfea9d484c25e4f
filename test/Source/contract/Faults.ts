/**
 * What servers do: be down, refuse, break off, be full, want a password or TLS. A typed error that names the source, never
 * a hang, and all is well again when the server is.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import * as Deadline from "../../../src/Deadline.ts"
import * as Servers from "../../Servers.ts"
import { type Adapter, makeServer, Server, type Test } from "./Adapter.ts"
import { answered, ask, build, failed, network, until } from "./Stage.ts"

export const faults = <R>(test: Test, adapter: Adapter<R>) => {
  const { busyFor, quick } = adapter

  test("refused: SourceUnavailable, and well again after", () =>
    Effect.gen(function* () {
      const { proxy, url } = yield* network(adapter)
      yield* proxy.refuse
      const { run } = yield* build(adapter, url)

      yield* failed(run(quick), "SourceUnavailable")
      yield* proxy.heal
      yield* answered(run(quick))
    }))

  test("cut in the middle of a call: SourceUnavailable, and the next has a new connection", () =>
    Effect.gen(function* () {
      const { proxy, url, watch } = yield* network(adapter)
      const { run } = yield* build(adapter, url)
      // Who is cut off can no longer tell the server to stop; the deadline has.
      const call = yield* Effect.fork(failed(Deadline.within(1_000)(run(busyFor(30_000))), "SourceUnavailable"))
      yield* until("calls", watch.busy, 1)

      yield* proxy.cut
      yield* Fiber.join(call)
      yield* answered(run(quick))
      yield* until("calls", watch.busy, 0)
    }))

  test("cut while idle: the next call has a new connection", () =>
    Effect.gen(function* () {
      const { proxy, url, watch } = yield* network(adapter)
      const { run } = yield* build(adapter, url)
      yield* answered(run(quick))

      yield* proxy.cut
      yield* until("connections", watch.connections, 0)
      yield* answered(run(quick))
    }))

  if (adapter.isForeign) return

  test("full: SourceUnavailable, and well again when there is room", () =>
    Effect.gen(function* () {
      const { url, watch } = yield* network(adapter)
      // What the tests before have left is on its way out.
      yield* until("connections", watch.connections, 0)
      const scope = yield* Scope.make()
      const alone = { connections: 1 }
      // Each keeps its one connection, without a call that could end too early on a busy machine.
      let run = (yield* Scope.extend(build(adapter, url, alone), scope)).run
      let connected = 0
      for (; (yield* ask(run(quick))).outcome._tag === "Succeeded"; connected++)
        run = (yield* Scope.extend(build(adapter, url, alone), scope)).run
      assert.isAbove(connected, 0)
      const another = yield* build(adapter, url)

      yield* failed(another.run(quick), "SourceUnavailable")
      yield* Scope.close(scope, Exit.void)
      // A server sees a little later than its clients that they have hung up.
      yield* until("connections", watch.connections, 0)
      yield* answered(another.run(quick))
    }))

  test("wrong password: SourceRejected", () =>
    Effect.gen(function* () {
      const { server, url } = yield* network(adapter)
      const { run } = yield* build(adapter, url.replace(server.password, "wr0ng-Passw0rd"))

      const error = yield* failed(run(quick), "SourceRejected")

      assert.notInclude(JSON.stringify(error) + String(error.cause), "wr0ng-Passw0rd")
    }))

  test("a server that wants TLS: refused without, answered with, but not with a certificate nobody vouches for", () =>
    Effect.gen(function* () {
      const server = yield* makeServer(adapter)({ tls: true })
      const without = yield* build(adapter, server.url)
      const trusting = yield* build(adapter, server.url, { ca: server.ca! })
      const other = Servers.certificate()
      const mistrusting = yield* build(adapter, server.url, { ca: other })

      yield* failed(without.run(quick), adapter.withoutTls ?? "SourceRejected")
      yield* failed(mistrusting.run(quick), "SourceRejected")
      yield* answered(trusting.run(quick))
    }))

  // The last, since they stop the server that the others ask.
  test("killed in the middle of a call, and started again: SourceUnavailable until it is there", () =>
    Effect.gen(function* () {
      const { server, watch } = yield* network(adapter)
      const { run } = yield* build(adapter, server.url)
      const call = yield* Effect.fork(failed(run(busyFor(30_000)), "SourceUnavailable"))
      yield* until("calls", watch.busy, 1)

      yield* server.kill
      yield* Fiber.join(call)
      yield* failed(run(quick), "SourceUnavailable")
      yield* server.restart
      yield* answered(run(quick))
    }))

  test("down when it is built: SourceUnavailable until the server is there", () =>
    Effect.gen(function* () {
      const server = yield* Server
      yield* server.kill
      const { run } = yield* build(adapter, server.url)

      yield* failed(run(quick), "SourceUnavailable")
      yield* server.restart
      yield* answered(run(quick))
    }))
}
