import { assert, describe, it, vi } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, FiberRef, Option, Runtime, Stream, TestClock } from "effect"
import * as fc from "fast-check"
import { Aggregator, SourceFailed } from "../../src/Aggregator.ts"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Engine from "../../src/Aggregator/Engine.ts"
import { DeadlineExceeded } from "../../src/Deadline.ts"
import * as Calling from "../../src/Gather/Calling.ts"
import * as Policies from "../../src/Gather/Policies.ts"
import * as Promising from "../../src/Gather/Promising.ts"
import * as Outcome from "../../src/Outcome.ts"
import type { Receipt } from "../../src/Receipt.ts"
import { Asking } from "../../src/Receipt/Asking.ts"
import * as Recorder from "../../src/Receipt/Recorder.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { byCall } from "../Gather/ByCall.ts"

const layer = Aggregator.layer()

/** A promise that never settles; keeps the signals it was given. */
const hanging = () => {
  const signals: Array<AbortSignal> = []
  const source = Source.promise((signal) => {
    signals.push(signal)
    return new Promise<never>(() => {})
  })
  return { signals, source }
}

const asItIs = <A, E, R>(effect: Effect.Effect<A, E, R>) => effect

interface End {
  readonly after: number
  readonly ends: "succeeds" | "fails" | "hangs"
  readonly optional: boolean
}

/** What is to happen to three sources, as an effect or as a promise in virtual time. */
const sourcesOf = (ends: ReadonlyArray<End>, runtime: Runtime.Runtime<never>, promises: boolean) =>
  ends.map(({ after, ends, optional }, index) => {
    const end: Effect.Effect<string, string> =
      ends === "hangs"
        ? Effect.never
        : Effect.flatMap(Effect.sleep(after), () =>
            ends === "fails" ? Effect.fail(`failed ${index}`) : Effect.succeed(`value ${index}`)
          )
    const asked = promises ? Source.promise({ try: () => run(end), catch: (error) => error as string }) : end
    return optional ? Source.optional(asked) : asked
    function run(effect: Effect.Effect<string, string>): Promise<string> {
      return Runtime.runPromise(runtime, Effect.either(effect)).then((either) => {
        if (either._tag === "Left") throw either.left
        return either.right
      })
    }
  })

/** What a receipt says, but for its ids. */
const saying = ({ criticalPath, elapsed, firstCause, outcome, sources, victims }: Receipt) => ({
  criticalPath,
  elapsed,
  firstCause: firstCause && [firstCause.kind, firstCause.source, firstCause.message, firstCause.at],
  outcome,
  victims,
  sources: sources.map(({ end, fallback, name, outcome, start }) => ({ name, outcome, start, end, fallback }))
})

const told = <A, E>(answer: Effect.Effect<A, E, Aggregator>) =>
  Effect.gen(function* () {
    const receipts = yield* Aggregator.subscribe
    const [elapsed, exit] = yield* Testkit.timed(answer)
    const receipt = yield* Stream.runHead(receipts)
    const failure = Exit.isFailure(exit) ? String(Option.getOrThrow(Exit.causeOption(exit))) : undefined
    return {
      elapsed,
      failure,
      value: Exit.isSuccess(exit) ? exit.value : undefined,
      receipt: Option.map(receipt, saying)
    }
  }).pipe(Effect.scoped, Effect.provide(layer))

const end = fc.record({
  // No two at once: a promise settles a turn after its time, and a tie may go either way.
  after: fc.integer({ min: 0, max: 2 }),
  ends: fc.constantFrom<End["ends"]>("succeeds", "fails", "hangs"),
  optional: fc.boolean()
})

describe("the engine, asking promises", () => {
  it.effect.prop(
    "gives the answers and receipts that it gives for effects",
    { ends: fc.tuple(end, end, end), concurrency: fc.constantFrom(1, 2, "unbounded" as const) },
    ({ concurrency, ends }) =>
      Effect.gen(function* () {
        const runtime = yield* Effect.runtime<never>()
        const spread = ends.map((end, index) => ({ ...end, after: 30 * end.after + 7 * index + 1 }))
        const ask = (promises: boolean, asked = asItIs) =>
          told(
            asked(Aggregator.gather("page", sourcesOf(spread, runtime, promises), { concurrency, deadline: 75 })).pipe(
              Effect.mapError((error) => error.message)
            )
          )
        const answer = yield* ask(false)
        assert.deepStrictEqual(yield* ask(true), answer)
        assert.deepStrictEqual(yield* ask(true, byCall), answer)
      }),
    { fastCheck: { numRuns: 40 } }
  )

  it.effect("aborts the signals of those that are cancelled, in the instant in which another fails", () =>
    Effect.gen(function* () {
      const { signals, source } = hanging()
      const failing = Source.promise({ try: () => Promise.reject(new Error("no")), catch: (error) => error as Error })
      const error = yield* Effect.flip(Aggregator.gather("page", { source, failing, again: source }))

      assert(error instanceof SourceFailed && error.error instanceof Error)
      assert.deepStrictEqual(
        [error.source, error.error.message, error.receipt.victims],
        ["failing", "no", ["source", "again"]]
      )
      assert.deepStrictEqual(
        signals.map((signal) => signal.aborted),
        [true, true]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("aborts them when the caller goes away, and at the deadline", () =>
    Effect.gen(function* () {
      const left = hanging()
      const fiber = yield* Effect.fork(Aggregator.gather("page", { source: left.source }))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      const late = hanging()
      const [elapsed, exit] = yield* Testkit.timed(
        Effect.flip(Aggregator.gather("page", { source: late.source }, { deadline: "1 second" }))
      )

      assert.deepStrictEqual([left.signals[0]?.aborted, late.signals[0]?.aborted, elapsed], [true, true, 1_000])
      assert(Exit.isSuccess(exit) && exit.value instanceof DeadlineExceeded)
    }).pipe(Effect.provide(layer))
  )

  it.effect("never aborts what a value that leaves may still be read with", () =>
    Effect.gen(function* () {
      const given: Record<string, AbortSignal> = {}
      const answering = (name: string) =>
        Source.promise(async (signal) => {
          given[name] = signal
          return name
        })
      const { signals, source } = hanging()
      yield* Aggregator.first("first", { a: answering("winner"), source })
      yield* Aggregator.gather(
        "page",
        { a: answering("required"), late: Source.optional(source) },
        { deadline: 10 }
      ).pipe(Testkit.timed)
      yield* Testkit.timed(Aggregator.collect("all", { a: answering("collected"), source }, { deadline: 10 }))

      assert.deepStrictEqual(
        signals.map((signal) => signal.aborted),
        [true, true, true]
      )
      assert.deepStrictEqual(
        Object.entries(given).map(([name, { aborted }]) => [name, aborted]),
        [
          ["winner", false],
          ["required", false],
          ["collected", false]
        ]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("takes what is thrown for a rejection, and what `catch` throws for a defect", () =>
    Effect.gen(function* () {
      const throws = Source.promise({
        try: () => {
          throw new Error("at once")
        },
        catch: (error) => error as Error
      })
      const worse = Source.promise({
        try: () => Promise.reject(new Error("no")),
        catch: () => {
          throw new Error("in catch")
        }
      })
      const { a, b } = yield* Aggregator.collect("all", { a: throws, b: worse })

      assert(a._tag === "Failed" && b._tag === "Failed")
      assert.deepStrictEqual([Outcome.isDefect(a), Outcome.isDefect(b)], [false, true])
      assert.deepStrictEqual([Outcome.message(a), Outcome.message(b)].map(Option.getOrThrow), [
        "at once",
        `Source "b" died: Error: in catch`
      ])
    }).pipe(Effect.provide(layer))
  )

  it.effect("raises what cannot be made of a value as a defect of the source", () =>
    Effect.gen(function* () {
      const source = Promising.mark(Effect.succeed(1), {
        ask: () => Promise.resolve(1),
        succeeded: () => {
          throw new Error("not a page")
        },
        failed: Exit.fail,
        lingers: false
      })
      const { a } = yield* Aggregator.collect("all", { a: source })

      assert.deepStrictEqual(Outcome.message(a), Option.some(`Source "a" died: Error: not a page`))
    }).pipe(Effect.provide(layer))
  )

  it.live("gives at most sixty-four sources the same signal, and Node warns of none of their listeners", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const warned = ({ message }: Error) => void warnings.push(message)
      process.on("warning", warned)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", warned)))
      const signals: Array<AbortSignal> = []
      const source = Source.promise(async (signal) => {
        signal.addEventListener("abort", () => {})
        signal.addEventListener("abort", () => {})
        signals.push(signal)
      })
      yield* Aggregator.gather(
        "page",
        Array.from({ length: 140 }, () => source)
      )
      // A warning is told of in the next turn.
      yield* Effect.sleep(1)

      const sharing = Array.from(new Set(signals), (one) => signals.filter((signal) => signal === one).length)
      assert.deepStrictEqual([sharing, warnings], [[64, 64, 12], []])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})

describe("the engine", () => {
  it.effect("keeps no fiber of a source that has ended, however long the others take", () =>
    Effect.gen(function* () {
      const { observe } = yield* Aggregator
      const sources = { ended: Effect.sleep(10), slow: Effect.never }
      const tasks = Object.entries(sources).map(([name, effect]) => ({ name, effect }))
      let kept: ReadonlyArray<boolean> = []
      const asking = observe("own", "failFast", undefined, (context) =>
        Effect.onInterrupt(Policies.failFast(context, tasks), () =>
          Effect.sync(() => (kept = context.recorder.entries.map(({ cancel }) => cancel !== undefined)))
        )
      )
      yield* Testkit.timed(Effect.timeoutOption(asking, 100))

      assert.deepStrictEqual(kept, [false, true])
    }).pipe(Effect.provide(layer))
  )

  it.effect("raises what the fallback of a task throws as a defect of the answer", () =>
    Effect.gen(function* () {
      const { listen, observe } = yield* Aggregator
      const receipts: Array<Receipt> = []
      listen((receipt) => receipts.push(receipt))
      const fallback = () => {
        throw new Error("no fallback")
      }
      const tasks = [{ name: "a", effect: Effect.zipRight(Effect.sleep(10), Effect.fail("no")), fallback }]
      const [, exit] = yield* Testkit.timed(
        observe("own", "failFast", undefined, (context) => Policies.failFast(context, tasks))
      )

      assert.deepStrictEqual(exit, Exit.die(new Error("no fallback")))
      // Least of all that the caller went away.
      assert.deepStrictEqual(receipts, [])
    }).pipe(Effect.provide(layer))
  )

  it.effect("asks all sources before the first that ends at once counts", () =>
    Effect.gen(function* () {
      const orders = Testkit.hangs()
      yield* Effect.exit(Aggregator.gather("page", { profile: Effect.fail("no"), orders }))

      assert.deepStrictEqual([orders.seen.asked, orders.seen.interrupted], [[0], [0]])
    }).pipe(Effect.provide(layer))
  )

  it.effect("takes the first of those that end at once, and counts no other", () =>
    Effect.gen(function* () {
      const both = { a: Effect.succeed("a"), b: Effect.succeed("b") }

      assert.strictEqual(yield* Aggregator.first("first", both), "a")
      assert.deepStrictEqual(yield* Aggregator.quorum("two", { ...both, c: Effect.succeed("c") }, 2), {
        a: "a",
        b: "b"
      })
    }).pipe(Effect.provide(layer))
  )

  it.effect("carries the fiber refs of sources that succeeded over to the caller, and not their services", () =>
    Effect.gen(function* () {
      const ref = yield* FiberRef.make("before")
      const { observe } = yield* Aggregator
      const asking = yield* observe("own", "failFast", undefined, (context) =>
        Effect.zipRight(
          Policies.failFast(context, [{ name: "a", effect: FiberRef.set(ref, "after") }]),
          Effect.map(Asking, ({ name }) => name)
        )
      )
      assert.deepStrictEqual([yield* FiberRef.get(ref), asking], ["after", "unnamed"])

      yield* Effect.exit(Aggregator.gather("page", { a: FiberRef.set(ref, "failed"), b: Effect.fail("no") }))
      assert.strictEqual(yield* FiberRef.get(ref), "after")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("leaves no timer behind", () =>
    Effect.gen(function* () {
      // Not by the number of timers in the process: those of others come and go.
      const [made, cleared] = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "clearTimeout")]
      yield* Effect.addFinalizer(() => Effect.sync(() => [made, cleared].forEach((spy) => spy.mockRestore())))
      yield* Aggregator.gather("page", { a: Effect.sleep(1) }, { deadline: "1 minute" })
      yield* Effect.exit(Aggregator.gather("page", { a: Effect.fail("no") }, { deadline: "1 minute" }))

      const timers = made.mock.results.flatMap(({ value }, call) =>
        made.mock.calls[call]![1]! >= 59_000 ? [value] : []
      )
      const stopped = cleared.mock.calls.map(([timer]) => timer)
      assert.strictEqual(timers.length, 2)
      timers.forEach((timer) => assert.include(stopped, timer))
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  for (const [how, ends] of [
    ["fails", Effect.fail("no")],
    ["succeeds", Effect.succeed(1)]
  ] as const)
    it.live(`is cancelled when a source interrupts who waits for it, and ${how} in the same instant`, () =>
      Effect.gen(function* () {
        const stopped: Array<string> = []
        const hangs = Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped.push("b")))
        const receipts = yield* Aggregator.subscribe
        const caller = yield* Effect.fork(
          Effect.withFiberRuntime<unknown, unknown, Aggregator>((fiber) => {
            const interrupts = Effect.sync(() => fiber.unsafeInterruptAsFork(fiber.id()))
            return Aggregator.gather("page", { a: Effect.zipRight(interrupts, ends), b: hangs })
          })
        )
        const exit = yield* Fiber.await(caller)
        yield* Aggregator.settled
        const receipt = Option.getOrThrow(yield* Stream.runHead(receipts))

        assert(Exit.isInterrupted(exit))
        assert.deepStrictEqual([receipt.outcome, stopped], ["cancelled", ["b"]])
        yield* Effect.sleep(1)
        assert.strictEqual(receipt.outcome, "cancelled")
      }).pipe(Effect.scoped, Effect.provide(layer))
    )

  for (const [how, asked] of [
    ["in a fiber", asItIs],
    ["by a call", byCall]
  ] as const)
    it.effect(
      `${how}, waits for cleanup as long as the grace is, and is cancelled when the caller goes away then`,
      () =>
        Effect.gen(function* () {
          const receipts = yield* Aggregator.subscribe
          const cleaning = asked(Effect.onInterrupt(Effect.never, () => Effect.sleep(500)))
          const sources = { cleaning, fails: asked(Effect.delay(Effect.fail("no"), 10)) }
          const answer = asked(Aggregator.gather("page", sources, { grace: "1 second" }))
          const [elapsed] = yield* Testkit.timed(answer)
          const asking = yield* Effect.fork(answer)
          yield* TestClock.adjust(20)
          const leaving = yield* Effect.fork(Fiber.interrupt(asking))
          yield* TestClock.adjust("1 second")
          yield* leaving
          const told = Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(receipts, 2)))

          assert.strictEqual(elapsed, 510)
          assert.deepStrictEqual(
            told.map(({ firstCause, outcome, sources }) => [
              outcome,
              firstCause?.kind,
              ...sources.map(({ cleaned, end, outcome }) => [outcome, end, cleaned])
            ]),
            [
              ["failed", "failure", ["cancelled", 10, 510], ["failed", 10, 10]],
              ["cancelled", "caller", ["cancelled", 10, 510], ["failed", 10, 10]]
            ]
          )
        }).pipe(Effect.scoped, Effect.provide(layer))
    )

  it.effect("asked as a call and cancelled, cancels what it asks and calls nobody back", () =>
    Effect.gen(function* () {
      const ask = Engine.caller({ owner: yield* Cleanup.Owner, span: undefined, spans: undefined })
      const cancelled: Array<string> = []
      const hangs = Calling.make<number, string>(() => () => void cancelled.push("hangs"))
      const fails = Calling.make<number, string>((_, done) => {
        done(Exit.fail("no"))
        return () => {}
      })
      for (const sources of [{ hangs }, { hangs, fails }]) {
        const recorder = yield* Recorder.make("page", "failFast")
        const tasks = Object.entries(sources).map(([name, effect]) => ({ name, effect, called: Calling.of(effect) }))
        const asking = Policies.failFast({ where: "page", recorder, options: undefined, ask }, tasks)
        const ends: Array<unknown> = []
        yield* Effect.withFiberRuntime<void>((fiber) => {
          Calling.start(asking, Calling.here(fiber), (end) => ends.push(end))()
          return Effect.void
        })
        yield* TestClock.adjust(1)

        assert.deepStrictEqual([recorder.ending, ends], ["cancelled", []])
      }
      assert.deepStrictEqual(cancelled, ["hangs", "hangs"])

      const recorder = yield* Recorder.make("page", "failFast")
      const cleaning = byCall(Effect.onInterrupt(Effect.never, () => Effect.sleep(500)))
      const tasks = Object.entries({ cleaning, fails }).map(([name, effect]) => ({
        name,
        effect,
        called: Calling.of(effect)
      }))
      const asking = Policies.failFast({ where: "page", recorder, options: { grace: "1 second" }, ask }, tasks)
      const ends: Array<unknown> = []
      const cancel = yield* Effect.withFiberRuntime<() => void>((fiber) =>
        Effect.succeed(Calling.start(asking, Calling.here(fiber), (end) => ends.push(end)))
      )
      yield* TestClock.adjust(10)
      cancel()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([recorder.ending, ends], ["cancelled", []])
    })
  )

  it.effect("calls back once, also when the one who is called throws", () =>
    Effect.gen(function* () {
      const ask = Engine.caller({ owner: yield* Cleanup.Owner, span: undefined, spans: undefined })
      const recorder = yield* Recorder.make("page", "failFast")
      let end: (exit: Exit.Exit<number>) => void = () => {}
      const called = Calling.of(
        Calling.make<number, never>((_, done) => {
          end = done
          return () => {}
        })
      )
      const asking = Policies.failFast({ where: "page", recorder, options: undefined, ask }, [
        { name: "a", effect: Effect.succeed(1), called }
      ])
      const ends: Array<unknown> = []
      yield* Effect.withFiberRuntime<void>((fiber) => {
        Calling.start(asking, Calling.here(fiber), (exit) => {
          ends.push(exit)
          throw new Error("in the callback")
        })
        return Effect.void
      })

      assert.throws(() => end(Exit.succeed(1)), "in the callback")
      assert.deepStrictEqual(ends, [Exit.succeed([1])])
    })
  )

  it.effect("asks twenty thousand sources that end at once, one at a time, without a stack overflow", () =>
    Effect.gen(function* () {
      const tasks = Array.from({ length: 20_000 }, (_, index) => ({
        name: String(index),
        effect: Effect.succeed(index)
      }))
      // Not by an aggregator: all tests of a process share its metrics, and would have sixty thousand more.
      const recorder = yield* Recorder.make("many", "failFast")
      const ask = Engine.asker({ owner: yield* Cleanup.Owner, span: undefined, spans: undefined })
      const context = { where: "many", recorder, options: { concurrency: 1 }, ask }

      assert.strictEqual((yield* Policies.failFast(context, tasks))[19_999], 19_999)
    }).pipe(Effect.withTracerEnabled(false))
  )
})
