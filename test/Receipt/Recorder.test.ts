import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, FiberId, Option, TestClock } from "effect"
import * as Outcome from "../../src/Outcome.ts"
import { failWith } from "../../src/Receipt/Failure.ts"
import * as Recorder from "../../src/Receipt/Recorder.ts"
import { recording, source } from "./ByHand.ts"

describe("Recorder", () => {
  describe("the first cause", () => {
    it("of a failed answer is the source that decided it, and when it failed", () => {
      const { begun, clock, recorder } = recording()
      const [a, b, c] = [begun("a"), begun("b"), begun("c")]
      clock.at = 20
      b.ended(Exit.fail(new Error("no")))
      a.cancelled()
      c.cancelled()
      clock.at = 25
      recorder.finished("failed", b)
      const receipt = recorder.receipt()

      assert.deepStrictEqual(receipt.firstCause, { kind: "failure", source: "b", message: "no", at: 20 })
      assert.deepStrictEqual(receipt.victims, ["a", "c"])
      assert.deepStrictEqual(receipt.criticalPath, ["b"])
    })

    it("of two failures in the same instant is the one that the answer failed with", () => {
      const { begun, recorder } = recording()
      const [a, b] = [begun("a"), begun("b")]
      b.ended(Exit.fail(new Error("b came first")))
      a.ended(Exit.fail(new Error("a came second")))
      recorder.finished("failed", b)
      const receipt = recorder.receipt()

      assert.strictEqual(receipt.firstCause?.source, "b")
      assert.deepStrictEqual(receipt.victims, [])
    })

    it("of a partial answer is the earliest failure; of two in the same instant the first in the input", () => {
      const { begun, clock, recorder } = recording()
      const [a, b, c, d] = [begun("a"), begun("b"), begun("c"), begun("d")]
      clock.at = 10
      d.ended(Exit.succeed(1))
      clock.at = 20
      c.ended(Exit.fail(new Error("c")))
      b.ended(Exit.fail(new Error("b")))
      clock.at = 30
      a.ended(Exit.fail(new Error("a")))
      recorder.finished("partial", recorder.lastEnded(), "deadline")
      const receipt = recorder.receipt()

      assert.deepStrictEqual(receipt.firstCause, { kind: "failure", source: "b", message: "b", at: 20 })
      assert.deepStrictEqual(receipt.victims, [])
      assert.deepStrictEqual(receipt.criticalPath, ["a"])
    })

    it("tells a defect, a limit, a deadline and a caller who went away apart", () => {
      const cause = (exit: Exit.Exit<unknown, unknown>) => {
        const { begun, recorder } = recording()
        const a = begun("a")
        a.ended(exit)
        recorder.finished("failed", a)
        return recorder.receipt().firstCause
      }
      const limit = new Outcome.SourceTimedOut({ source: "a", limit: 5 })
      const { begun, clock, recorder } = recording()
      const late = begun("late")
      clock.at = 100
      late.cancelled()
      late.timedOut()
      recorder.finished("timed-out", late, "deadline")
      const gone = recording()
      gone.begun("a").cancelled()
      gone.recorder.finished("cancelled", null, "caller")

      assert.deepStrictEqual(cause(Exit.die(new Error("bug"))), {
        kind: "defect",
        source: "a",
        message: `Source "a" died: Error: bug`,
        at: 0
      })
      assert.deepStrictEqual(cause(Exit.fail(limit)), {
        kind: "limit",
        source: "a",
        message: "it ran out of its own time limit",
        at: 0
      })
      assert.deepStrictEqual(recorder.receipt().firstCause, {
        kind: "deadline",
        source: "late",
        message: "the deadline passed",
        at: 100
      })
      assert.deepStrictEqual(gone.recorder.receipt().firstCause, {
        kind: "caller",
        source: null,
        message: "the caller went away",
        at: 0
      })
      assert.deepStrictEqual(gone.recorder.receipt().victims, ["a"])
    })

    it("is nothing when the answer is whole, however late", () => {
      const { begun, recorder } = recording()
      const a = begun("a")
      a.ended(Exit.succeed(1))
      recorder.finished("succeeded", a, "deadline")

      assert.isNull(recorder.receipt().firstCause)
    })
  })

  describe("a receipt", () => {
    it("is settled when the last cleanup has ended, and not before", () => {
      const { begun, clock, recorder } = recording()
      const [a, b] = [begun("a"), begun("b")]
      a.cancelled()
      b.cancelled()
      clock.at = 5
      recorder.finished("cancelled", null, "caller")
      clock.at = 10
      a.cleaned()
      const half = recorder.receipt().settled
      clock.at = 20
      b.cleaned()

      assert.isNull(half)
      assert.strictEqual(recorder.receipt().settled, 20)
      assert.strictEqual(recorder.receipt().elapsed, 5)
    })

    it("is settled when the answer left, if all cleanup had ended by then", () => {
      const { begun, clock, recorder } = recording()
      const a = begun("a")
      a.cancelled()
      clock.at = 10
      a.cleaned()
      const before = recorder.receipt().settled
      clock.at = 15
      recorder.finished("cancelled", null, "caller")

      assert.isNull(before)
      assert.strictEqual(recorder.receipt().settled, 15)
    })

    it("is not settled while a cleanup runs that began after the others had ended", () => {
      const { begun, clock, recorder } = recording()
      const a = begun("a")
      recorder.finished("cancelled", null, "caller")
      const settled = recorder.receipt().settled
      clock.at = 10
      a.cancelled()
      const cleaning = recorder.receipt().settled
      clock.at = 30
      a.cleaned()

      assert.deepStrictEqual([settled, cleaning, recorder.receipt().settled], [0, null, 30])
    })

    it("waits for fibers that are no sources, such as the one that reads the items", () => {
      const { recorder } = recording()
      const reader = recorder.watch("items")
      reader.cancelled()
      recorder.finished("cancelled", null, "caller")
      const cleaning = recorder.receipt().settled
      reader.gaveUp()
      reader.cleaned()

      assert.deepStrictEqual([cleaning, recorder.receipt().settled], [null, 0])
      assert.strictEqual(recorder.cleaning, 0)
    })

    it("is made once, when nothing in it changes any more", () => {
      const { begun, clock, recorder } = recording()
      const a = begun("a")
      const before = recorder.receipt()
      clock.at = 10
      a.ended(Exit.succeed(1))
      recorder.finished("succeeded", a)
      const final = recorder.receipt()
      assert.strictEqual(recorder.receipt(), final)
      assert.notStrictEqual(before, final)

      // What a source has let go of may be cancelled later.
      const inner = a.inner()
      inner.cancelled()
      assert.deepStrictEqual([recorder.receipt().settled, recorder.receipt().sources[0]!.cleanup], [null, "running"])
      clock.at = 30
      inner.cleaned()
      assert.deepStrictEqual([recorder.receipt().settled, recorder.receipt().sources[0]!.cleanup], [30, "done"])
    })

    it("says what was left of the deadline, and nothing of it when there was none", () => {
      const { clock, recorder } = recording()
      const without = recorder.receipt()
      recorder.deadline = 100
      clock.at = 30
      recorder.finished("succeeded", null)
      const early = recorder.receipt()
      clock.at = 130
      recorder.finished("timed-out", null, "deadline")
      const late = recorder.receipt()

      assert.deepStrictEqual([without.deadline, without.remaining], [null, null])
      assert.deepStrictEqual([early.deadline, early.remaining], [100, 70])
      assert.deepStrictEqual([late.deadline, late.remaining], [100, 0])
    })

    it("gives times to the microsecond, and the wall clock to the millisecond", () => {
      const { begun, clock, recorder } = recording()
      clock.at = 1 / 3
      begun("a").ended(Exit.succeed(1))

      assert.strictEqual(source(recorder, "a").start, 0.333)
      assert.strictEqual(recorder.receipt().startedAt, 1_700_000_000_000)
    })

    it("follows the chain of those that had to wait for each other, when their number was limited", () => {
      const { begun, clock, recorder } = recording()
      recorder.concurrency = 1
      for (const [name, end] of [
        ["a", 100],
        ["b", 250],
        ["c", 300]
      ] as const) {
        const one = begun(name)
        clock.at = end
        one.ended(Exit.succeed(1))
      }
      recorder.finished("succeeded", recorder.lastEnded())

      assert.deepStrictEqual(recorder.receipt().criticalPath, ["a", "b", "c"])
    })
  })

  describe("settled", () => {
    it.effect("waits for cleanup, and can be interrupted", () =>
      Effect.gen(function* () {
        const { begun, recorder } = recording()
        yield* recorder.settled
        const a = begun("a")
        a.cancelled()
        const waiting = yield* Effect.fork(recorder.settled)
        const gone = yield* Effect.fork(recorder.settled)
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(gone)

        assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
        a.cleaned()
        yield* Fiber.join(waiting)
      })
    )
  })

  it.effect("counts its times from its making, on the Clock service", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1_000)
      const recorder = yield* Recorder.make("dashboard", "failFast")
      yield* TestClock.adjust(250)

      assert.strictEqual(recorder.now(), 250)
      assert.strictEqual(recorder.receipt().startedAt, 1_000)
      assert.notStrictEqual(recorder.id, (yield* Recorder.make("dashboard", "failFast")).id)
    })
  )

  describe("failWith", () => {
    const ending = (exit: Exit.Exit<unknown, unknown>) => {
      const { begun, recorder } = recording()
      const a = begun("a")
      a.ended(exit)
      return Effect.map(Effect.exit(failWith(recorder, a)), (exit) =>
        exit._tag === "Failure" ? exit.cause : assert.fail("it succeeded")
      )
    }

    it.effect("fails with the cause as it was, with everything in it", () =>
      Effect.gen(function* () {
        const cause = Cause.sequential(Cause.fail("no"), Cause.die("in the finalizer"))

        assert.deepStrictEqual(yield* ending(Exit.failCause(cause)), cause)
      })
    )

    it.effect("raises a defect as one that names the source", () =>
      Effect.gen(function* () {
        const defect = Option.getOrNull(Cause.dieOption(yield* ending(Exit.die("bug"))))

        assert.instanceOf(defect, Outcome.SourceDied)
        assert.deepStrictEqual([defect.source, defect.defect], ["a", "bug"])
      })
    )

    it.effect("raises a source's interruption of itself as a defect: the caller was not interrupted", () =>
      Effect.gen(function* () {
        const cause = yield* ending(Exit.interrupt(FiberId.none))

        assert.isFalse(Cause.isInterrupted(cause))
        assert.instanceOf(Option.getOrNull(Cause.dieOption(cause)), Outcome.SourceDied)
      })
    )

    it.effect("its own time limit stays the error that it was", () =>
      Effect.gen(function* () {
        const limit = new Outcome.SourceTimedOut({ source: "a", limit: 5 })

        assert.strictEqual(Option.getOrNull(Cause.failureOption(yield* ending(Exit.fail(limit)))), limit)
      })
    )
  })
})
