/** Every policy over every schedule: the same suite short in `npm test` and long in `npm run proof`. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Option, Stream } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"
import * as Group from "../../src/Group.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { told } from "../../src/Testkit/Answers.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import * as Model from "../../src/Testkit/Model.ts"
import * as Schedule from "../../src/Testkit/Schedule.ts"
import { byCall } from "../Gather/ByCall.ts"

const ends = (name: string) =>
  [{ succeed: `${name} value` }, { fail: `${name} failed` }, { die: `${name} died` }, "hang"] as const
const behaviours = (name: string) => ({
  ends: ends(name),
  after: [0, 10, 20, 30],
  cleanup: [0, 15],
  uninterruptible: [false, true]
})
const sources = { a: behaviours("a"), b: behaviours("b"), c: behaviours("c") }
type Three = Schedule.Sources<typeof sources>

/** How each policy is called, for the same three sources. */
const programs = {
  failFast: (three: Three, options: Gather.Options) => Gather.failFast(three, options),
  collect: (three: Three, options: Gather.Options) => Gather.collect(three, options),
  quorum: (three: Three, options: Gather.Options) => Gather.quorum(three, 2, options),
  first: (three: Three, options: Gather.Options) => Gather.first(three, options),
  stream: (three: Three, options: Gather.Options) => Stream.runCollect(Gather.stream(three, options)),
  forEach: ({ a, b, c }: Three, options: Gather.Options) =>
    Gather.forEach([["a", a] as const, ["b", b] as const, ["c", c] as const], ([, source]) => source, {
      ...options,
      id: ([name]) => name
    }),
  "forEach over a stream": ({ a, b, c }: Three, options: Gather.Options) =>
    Gather.forEach(Stream.make(["a", a] as const, ["b", b] as const, ["c", c] as const), ([, source]) => source, {
      ...options,
      id: ([name]) => name
    }),
  collectEach: ({ a, b, c }: Three, options: Gather.Options) =>
    Gather.collectEach([["a", a] as const, ["b", b] as const, ["c", c] as const], ([, source]) => source, {
      ...options,
      id: ([name]) => name
    }),
  group: ({ a, b, c }: Three, { concurrency, deadline }: Gather.Options) =>
    Effect.scoped(
      Effect.gen(function* () {
        const limit = typeof concurrency === "number" ? concurrency : undefined
        const group = yield* Group.make<string>({ limit, deadline })
        yield* group.go(a, { name: "a" })
        yield* group.go(b, { name: "b" })
        yield* group.go(c, { name: "c" })
        yield* group.wait
      })
    ),
  "Aggregator.gather": (three: Three, options: Gather.Options) =>
    Aggregator.gather("explored", { a: three.a, b: Source.optional(three.b), c: three.c }, options),
  "Aggregator.gather, by calls": ({ a, b, c }: Three, options: Gather.Options) =>
    byCall(Aggregator.gather("explored", { a: byCall(a), b: Source.optional(byCall(b)), c: byCall(c) }, options)),
  "Aggregator.collect": (three: Three, options: Gather.Options) => Aggregator.collect("explored", three, options),
  "Aggregator.collect, by calls": ({ a, b, c }: Three, options: Gather.Options) =>
    byCall(Aggregator.collect("explored", { a: byCall(a), b: byCall(b), c: byCall(c) }, options)),
  "Aggregator.quorum": (three: Three, options: Gather.Options) => Aggregator.quorum("explored", three, 2, options)
}

const policyOf = {
  failFast: "failFast",
  forEach: "failFast",
  "forEach over a stream": "failFast",
  "Aggregator.gather": "failFast",
  "Aggregator.gather, by calls": "failFast",
  collect: "collect",
  collectEach: "collect",
  "Aggregator.collect": "collect",
  "Aggregator.collect, by calls": "collect",
  quorum: "quorum",
  "Aggregator.quorum": "quorum",
  first: "first",
  stream: "stream",
  group: "group"
} as const satisfies Record<keyof typeof programs, Testkit.Rules["policy"]>

interface Explored {
  readonly name: string
  readonly program: (three: Three) => Effect.Effect<unknown, unknown, Aggregator>
  readonly rules: Testkit.Rules
}

const all: ReadonlyArray<Explored> = Object.entries(programs).flatMap(([name, program]) =>
  [{}, { deadline: 20 }, { concurrency: 2, deadline: 35 }].map((options) => ({
    name: `${name} with ${JSON.stringify(options)}`,
    // The errors and requirements of the policies differ; a schedule only tells values from failures.
    program: (three: Three) => program(three, options) as Effect.Effect<unknown, unknown, Aggregator>,
    rules: {
      policy: policyOf[name as keyof typeof programs],
      k: 2,
      optional: name.startsWith("Aggregator.gather") ? ["b"] : [],
      pulled: name === "group" || name === "forEach over a stream",
      ...options
    }
  }))
)

const timeout = 600_000

/** Each policy over this many schedules, on the machine of the explorer. */
export const onTheMachine = (schedules: number) =>
  describe(`over ${schedules} schedules each`, () => {
    for (const { name, program, rules } of all) {
      const most = Math.ceil(schedules / 3)
      it.effect(
        `${name} answers as the model says, and leaves nothing behind`,
        () =>
          Effect.map(Testkit.explore(program, { sources, rules, schedules: most }), (report) =>
            assert.strictEqual(report.schedules, most)
          ),
        timeout
      )
    }
  })

/** Two limits at one instant: the outer one sets it, the policy inside inherits it. */
const limited: Record<string, (inner: Effect.Effect<unknown, unknown, Aggregator>) => Explored["program"]> = {
  "Source.timeLimit": (inner) => () => Source.timeLimit(inner, 20),
  "Gather.failFast": (inner) => () => Gather.failFast([inner], { deadline: 20 }),
  "Gather.collect": (inner) => () => Gather.collect([inner], { deadline: 20 }),
  "Aggregator.gather": (inner) => () => Aggregator.gather("outer", [inner], { deadline: 20 })
}

/**
 * What the limit stopped has not answered: but for the answer of the limit itself, which names the one source `0`, there is no
 * error of a deadline in what comes out, and no outcome that is late.
 */
const theLimitAnswers: Testkit.Invariant = {
  name: "the limit that set the deadline answers for it",
  check: ({ exit }) => {
    const own =
      /^{"cause":{"deadline":20,"pending":\["0"\],"receipt":null,"_tag":"DeadlineExceeded"}|"value":\[{"by":"deadline"/
    const ended = Option.map(exit, (exit) =>
      exit._tag === "Success" ? exit : { cause: Option.getOrElse(Cause.failureOption(exit.cause), () => "a defect") }
    )
    const text = JSON.stringify(Option.getOrNull(ended), (key, value: unknown) => (key === "receipt" ? null : value))
    const inside = text.replace(own, "")
    return /DeadlineExceeded|"by":"deadline"/.test(inside) ? `it was ${text}` : undefined
  }
}

/** Policies inside a limit that they inherit, over this many schedules each. */
export const insideLimits = (schedules: number) =>
  describe(`inside a limit, over ${schedules} schedules each`, () => {
    for (const [outer, limit] of Object.entries(limited)) {
      for (const [name, program] of Object.entries(programs)) {
        it.effect(
          `${outer} answers for its limit, with ${name} inside`,
          () =>
            Effect.map(
              Testkit.explore(
                // As above, the errors of the policies differ.
                (three: Three) => limit(program(three, {}) as Effect.Effect<unknown, unknown, Aggregator>)(three),
                { sources, schedules, invariants: [theLimitAnswers] }
              ),
              (report) => assert.strictEqual(report.schedules, schedules)
            ),
          timeout
        )
      }
    }
  })

/** Each policy over a sample of those schedules, on Effect's own test clock and scheduler. */
export const underTestClock = (schedules: number) =>
  describe(`under TestClock, over ${schedules} schedules each`, () => {
    const space = Schedule.space(sources)
    const points = Array.from(space.points(schedules, 7))
    for (const { name, program, rules } of all) {
      it.effect(
        `${name} answers as the model says`,
        () =>
          Effect.forEach(points, (point) => checkedUnderTestClock(program, rules, space.at(point)), { discard: true }),
        timeout
      )
    }
  })

const checkedUnderTestClock = (program: Explored["program"], rules: Testkit.Rules, schedule: Testkit.Schedule) =>
  Effect.gen(function* () {
    const model = Model.answers(rules, schedule)
    if (model.some(({ told }) => told.tag === "never")) return
    const [elapsed, exit] = yield* Testkit.timed(program(Schedule.sourcesOf(schedule) as Three))
    const answer = { at: elapsed, told: told(rules.policy, Object.keys(sources))(exit) }
    // Closing the aggregator would wait for it, while nobody moves the clock.
    yield* Testkit.timed(Aggregator.settled)

    assert.deepInclude(model.map(shown), shown(answer), JSON.stringify(schedule))
  }).pipe(Effect.provide(Aggregator.layer({ logger: Testkit.silent })))

const shown = (answer: Model.Answer) => JSON.stringify(answer)

/** Milliseconds that a schedule takes on the machine of the explorer, and under TestClock, which waits for real timers. */
export const timeOfSchedules = (schedules: number) =>
  Effect.gen(function* () {
    const space = Schedule.space(sources)
    const points = Array.from(space.points(schedules, 1))
    const program = (point: Schedule.Point) =>
      Gather.failFast(Schedule.sourcesOf(space.at(point)) as Three, { deadline: 20 })
    const each = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.gen(function* () {
        const start = performance.now()
        yield* effect
        return (performance.now() - start) / schedules
      })
    const machine = yield* each(Effect.sync(() => points.forEach((point) => Machine.run(program(point)))))
    const testClock = yield* each(Effect.forEach(points, (point) => Testkit.timed(program(point)), { discard: true }))
    return { machine, testClock }
  })
