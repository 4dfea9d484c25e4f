import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Option, type Scope } from "effect"
import * as Cleanup from "../src/Cleanup.ts"
import * as Deadline from "../src/Deadline.ts"
import * as Group from "../src/Group.ts"
import { SourceDied } from "../src/Outcome.ts"
import { progress } from "../src/Receipt.ts"
import * as Testkit from "../src/Testkit.ts"
import { TornScheduler } from "./TornScheduler.ts"

const { dies, fails, hangs, succeeds } = Testkit

const timed = <A, E>(program: Effect.Effect<A, E, Scope.Scope>) => Testkit.timed(Effect.scoped(program))
const outcomes = <E>(group: Group.Group<E>) =>
  Effect.map(group.receipt, ({ sources }) => sources.map((source) => source.outcome))

describe("Group", () => {
  it.effect("waits for all of its tasks", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make()
          for (const after of [500, 300, 700]) yield* group.go(succeeds(after, { after }))
          yield* group.wait
          return yield* outcomes(group)
        })
      )

      assert.deepStrictEqual([elapsed, exit], [700, Exit.succeed(["succeeded", "succeeded", "succeeded"])])
    })
  )

  it.effect("fails with the first failure at once, cancels the rest, and starts nothing after it", () =>
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "3 seconds" })
      const after = succeeds(1)
      const [elapsed, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make<string>()
          yield* group.go(slow, { name: "slow" })
          yield* group.go(fails("no", { after: 20 }), { name: "bad" })
          yield* group.go(fails("later", { after: 30 }))
          const error = yield* Effect.flip(group.wait)
          yield* group.go(after)
          assert.isFalse(yield* group.tryGo(after))
          return [error, (yield* group.receipt).firstCause?.source, yield* outcomes(group)]
        })
      )

      assert.strictEqual(elapsed, 20)
      assert.deepStrictEqual(exit, Exit.succeed(["no", "bad", ["cancelled", "failed", "cancelled", "not-started"]]))
      assert.deepStrictEqual([slow.seen.interrupted, after.seen.asked], [[20], []])
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("never asks a task that comes after the failure, in whichever way it is started", () =>
    Effect.gen(function* () {
      const ways: Record<
        string,
        (group: Group.Group<string>, task: Testkit.Scripted<number>) => Effect.Effect<unknown>
      > = {
        go: (group, task) => Effect.delay(group.go(task), 30),
        tryGo: (group, task) => Effect.delay(group.tryGo(task), 30),
        "go, waiting for room": (group, task) => Effect.delay(group.go(task, { weight: 2 }), 10),
        "go, from inside a task": (group, task) =>
          group.go(Effect.uninterruptible(Effect.zipRight(Effect.sleep(30), group.go(task)))),
        "go, queued from inside a task": (group, task) =>
          group.go(Effect.zipRight(group.go(task, { weight: 2 }), Effect.never)),
        "tryGo, from inside a task": (group, task) =>
          group.go(Effect.uninterruptible(Effect.zipRight(Effect.sleep(30), group.tryGo(task))))
      }
      for (const limit of [undefined, 2])
        for (const [way, start] of Object.entries(ways)) {
          // Without a limit nothing has to wait for room.
          if (limit === undefined && /waiting|queued/.test(way)) continue
          const task = succeeds(1)
          const [, exit] = yield* timed(
            Effect.gen(function* () {
              const group = yield* Group.make<string>({ limit })
              yield* group.go(fails("no", { after: 20 }))
              const starting = yield* Effect.fork(start(group, task))
              yield* Effect.sleep(100)
              yield* Fiber.join(starting)
              return yield* Effect.flip(group.wait)
            })
          )

          assert.deepStrictEqual(exit, Exit.succeed("no"), way)
          assert.deepStrictEqual(task.seen.asked, [], `${way}, with a limit of ${limit}`)
        }
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it("stops a task that another one's failure overtakes while it is being started, at any moment", () => {
    for (let every = 20; every <= 32; every++) {
      for (let offset = 0; offset < every; offset++) {
        const scheduler = new TornScheduler(every, offset)
        let open = 0
        const task = Effect.acquireUseRelease(
          Effect.sync(() => (open += 1)),
          () => Effect.never,
          () => Effect.sync(() => (open -= 1))
        )
        const program = Effect.gen(function* () {
          const group = yield* Group.make<string>()
          yield* group.go(Effect.zipRight(Effect.yieldNow(), Effect.fail("no")))
          for (let count = 0; count < 5; count++) yield* group.go(task)
          yield* group.wait
        })
        const fiber = Effect.runFork(Effect.flip(Effect.scoped(program)), { scheduler })
        while (scheduler.tasks.buckets.length > 0) scheduler.step()

        assert.deepStrictEqual(fiber.unsafePoll(), Exit.succeed("no"))
        assert.strictEqual(open, 0, `torn at every ${every} from ${offset}`)
      }
    }
  })

  it.effect("has on its critical path those alone that a task had to wait for", () =>
    Effect.gen(function* () {
      const [, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make({ limit: 2 })
          yield* group.go(succeeds(1, { after: 10 }), { name: "early" })
          yield* Effect.sleep(50)
          yield* group.go(succeeds(1, { after: 10 }), { name: "first" })
          yield* group.go(succeeds(1, { after: 40 }), { name: "beside" })
          yield* group.go(succeeds(1, { after: 90 }), { name: "last" })
          yield* group.wait
          return (yield* group.receipt).criticalPath
        })
      )

      assert.deepStrictEqual(exit, Exit.succeed(["first", "last"]))
    })
  )

  it.effect("that failed says so in its receipt also where nobody waited for it", () =>
    Effect.gen(function* () {
      const [, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make<string>()
          yield* group.go(fails("no", { after: 20 }), { name: "bad" })
          yield* Effect.sleep(30)
          return group
        })
      )
      const { firstCause, outcome } = yield* (yield* exit).receipt

      assert.deepStrictEqual([outcome, firstCause?.source, firstCause?.at], ["failed", "bad", 20])
    })
  )

  it.effect("raises a defect that names the task", () =>
    Effect.gen(function* () {
      const slow = hangs()
      const [, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make()
          yield* group.go(slow)
          yield* group.go(dies(new Error("panic"), { after: 10 }), { name: "third" })
          yield* group.wait
        })
      )

      const defect = Exit.causeOption(exit).pipe(Option.flatMap(Cause.dieOption), Option.getOrThrow)
      assert(defect instanceof SourceDied)
      assert.strictEqual(defect.message, `Source "third" died: Error: panic`)
      assert.deepStrictEqual(slow.seen.interrupted, [10])
    })
  )

  it.effect("never has more than the limit in flight, by weight, and makes the one who starts tasks wait", () =>
    Effect.gen(function* () {
      let held = 0
      let most = 0
      const starts: Array<number> = []
      const weights = [1, 3, 2, 10, 4, 4, 2, 1, 9]
      const task = (weight: number) =>
        Effect.sync(() => (most = Math.max(most, (held += weight)))).pipe(
          Effect.andThen(Effect.sleep(10)),
          Effect.andThen(Effect.sync(() => void (held -= weight)))
        )
      const [elapsed] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make({ limit: 10 })
          for (const weight of weights) {
            yield* group.go(task(weight), { weight })
            starts.push(yield* Clock.currentTimeMillis)
          }
          yield* group.wait
        })
      )

      assert.deepStrictEqual([most, held, elapsed], [10, 0, 40])
      assert.deepStrictEqual(starts, [0, 0, 0, 10, 20, 20, 20, 30, 30])
    })
  )

  it.effect("tries to start a task only where the limit allows", () =>
    Effect.gen(function* () {
      const [, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make({ limit: 3 })
          const tries = [
            yield* group.tryGo(succeeds(1, { after: 10 }), { weight: 2 }),
            yield* group.tryGo(succeeds(1, { after: 10 }), { weight: 2 }),
            yield* group.tryGo(succeeds(1, { after: 10 }))
          ]
          yield* group.wait
          return [...tries, yield* group.tryGo(succeeds(1), { weight: 3 })]
        })
      )

      assert.deepStrictEqual(exit, Exit.succeed([true, false, true, true]))
    })
  )

  it.effect("queues tasks that its own tasks start, which would wait for themselves", () =>
    Effect.gen(function* () {
      const child = succeeds(1, { after: 50 })
      const [elapsed, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make({ limit: 1 })
          yield* group.go(Effect.zipRight(group.go(child), Effect.sleep(100)))
          yield* group.wait
          return yield* outcomes(group)
        })
      )

      assert.deepStrictEqual([elapsed, exit], [150, Exit.succeed(["succeeded", "succeeded"])])
      assert.deepStrictEqual(child.seen.asked, [100])
    })
  )

  it.effect("lets everybody go who waits for a place when it fails, also while the places are still held", () =>
    Effect.gen(function* () {
      const queued = succeeds(1)
      const [elapsed, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make<string>({ limit: 2 })
          yield* group.go(hangs({ cleanup: "3 seconds" }))
          yield* group.go(fails("no", { after: 20 }))
          const starters = yield* Effect.fork(
            Effect.all([group.go(queued), group.go(queued), group.go(queued, { weight: 2 })], { concurrency: 3 })
          )
          const error = yield* Effect.flip(group.wait)
          yield* Fiber.join(starters)
          return error
        })
      )

      assert.deepStrictEqual([elapsed, exit, queued.seen.asked], [20, Exit.succeed("no"), []])
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("gives the place of an interrupted starter to the next", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make({ limit: 1 })
          const never = succeeds("never")
          yield* group.go(succeeds(1, { after: 20 }))
          const waiting = yield* Effect.fork(group.go(never))
          yield* Effect.sleep(10)
          yield* Fiber.interrupt(waiting)
          yield* group.go(succeeds(2, { after: 20 }))
          yield* group.wait
          return never.seen.asked
        })
      )

      assert.deepStrictEqual([elapsed, exit], [40, Exit.succeed([])])
    })
  )

  it.effect("stops at its deadline also when nobody waits, and says how far each got", () =>
    Effect.gen(function* () {
      let iterations = 0
      const loop = Effect.forEach(
        Array.from({ length: 10 }, (_, done) => done),
        (done) => Effect.zipRight(progress(`${done} of 10`), Effect.sleep(500)).pipe(Effect.tap(() => iterations++)),
        { discard: true }
      )
      const [elapsed, exit] = yield* timed(
        Effect.gen(function* () {
          const group = yield* Group.make({ deadline: "2 seconds" })
          for (let n = 0; n < 5; n++) yield* group.go(loop)
          yield* Effect.sleep("5 seconds")
          const error = yield* Effect.flip(group.wait)
          return [
            error,
            (yield* group.receipt).sources.map((source) => `${source.outcome} at ${source.progress}`)
          ] as const
        })
      )

      assert.strictEqual(elapsed, 5_000)
      assert.isAtMost(iterations, 20)
      assert(Exit.isSuccess(exit))
      const [error, told] = exit.value
      assert(error instanceof Deadline.DeadlineExceeded)
      assert.deepStrictEqual([error.deadline, error.pending], [2_000, ["0", "1", "2", "3", "4"]])
      assert.match(told[0]!, /^timed-out at [34] of 10$/)
    })
  )

  // In real time: a timer of zero milliseconds would let the task begin, where TestClock strikes before it can.
  it.live("obeys the ambient deadline, and starts nothing when it has passed", () =>
    Effect.gen(function* () {
      const source = succeeds(1)
      const error = yield* Effect.gen(function* () {
        const group = yield* Group.make({ deadline: "1 minute" })
        yield* group.go(source)
        return yield* Effect.flip(group.wait)
      }).pipe(Effect.scoped, Deadline.within(0))

      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.deepStrictEqual(source.seen.asked, [])
    })
  )

  it.effect("cancels what still runs when its scope closes, and waits for cleanup as long as the grace", () =>
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "3 seconds" })
      const close = (grace: number) =>
        timed(
          Effect.gen(function* () {
            const group = yield* Group.make({ grace })
            yield* group.go(slow)
            yield* Effect.sleep(10)
          })
        )

      assert.strictEqual((yield* close(0))[0], 10)
      assert.strictEqual((yield* close(500))[0], 510)
      assert.strictEqual(slow.seen.interrupted.length, 2)
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("refuses options that cannot be meant, and waiting inside a task, by name", () =>
    Effect.gen(function* () {
      const message = (program: Effect.Effect<unknown, unknown, Scope.Scope>) =>
        Effect.map(Effect.exit(Effect.scoped(program)), (exit) =>
          Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "none"
        )

      assert.match(yield* message(Group.make({ limit: 0 })), /Group.make: limit must be a whole number from 1 up/)
      assert.match(
        yield* message(Effect.flatMap(Group.make({ limit: 2 }), (group) => group.go(succeeds(1), { weight: 3 }))),
        /weight must be at most the limit of 2/
      )
      assert.match(
        yield* message(
          Effect.flatMap(Group.make<Deadline.DeadlineExceeded>(), (group) =>
            Effect.zipRight(group.go(group.wait), group.wait)
          )
        ),
        /group.wait was called from one of the group's own tasks/
      )
    })
  )
})
