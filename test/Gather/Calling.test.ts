import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, TestClock } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"
import * as Calling from "../../src/Gather/Calling.ts"
import * as Testkit from "../../src/Testkit.ts"

/** A call that ends when the test says so, and what became of it. */
const scripted = <A, E = never>() => {
  const seen: Array<string> = []
  let done: (exit: Exit.Exit<A, E>) => void = () => {}
  const source = Calling.make<A, E>((where, end) => {
    seen.push(`asked ${where.asking.name}, ${where.deadline === Infinity ? "for ever" : "until a deadline"}`)
    done = end
    return () => void seen.push("cancelled")
  })
  return { seen, source, end: (exit: Exit.Exit<A, E>) => done(exit) }
}

const provided = Effect.provide(Aggregator.layer({ logger: Testkit.silent }))

describe("a source that is one exchange by direct calls", () => {
  type Way = <A, E>(
    sources: Record<string, Effect.Effect<A, E>>,
    options?: Gather.Options
  ) => Effect.Effect<Record<string, A>, unknown, Aggregator>
  const ways: Readonly<Record<string, Way>> = {
    "by the engine": (sources, options) => Aggregator.gather("calls", sources, options),
    "by the reference": (sources, options) => Gather.failFast(sources, options)
  }
  for (const [way, gather] of Object.entries(ways)) {
    it.effect(`gives its value, ${way}, and knows its name and its deadline`, () =>
      Effect.gen(function* () {
        const { end, seen, source } = scripted<number>()
        const fiber = yield* Effect.fork(gather({ a: source, b: Effect.succeed(2) }, { deadline: "1 second" }))
        yield* TestClock.adjust(1)
        end(Exit.succeed(1))

        assert.deepStrictEqual(yield* fiber, { a: 1, b: 2 })
        assert.deepStrictEqual(seen, ["asked a, until a deadline"])
      }).pipe(provided)
    )

    it.effect(`fails the answer, ${way}, and a sibling is cancelled`, () =>
      Effect.gen(function* () {
        const [one, other] = [scripted<number, string>(), scripted<number, string>()]
        const fiber = yield* Effect.fork(Effect.exit(gather({ one: one.source, other: other.source })))
        yield* TestClock.adjust(1)
        one.end(Exit.fail("no"))
        const exit = yield* fiber

        assert(Exit.isFailure(exit))
        assert.include(Cause.pretty(exit.cause), "no")
        assert.deepStrictEqual(other.seen, ["asked other, for ever", "cancelled"])
        assert.deepStrictEqual(one.seen, ["asked one, for ever"])
      }).pipe(provided)
    )

    it.effect(`is cancelled at the deadline, ${way}, and when whoever asks goes away`, () =>
      Effect.gen(function* () {
        const [late, left] = [scripted<number>(), scripted<number>()]
        const waiting = yield* Effect.fork(Effect.exit(gather({ late: late.source }, { deadline: "1 second" })))
        const leaving = yield* Effect.fork(gather({ left: left.source }))
        yield* TestClock.adjust("1 second")
        assert(Exit.isFailure(yield* waiting))
        yield* leaving.interruptAsFork(leaving.id())
        yield* TestClock.adjust(1)

        assert.deepStrictEqual([late.seen.at(-1), left.seen.at(-1)], ["cancelled", "cancelled"])
      }).pipe(provided)
    )

    it.effect(`may end while it is being asked, ${way}, and what it throws is a defect of it`, () =>
      Effect.gen(function* () {
        const atOnce = Calling.make<number, never>((_, done) => {
          done(Exit.succeed(1))
          return () => assert.fail("it has ended")
        })
        const throws = Calling.make<number, never>(() => {
          throw new Error("broken")
        })
        assert.deepStrictEqual(yield* gather({ a: atOnce }), { a: 1 })
        const exit = yield* Effect.exit(gather({ a: throws, b: Effect.never }))
        assert(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        assert.include(Cause.pretty(exit.cause), 'Source "a" died')
      }).pipe(provided)
    )
  }

  it.effect("has a receipt like any other", () =>
    Effect.gen(function* () {
      const [one, other] = [scripted<number, string>(), scripted<number, string>()]
      const sources = { one: one.source, other: other.source }
      const fiber = yield* Effect.fork(Effect.flip(Aggregator.gather("calls", sources)))
      yield* TestClock.adjust(10)
      one.end(Exit.fail("no"))
      const error = yield* fiber

      assert(error._tag === "SourceFailed")
      assert.deepStrictEqual(
        error.receipt.sources.map(({ cleanup, end, name, outcome }) => [name, outcome, cleanup, end]),
        [
          ["one", "failed", "done", 10],
          ["other", "cancelled", "done", 10]
        ]
      )
      assert.deepStrictEqual(error.receipt.victims, ["other"])
    }).pipe(provided)
  )
})
