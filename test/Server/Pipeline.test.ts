import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { maxWaiting } from "../../src/Server/Pipeline.ts"
import { ask, dashboard, get, named, serve, until, wire } from "./Stage.ts"

const live = it.scopedLive

describe("requests that are sent ahead on one connection", () => {
  live("are answered one after the other, in their order", () =>
    Effect.gen(function* () {
      let running = 0
      let most = 0
      const one = (id: string) =>
        Effect.acquireUseRelease(
          Effect.sync(() => (most = Math.max(most, (running += 1)))),
          () => Effect.as(Effect.sleep(1), id),
          () => Effect.sync(() => (running -= 1))
        )
      const { url } = yield* serve([dashboard(one, Effect.succeed(1))])
      const ids = Array.from({ length: 50 }, (_, index) => `n${index}`)
      const { received } = yield* wire(url, ids.map((id) => get(`/dashboard?id=${id}`)).join(""))
      yield* until("all are answered", () => received().includes(`"n49"`))

      assert.deepStrictEqual(
        Array.from(received().matchAll(/"name":"(n\d+)"/g), ([, id]) => id),
        ids
      )
      assert.strictEqual(most, 1)
    })
  )

  live("are dropped beyond a hundred that wait, with the connection, once those are answered", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([dashboard(named, Effect.succeed(5))])
      const { closed, received } = yield* wire(url, get("/dashboard?id=1").repeat(1_000))
      yield* until("it is closed", closed)

      assert.strictEqual(received().split("HTTP/1.1 200").length - 1, 1 + maxWaiting)
    })
  )

  live("take one place, so that others are answered", () =>
    Effect.gen(function* () {
      const slow = dashboard((id) => (id === "slow" ? Effect.never : named(id)), Effect.succeed(5))
      const { url } = yield* serve([slow], { maxInFlight: 2 })
      yield* wire(url, get("/dashboard?id=slow").repeat(90))

      for (let n = 0; n < 5; n++) assert.strictEqual((yield* ask(`${url}/dashboard?id=1`)).status, 200)
    })
  )

  live("leave nothing on a connection that is kept", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([dashboard(named, Effect.succeed(5))])
      const warnings: Array<string> = []
      const warned = ({ name }: Error) => void warnings.push(name)
      process.on("warning", warned)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", warned)))
      const { received, socket } = yield* wire(url)
      // More than the listeners of which Node warns.
      for (let n = 1; n <= 30; n++) {
        socket.write(get("/dashboard?id=1"))
        yield* until("it is answered", () => received().split("HTTP/1.1 200").length - 1 === n)
      }
      yield* Effect.sleep(1)

      assert.deepStrictEqual(warnings, [])
    })
  )
})
