import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Supervisor } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Testkit from "../../src/Testkit.ts"

const { fails, hangs, succeeds } = Testkit

/** The fibers that a program started and that still run once its cleanup has ended. */
const leftBehind = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const supervisor = yield* Supervisor.track
    yield* Testkit.timed(Effect.supervised(Effect.exit(program), supervisor))
    yield* Testkit.timed(Cleanup.settled)
    const fibers = yield* supervisor.value
    return fibers.filter((fiber) => fiber.unsafePoll() === null).length
  })

describe("after a gather has returned and cleanup has ended", () => {
  const slow = () => hangs({ cleanup: "3 seconds" })
  const limited = () => Effect.timeout(hangs({ cleanup: 50 }), "1500 millis")
  const programs: Record<string, Effect.Effect<unknown, unknown>> = {
    success: Gather.failFast([succeeds(1, { after: 10 }), succeeds(2)]),
    failure: Gather.failFast([slow(), limited(), fails("no", { after: 20 })]),
    "a failure at once": Gather.failFast([fails("no"), slow(), limited()]),
    deadline: Gather.failFast([slow(), limited()], { deadline: 100 }),
    "a deadline with grace": Gather.failFast([slow(), limited()], { deadline: 100, grace: 50 }),
    "collect at its deadline": Gather.collect([slow(), limited(), succeeds(1)], { deadline: 100, concurrency: 2 }),
    quorum: Gather.quorum([slow(), limited(), succeeds(1)], 1),
    interruption: Effect.gen(function* () {
      const fiber = yield* Effect.fork(Gather.failFast([slow(), limited()], { deadline: "1 hour" }))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(fiber)
    }),
    "an interruption before it began": Effect.gen(function* () {
      const fiber = yield* Effect.fork(Gather.failFast([slow(), limited()]))
      yield* Fiber.interrupt(fiber)
    })
  }
  for (const [ending, program] of Object.entries(programs)) {
    it.effect(`no fiber is left by ${ending}`, () =>
      Effect.map(leftBehind(program), (count) => assert.strictEqual(count, 0))
    )
  }
})

describe("a gather in real time", () => {
  it.live("fails in real time while a loser cleans up for 10 seconds", () =>
    Effect.gen(function* () {
      let release = () => {}
      const stubborn = Effect.onInterrupt(Effect.never, () =>
        Effect.async<void>((resume) => void (release = () => resume(Effect.void)))
      )
      const exit = yield* Effect.exit(Gather.failFast({ stubborn, bad: Effect.delay(Effect.fail("no"), 10) }))

      // That it is here at all is the proof: the loser cleans up until it is released.
      assert(Exit.isFailure(exit))
      release()
      yield* Cleanup.settled
    })
  )
})
