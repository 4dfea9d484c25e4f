import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Option } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Invariants from "../../src/Testkit/Invariants.ts"
import { mutants, sources, staysAsItWas, theModel, type Two } from "./Mutants.ts"

/** A program before which a promise resolves, after so many others have. */
const afterPromises = <A, E, R>(depth: number, program: Effect.Effect<A, E, R>) =>
  Effect.zipRight(
    Effect.promise(async () => {
      for (let turn = 0; turn < depth; turn++) await null
    }),
    program
  )

/** Runs what was printed, as it was printed. */
const printed = (script: string, program: unknown): Effect.Effect<Testkit.Explored> =>
  // The cast: it is text, and only `Testkit.reproduce` is called in it.
  new Function("Testkit", "program", `return ${script}`)(Testkit, program) as Effect.Effect<Testkit.Explored>

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

  for (const [mutant, { broken, detail, program, sources: own, ...options }] of Object.entries(mutants())) {
    it.effect(`catches a program that ${mutant}`, () =>
      Effect.gen(function* () {
        const explored = Testkit.explore((two) => program(two as Two), { sources: own ?? sources, ...options })
        const failed = yield* Effect.flip(explored)

        assert.strictEqual(failed.invariant, broken)
        assert.match(failed.detail, detail)
      })
    )
  }

  it("has a mutant for every invariant", () => {
    const caught = new Set(Object.values(mutants()).map(({ broken }) => broken))

    assert.sameMembers([...caught], [...Invariants.all.map(({ name }) => name), theModel, staysAsItWas])
  })

  it.effect("lets promises resolve that wait for nothing real, and sees all that comes after them", () =>
    Effect.gen(function* () {
      const explored = (program: (two: Two) => Effect.Effect<unknown, unknown>) =>
        Testkit.explore(program, { sources, rules: { policy: "failFast", deadline: 20 } })
      const report = yield* explored((two) => afterPromises(50, Gather.failFast(two, { deadline: 20 })))
      const failed = yield* Effect.flip(explored((two) => afterPromises(50, Gather.failFast(two))))

      assert.deepStrictEqual(report, { schedules: 18 * 18 * 3, exhaustive: true })
      assert.strictEqual(failed.invariant, theModel)
    })
  )

  it.effect("lets promises, ticks and immediates run in Node's own order", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const program = Effect.async<void>((resume) => {
        setImmediate(() => (order.push("immediate"), resume(Effect.void)))
        void Promise.resolve().then(() => order.push("promise"))
        process.nextTick(() => order.push("tick"))
        order.push("now")
      })
      const schedule = { sources: {}, ties: "forward" } as const
      const ran = yield* Testkit.reproduce(() => program, schedule)

      assert.deepStrictEqual(order, ["now", "tick", "promise", "immediate"])
      assert.deepStrictEqual([ran.elapsed, ran.exit], [0, Option.some(Exit.void)])
    })
  )

  it.effect("does not take Effect.never, or what a log waits for, for something that the program waits for", () =>
    Effect.gen(function* () {
      const collect = (two: Two) => Gather.collect(two, { deadline: 20 })
      const racing = (two: Two) => Effect.raceFirst(collect(two), Effect.never)
      const logging = (two: Two) =>
        Effect.zipRight(
          Effect.sync(() => console.log("logged by a program that is explored")),
          collect(two)
        )

      assert.strictEqual((yield* Testkit.explore(racing, { sources, schedules: 100 })).schedules, 100)
      assert.strictEqual((yield* Testkit.explore(logging, { sources, schedules: 1 })).schedules, 1)
    })
  )

  it.effect("lets a program wait for ever for a source that hangs", () =>
    Effect.gen(function* () {
      const program = (two: Two) => Gather.failFast(two)
      const never = yield* Testkit.reproduce(program, {
        sources: {
          a: { ends: "hang", after: 0, cleanup: 0, uninterruptible: false },
          b: { ends: { succeed: "b" }, after: 0, cleanup: 0, uninterruptible: false }
        },
        ties: "forward"
      })

      assert.deepStrictEqual([never.exit, never.hanging, never.fibers], [Option.none(), ["a"], 0])
      assert.isTrue((yield* Testkit.explore(program, { sources })).exhaustive)
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
      assert.include(error.message, error.script)
      const again = yield* printed(error.script, program)
      assert.deepStrictEqual([again.elapsed, again.seen["a"]?.interrupted], [50, [0]])
    })
  )

  it.effect("prints errors, and the options of the aggregator, so that the script runs it again", () =>
    Effect.gen(function* () {
      const down = Object.assign(new TypeError("down", { cause: new Error("no route") }), { _tag: "Down", port: 5432n })
      const isDown = ({ exit }: Testkit.Explored) => Option.exists(exit, Exit.isFailure)
      const program = ({ a }: { a: Effect.Effect<unknown, unknown> }) =>
        Aggregator.gather("one", { a, late: Effect.sleep(10) })
      const failed = yield* Effect.flip(
        Testkit.explore(program, {
          sources: { a: { ends: [{ fail: down }], after: [0, 30] } },
          aggregator: { deadline: Duration.millis(20), logger: Testkit.silent },
          invariants: [
            {
              name: "it is not down",
              check: (run) => (isDown(run) ? "it is" : undefined)
            }
          ]
        })
      )
      const again = yield* printed(failed.script, program)

      assert.strictEqual(again.receipts[0]!.deadline, 20)
      const ends = again.schedule.sources["a"]!.ends
      assert.deepStrictEqual(ends, { fail: down })
      assert.instanceOf((ends as { fail: unknown }).fail, TypeError)
      assert.deepStrictEqual((ends as { fail: Error }).fail.cause, new Error("no route"))
      assert.isTrue(isDown(again))
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
