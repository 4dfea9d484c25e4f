import { assert, it } from "@effect/vitest"
import { Duration, Effect, Logger } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Group from "../../src/Group.ts"
import * as Source from "../../src/Source.ts"

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")

const cleansUpFor = (millis: number) => Effect.onInterrupt(Effect.never, () => Effect.sleep(millis))
const stubborn = Effect.uninterruptible(Effect.sleep(20))
/** What is hardest to leave behind: slow cleanup, a limit of its own, no interruption, a limit of ours. */
const losers = {
  slow: cleansUpFor(20),
  limited: Effect.timeout(Effect.never, "1 minute"),
  stubborn,
  limitedByUs: Source.timeLimit(cleansUpFor(5), "1 minute")
}
const failing = { ...losers, bad: Effect.fail("no") }

const programs: Record<string, Effect.Effect<unknown, unknown, Aggregator>> = {
  "Gather.failFast": Gather.failFast(failing),
  "Gather.collect at its deadline": Gather.collect(losers, { deadline: 1 }),
  "Gather.quorum": Gather.quorum(failing, 5),
  "Group.make": Effect.scoped(
    Effect.flatMap(Group.make<string>(), (group) =>
      Effect.zipRight(
        Effect.forEach(Object.values(failing), (effect) => group.go(effect as Effect.Effect<unknown, string>)),
        group.wait
      )
    )
  ),
  "Aggregator.gather": Aggregator.gather("leaks", failing),
  "Aggregator.collect at its deadline": Aggregator.collect("leaks", losers, { deadline: 1 })
}

for (const [name, program] of Object.entries(programs)) {
  it.scopedLive(`${name} leaves the heap flat over 15,000 failing runs`, () =>
    Effect.gen(function* () {
      const runs = (count: number) =>
        Effect.gen(function* () {
          for (let batch = 0; batch < count; batch += 100) {
            yield* Effect.all(
              Array.from({ length: 100 }, () => Effect.exit(program)),
              { concurrency: 100, discard: true }
            )
            // vitest reports from this process, and gives up when it hears nothing of itself for a minute.
            yield* Effect.sleep(1)
          }
          yield* Cleanup.settled
          yield* Aggregator.settled
          collectGarbage()
          return process.memoryUsage().heapUsed / 1e6
        })
      yield* runs(2_000)
      const heap = [yield* runs(1_000), yield* runs(5_000), yield* runs(5_000), yield* runs(5_000)] as const
      const growth = Math.min(heap[1] - heap[0], heap[2] - heap[1], heap[3] - heap[2])

      console.log(`${name}: ${heap.map((size) => size.toFixed(1)).join(", ")} MB at every 5,000 runs`)
      // What leaks does so each time, at 100 bytes a run; what a compiler adds, it adds once, up to the 12,000th run.
      assert.isBelow(growth, 0.5)
    }).pipe(Effect.provide(Aggregator.layer()), Effect.provide(Logger.replace(Logger.defaultLogger, Logger.none)))
  )
}

it.live("a failure leaves within 50 ms, 99 times in 100, whatever the others do", () =>
  Effect.gen(function* () {
    const waits: Array<number> = []
    for (let run = 0; run < 1_000; run++) {
      let failedAt = 0
      const bad = Effect.delay(
        Effect.suspend(() => {
          failedAt = performance.now()
          return Effect.fail("no")
        }),
        Duration.millis(run % 5)
      )
      const others = { ...losers, sleeps: Effect.sleep("10 seconds"), cleans: cleansUpFor(3_000) }
      assert.strictEqual(yield* Effect.flip(Gather.failFast({ ...others, bad })), "no")
      waits.push(performance.now() - failedAt)
    }
    waits.sort((a, b) => a - b)
    const p99 = waits[990]!

    console.log(`From the failure to the answer: p50 ${waits[500]!.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`)
    assert.isAtMost(p99, 50)
    yield* Cleanup.settled
  })
)

it.live(
  "asks 10,000 sources at once, and stops them all when one fails",
  () =>
    Effect.gen(function* () {
      let stopped = 0
      const waiting = Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped++))
      const all = Array.from({ length: 10_000 }, (_, n) => Effect.delay(Effect.succeed(n), n % 10))
      const answers = yield* Gather.failFast(all)
      assert.deepStrictEqual([answers.length, answers[9_999]], [10_000, 9_999])

      const doomed = [...Array.from({ length: 9_999 }, () => waiting), Effect.delay(Effect.fail("no"), 50)]
      assert.strictEqual(yield* Effect.flip(Gather.failFast(doomed)), "no")
      yield* Cleanup.settled
      assert.strictEqual(stopped, 9_999)
    }),
  30_000
)
