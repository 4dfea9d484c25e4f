import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Resilience from "../../src/Resilience.ts"
import { type Second, storm } from "./Storm.ts"

/** Ten minutes in five parts: all is well, it is down, all is well, it can do less than is asked for, all is well. */
const part = 120
const parts = { fine: 0, outage: 1, afterOutage: 2, overload: 3, afterOverload: 4 }
const capacities = [2_000, 0, 2_000, 600, 2_000]
const weather = (guard: Parameters<typeof storm>[2]) =>
  storm((second) => capacities[Math.floor(second / part)]!, { seconds: 5 * part, callers: 1_000 }, guard)

const during = (seconds: ReadonlyArray<Second>, name: keyof typeof parts) =>
  seconds.slice(parts[name] * part, (parts[name] + 1) * part)
const share = (seconds: ReadonlyArray<Second>, what: "answered" | "load") =>
  seconds.reduce((sum, second) => sum + second[what], 0) / seconds.reduce((sum, second) => sum + second.callers, 0)
/** After how many seconds 99 % of the callers are answered. */
const recovery = (seconds: ReadonlyArray<Second>) => {
  const found = seconds.findIndex(({ answered, callers }) => answered >= 0.99 * callers)
  return found === -1 ? Infinity : found
}

const report = (title: string, seconds: ReadonlyArray<Second>) => {
  const lines = Object.keys(parts).map((name) => {
    const some = during(seconds, name as keyof typeof parts) // The keys of an object are its keys.
    const numbers = `load ${share(some, "load").toFixed(2)}x, answered ${(100 * share(some, "answered")).toFixed(1)} %`
    return `  ${name.padEnd(14)} ${numbers}, 99 % after ${recovery(some)} s`
  })
  console.log([title, ...lines].join("\n"))
}

describe("ten minutes of storm, a thousand callers a second", () => {
  it("without guards, three calls each: three times the load in an outage, and an overload that outlives its cause", () => {
    const naive = <E>(call: Effect.Effect<void, E>) =>
      Effect.retry(Resilience.timeLimit(call, "300 millis"), { times: 2 })
    const seconds = weather(naive)
    report("without guards", seconds)

    assert.isAbove(share(during(seconds, "outage"), "load"), 2.9)
    assert.isAbove(share(during(seconds, "overload"), "load"), 2.5)
    assert.strictEqual(recovery(during(seconds, "afterOverload")), Infinity)
  }, 3_600_000)

  it("with the standard guards: hardly any load in an outage, what the source can do is done in an overload, and both are over seconds after their cause", () => {
    const seconds = weather(
      Resilience.standard({ name: "stormy", timeLimit: "300 millis", bulkhead: { limit: 50, queue: 200 } })
    )
    report("with the standard guards", seconds)

    assert.isAbove(share(during(seconds, "fine"), "answered"), 0.999)
    assert.isBelow(share(during(seconds, "fine"), "load"), 1.06)
    // Before the breaker opens, too, the load stays within the budgets of retries and hedges.
    for (const { callers, load } of during(seconds, "outage")) assert.isAtMost(load, 1.25 * callers + 30)
    assert.isBelow(share(during(seconds, "outage"), "load"), 0.15)
    assert.isAtMost(recovery(during(seconds, "afterOutage")), 10)
    // It can answer 600 of 1,000.
    assert.isAbove(share(during(seconds, "overload"), "answered"), 0.55)
    assert.isBelow(share(during(seconds, "overload"), "load"), 0.7)
    assert.isAtMost(recovery(during(seconds, "afterOverload")), 10)
  }, 3_600_000)
})
