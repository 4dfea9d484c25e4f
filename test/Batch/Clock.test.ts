import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Schema } from "effect"
import * as Batch from "../../src/Batch.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"

const hour = 3_600_000

/** The clock of the test with a wall that is off by so much; what counts nanoseconds and what sleeps does not jump. */
const withWall = (wall: { off: number }) =>
  Effect.map(Effect.clock, (clock): Clock.Clock => ({
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + wall.off,
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + wall.off),
    currentTimeNanos: clock.currentTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }))

const busy = new Source.SourceUnavailable({ source: "api", reason: "busy", retryAfter: 5_000 })
const down = new Source.SourceUnavailable({ source: "api", reason: "down" })

describe("a batch, when the wall clock jumps", () => {
  it.effect.each([
    ["stands still", 0],
    ["goes an hour back", -hour],
    ["goes a day on", 24 * hour]
  ] as const)("pauses, tries again, keeps its lease and says how long it took as if it did not: it %s", ([, jump]) =>
    Effect.gen(function* () {
      const wall = { off: 0 }
      const tries = new Map<number, number>()
      let progress = 0
      const batch = Batch.make("jumps", {
        item: Schema.Number,
        result: Schema.Number,
        id: String,
        run: (item) =>
          Effect.suspend(() => {
            const tried = (tries.get(item) ?? 0) + 1
            tries.set(item, tried)
            if (tried > 1) return Effect.succeed(item)
            // Before the first is tried again, and before all of them are slowed down.
            wall.off += jump
            return item === 1 ? down : item === 2 ? busy : Effect.succeed(item)
          }).pipe(Effect.delay(100))
      })
      const told = {
        concurrency: 1,
        progress: ({ pausedUntil }: Batch.Progress) => (progress = Math.max(progress, pausedUntil))
      }
      const ran = Effect.flatMap(withWall(wall), (clock) => Effect.withClock(Batch.run(batch, [1, 2, 3], told), clock))
      const [elapsed, exit] = yield* Testkit.timed(ran)

      assert(Exit.isSuccess(exit))
      // The first fails at 100, the second at 200 for 5 seconds; then the third, and the first two again.
      assert.strictEqual(elapsed, 200 + 5_000 + 300)
      assert.deepInclude(exit.value, { outcome: "succeeded", done: 3, attempts: 5, took: 500, elapsed })
      assert.strictEqual(progress, 5_200)
    }).pipe(Effect.provide(Batch.layerMemory))
  )
})
