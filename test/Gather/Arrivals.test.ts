import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Clock, Effect, Exit, Stream } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Outcome from "../../src/Outcome.ts"
import * as Testkit from "../../src/Testkit.ts"

const { dies, fails, hangs, succeeds } = Testkit

describe("Gather.stream", () => {
  it.effect("emits each outcome in the instant it arrives, and at the deadline what is missing", () =>
    Effect.gen(function* () {
      const arrivals = Gather.stream(
        {
          late: hangs({ cleanup: "3 seconds" }),
          second: fails("no", { after: 50 }),
          first: succeeds(1, { after: 20 }),
          third: dies("bug", { after: 60 })
        },
        { deadline: 100 }
      ).pipe(
        Stream.mapEffect(([name, outcome]) =>
          Effect.map(Clock.currentTimeMillis, (at) => [at, name, Outcome.status(outcome)])
        )
      )
      const [elapsed, exit] = yield* Testkit.timed(Stream.runCollect(arrivals))

      assert.strictEqual(elapsed, 100)
      assert(Exit.isSuccess(exit))
      assert.deepStrictEqual(Chunk.toReadonlyArray(exit.value), [
        [20, "first", "succeeded"],
        [50, "second", "failed"],
        [60, "third", "failed"],
        [100, "late", "timed-out"]
      ])
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("cancels what nobody reads any more", () =>
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "3 seconds" })
      const [elapsed] = yield* Testkit.timed(
        Stream.runDrain(Stream.take(Gather.stream({ slow, fast: succeeds(1, { after: 20 }) }), 1))
      )

      assert.strictEqual(elapsed, 20)
      assert.deepStrictEqual(slow.seen.interrupted, [20])
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("keeps every outcome for a reader that is slow", () =>
    Effect.gen(function* () {
      const all = [succeeds(1, { after: 10 }), succeeds(2, { after: 20 }), succeeds(3, { after: 30 })]
      const [, exit] = yield* Testkit.timed(
        Gather.stream(all, { deadline: "1 second" }).pipe(
          Stream.mapEffect(([name, outcome]) =>
            Effect.as(Effect.sleep("2 seconds"), `${name} ${Outcome.status(outcome)}`)
          ),
          Stream.runCollect
        )
      )

      assert(Exit.isSuccess(exit))
      assert.deepStrictEqual(Chunk.toReadonlyArray(exit.value), ["0 succeeded", "1 succeeded", "2 succeeded"])
    })
  )

  it.effect("refuses options that cannot be meant, and ends at once when there is nothing to ask", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Stream.runDrain(Gather.stream([succeeds(1)], { concurrency: 0 })))
      assert(Exit.isFailure(exit))
      assert.match(Cause.pretty(exit.cause), /Gather.stream: concurrency must be/)
      assert.strictEqual(Chunk.size(yield* Stream.runCollect(Gather.stream({}))), 0)
    })
  )
})
