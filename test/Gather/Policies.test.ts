import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, FastCheck, Logger } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Outcome from "../../src/Outcome.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"

const { dies, fails, hangs, succeeds } = Testkit

describe("Gather.collect", () => {
  it.effect("gives an outcome for each, whatever happens to the others", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* Testkit.timed(
        Gather.collect(
          {
            good: succeeds(1, { after: 100 }),
            bad: fails("no", { after: 10 }),
            buggy: dies(new Error("bug")),
            slow: Source.timeLimit(hangs(), "300 millis"),
            late: hangs()
          },
          { deadline: "1 second" }
        )
      )

      assert.strictEqual(elapsed, 1_000)
      assert(Exit.isSuccess(exit))
      const { bad, buggy, good, late, slow } = exit.value
      assert(good._tag === "Succeeded" && good.value === 1)
      assert(bad._tag === "Failed" && bad.error === "no")
      assert(buggy._tag === "Failed" && buggy.error instanceof Outcome.SourceDied && buggy.error.source === "buggy")
      assert.deepStrictEqual(slow, Outcome.TimedOut({ by: "limit", after: 300 }))
      assert.deepStrictEqual(late, Outcome.TimedOut({ by: "deadline", after: 1_000 }))
    })
  )

  it.effect("keeps what has finished when the deadline strikes", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* Testkit.timed(
        Gather.collect(
          [succeeds(1, { after: 10 }), hangs({ cleanup: "3 seconds" }), fails("no", { after: 999 }), succeeds(4)],
          {
            deadline: "1 second",
            concurrency: 2
          }
        )
      )

      assert.strictEqual(elapsed, 1_000)
      assert(Exit.isSuccess(exit))
      assert.deepStrictEqual(exit.value.map(Outcome.status), ["succeeded", "timed-out", "timed-out", "not-started"])
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("keeps finished results also through an interruption inside a source", () =>
    Effect.gen(function* () {
      const outcomes = yield* Gather.collect({ good: succeeds(1), odd: Effect.interrupt })

      assert.strictEqual(outcomes.good._tag, "Succeeded")
      assert(outcomes.odd._tag === "Failed" && outcomes.odd.error instanceof Outcome.SourceDied)
    })
  )
})

describe("Gather.quorum", () => {
  it.effect("answers with the first k successes by name, in input order, and interrupts the rest", () =>
    Effect.gen(function* () {
      const all = {
        a: succeeds("A", { after: 300 }),
        b: hangs({ cleanup: 500 }),
        c: succeeds("C", { after: 100 }),
        d: fails("no")
      }
      const [elapsed, exit] = yield* Testkit.timed(Gather.quorum(all, 2))

      assert.strictEqual(elapsed, 300)
      assert.deepStrictEqual(exit, Exit.succeed({ a: "A", c: "C" }))
      assert(Exit.isSuccess(exit))
      assert.deepStrictEqual(Object.keys(exit.value), ["a", "c"])
      assert.deepStrictEqual(all.b.seen.interrupted, [300])
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("fails the moment k cannot be reached, naming each failure", () =>
    Effect.gen(function* () {
      const slow = hangs()
      const [elapsed, error] = yield* Testkit.timed(
        Effect.flip(
          Gather.quorum(
            { a: fails("one", { after: 20 }), slow, b: Source.timeLimit(hangs(), 50), c: succeeds(1, { after: 10 }) },
            3
          )
        )
      ).pipe(Effect.flatMap(([elapsed, exit]) => Effect.map(exit, (error) => [elapsed, error] as const)))

      assert.strictEqual(elapsed, 50)
      assert(error._tag === "QuorumNotReached")
      assert.deepStrictEqual([error.required, error.succeeded], [3, ["c"]])
      assert.deepStrictEqual(
        error.failures.map(({ source }) => source),
        ["a", "b"]
      )
      assert(error.failures[1]?.error instanceof Outcome.SourceTimedOut)
      assert.deepStrictEqual(slow.seen.interrupted, [50])
      assert.match(
        error.message,
        /3 of 4 sources had to succeed, but 2 failed: "a" \(one\), "b" \(Source "b" did not answer/
      )
    })
  )

  it.effect("of more than there are fails without asking", () =>
    Effect.gen(function* () {
      const source = succeeds(1)
      const error = yield* Effect.flip(Gather.quorum([source], 2))

      assert.strictEqual(error._tag, "QuorumNotReached")
      assert.deepStrictEqual(source.seen.asked, [])
    })
  )

  it.effect("fails with the deadline when k are not there in time", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* Testkit.timed(
        Effect.flip(Gather.quorum({ a: succeeds(1), b: hangs(), c: fails("no") }, 2, { deadline: 400 }))
      )

      assert.strictEqual(elapsed, 400)
      assert(Exit.isSuccess(exit) && exit.value._tag === "DeadlineExceeded")
      assert.deepStrictEqual(exit.value.pending, ["b"])
    })
  )

  it.effect("counts a defect as a failure, and logs it", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ cause, message }) => void lines.push(`${String(message)}: ${Cause.pretty(cause)}`))
      const answer = yield* Gather.quorum({ buggy: dies(new Error("bug")), good: succeeds(1, { after: 0 }) }, 1).pipe(
        Effect.provide(Logger.add(logger))
      )

      assert.deepStrictEqual(answer, { good: 1 })
      assert.match(lines.join(), /"buggy" died: Error: bug/)
    })
  )

  it.effect("of zero, or of a fraction, is refused by name", () =>
    Effect.gen(function* () {
      for (const k of [0, -1, 1.5, NaN]) {
        const exit = yield* Effect.exit(Gather.quorum([succeeds(1)], k))
        assert(Exit.isFailure(exit))
        assert.match(Cause.pretty(exit.cause), /Gather.quorum: k must be a whole number from 1 up/)
      }
    })
  )
})

describe("Gather.first", () => {
  it.effect("answers with the first success, not with the first to end", () =>
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "1 second" })
      const [elapsed, exit] = yield* Testkit.timed(
        Gather.first([fails("no", { after: 10 }), succeeds("b", { after: 50 }), succeeds("c", { after: 60 }), slow])
      )

      assert.deepStrictEqual([elapsed, exit], [50, Exit.succeed("b")])
      assert.deepStrictEqual(slow.seen.interrupted, [50])
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("fails with all failures when all have failed, and at once when there is nothing to ask", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* Testkit.timed(
        Effect.flip(Gather.first({ a: fails("one", { after: 20 }), b: fails("two", { after: 10 }) }))
      )
      assert.strictEqual(elapsed, 20)
      assert(Exit.isSuccess(exit) && exit.value._tag === "QuorumNotReached")
      assert.deepStrictEqual(exit.value.failures, [
        { source: "a", error: "one" },
        { source: "b", error: "two" }
      ])
      assert.strictEqual((yield* Effect.flip(Gather.first({})))._tag, "QuorumNotReached")
    })
  )
})

describe("every policy, over random latencies and failures", () => {
  interface Behaviour {
    readonly after: number
    readonly ok: boolean
    readonly cleanup: number
  }
  // Distinct instants (index added), so that the model has one answer; a tie may fall on either side.
  const behaviours = FastCheck.array(
    FastCheck.record({ after: FastCheck.nat(20), ok: FastCheck.boolean(), cleanup: FastCheck.constantFrom(0, 500) }),
    { minLength: 1, maxLength: 6 }
  ).map((all) => all.map((one, index) => ({ ...one, after: one.after * 10 + index })))
  const deadlines = FastCheck.nat(25).map((n) => n * 10 + 8)

  const sources = (all: ReadonlyArray<Behaviour>) =>
    all.map(({ after, cleanup, ok }, index) =>
      ok ? succeeds(index, { after, cleanup }) : fails(`no ${index}`, { after, cleanup })
    )
  const inTime = (all: ReadonlyArray<Behaviour>, deadline: number) =>
    all
      .map((one, index) => ({ ...one, index }))
      .filter((one) => one.after < deadline)
      .sort((a, b) => a.after - b.after)

  const property = (
    check: (all: ReadonlyArray<Behaviour>, deadline: number) => Effect.Effect<readonly [seen: unknown, model: unknown]>
  ) =>
    Effect.forEach(
      FastCheck.sample(FastCheck.tuple(behaviours, deadlines), { seed: 20261121, numRuns: 15 }),
      ([all, deadline]) =>
        Effect.gen(function* () {
          const [seen, model] = yield* check(all, deadline)
          assert.deepStrictEqual(seen, model, JSON.stringify({ all, deadline }))
          yield* Testkit.timed(Cleanup.settled)
        })
    )
  const result = <A, E>(exit: Exit.Exit<A, E>) =>
    Exit.match(exit, {
      onSuccess: (value): unknown => value,
      onFailure: (cause) => Cause.failureOption(cause).pipe((error) => error._tag === "Some" && tagOf(error.value))
    })
  const tagOf = (error: unknown) =>
    typeof error === "object" && error !== null && "_tag" in error ? error._tag : error

  it.effect("failFast fails with the earliest failure, else answers with the last, else at the deadline", () =>
    property((all, deadline) =>
      Effect.gen(function* () {
        const seen = inTime(all, deadline)
        const failed = seen.find((one) => !one.ok)
        const model = failed
          ? [failed.after, `no ${failed.index}`]
          : seen.length < all.length
            ? [deadline, "DeadlineExceeded"]
            : [seen.at(-1)!.after, all.map((_, index) => index)]

        const [elapsed, exit] = yield* Testkit.timed(Gather.failFast(sources(all), { deadline }))

        return [[elapsed, result(exit)], model] as const
      })
    )
  )

  it.effect("collect has what ended in time, and answers when all have, or at the deadline", () =>
    property((all, deadline) =>
      Effect.gen(function* () {
        const late = all.some((one) => one.after > deadline)
        const statuses = all.map((one) => (one.after > deadline ? "timed-out" : one.ok ? "succeeded" : "failed"))
        const model = [late ? deadline : Math.max(...all.map((one) => one.after)), statuses]

        const [elapsed, exit] = yield* Testkit.timed(Gather.collect(sources(all), { deadline }))

        return [[elapsed, Exit.isSuccess(exit) && exit.value.map(Outcome.status)], model] as const
      })
    )
  )

  it.effect("quorum answers with the k-th success, or fails as soon as it is impossible, else at the deadline", () =>
    property((all, deadline) =>
      Effect.gen(function* () {
        const k = Math.ceil(all.length / 2)
        const seen = inTime(all, deadline)
        const kth = seen.filter((one) => one.ok)[k - 1]
        const lost = seen.filter((one) => !one.ok)[all.length - k]
        const winners = seen.filter((one) => one.ok).slice(0, k)
        const model =
          kth !== undefined
            ? [kth.after, Object.fromEntries(winners.map(({ index }) => [String(index), index]))]
            : lost !== undefined
              ? [lost.after, "QuorumNotReached"]
              : [deadline, "DeadlineExceeded"]

        const [elapsed, exit] = yield* Testkit.timed(Gather.quorum(sources(all), k, { deadline }))

        return [[elapsed, result(exit)], model] as const
      })
    )
  )
})
