import { assert, describe } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Logger, Scope } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Behind from "../../src/Resilience/Behind.ts"
import * as Testkit from "../../src/Testkit.ts"
import { onMachine, timed } from "./Calls.ts"

const { dies, fails, hangs, succeeds } = Testkit

describe("Behind", () => {
  onMachine(
    "nobody waits for the work but the cleanup owner, at once",
    Effect.gen(function* () {
      const work = succeeds("done", { after: 100 })
      const [elapsed] = yield* timed(Behind.run("work", work))
      const owner = yield* Cleanup.Owner
      assert.deepStrictEqual([elapsed, owner.running(), work.seen.asked.length], [0, ["work"], 1])
      const [settled] = yield* timed(Cleanup.settled)
      assert.deepStrictEqual([settled, work.seen.ended.length, work.seen.interrupted], [100, 1, []])

      yield* Behind.run("work", work)
      yield* Cleanup.settled
      assert.strictEqual(work.seen.ended.length, 2)
    })
  )

  onMachine(
    "goes on though whoever began it is interrupted, and though it forks",
    Effect.gen(function* () {
      const work = succeeds("done", { after: 100 })
      const forking = Effect.all([Effect.timeout(work, 500), Effect.race(work, Effect.sleep(400))], { concurrency: 2 })
      const fiber = yield* Effect.fork(Effect.zipRight(Behind.run("work", forking), hangs()))
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(fiber)
      yield* Cleanup.settled

      assert.deepStrictEqual([work.seen.ended.length, work.seen.interrupted], [2, []])
    })
  )

  onMachine(
    "is stopped after its limit, and its failure is logged",
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void logged.push(`${logLevel.label} ${String(message)}`))
      const start = yield* Clock.currentTimeMillis
      const work = hangs()
      yield* Effect.gen(function* () {
        yield* Behind.run("slow work", work, 300)
        yield* Behind.run("failing work", fails("no"))
        yield* Behind.run("broken work", dies("bug"))
        yield* Cleanup.settled
      }).pipe(Effect.provide(Logger.add(logger)))

      assert.deepStrictEqual(work.seen.interrupted, [start + 300])
      assert.deepStrictEqual(logged.toSorted(), [
        "WARN broken work failed",
        "WARN failing work failed",
        "WARN slow work failed"
      ])
    })
  )

  onMachine(
    "closing the scope of the owner waits for it",
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const owner = yield* Scope.extend(Cleanup.make({ closeTimeout: 5_000 }), scope)
      const work = succeeds("done", { after: 1_000 })
      yield* Effect.provideService(Behind.run("work", work), Cleanup.Owner, owner)
      const [elapsed] = yield* timed(Scope.close(scope, Exit.void))

      assert.deepStrictEqual([elapsed, work.seen.ended.length], [1_000, 1])
    })
  )

  onMachine(
    "what was started is nobody's business until it is handed over",
    Effect.gen(function* () {
      const owner = yield* Cleanup.Owner
      const handOver = yield* Behind.start("work", succeeds("done", { after: 50 }))
      assert.deepStrictEqual(owner.running(), [])
      handOver()
      assert.deepStrictEqual(owner.running(), ["work"])
      yield* Cleanup.settled
      handOver()
      assert.deepStrictEqual(owner.running(), [])
    })
  )
})
