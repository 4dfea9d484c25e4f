import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Outcome from "../../src/Outcome.ts"
import * as Permits from "../../src/Permits.ts"
import * as Testkit from "../../src/Testkit.ts"
import type { Sources } from "../../src/Testkit/Schedule.ts"

const behaviours = (name: string) => ({
  ends: [{ succeed: `${name} value` }, { fail: `${name} failed` }, "hang"] as const,
  after: [0, 10, 30],
  cleanup: [0, 50]
})
const sources = { a: behaviours("a"), b: behaviours("b") }
type Two = Sources<typeof sources>

const permits = Permits.make(1)

interface Mutant {
  readonly program: (two: Two) => Effect.Effect<unknown, unknown>
  readonly rules: Testkit.Rules
  readonly sources?: Readonly<Record<string, Testkit.Behaviours>>
  /** What the explorer has to say of it. */
  readonly seen: RegExp
}

/** Small aggregators, each wrong in one way that is easily overlooked. */
const mutants: Record<string, Mutant> = {
  "forgets to cancel": {
    program: ({ a, b }) =>
      Effect.gen(function* () {
        const first = yield* Effect.forkDaemon(a)
        const second = yield* Effect.forkDaemon(b)
        return { a: yield* Fiber.join(first), b: yield* Fiber.join(second) }
      }),
    rules: { policy: "failFast" },
    seen: /nothing is alive after return and cleanup/
  },
  "waits for cleanup": {
    program: (two) => Effect.all(two, { concurrency: "unbounded" }),
    rules: { policy: "failFast" },
    seen: /it was \{"at":50,"told":\{"tag":"failed","error":"b failed"\}\}, and could be \{"at":0,/
  },
  "waits for cleanup at the deadline": {
    program: (two) => Effect.ensuring(Gather.failFast(two, { deadline: 20 }), Cleanup.settled),
    rules: { policy: "failFast", deadline: 20 },
    sources: { a: { ends: ["hang"], cleanup: [0, 50] }, b: { ends: ["hang"] } },
    seen: /it was \{"at":70,.*and could be \{"at":20,/
  },
  "is defeated by a per-source Effect.timeout": {
    program: ({ a, b }) => Effect.all({ a: Effect.timeout(a, 100), b: Effect.timeout(b, 100) }, { concurrency: 2 }),
    rules: { policy: "failFast" },
    sources: { a: { ends: ["hang"] }, b: { ends: [{ fail: "b failed" }], after: [10] } },
    seen: /it was \{"at":100,.*"b failed".*and could be \{"at":10,/
  },
  "drops partials at the deadline": {
    program: (two) =>
      Effect.map(Gather.collect(two, { deadline: 20 }), ({ a, b }) =>
        a._tag === "TimedOut" || b._tag === "TimedOut" ? { a: Outcome.Cancelled(), b: Outcome.Cancelled() } : { a, b }
      ),
    rules: { policy: "collect", deadline: 20 },
    seen: /it was .*\["a","cancelled"\],.* and could be .*"succeeded"/
  },
  "reports the last failure": {
    program: (two) => Effect.mapError(Gather.failFast(two), () => "b failed"),
    rules: { policy: "failFast" },
    seen: /it was .*"b failed".* and could be .*"a failed"/
  },
  "ignores the deadline": {
    program: (two) => Gather.failFast(two),
    rules: { policy: "failFast", deadline: 20 },
    seen: /it was .*"never".* and could be \{"at":20,.*"deadline"/
  },
  "takes the first to end for the first to succeed": {
    program: ({ a, b }) => Effect.raceFirst(a, b),
    rules: { policy: "first" },
    seen: /it was .*"a failed".* and could be .*"b value"/
  }
}

describe("Testkit.explore", () => {
  it.effect("finds nothing wrong with Gather.failFast, on any of the schedules of two sources", () =>
    Effect.gen(function* () {
      const report = yield* Testkit.explore((two) => Gather.failFast(two, { deadline: 20 }), {
        sources,
        rules: { policy: "failFast", deadline: 20 }
      })

      assert.deepStrictEqual(report, { schedules: 18 * 18 * 3, exhaustive: true })
    })
  )

  for (const [mutant, { program, rules, seen, sources: own }] of Object.entries(mutants)) {
    it.effect(`catches an aggregator that ${mutant}`, () =>
      Effect.gen(function* () {
        const explored = Testkit.explore((two) => program(two as Two), { sources: own ?? sources, rules })

        assert.match((yield* Effect.flip(explored)).message, seen)
      })
    )
  }

  it.effect("catches a permit that is not given back, by an invariant of one's own", () =>
    Effect.gen(function* () {
      const leaky = ({ a, b }: Two) =>
        Effect.zipRight(
          Effect.sync(() => permits.tryTake()),
          Effect.zipLeft(
            Gather.failFast({ a, b }, { deadline: 20 }),
            Effect.sync(() => permits.release())
          )
        )
      const error = yield* Effect.flip(
        Testkit.explore(leaky, {
          sources,
          invariants: [
            { name: "permits are given back", check: () => (permits.free() === 1 ? undefined : "one is held") }
          ]
        })
      )

      assert.deepStrictEqual([error.invariant, error.detail], ["permits are given back", "one is held"])
    })
  )

  it.effect("shrinks to the smallest schedule, and prints a script that runs it again", () =>
    Effect.gen(function* () {
      const program = (two: Two) => Effect.all(two, { concurrency: "unbounded" })
      const error = yield* Effect.flip(Testkit.explore(program, { sources, rules: { policy: "failFast" } }))

      const smallest = {
        sources: {
          a: { ends: "hang", after: 0, cleanup: 50, uninterruptible: false },
          b: { ends: { fail: "b failed" }, after: 0, cleanup: 0, uninterruptible: false }
        },
        ties: "forward"
      } as const
      assert.deepStrictEqual(error.schedule, smallest)
      assert.include(error.message, "the answer is one that the model allows")
      assert.include(error.message, `it was {"at":50,`)
      assert.include(error.message, `could be {"at":0,`)
      assert.include(error.script, "Testkit.reproduce(program, {")
      const printed = JSON.parse(error.script.slice(error.script.indexOf("{"), -1)) as Testkit.Schedule
      const again = Testkit.reproduce(program, printed)
      assert.deepStrictEqual([again.elapsed, again.seen["a"]?.interrupted], [50, [0]])
    })
  )

  it.effect("gives the program an aggregator, and checks its receipts", () =>
    Effect.gen(function* () {
      const report = yield* Testkit.explore((two) => Effect.exit(Aggregator.gather("two", two)), {
        sources,
        aggregator: { deadline: 20 },
        invariants: [
          {
            name: "there is one receipt",
            check: ({ receipts }) => (receipts.length === 1 ? undefined : "there is not")
          },
          { name: "at 20 at the latest", check: ({ elapsed }) => (elapsed <= 20 ? undefined : `at ${elapsed}`) }
        ]
      })

      assert.isTrue(report.exhaustive)
    })
  )

  it.effect("breaks ties both ways", () =>
    Effect.gen(function* () {
      const winners = new Set<string>()
      yield* Testkit.explore((two: Two) => Gather.first(two), {
        sources: {
          a: { ends: [{ succeed: "a" }], after: [10] },
          b: { ends: [{ succeed: "b" }], after: [10] }
        } as never,
        invariants: [
          {
            name: "noted",
            check: ({ exit }) => {
              if (exit._tag === "Some" && Exit.isSuccess(exit.value)) winners.add(String(exit.value.value))
              return undefined
            }
          }
        ]
      })

      assert.deepStrictEqual([...winners].sort(), ["a", "b"])
    })
  )

  it.effect("runs the same sample for the same seed", () =>
    Effect.gen(function* () {
      const run = (seed: number) =>
        Effect.gen(function* () {
          const seen: Array<string> = []
          const { schedules } = yield* Testkit.explore((two) => Effect.exit(Gather.failFast(two, { deadline: 20 })), {
            sources,
            schedules: 50,
            seed,
            invariants: [{ name: "noted", check: ({ schedule }) => void seen.push(JSON.stringify(schedule)) }]
          })
          assert.strictEqual(schedules, 50)
          return seen
        })

      assert.deepStrictEqual(yield* run(7), yield* run(7))
      assert.notDeepEqual(yield* run(7), yield* run(8))
    })
  )
})
