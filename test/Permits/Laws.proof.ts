import { assert, describe, it } from "@effect/vitest"
import { Effect, Scheduler } from "effect"
import * as Permits from "../../src/Permits.ts"

describe("Permits, in a process of their own", () => {
  it("costs the same for each waiter, however many wait", () => {
    const cpu = (waiters: number) => {
      const permits = Permits.make(10)
      const scheduler = new Scheduler.ControlledScheduler()
      const work = permits.with()(Effect.yieldNow())
      const before = process.cpuUsage()
      for (let index = 0; index < waiters; index++) Effect.runFork(work, { scheduler })
      assert.strictEqual(permits.waiting(), waiters - 10)
      while (scheduler.tasks.buckets.length > 0) scheduler.step()
      assert.strictEqual(permits.free(), 10)
      const { system, user } = process.cpuUsage(before)
      return user + system
    }
    cpu(3_000)
    const few = Math.min(cpu(3_000), cpu(3_000), cpu(3_000))
    const many = cpu(30_000)

    // Ten times the waiters: ten times the cost where it is linear, a hundred times where it is quadratic.
    assert.isBelow(many / few, 30)
  }, 60_000)
})
