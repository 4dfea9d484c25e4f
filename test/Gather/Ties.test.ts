import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Scope, Stream } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Service from "../../src/Aggregator/Service.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import * as Group from "../../src/Group.ts"
import * as Plain from "../../src/Plain.ts"
import * as Bulkhead from "../../src/Resilience/Bulkhead.ts"
import * as SingleFlight from "../../src/Resilience/SingleFlight.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import * as Machine from "../../src/Testkit/Machine.ts"
import { byCall } from "./ByCall.ts"

type Program = Effect.Effect<unknown, unknown, Aggregator>

const hangs = Effect.suspend(() => Testkit.hangs())

const inGroup = (task: Program, options?: Group.GroupOptions): Program =>
  Effect.scoped(
    Effect.gen(function* () {
      const group = yield* Group.make<unknown>(options)
      yield* group.go(task, { name: "x" })
      yield* group.wait
    })
  )

/** What has no limit of its own, and waits for ever. */
const inner: Record<string, Program> = {
  "Gather.failFast": Gather.failFast({ hangs }),
  "Gather.collect": Gather.collect({ hangs }),
  "Gather.quorum": Gather.quorum({ hangs }, 1),
  "Gather.stream": Stream.runCollect(Gather.stream({ hangs })),
  "Gather.forEach over a stream": Gather.forEach(Stream.make(1), () => hangs),
  "Gather.forEach over a stream that hangs": Gather.forEach(Stream.fromEffect(hangs), () => Effect.void),
  "Gather.collectEach over a stream": Gather.collectEach(Stream.make(1), () => hangs),
  Group: inGroup(hangs),
  "Aggregator.gather": Aggregator.gather("inner", { hangs }),
  "Aggregator.gather of optional sources": Aggregator.gather("inner", { hangs: Source.optional(hangs) }),
  "Aggregator.gather, by calls": Aggregator.gather("inner", { hangs: byCall(hangs) }),
  "Aggregator.collect": Aggregator.collect("inner", { hangs }),
  "Aggregator.collect, by calls": Aggregator.collect("inner", { hangs: byCall(hangs) }),
  SingleFlight: Effect.suspend(() =>
    hangs.pipe(SingleFlight.with(SingleFlight.make<never>(), { public: true, call: ["hangs"] }))
  )
}

/** Those that wait in a line. On a slow machine they may come too late for that, and are refused then. */
const waiting: Record<string, Program> = {
  Bulkhead: Effect.suspend(() => {
    const call = Bulkhead.with(Bulkhead.make({ limit: 1 }))(hangs)
    return Effect.zipRight(Effect.fork(call), Effect.zipRight(Effect.yieldNow(), call))
  })
}

/** What sets the limit of 20 ms, and how it answers when that comes. */
const outer: Record<string, readonly [(inner: Program) => Program, answer: string]> = {
  "Source.timeLimit": [(inner) => Source.timeLimit(inner, 20), "SourceTimedOut: unnamed"],
  "Gather.failFast": [(x) => Gather.failFast({ x }, { deadline: 20 }), "DeadlineExceeded: x"],
  "Gather.collect": [(x) => Gather.collect({ x }, { deadline: 20 }), "TimedOut by the deadline"],
  "Gather.forEach over a stream": [
    (x) => Gather.forEach(Stream.make("x"), () => x, { deadline: 20, id: () => "x" }),
    "DeadlineExceeded: x"
  ],
  Group: [(task) => inGroup(task, { deadline: 20 }), "DeadlineExceeded: x"],
  "Aggregator.gather": [(x) => Aggregator.gather("outer", { x }, { deadline: 20 }), "DeadlineExceeded: x"],
  "Aggregator.gather, by calls": [
    (x) => byCall(Aggregator.gather("outer", { x: byCall(x) }, { deadline: 20 })),
    "DeadlineExceeded: x"
  ],
  "Aggregator.collect": [(x) => Aggregator.collect("outer", { x }, { deadline: 20 }), "TimedOut by the deadline"]
}

const answerOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (exit._tag === "Success") {
    const text = JSON.stringify(exit.value) ?? "done"
    return text.includes('"by":"deadline"') ? "TimedOut by the deadline" : text
  }
  const error = Cause.squash(exit.cause)
  if (error instanceof Deadline.DeadlineExceeded) return `DeadlineExceeded: ${error.pending.join()}`
  return error instanceof Source.SourceTimedOut ? `SourceTimedOut: ${error.source}` : String(error)
}

const aggregator = Effect.runSync(
  Effect.flatMap(Scope.make(), (scope) => Scope.extend(Service.make({ logger: Testkit.silent }), scope))
)
const provided = (program: Program) => Effect.provideService(program, Aggregator, aggregator)

describe("the limit that set a deadline answers for it", () => {
  for (const [outerName, [limited, expected]] of Object.entries(outer)) {
    const programs = Object.entries(inner).flatMap(([name, program]) => [
      [name, program] as const,
      [`${name} in a source with the same limit`, Source.timeLimit(program, 20)] as const,
      [`${name} in a gather with the same limit`, Gather.collect([program], { deadline: 20 })] as const,
      [`${name} in two gathers`, Gather.failFast([Aggregator.gather("between", [program])])] as const
    ])

    it(`in virtual time ${outerName} answers, whatever inherits its deadline, in every order of timers`, () => {
      for (const ties of ["forward", "backward", "together"] as const) {
        for (const [name, program] of [...programs, ...Object.entries(waiting)]) {
          const { elapsed, exit, fibers } = Machine.run(provided(limited(program)), ties)

          assert.strictEqual(Option.getOrThrow(Option.map(exit, answerOf)), expected, `${name}, ${ties}`)
          assert.strictEqual(elapsed, 20, `${name}, ${ties}`)
          assert.strictEqual(fibers, 0, `${name}, ${ties}`)
        }
      }
    })

    it.live(`with real timers ${outerName} answers, whatever inherits its deadline`, () =>
      Effect.gen(function* () {
        const answers = yield* Effect.forEach(
          programs,
          ([name, program]) =>
            Effect.map(Effect.exit(provided(limited(program))), (exit) => `${name}: ${answerOf(exit)}`),
          { concurrency: "unbounded" }
        )

        assert.deepStrictEqual(
          answers,
          programs.map(([name]) => `${name}: ${expected}`)
        )
      })
    )
  }

  it("where the limit only sets the deadline, what is inside answers: Deadline.within does not race", () => {
    const { elapsed, exit } = Machine.run(Deadline.within(20)(Gather.failFast({ hangs })))

    assert.strictEqual(Option.getOrThrow(Option.map(exit, answerOf)), "DeadlineExceeded: hangs")
    assert.strictEqual(elapsed, 20)
  })

  it("a nearer deadline of the gather inside answers first, as it was set there", () => {
    const { elapsed, exit } = Machine.run(Source.timeLimit(Gather.failFast({ hangs }, { deadline: 10 }), 20))

    assert.strictEqual(Option.getOrThrow(Option.map(exit, answerOf)), "DeadlineExceeded: hangs")
    assert.strictEqual(elapsed, 10)
  })

  it("what a source left behind, in a fiber of its own, still answers at the deadline that it inherited", () => {
    const seen: Array<string> = []
    const left = Effect.map(Effect.exit(Gather.failFast({ hangs })), (exit) => void seen.push(answerOf(exit)))
    const { settled } = Machine.run(Gather.failFast({ x: Effect.forkDaemon(left) }, { deadline: 20 }))

    assert.deepStrictEqual(seen, ["DeadlineExceeded: hangs"])
    assert.strictEqual(settled, 20)
  })

  it.live("of two gathers without Effect that have the same limit the outer one answers", () =>
    Effect.promise(async () => {
      const deadline = 20
      const inside = (signal: AbortSignal) =>
        Plain.collect({ hangs: () => new Promise(() => {}) }, { deadline, signal })
      const asked = Array.from({ length: 20 }, () => Plain.gather({ x: inside }, { deadline }))
      const errors = (await Promise.allSettled(asked)).map((one) => one.status === "rejected" && one.reason)

      assert.deepStrictEqual(
        errors.map((error) => answerOf(Exit.fail(error))),
        asked.map(() => "DeadlineExceeded: x")
      )
    })
  )
})
