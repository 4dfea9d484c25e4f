import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Context, Effect, Either, Exit, Option, Stream, TestClock, type Tracer } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import * as Calling from "../../src/Gather/Calling.ts"
import { Asking } from "../../src/Receipt/Asking.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { keeping } from "../Tracing.ts"

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

/** The names of a span and of those above it. */
const namesOf = (span: Tracer.AnySpan | undefined): ReadonlyArray<string> =>
  span?._tag === "Span" ? [span.name, ...namesOf(Option.getOrUndefined(span.parent))] : []

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

describe("an effect that is started as a call", () => {
  /** Starts it in the place of the fiber that runs this, and keeps what is called back. */
  const started = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.withFiberRuntime<{ readonly ends: Array<Exit.Exit<A, E>>; readonly cancel: () => void }>((fiber) => {
      const ends: Array<Exit.Exit<A, E>> = []
      return Effect.succeed({ ends, cancel: Calling.start(effect, Calling.here(fiber), (exit) => ends.push(exit)) })
    })

  it.effect("calls back at once with what is known", () =>
    Effect.gen(function* () {
      const known: ReadonlyArray<readonly [Effect.Effect<number, string>, Exit.Exit<number, string>]> = [
        [Exit.succeed(1), Exit.succeed(1)],
        [Exit.fail("no"), Exit.fail("no")],
        [Either.right(1), Exit.succeed(1)],
        [Either.left("no"), Exit.fail("no")]
      ]
      for (const [effect, exit] of known) assert.deepStrictEqual((yield* started(effect)).ends, [exit])
    })
  )

  it.effect("gets a fiber where it is no call, with the deadline, the span and the name of the source", () =>
    Effect.gen(function* () {
      const me = { ...(yield* Asking), name: "me" }
      const { ends } = yield* started(
        Effect.all([Deadline.Current, Effect.map(Effect.currentSpan, ({ name }) => name), Asking, Effect.sleep(10)])
      ).pipe(
        Effect.provideService(Deadline.Current, 1_000),
        Effect.withSpan("around"),
        Effect.provideService(Asking, me)
      )
      assert.deepStrictEqual(ends, [])
      yield* TestClock.adjust(10)

      assert(ends[0] !== undefined && Exit.isSuccess(ends[0]))
      const [deadline, span, { name }] = ends[0].value
      assert.deepStrictEqual([deadline, span, name], [1_000, "around", "me"])
    })
  )

  it.effect("is cancelled, fiber or not, and nothing is called back after that", () =>
    Effect.gen(function* () {
      let interrupted = false
      const fiber = yield* started(Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true))))
      const { end, seen, source } = scripted<number>()
      const call = yield* started(source)
      fiber.cancel()
      call.cancel()
      yield* TestClock.adjust(1)

      assert.deepStrictEqual([interrupted, seen.at(-1)], [true, "cancelled"])
      assert.deepStrictEqual([...fiber.ends, ...call.ends], [])
      end(Exit.succeed(1))
    })
  )

  it.effect("dies of what its call throws", () =>
    Effect.gen(function* () {
      const throws = Calling.make<number, never>(() => {
        throw new Error("broken")
      })
      assert.deepStrictEqual((yield* started(throws)).ends, [Exit.die(new Error("broken"))])
      const afterwards = Calling.make<number, never>((_, done) => {
        done(Exit.succeed(1))
        throw new Error("told already")
      })
      const exit = yield* Effect.exit(started(afterwards))
      assert.deepStrictEqual(exit, Exit.die(new Error("told already")))
    })
  )

  const mapped = (effect: Effect.Effect<number, string>) =>
    Calling.mapExit(effect, (exit) => {
      if (exit._tag === "Success" && exit.value === 0) throw new Error("zero")
      return exit._tag === "Success" ? Exit.succeed(exit.value * 2) : Exit.fail(`mapped ${Cause.pretty(exit.cause)}`)
    })
  const followed = (effect: Effect.Effect<number, string>) =>
    Calling.flatMap(effect, (value) => {
      if (value === 0) throw new Error("zero")
      return value === 1 ? Either.left("one") : Effect.delay(Effect.succeed(value * 2), 10)
    })
  for (const [made, of] of Object.entries({ mapExit: mapped, flatMap: followed })) {
    it.effect(`is still a call after \`${made}\`, and ends as the effect does`, () =>
      Effect.gen(function* () {
        for (const exit of [Exit.succeed(0), Exit.succeed(1), Exit.succeed(2), Exit.fail("no"), Exit.die("bug")]) {
          const call = scripted<number, string>()
          const { ends } = yield* started<unknown, unknown>(of(call.source))
          call.end(exit)
          const effect = yield* Effect.fork(Effect.exit(of(Effect.suspend(() => exit))))
          yield* TestClock.adjust(10)

          assert.deepStrictEqual(ends, [yield* effect], JSON.stringify(exit))
        }
        assert.isDefined(Calling.of(of(scripted<number, string>().source)))
        assert.isUndefined(Calling.of(of(Effect.never)))
      })
    )
  }

  it.effect("is cancelled wherever it is in a `flatMap`", () =>
    Effect.gen(function* () {
      const [one, other] = [scripted<number, string>(), scripted<number>()]
      const chained = Calling.flatMap(one.source, () => other.source)
      const first = yield* started(chained)
      first.cancel()
      const second = yield* started(chained)
      one.end(Exit.succeed(1))
      second.cancel()

      assert.deepStrictEqual(
        [one.seen.filter((line) => line === "cancelled").length, other.seen.at(-1)],
        [1, "cancelled"]
      )
      assert.deepStrictEqual([...first.ends, ...second.ends], [])
    })
  )
})

describe("an aggregation of calls", () => {
  it.effect("is a call, and one of anything else is not", () =>
    Effect.sync(() => {
      const { source } = scripted<number>()
      const isCall = (effect: Effect.Effect<unknown, unknown, unknown>) => Calling.of(effect) !== undefined
      const sources = { a: source, b: Source.optional(source) }

      assert.deepStrictEqual(
        [
          sources,
          [source],
          { ...sources, d: Source.promise(async () => 1) },
          { ...sources, c: Effect.never },
          new Set([source])
        ].map((sources) => [isCall(Aggregator.gather("calls", sources)), isCall(Aggregator.collect("calls", sources))]),
        [
          [true, true],
          [true, true],
          [true, true],
          [false, false],
          [false, false]
        ]
      )
    })
  )

  it.effect("within another has its deadline and its span, and is cancelled with it", () =>
    Effect.gen(function* () {
      const { seen, source } = scripted<number>()
      const spans: Array<string> = []
      const within = Calling.make<never, never>(({ parent }) => {
        spans.push(...namesOf(parent))
        return () => {}
      })
      const inner = Aggregator.gather("inner", { source, within })
      const receipts = yield* Aggregator.subscribe
      const [elapsed, exit] = yield* Testkit.timed(
        Aggregator.gather("outer", { inner }, { deadline: "1 second" })
      ).pipe(Effect.withTracer(keeping))
      const [one, other] = Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(receipts, 2)))

      assert.deepStrictEqual([elapsed, seen], [1_000, ["asked source, until a deadline", "cancelled"]])
      assert(Exit.isFailure(exit))
      assert.deepStrictEqual(spans, ["source within", "inner failFast", "source inner", "outer failFast"])
      assert.deepStrictEqual(
        [one, other].map((receipt) => [receipt?.aggregation, receipt?.outcome]),
        [
          ["inner", "cancelled"],
          ["outer", "timed-out"]
        ]
      )
    }).pipe(Effect.scoped, provided)
  )

  it.effect("has a receipt when it has succeeded, and what follows a call is in the place of its source", () =>
    Effect.gen(function* () {
      const receipts = yield* Aggregator.subscribe
      const atOnce = Calling.make<number, never>((_, done) => {
        done(Exit.succeed(1))
        return () => {}
      })
      const place = Effect.all([Deadline.Current, Asking, Effect.currentSpan])
      const follows = Calling.flatMap(atOnce, () => Effect.delay(place, 10))
      const outer = Aggregator.gather(
        "outer",
        { inner: Aggregator.gather("inner", { follows }) },
        { deadline: "1 second" }
      )
      const [, exit] = yield* Testkit.timed(Effect.withTracer(outer, keeping))

      assert(Exit.isSuccess(exit))
      const [deadline, asking, span] = exit.value.inner.follows
      const now = yield* Deadline.now
      assert.deepStrictEqual([deadline - now, asking.name], [990, "follows"])
      assert.deepStrictEqual(namesOf(span), ["source follows", "inner failFast", "source inner", "outer failFast"])
      const told = Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(receipts, 2)))
      assert.deepStrictEqual(
        told.map(({ aggregation, elapsed, outcome }) => [aggregation, outcome, elapsed]),
        [
          ["inner", "succeeded", 10],
          ["outer", "succeeded", 10]
        ]
      )
    }).pipe(Effect.scoped, provided)
  )

  it.effect("dies where there is no aggregator, and of options that are wrong", () =>
    Effect.withFiberRuntime((fiber) => {
      const { source } = scripted<number>()
      const ends: Array<Exit.Exit<unknown, unknown>> = []
      const start = (effect: Effect.Effect<unknown, unknown, Aggregator>, context?: Context.Context<never>) =>
        Calling.start(effect, Calling.here(fiber, context), (exit) => ends.push(exit))
      start(Aggregator.gather("calls", { source }), Context.empty())
      start(Aggregator.gather("calls", { source }, { deadline: -1 }))
      start(Aggregator.gather("calls", { source }, { concurrency: 0 }))

      const messages = ends.map((exit) => (Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "a value"))
      assert.match(messages[0] ?? "", /Service not found: effect-muster\/Aggregator/)
      assert.match(messages[1] ?? "", /deadline/)
      assert.match(messages[2] ?? "", /concurrency/)
      return Effect.void
    }).pipe(provided)
  )

  it.effect("decided while it is being asked and then cancelled, calls nobody back", () =>
    Effect.gen(function* () {
      const failing = Calling.make<never, string>((_, done) => {
        done(Exit.fail("no"))
        return () => {}
      })
      const ends: Array<unknown> = []
      yield* Effect.withFiberRuntime<void, never, Aggregator>((fiber) => {
        const cancel = Calling.start(Aggregator.gather("calls", { failing }), Calling.here(fiber), (end) =>
          ends.push(end)
        )
        cancel()
        return Effect.void
      })
      yield* TestClock.adjust(10)

      assert.deepStrictEqual(ends, [])
    }).pipe(provided)
  )
})
