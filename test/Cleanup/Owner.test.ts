import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Scope, TestClock } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Options from "../../src/Options.ts"
import * as Testkit from "../../src/Testkit.ts"
import { elapsed, interrupted, logging, running, watching } from "./Watching.ts"

/** An owner with a scope of its own. */
const owned = (options?: { readonly closeTimeout?: number }) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const owner = yield* Scope.extend(Cleanup.make(options), scope)
    return { owner, close: Scope.close(scope, Exit.void), provide: Effect.provideService(Cleanup.Owner, owner) }
  })

describe("Cleanup: an owner", () => {
  it.effect("waits for cleanup when its scope closes, as long as that takes", () => {
    const { layer, lines } = logging()
    return Effect.gen(function* () {
      const { close, owner, provide } = yield* owned()
      const { heard, watch } = yield* watching("slow")
      yield* provide(interrupted(Testkit.hangs({ cleanup: "3 seconds" }), watch))

      assert.deepStrictEqual(owner.running(), ["slow"])
      assert.deepStrictEqual(yield* running, [])
      assert.strictEqual(yield* elapsed(close), 3_000)
      assert.deepStrictEqual(heard, ["cancelled at 100", "cleaned at 3100"])
      assert.deepStrictEqual(owner.running(), [])
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("waits at most 5 seconds, says who it gave up on, and leaves them to the process-wide set", () => {
    const { layer, lines } = logging()
    return Effect.gen(function* () {
      const { close, owner, provide } = yield* owned()
      const slow = yield* watching("slow")
      const slower = yield* watching("slower")
      const quick = yield* watching("quick")
      yield* provide(interrupted(Testkit.hangs({ cleanup: "1 minute" }), slow.watch))
      yield* provide(interrupted(Testkit.hangs({ cleanup: "2 minutes" }), slower.watch))
      yield* provide(interrupted(Testkit.hangs({ cleanup: "1 second" }), quick.watch))

      assert.strictEqual(yield* elapsed(close), 5_000)
      assert.deepStrictEqual(slow.heard, ["cancelled at 100", "gave up at 5300"])
      assert.deepStrictEqual(quick.heard, ["cancelled at 300", "cleaned at 1300"])
      assert.deepStrictEqual(lines, ["WARN | Gave up waiting for cleanup after 5000 ms: slow, slower"])
      assert.deepStrictEqual(owner.running(), [])
      assert.deepStrictEqual(yield* running, ["slow", "slower"])

      yield* elapsed(Cleanup.settled)
      assert.deepStrictEqual(slow.heard, ["cancelled at 100", "gave up at 5300", "cleaned at 60100"])
      assert.deepStrictEqual(slower.heard, ["cancelled at 200", "gave up at 5300", "cleaned at 120200"])
      assert.deepStrictEqual(yield* running, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("whoever waits for an owner that gave up waits no longer", () =>
    Effect.gen(function* () {
      const { close, owner, provide } = yield* owned({ closeTimeout: 1_000 })
      yield* provide(interrupted(Testkit.hangs({ cleanup: "1 minute" }), (yield* watching("slow")).watch))
      const waiter = yield* Effect.fork(owner.settled)
      yield* elapsed(close)

      assert.strictEqual(yield* elapsed(Fiber.join(waiter)), 0)
      yield* elapsed(Cleanup.settled)
    })
  )

  it.effect("waits for no time, or for ever, when told to", () =>
    Effect.gen(function* () {
      const close = (closeTimeout: number) =>
        Effect.gen(function* () {
          const { close, provide } = yield* owned({ closeTimeout })
          yield* provide(interrupted(Testkit.hangs({ cleanup: "1 minute" }), (yield* watching("slow")).watch))
          return yield* elapsed(close)
        })

      assert.strictEqual(yield* close(0), 0)
      assert.strictEqual(yield* close(Infinity), 60_000)
      yield* elapsed(Cleanup.settled)
    })
  )

  it.effect("waits also when its scope closes because of an interruption", () =>
    Effect.gen(function* () {
      const source = Testkit.hangs({ cleanup: "3 seconds" })
      const { watch } = yield* watching("slow")
      const program = Effect.scoped(
        Effect.flatMap(Cleanup.make(), (owner) =>
          Effect.provideService(Cleanup.detach(source, watch), Cleanup.Owner, owner)
        )
      )
      const fiber = yield* Effect.fork(program)
      yield* TestClock.adjust(100)

      assert.strictEqual(yield* elapsed(Fiber.interrupt(fiber)), 3_000)
      assert.deepStrictEqual(source.seen.cleaned, [3_100])
      assert.deepStrictEqual(yield* running, [])
    })
  )

  it.effect("that has closed leaves what comes later to the process-wide set", () =>
    Effect.gen(function* () {
      const { close, owner, provide } = yield* owned()
      const { heard, watch } = yield* watching("late")
      const started = yield* provide(Cleanup.start(Testkit.hangs({ cleanup: "1 second" }), watch))
      yield* elapsed(close)
      yield* TestClock.adjust(100)
      started.cancel()

      assert.deepStrictEqual(owner.running(), [])
      assert.deepStrictEqual(yield* running, ["late"])
      assert.strictEqual(yield* elapsed(Cleanup.settled), 1_000)
      assert.deepStrictEqual(heard, ["cancelled at 100", "cleaned at 1100"])
    })
  )

  it.effect("refuses a closing time that cannot be meant", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(owned({ closeTimeout: -1 }))
      const defect = exit._tag === "Failure" ? Option.getOrNull(Cause.dieOption(exit.cause)) : null

      assert.instanceOf(defect, Options.InvalidOption)
      assert.strictEqual(defect.where, "Cleanup.make")
      assert.strictEqual(defect.option, "closeTimeout")
    })
  )
})
