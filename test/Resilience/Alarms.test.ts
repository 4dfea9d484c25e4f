import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import * as fc from "fast-check"
import { type Alarm, Alarms } from "../../src/Resilience/Alarms.ts"
import * as Machine from "../../src/Testkit/Machine.ts"

interface Rung extends Alarm {
  rang: number | undefined
}

const at = (instant: number, now: () => number): Rung => ({
  at: instant,
  slot: -1,
  rang: undefined,
  ring() {
    this.rang = now()
  }
})

/** Runs a program, and gives it the time as it is when an alarm rings. */
const run = (program: (alarms: Alarms, now: () => number) => Effect.Effect<void>) =>
  Machine.run(Effect.flatMap(Effect.clock, (clock) => program(new Alarms(), () => clock.unsafeCurrentTimeMillis())))

describe("Alarms", () => {
  it("ring at their instant, one sleeper for all of them, who goes when there is none left", () => {
    const rang: Array<number | undefined> = []
    const ran = run((alarms, now) =>
      Effect.gen(function* () {
        const all = [30, 10, 20, 20, 0].map((instant) => at(instant, now))
        for (const alarm of all) {
          alarms.set(alarm)
          yield* alarms.keep
        }
        yield* Effect.sleep(100)
        rang.push(...all.map((alarm) => alarm.rang))
      })
    )
    assert.deepStrictEqual(rang, [30, 10, 20, 20, 0])
    assert.deepStrictEqual([ran.fibers, ran.settled], [0, 100])
  })

  it("do not ring when they were turned off, and then nobody is awake", () => {
    const alarms: Array<Rung> = []
    const ran = run((all, now) =>
      Effect.gen(function* () {
        alarms.push(at(50, now), at(1_000, now), at(2_000, now))
        for (const alarm of alarms) all.set(alarm)
        yield* all.keep
        yield* Effect.sleep(60)
        all.off(alarms[1]!)
        all.off(alarms[1]!)
        all.off(alarms[2]!)
      })
    )
    assert.deepStrictEqual(
      alarms.map(({ rang, slot }) => [rang, slot]),
      [
        [50, -1],
        [undefined, -1],
        [undefined, -1]
      ]
    )
    assert.deepStrictEqual([ran.settled, ran.fibers], [60, 0])
  })

  it("may be set again when they ring", () => {
    const rang: Array<number> = []
    run((alarms, now) =>
      Effect.gen(function* () {
        const alarm = {
          at: 10,
          slot: -1,
          ring() {
            rang.push(now())
            this.at += 10
            if (this.at <= 30) alarms.set(this)
          }
        }
        alarms.set(alarm)
        yield* alarms.keep
        yield* Effect.sleep(100)
      })
    )
    assert.deepStrictEqual(rang, [10, 20, 30])
  })

  it("ring at their instants, whatever is set and turned off in between", () => {
    const step = fc.record({
      after: fc.integer({ min: 0, max: 10 }),
      set: fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 6 }),
      off: fc.array(fc.nat(), { maxLength: 4 })
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const set: Array<Rung> = []
        const turnedOff = new Set<Rung>()
        const ran = run((alarms, now) =>
          Effect.gen(function* () {
            for (const { after, off, set: more } of steps) {
              yield* Effect.sleep(after)
              const start = yield* Clock.currentTimeMillis
              for (const millis of more) {
                set.push(at(start + millis, now))
                alarms.set(set.at(-1)!)
              }
              for (const pick of off) {
                const alarm = set[pick % set.length]
                if (alarm === undefined || alarm.rang !== undefined) continue
                alarms.off(alarm)
                turnedOff.add(alarm)
              }
              yield* alarms.keep
            }
          })
        )
        for (const alarm of set) assert.strictEqual(alarm.rang, turnedOff.has(alarm) ? undefined : alarm.at)
        assert.strictEqual(ran.fibers, 0)
      }),
      { numRuns: 200 }
    )
  })
})
