import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, FiberRef, Logger, Option, TestClock } from "effect"
import * as Cleanup from "../src/Cleanup.ts"
import * as Deadline from "../src/Deadline.ts"
import * as Gather from "../src/Gather.ts"
import { SourceDied } from "../src/Outcome.ts"
import * as Testkit from "../src/Testkit.ts"

const { dies, fails, hangs, succeeds } = Testkit

/** The error of a fail-fast exit, which may hold more than the failure. */
const failureOf = <E>(exit: Exit.Exit<unknown, E>): E =>
  Option.getOrThrow(Cause.failureOption(Option.getOrThrow(Exit.causeOption(exit))))

describe("Gather.failFast", () => {
  it.effect("answers in the shape of the sources, whatever their names", () =>
    Effect.gen(function* () {
      // As it comes from JSON; in a literal the name would set the prototype.
      const sources = Object.fromEntries([["__proto__", Effect.succeed(1)]])
      const answer = yield* Gather.failFast(sources)

      assert.deepStrictEqual(Object.entries(answer), [["__proto__", 1]])
      assert.strictEqual(Object.getPrototypeOf(answer), Object.prototype)
    })
  )

  it.effect("answers in the shape of the sources, however many they are", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 200 }, (_, index) => `s${index}`)
      const answer = yield* Gather.failFast(Object.fromEntries(names.map((name) => [name, Effect.succeed(name)])))

      assert.deepStrictEqual(
        Object.entries(answer),
        names.map((name) => [name, name])
      )
      assert.strictEqual(Object.getPrototypeOf(answer), Object.prototype)
    })
  )

  it.effect("answers in the shape of the effects once the slowest has answered", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* Testkit.timed(
        Gather.failFast({
          struct: Gather.failFast({ a: succeeds(1, { after: 300 }), b: succeeds("b", { after: 100 }) }),
          tuple: Gather.failFast([succeeds(1), succeeds("b")]),
          iterable: Gather.failFast(new Set([succeeds(1), succeeds(2)]))
        })
      )

      assert.strictEqual(elapsed, 300)
      assert.deepStrictEqual(exit, Exit.succeed({ struct: { a: 1, b: "b" }, tuple: [1, "b"], iterable: [1, 2] }))
    })
  )

  it.effect("fails the moment one fails, and interrupts the rest in the same instant", () =>
    Effect.gen(function* () {
      const slow = succeeds(1, { after: "10 seconds" })
      const [elapsed, exit] = yield* Testkit.timed(Gather.failFast({ slow, bad: fails("no", { after: 20 }) }))

      assert.strictEqual(elapsed, 20)
      assert.strictEqual(failureOf(exit), "no")
      assert.deepStrictEqual(slow.seen.interrupted, [20])
    })
  )

  const stubborn = {
    "a finalizer of 3 seconds": hangs({ cleanup: "3 seconds" }),
    "an uninterruptible body of 10 seconds": succeeds(1, { after: "10 seconds", uninterruptible: true }),
    "its own Effect.timeout": Effect.timeout(Effect.never, "1500 millis"),
    "its own timeout and a finalizer": hangs({ cleanup: "3 seconds" }).pipe(Effect.timeoutOption("1500 millis")),
    "a gather of its own with a finalizer": Gather.failFast({ inner: hangs({ cleanup: "3 seconds" }) }),
    "an Effect.all of its own with a finalizer": Effect.all([hangs({ cleanup: "3 seconds" })], { concurrency: 2 })
  }
  for (const [what, sibling] of Object.entries(stubborn)) {
    it.effect(`fails at once beside a sibling with ${what}`, () =>
      Effect.gen(function* () {
        const [elapsed, exit] = yield* Testkit.timed(Gather.failFast({ sibling, bad: fails("no", { after: 20 }) }))

        assert.strictEqual(elapsed, 20)
        assert.strictEqual(failureOf(exit), "no")
        yield* Testkit.timed(Cleanup.settled)
      })
    )
  }

  it.effect("leaves the cleanup of the losers to the owner, who sees it through", () =>
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "3 seconds" })
      yield* Testkit.timed(Gather.failFast({ slow, bad: fails("no", { after: 20 }) }))
      assert.deepStrictEqual(slow.seen.cleaned, [])

      yield* Testkit.timed(Cleanup.settled)

      assert.deepStrictEqual(slow.seen.cleaned, [3_020])
    })
  )

  it.effect("waits for cleanup as long as the grace allows, and no longer", () =>
    Effect.gen(function* () {
      const run = (cleanup: number) =>
        Testkit.timed(Gather.failFast({ slow: hangs({ cleanup }), bad: fails("no", { after: 20 }) }, { grace: 500 }))

      assert.strictEqual((yield* run(200))[0], 220)
      assert.strictEqual((yield* run(3_000))[0], 520)
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("does not let the grace make an answer miss its deadline", () =>
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "3 seconds" })
      const [elapsed] = yield* Testkit.timed(
        Gather.failFast({ slow, bad: fails("no", { after: 900 }) }, { grace: 500, deadline: "1 second" })
      )

      assert.strictEqual(elapsed, 1_000)
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("raises a defect as a defect that names the source", () =>
    Effect.gen(function* () {
      const slow = hangs()
      const [elapsed, exit] = yield* Testkit.timed(
        Gather.failFast({ slow, buggy: dies(new TypeError("x is not a function"), { after: 20 }) })
      )

      assert.strictEqual(elapsed, 20)
      assert(Exit.isFailure(exit) && Cause.isDie(exit.cause) && !Cause.isFailure(exit.cause))
      const defect = Option.getOrThrow(Cause.dieOption(exit.cause))
      assert(defect instanceof SourceDied)
      assert.strictEqual(defect.message, `Source "buggy" died: TypeError: x is not a function`)
      assert.deepStrictEqual(slow.seen.interrupted, [20])
    })
  )

  it.effect("takes a source that interrupts itself for one that died, not for an interruption of the caller", () =>
    Effect.gen(function* () {
      const [, exit] = yield* Testkit.timed(Gather.failFast({ odd: Effect.interrupt, slow: hangs() }))

      assert(Exit.isFailure(exit) && !Cause.isInterrupted(exit.cause))
      assert.match(Cause.pretty(exit.cause), /Source "odd" died/)
    })
  )

  it.effect("logs a defect in the finalizer of a cancelled source, with its name", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ annotations, cause, message }) => {
        lines.push(`${String(message)} ${JSON.stringify([...annotations])} ${Cause.pretty(cause)}`)
      })
      yield* Testkit.timed(
        Gather.failFast({
          leaky: hangs({ cleanupDefect: new Error("pool is closed") }),
          bad: fails("no", { after: 20 })
        })
      ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      yield* Testkit.timed(Cleanup.settled)

      assert.strictEqual(lines.length, 1)
      assert.match(lines[0]!, /"leaky" raised a defect while it was being cancelled.*pool is closed/s)
    }).pipe(Effect.provide(Logger.add(Logger.none)))
  )

  it.effect("reports one of two failures in the same instant, the same as its receipt", () =>
    Effect.gen(function* () {
      const error = yield* Testkit.timed(
        Gather.failFast([fails("one", { after: 20 }), fails("two", { after: 20 })], { deadline: "1 second" })
      )

      assert.include(["one", "two"], failureOf(error[1]))
    })
  )

  it.effect("passes an interruption of the caller on to every source, without waiting for their cleanup", () =>
    Effect.gen(function* () {
      const all = { a: hangs({ cleanup: "3 seconds" }), b: hangs() }
      const [elapsed, exit] = yield* Testkit.timed(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Gather.failFast(all))
          yield* Effect.sleep(50)
          return yield* Fiber.interrupt(fiber)
        })
      )

      assert.strictEqual(elapsed, 50)
      assert(Exit.isSuccess(exit) && Exit.isInterrupted(exit.value))
      assert.deepStrictEqual([all.a.seen.interrupted, all.b.seen.interrupted], [[50], [50]])
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("fails and times out as fast where the caller cannot be interrupted", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, "unbounded"] as const) {
        const failing = { ok: succeeds(1, { after: 20 }), bad: fails("no"), slow: hangs() }
        const [failed] = yield* Testkit.timed(Effect.uninterruptible(Gather.failFast(failing, { concurrency })))
        assert.strictEqual(failed, concurrency === 1 ? 20 : 0)
        const [late] = yield* Testkit.timed(
          Effect.uninterruptible(Gather.failFast({ slow: hangs() }, { concurrency, deadline: 70 }))
        )
        assert.strictEqual(late, 70)
      }
    })
  )

  it.effect("goes on where the caller cannot be interrupted, until the caller can", () =>
    Effect.gen(function* () {
      for (const options of [{}, { deadline: "1 second" }, { concurrency: 1 }] as const) {
        const source = succeeds(1, { after: 100 })
        const [elapsed] = yield* Testkit.timed(
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(Effect.uninterruptible(Gather.failFast({ source }, options)))
            yield* Effect.sleep(10)
            yield* Fiber.interrupt(fiber)
          })
        )

        assert.deepStrictEqual([elapsed, source.seen.interrupted], [100, []])
      }
    })
  )

  it.effect("asks no more than the concurrency at once, and nothing after the first failure", () =>
    Effect.gen(function* () {
      const all = [succeeds(0, { after: 30 }), fails("no", { after: 10 }), succeeds(2), succeeds(3)]
      const [elapsed] = yield* Testkit.timed(Gather.failFast(all, { concurrency: 2 }))

      assert.strictEqual(elapsed, 10)
      assert.deepStrictEqual(
        all.map((source) => source.seen.asked.length),
        [1, 1, 0, 0]
      )
    })
  )

  it.effect("answers at once when there is nothing to ask", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Gather.failFast({}), {})
      assert.deepStrictEqual(yield* Gather.failFast([]), [])
      assert.deepStrictEqual(yield* Gather.failFast({}, { deadline: "1 second" }), {})
    })
  )

  it.effect("carries changes of fiber refs over from the sources, as Effect.all does", () =>
    Effect.gen(function* () {
      const ref = FiberRef.unsafeMake("before")
      yield* Gather.failFast({ a: FiberRef.set(ref, "changed"), b: succeeds(1) })

      assert.strictEqual(yield* FiberRef.get(ref), "changed")
    })
  )
})

describe("the deadline of a gather", () => {
  it.effect("strikes exactly, names who was awaited, and interrupts them", () =>
    Effect.gen(function* () {
      const all = {
        fast: succeeds(1, { after: 999 }),
        late: succeeds(2, { after: 1_001, cleanup: 500 }),
        never: hangs()
      }
      const [elapsed, exit] = yield* Testkit.timed(Gather.failFast(all, { deadline: "1 second" }))

      assert.strictEqual(elapsed, 1_000)
      const error = failureOf(exit)
      assert(error instanceof Deadline.DeadlineExceeded)
      assert.deepStrictEqual([error.deadline, error.pending], [1_000, ["late", "never"]])
      assert.deepStrictEqual(all.late.seen.interrupted, [1_000])
      assert.deepStrictEqual(
        error.receipt?.sources.map((source) => [source.name, source.outcome, source.cleanup]),
        [
          ["fast", "succeeded", "done"],
          ["late", "timed-out", "running"],
          ["never", "timed-out", "done"]
        ]
      )
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("is not reached by what ends a millisecond before it", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* Testkit.timed(
        Gather.failFast([succeeds(1, { after: 9_999 })], { deadline: "10 seconds" })
      )

      assert.deepStrictEqual([elapsed, exit], [9_999, Exit.succeed([1])])
    })
  )

  it.effect("is only ever shortened by a deadline inside it", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const remaining = Effect.map(Deadline.remaining, (left) => void seen.push(Duration.toMillis(left)))
      const inner = (deadline: number) => Gather.failFast({ remaining, hangs: hangs() }, { deadline })
      const outer = (deadline: number) => Testkit.timed(Gather.failFast({ inner: inner(deadline) }, { deadline: 500 }))

      const [shorter, exit] = yield* outer(200)
      const [longer, exit2] = yield* outer(9_000)

      assert.deepStrictEqual([shorter, longer, seen], [200, 500, [200, 500]])
      for (const [error, deadline] of [
        [failureOf(exit), 200],
        [failureOf(exit2), 500]
      ] as const) {
        assert.strictEqual(error._tag === "DeadlineExceeded" && error.deadline, deadline)
      }
    })
  )

  it.effect("that is zero or has passed refuses without asking", () =>
    Effect.gen(function* () {
      const source = succeeds(1)
      const zero = yield* Effect.flip(Gather.failFast({ source }, { deadline: 0 }))
      const past = yield* Effect.zipRight(TestClock.adjust("2 seconds"), Effect.flip(Gather.failFast({ source }))).pipe(
        Deadline.within("1 second")
      )

      for (const error of [zero, past]) {
        assert(error._tag === "DeadlineExceeded")
        assert.deepStrictEqual(error.pending, ["source"])
        assert.deepStrictEqual(
          error.receipt?.sources.map((one) => one.outcome),
          ["not-started"]
        )
      }
      assert.deepStrictEqual(source.seen.asked, [])
      const kept = yield* Gather.collect({ source }, { deadline: 0 })
      assert.strictEqual(kept.source._tag, "NotStarted")
    })
  )

  it.effect("that cannot be meant is refused by name", () =>
    Effect.gen(function* () {
      const options = [{ deadline: -1 }, { deadline: NaN }, { grace: -1 }, { concurrency: 0 }, { concurrency: 1.5 }]
      for (const option of options) {
        const exit = yield* Effect.exit(Gather.failFast({ a: succeeds(1) }, option))
        assert(Exit.isFailure(exit))
        assert.match(Cause.pretty(exit.cause), new RegExp(`Gather.failFast: ${Object.keys(option)[0]} must be `))
      }
    })
  )
})
