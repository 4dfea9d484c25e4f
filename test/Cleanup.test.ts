import { assert, describe, it } from "@effect/vitest"
import { type Context, Effect, Exit, Fiber, FiberId, FiberRef, Option, Supervisor, TestClock } from "effect"
import * as Cleanup from "../src/Cleanup.ts"
import * as Testkit from "../src/Testkit.ts"
import { elapsed, interrupted, logging, running, watching } from "./Cleanup/Watching.ts"
import { TornScheduler } from "./TornScheduler.ts"

describe("Cleanup", () => {
  describe("detach", () => {
    it.effect("answers with how the effect ended", () =>
      Effect.gen(function* () {
        const { heard, watch } = yield* watching("quick")

        assert.deepStrictEqual(yield* Cleanup.detach(Effect.succeed(1), watch), Exit.succeed(1))
        assert.deepStrictEqual(yield* Cleanup.detach(Effect.fail("no"), watch), Exit.fail("no"))
        assert.deepStrictEqual(yield* Cleanup.detach(Effect.die("bug"), watch), Exit.die("bug"))
        assert.isTrue(Exit.isInterrupted(yield* Cleanup.detach(Effect.interrupt, watch)))
        assert.deepStrictEqual(heard, ["ended at 0", "ended at 0", "ended at 0", "ended at 0"])
      })
    )

    it.effect("an interruption returns at once although the cleanup takes 3 seconds", () =>
      Effect.gen(function* () {
        const source = Testkit.hangs({ cleanup: "3 seconds" })
        const { heard, watch } = yield* watching("slow")

        assert.strictEqual(yield* interrupted(source, watch), 0)
        assert.deepStrictEqual(source.seen.interrupted, [100])
        assert.deepStrictEqual(source.seen.cleaned, [])
        assert.deepStrictEqual(yield* running, ["slow"])

        assert.strictEqual(yield* elapsed(Cleanup.settled), 3_000)
        assert.deepStrictEqual(source.seen.cleaned, [3_100])
        assert.deepStrictEqual(heard, ["cancelled at 100", "cleaned at 3100"])
        assert.deepStrictEqual(yield* running, [])
      })
    )

    it.effect("an interruption returns at once although the effect cannot be interrupted", () =>
      Effect.gen(function* () {
        const source = Testkit.succeeds(1, { after: "3 seconds", uninterruptible: true })
        const { heard, watch } = yield* watching("stubborn")

        assert.strictEqual(yield* interrupted(source, watch), 0)
        assert.strictEqual(yield* elapsed(Cleanup.settled), 2_900)
        assert.deepStrictEqual(source.seen.ended, [3_000])
        assert.deepStrictEqual(heard, ["cancelled at 100", "cleaned at 3000"])
        assert.deepStrictEqual(yield* running, [])
      })
    )

    it.effect("an interruption returns at once although the effect has a timeout of its own", () =>
      Effect.gen(function* () {
        const source = Effect.timeout(Testkit.hangs({ cleanup: "3 seconds" }), "1500 millis")
        const { watch } = yield* watching("timed")

        assert.strictEqual(yield* interrupted(source, watch), 0)
        assert.strictEqual(yield* elapsed(Cleanup.settled), 3_000)
      })
    )

    it.effect("a caller that cannot be interrupted waits for the answer, and gets it", () =>
      Effect.gen(function* () {
        const source = Testkit.succeeds(1, { after: "2 seconds" })
        const { heard, watch } = yield* watching("wanted")
        let answer: unknown
        const call = Effect.map(Cleanup.detach(source, watch), (exit) => (answer = exit))
        const caller = yield* Effect.fork(Effect.uninterruptible(call))
        yield* TestClock.adjust(100)

        assert.strictEqual(yield* elapsed(Fiber.interrupt(caller)), 1_900)
        assert.deepStrictEqual(answer, Exit.succeed(1))
        assert.deepStrictEqual(heard, ["ended at 2000"])
        assert.deepStrictEqual(yield* running, [])
      })
    )

    it.effect("an effect that ends in the instant of the interruption has ended or was cancelled, never both", () =>
      Effect.gen(function* () {
        const { heard, watch } = yield* watching("tie")
        const caller = yield* Effect.fork(Cleanup.detach(Testkit.succeeds(1, { after: 100 }), watch))
        const killer = yield* Effect.fork(Effect.zipRight(Effect.sleep(100), Fiber.interrupt(caller)))
        yield* TestClock.adjust(100)
        yield* Fiber.join(killer)
        yield* elapsed(Cleanup.settled)

        assert.include(["ended at 100", "cancelled at 100,cleaned at 100"], heard.join())
        assert.deepStrictEqual(yield* running, [])
      })
    )

    it.effect("an interruption that arrives before the effect has begun keeps it from beginning", () =>
      Effect.gen(function* () {
        /** Interrupts the caller in the instant in which it has made the fiber, which has not run yet. */
        class InterruptsTheParent extends Supervisor.AbstractSupervisor<void> {
          override readonly value = Effect.void
          override onStart<A, E, R>(
            _context: Context.Context<R>,
            _effect: Effect.Effect<A, E, R>,
            parent: Option.Option<Fiber.RuntimeFiber<unknown, unknown>>
          ) {
            if (Option.isSome(parent)) parent.value.unsafeInterruptAsFork(FiberId.none)
          }
        }
        const source = Testkit.succeeds(1)
        const { heard, watch } = yield* watching("early")
        const call = Effect.supervised(Cleanup.detach(source, watch), new InterruptsTheParent())
        const caller = yield* Effect.fork(call)

        assert.isTrue(Exit.isInterrupted(yield* Fiber.await(caller)))
        yield* Cleanup.settled
        assert.deepStrictEqual(source.seen.asked, [])
        assert.deepStrictEqual(heard, ["cancelled at 0", "cleaned at 0"])
        assert.deepStrictEqual(yield* running, [])
      })
    )

    it("an interruption at any moment leaves the effect ended, or cancelled and cleaned up, and nothing open", () => {
      const torn = (use: Effect.Effect<void>, offset: number, moment: number) => {
        const scheduler = new TornScheduler(20, offset)
        const heard: Array<string> = []
        const note = (what: string) => () => void heard.push(what)
        let open = 0
        const opened = Effect.sync(() => (open += 1))
        const closed = Effect.zipRight(
          Effect.yieldNow(),
          Effect.sync(() => (open -= 1))
        )
        const source = Effect.acquireUseRelease(
          opened,
          () => use,
          () => closed
        )
        const watch = { name: "torn", ended: note("ended"), cancelled: note("cancelled"), cleaned: note("cleaned") }
        const caller = Effect.runFork(Cleanup.detach(source, { ...watch, gaveUp: note("gave up") }), { scheduler })
        for (let step = 0; step < moment; step++) scheduler.step()
        caller.unsafeInterruptAsFork(FiberId.none)
        while (scheduler.tasks.buckets.length > 0) scheduler.step()

        assert.isNotNull(caller.unsafePoll())
        assert.strictEqual(open, 0)
        assert.deepStrictEqual(Effect.runSync(running), [])
        return heard.join()
      }
      const ends = new Set<string>()
      const hangs = new Set<string>()
      for (let offset = 0; offset < 20; offset++) {
        for (let moment = 0; moment < 20; moment++) {
          ends.add(torn(Effect.yieldNow(), offset, moment))
          hangs.add(torn(Effect.never, offset, moment))
        }
      }

      // Nothing is heard of what had not been started.
      assert.deepStrictEqual([...ends].sort(), ["", "cancelled,cleaned", "ended"])
      assert.deepStrictEqual([...hangs].sort(), ["", "cancelled,cleaned"])
    })

    it.scoped("changes of fiber refs reach the caller as with Fiber.join: after a success only", () =>
      Effect.gen(function* () {
        const ref = yield* FiberRef.make("unchanged")
        const { watch } = yield* watching("changer")
        const joined = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.exit(Effect.flatMap(Effect.fork(effect), Fiber.join))
        const detached = <A, E>(effect: Effect.Effect<A, E>) => Cleanup.detach(effect, watch)

        for (const run of [joined, detached]) {
          yield* FiberRef.set(ref, "before")
          yield* run(Effect.zipRight(FiberRef.set(ref, "failed"), Effect.fail("no")))
          assert.strictEqual(yield* FiberRef.get(ref), "before")

          yield* run(Effect.zipRight(FiberRef.set(ref, "succeeded"), Effect.void))
          assert.strictEqual(yield* FiberRef.get(ref), "succeeded")
        }
      })
    )
  })

  describe("start", () => {
    it.effect("a fiber can be cancelled although it was started where nothing can be interrupted", () =>
      Effect.gen(function* () {
        const source = Testkit.hangs()
        const { heard, watch } = yield* watching("started")
        const running = yield* Effect.uninterruptible(Cleanup.start(source, watch))
        yield* TestClock.adjust(100)
        running.cancel()

        assert.strictEqual(yield* elapsed(Cleanup.settled), 0)
        assert.deepStrictEqual(source.seen.interrupted, [100])
        assert.deepStrictEqual(heard, ["cancelled at 100", "cleaned at 100"])
      })
    )

    it.effect("cancelling twice is cancelling once", () =>
      Effect.gen(function* () {
        const { heard, watch } = yield* watching("twice")
        const started = yield* Cleanup.start(Testkit.hangs({ cleanup: "1 second" }), watch)
        yield* TestClock.adjust(100)
        started.cancel()
        started.cancel()

        assert.deepStrictEqual(yield* running, ["twice"])
        assert.strictEqual(yield* elapsed(Cleanup.settled), 1_000)
        started.cancel()
        assert.deepStrictEqual(heard, ["cancelled at 100", "cleaned at 1100"])
      })
    )

    it.effect("cancelling what has ended does nothing", () =>
      Effect.gen(function* () {
        const { heard, watch } = yield* watching("done")
        const started = yield* Cleanup.start(Effect.succeed(1), watch)
        yield* started.await
        started.cancel()

        assert.deepStrictEqual(heard, ["ended at 0"])
        assert.deepStrictEqual(yield* running, [])
      })
    )

    it.effect("a fiber outlives the one that started it", () =>
      Effect.gen(function* () {
        const source = Testkit.succeeds(1, { after: "1 second" })
        const { watch } = yield* watching("orphan")
        const started = yield* Effect.flatMap(Effect.fork(Cleanup.start(source, watch)), Fiber.join)

        assert.strictEqual(yield* elapsed(started.await), 1_000)
        assert.deepStrictEqual(source.seen.ended, [1_000])
      })
    )
  })

  describe("a defect", () => {
    it.effect("in the cleanup of a cancelled effect is logged, with the name", () => {
      const { layer, lines } = logging()
      return Effect.gen(function* () {
        const source = Testkit.hangs({ cleanup: "1 second", cleanupDefect: new Error("boom") })
        const { heard, watch } = yield* watching("messy")
        yield* interrupted(source, watch)
        yield* elapsed(Cleanup.settled)

        assert.deepStrictEqual(lines, [
          `ERROR | "messy" raised a defect while it was being cancelled | source=messy | Error: boom`
        ])
        assert.deepStrictEqual(heard, ["cancelled at 100", "cleaned at 1100"])
        assert.deepStrictEqual(yield* running, [])
      }).pipe(Effect.provide(layer))
    })

    it.effect("of an effect that could not be interrupted is logged when nobody waits for it any more", () => {
      const { layer, lines } = logging()
      return Effect.gen(function* () {
        const source = Testkit.dies(new Error("late"), { after: "1 second", uninterruptible: true })
        yield* interrupted(source, (yield* watching("stubborn")).watch)
        yield* elapsed(Cleanup.settled)

        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], `"stubborn"`)
        assert.include(lines[0], "Error: late")
      }).pipe(Effect.provide(layer))
    })

    it.effect("that is the answer is not logged, and neither is a cancellation", () => {
      const { layer, lines } = logging()
      return Effect.gen(function* () {
        const { watch } = yield* watching("quiet")
        yield* Cleanup.detach(Effect.die("bug"), watch)
        yield* interrupted(Testkit.hangs({ cleanup: "1 second" }), watch)
        yield* elapsed(Cleanup.settled)

        assert.deepStrictEqual(lines, [])
      }).pipe(Effect.provide(layer))
    })
  })

  describe("settled", () => {
    it.effect("waits for nothing when nothing is cleaning up", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* elapsed(Cleanup.settled), 0)
      })
    )

    it.effect("waits for the last of several", () =>
      Effect.gen(function* () {
        for (const [name, cleanup] of [
          ["a", 300],
          ["b", 2_000],
          ["c", 100]
        ] as const) {
          yield* interrupted(Testkit.hangs({ cleanup }), (yield* watching(name)).watch)
        }

        assert.deepStrictEqual(yield* running, ["a", "b", "c"])
        // They were cancelled at 100, 200 and 300 ms.
        assert.strictEqual(yield* elapsed(Cleanup.settled), 1_900)
        assert.deepStrictEqual(yield* running, [])
      })
    )

    it.effect("can be interrupted, and does no harm to others who wait", () =>
      Effect.gen(function* () {
        yield* interrupted(Testkit.hangs({ cleanup: "1 second" }), (yield* watching("a")).watch)
        const other = yield* Effect.fork(Cleanup.settled)

        assert.strictEqual(yield* elapsed(Effect.timeoutOption(Cleanup.settled, 400)), 400)
        assert.strictEqual(yield* elapsed(Fiber.join(other)), 600)
      })
    )
  })
})
