import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, FiberId, Option, Scheduler } from "effect"
import * as Options from "../src/Options.ts"
import * as Permits from "../src/Permits.ts"
import { exitOf, finish, interrupt, stage, type Task, wasInterrupted } from "./Permits/Stage.ts"

const defectOf = (exit: Exit.Exit<unknown, unknown> | null): unknown =>
  exit?._tag === "Failure" ? Option.getOrNull(Cause.dieOption(exit.cause)) : null

const invalid = (error: unknown): Options.InvalidOption =>
  error instanceof Options.InvalidOption ? error : assert.fail(`it is ${error}`)

const refusal = (read: () => unknown): Options.InvalidOption => {
  try {
    read()
  } catch (error) {
    return invalid(error)
  }
  return assert.fail("it was accepted")
}

describe("Permits", () => {
  describe("with", () => {
    it("runs at once while there are permits, and waits when there are none", () => {
      const { permits, settle, settled } = stage(2)
      const [a, b, c] = [settled(), settled(), settled()]

      assert.deepStrictEqual([a.holding, b.holding, c.holding], [true, true, false])
      assert.deepStrictEqual([permits.limit, permits.free(), permits.waiting()], [2, 0, 1])

      finish(a)
      settle()
      assert.deepStrictEqual([c.holding, permits.free(), permits.waiting()], [true, 0, 0])
    })

    it.each<[string, (task: Task) => void]>([
      ["succeeds", (task) => task.end(Effect.void)],
      ["fails", (task) => task.end(Effect.fail("no"))],
      ["dies", (task) => task.end(Effect.die("bug"))],
      ["is interrupted", interrupt]
    ])("gives the permits back when the effect %s", (_, end) => {
      const { permits, settle, settled } = stage(3)
      const task = settled(2)
      assert.strictEqual(permits.free(), 1)

      end(task)
      settle()
      assert.strictEqual(permits.free(), 3)
      assert.isNotNull(exitOf(task))
    })

    it("gives the permits back when the effect throws", () => {
      const permits = Permits.make(1)
      const thrown = permits.with()(
        Effect.sync(() => {
          throw new Error("bug")
        })
      )

      assert.instanceOf(defectOf(Effect.runSyncExit(thrown)), Error)
      assert.strictEqual(permits.free(), 1)
    })

    it("an effect may take what is left while it holds some", () => {
      const permits = Permits.make(2)

      assert.strictEqual(Effect.runSync(permits.with()(permits.with()(Effect.sync(permits.free)))), 0)
      assert.strictEqual(permits.free(), 2)
    })
  })

  describe("the queue", () => {
    it("is first come, first served", () => {
      const { began, settle, settled, tasks } = stage(1)
      for (let index = 0; index < 20; index++) settled()
      for (let index = 0; index < 20; index++) {
        finish(tasks[index]!)
        settle()
      }

      assert.deepStrictEqual(
        began,
        tasks.map((task) => task.name)
      )
    })

    it("a heavy waiter is not overtaken by light ones that would fit", () => {
      const { began, permits, settle, settled } = stage(4)
      const [a, b] = [settled(2, "with", "a"), settled(2, "with", "b")]
      const heavy = settled(4, "with", "heavy")
      settled(1, "with", "light")
      finish(a)
      settle()

      assert.deepStrictEqual(began, ["a", "b"])
      assert.deepStrictEqual([permits.free(), permits.waiting()], [2, 2])

      finish(b)
      settle()
      assert.deepStrictEqual(began, ["a", "b", "heavy"])

      finish(heavy)
      settle()
      assert.deepStrictEqual(began, ["a", "b", "heavy", "light"])
    })

    it("one release lets all those in whose turn it is, and no more", () => {
      const { began, permits, settle, settled } = stage(4)
      const all = settled(4, "with", "all")
      for (const [name, weight] of [
        ["a", 1],
        ["b", 2],
        ["c", 2],
        ["d", 1]
      ] as const) {
        settled(weight, "with", name)
      }
      finish(all)
      settle()

      assert.deepStrictEqual(began, ["all", "a", "b"])
      assert.deepStrictEqual([permits.free(), permits.waiting()], [1, 2])
    })

    it("one that comes in the instant of a release does not overtake those who wait", () => {
      const { arrive, began, permits, settle, settled } = stage(1)
      permits.tryTake()
      settled(1, "with", "first")
      permits.release()
      arrive(1, "with", "second")
      settle()

      assert.deepStrictEqual(began, ["first"])
    })

    it("a waiter that is interrupted leaves at once, wherever it stands", () => {
      const { began, permits, settle, settled } = stage(1)
      const first = settled(1, "with", "first")
      const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => settled(1, "with", name)) as [Task, Task, Task, Task]
      for (const [task, waiting] of [
        [b, 3],
        [a, 2],
        [d, 1]
      ] as const) {
        interrupt(task)
        settle()

        assert.isTrue(wasInterrupted(task))
        assert.strictEqual(permits.waiting(), waiting)
      }
      finish(first)
      settle()

      assert.deepStrictEqual(began, ["first", "c"])
      finish(c)
      settle()
      assert.deepStrictEqual([permits.free(), permits.waiting()], [1, 0])
    })

    it("a heavy waiter that leaves the head lets those in whom it held up", () => {
      const { began, permits, settle, settled } = stage(3)
      settled(1, "with", "first")
      const heavy = settled(3, "with", "heavy")
      settled(1, "with", "a")
      settled(1, "with", "b")
      settled(1, "with", "c")
      assert.deepStrictEqual(began, ["first"])

      interrupt(heavy)
      settle()
      assert.deepStrictEqual(began, ["first", "a", "b"])
      assert.deepStrictEqual([permits.free(), permits.waiting()], [0, 1])
    })

    it("a waiter where nothing can be interrupted gets its turn, and is interrupted after it", () => {
      const permits = Permits.make(1)
      const scheduler = new Scheduler.ControlledScheduler()
      let ran = false
      assert.isTrue(permits.tryTake())
      const guarded = Effect.uninterruptible(permits.with()(Effect.sync(() => (ran = true))))
      const fiber = Effect.runFork(guarded, { scheduler })
      fiber.unsafeInterruptAsFork(FiberId.none)
      scheduler.step()
      assert.deepStrictEqual([ran, permits.waiting()], [false, 1])

      permits.release()
      while (scheduler.tasks.buckets.length > 0) scheduler.step()
      assert.isTrue(ran)
      assert.deepStrictEqual([permits.free(), permits.waiting()], [1, 0])
    })
  })

  describe("an interruption in the instant of the grant", () => {
    it.each<[string, (release: () => void, interrupt: () => void) => void]>([
      ["after it", (release, interrupt) => [release(), interrupt()]],
      ["before it", (release, interrupt) => [interrupt(), release()]]
    ])("loses nothing: the permits go to the next (%s)", (_, both) => {
      const { began, permits, settle, settled } = stage(2)
      permits.tryTake(2)
      const first = settled(2, "with", "first")
      const next = settled(2, "with", "next")
      // The first has its permits once `release` returns, and has not run since.
      both(
        () => permits.release(2),
        () => interrupt(first)
      )
      assert.deepStrictEqual([permits.free(), permits.waiting()], [0, 1])
      settle()

      assert.isTrue(wasInterrupted(first))
      assert.deepStrictEqual(began, ["next"])
      finish(next)
      settle()
      assert.deepStrictEqual([permits.free(), permits.waiting()], [2, 0])
    })

    it("loses nothing: with nobody left who waits they are free", () => {
      const { permits, settle, settled } = stage(1)
      permits.tryTake()
      const only = settled()
      permits.release()
      interrupt(only)
      settle()

      assert.isTrue(wasInterrupted(only))
      assert.deepStrictEqual([permits.free(), permits.waiting()], [1, 0])
    })
  })

  describe("tryWith and tryTake", () => {
    it("run the effect if there are permits, and say so", () => {
      const permits = Permits.make(2)

      assert.deepStrictEqual(Effect.runSync(permits.tryWith(2)(Effect.sync(permits.free))), Option.some(0))
      assert.strictEqual(permits.free(), 2)
    })

    it("do not run the effect if there are not, and do not wait", () => {
      const { permits, settle, settled } = stage(1)
      const first = settled()
      const second = settled(1, "tryWith")

      assert.deepStrictEqual(exitOf(second), Exit.succeed(Option.none()))
      assert.isFalse(permits.tryTake())
      assert.strictEqual(permits.waiting(), 0)

      finish(first)
      settle()
      assert.isTrue(permits.tryTake())
      assert.isFalse(permits.tryTake())
      permits.release()
      assert.strictEqual(permits.free(), 1)
    })

    it("overtake nobody, though they would fit", () => {
      const { permits, settled } = stage(3)
      settled(2)
      settled(2)
      assert.deepStrictEqual([permits.free(), permits.waiting()], [1, 1])

      assert.isFalse(permits.tryTake())
      assert.deepStrictEqual(exitOf(settled(1, "tryWith")), Exit.succeed(Option.none()))
      assert.strictEqual(permits.free(), 1)
    })

    it.each<[string, (task: Task) => void]>([
      ["succeeds", (task) => task.end(Effect.void)],
      ["fails", (task) => task.end(Effect.fail("no"))],
      ["dies", (task) => task.end(Effect.die("bug"))],
      ["is interrupted", interrupt]
    ])("give the permits back when the effect %s", (_, end) => {
      const { permits, settle, settled } = stage(3)
      const task = settled(2, "tryWith")
      assert.strictEqual(permits.free(), 1)

      end(task)
      settle()
      assert.strictEqual(permits.free(), 3)
      assert.isNotNull(exitOf(task))
    })
  })

  describe("a number that cannot be meant", () => {
    it.each([0, -1, 1.5, NaN, Infinity])("is no limit: %d", (limit) => {
      const error = refusal(() => Permits.make(limit))

      assert.deepStrictEqual([error.where, error.option, error.value], ["Permits.make", "limit", String(limit)])
    })

    it.each([0, -1, 1.5, NaN, Infinity, 4])("is no weight with a limit of 3: %d", (weight) => {
      const permits = Permits.make(3)
      const errors = [
        refusal(() => permits.tryTake(weight)),
        ...[permits.with(weight), permits.tryWith(weight)].map((held) =>
          invalid(defectOf(Effect.runSyncExit(held<void, never, never>(Effect.void))))
        ),
        invalid(defectOf(Effect.runSyncExit(permits.take(weight, (effect) => effect))))
      ]

      for (const error of errors) {
        assert.deepStrictEqual([error.where, error.option, error.value], ["Permits", "weight", String(weight)])
      }
      assert.deepStrictEqual([permits.free(), permits.waiting()], [3, 0])
    })

    it("names the limit that a weight is over", () => {
      const error = refusal(() => Permits.make(3).tryTake(4))

      assert.strictEqual(error.message, "Permits: weight must be at most the limit of 3, but it is 4")
    })

    it("is no weight either while others wait", () => {
      const { permits, settled } = stage(1)
      settled()
      settled()

      assert.strictEqual(refusal(() => permits.tryTake(2)).option, "weight")
      assert.strictEqual(refusal(() => permits.tryTake(NaN)).option, "weight")
      assert.strictEqual(permits.waiting(), 1)
    })

    it.each([0, -1, NaN])("is not given back: %d", (weight) => {
      const permits = Permits.make(3)

      assert.strictEqual(refusal(() => permits.release(weight)).where, "Permits.release")
      assert.strictEqual(permits.free(), 3)
    })
  })
})
