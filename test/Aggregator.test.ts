import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, Option, Schema, Stream, TestClock } from "effect"
import { Aggregator, type SourceFailed } from "../src/Aggregator.ts"
import type { DeadlineExceeded } from "../src/Deadline.ts"
import type { QuorumNotReached } from "../src/Gather.ts"
import * as Outcome from "../src/Outcome.ts"
import * as Receipt from "../src/Receipt.ts"
import * as Source from "../src/Source.ts"
import * as Testkit from "../src/Testkit.ts"

const { dies, fails, hangs, succeeds } = Testkit

class Down extends Schema.TaggedError<Down>()("Down", { why: Schema.String }) {}

const aggregator = Aggregator.layer({ deadline: "1 second", logger: Testkit.silent })

/** Runs a program and then the cleanup it left, in virtual time. */
const timed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.tap(Testkit.timed(program), () => Testkit.timed(Aggregator.settled))

/** Runs a program and gives the receipts of the aggregations in it, each once its cleanup has ended. */
const receiptsOf = <A, E, R>(count: number, program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const reading = yield* Effect.fork(Stream.runCollect(Stream.take(Aggregator.receipts, count)))
    yield* Effect.yieldNow()
    yield* timed(Effect.exit(program))
    return Chunk.toReadonlyArray(yield* Fiber.join(reading))
  })

describe("Aggregator.gather", () => {
  it.effect("answers with all values, optional ones as options", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* timed(
        Aggregator.gather("dashboard", {
          profile: succeeds("Alice", { after: 100 }),
          here: Source.optional(succeeds(1, { after: 200 })),
          gone: Source.optional(fails("no")),
          fallback: Source.orElse(fails("no"), "none"),
          unused: fails("no").pipe(Source.orElse(7)),
          needed: Source.required(succeeds(true))
        })
      )

      assert.strictEqual(elapsed, 200)
      assert.deepStrictEqual(
        exit,
        Exit.succeed({
          profile: "Alice",
          here: Option.some(1),
          gone: Option.none(),
          fallback: "none",
          unused: 7,
          needed: true
        })
      )
    }).pipe(Effect.provide(aggregator))
  )

  it.effect("fails with the source that failed, what with, and what became of the others", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* timed(
        Effect.flip(
          Aggregator.gather("dashboard", {
            slow: hangs({ cleanup: "3 seconds" }),
            gone: Source.optional(fails("no", { after: 10 })),
            orders: fails(new Down({ why: "disk" }), { after: 20 })
          })
        )
      )

      assert.strictEqual(elapsed, 20)
      assert(Exit.isSuccess(exit) && exit.value._tag === "SourceFailed")
      const { error, message, receipt, source } = exit.value
      assert.deepStrictEqual([source, error._tag, error.why], ["orders", "Down", "disk"])
      assert.deepStrictEqual([receipt.victims, receipt.settled], [["slow"], null])
      assert.strictEqual(receipt.firstCause?.source, "orders")
      assert.match(message, /Source "orders" failed after 20 ms: .*; stopped: slow; 980 ms of the deadline remained/)
    }).pipe(Effect.provide(aggregator))
  )

  it.effect("answers at the deadline without the optional sources that are late", () =>
    Effect.gen(function* () {
      const [elapsed, exit] = yield* timed(
        Aggregator.gather("dashboard", { profile: succeeds("Alice"), orders: Source.optional(hangs()) })
      )

      assert.deepStrictEqual([elapsed, exit], [1_000, Exit.succeed({ profile: "Alice", orders: Option.none() })])
    }).pipe(Effect.provide(aggregator))
  )

  it.effect("names only the required sources that were awaited at the deadline", () =>
    Effect.gen(function* () {
      const [, exit] = yield* timed(
        Effect.flip(Aggregator.gather("dashboard", { profile: hangs(), orders: Source.optional(hangs()) }))
      )

      assert(Exit.isSuccess(exit) && exit.value._tag === "DeadlineExceeded")
      assert.deepStrictEqual([exit.value.deadline, exit.value.pending], [1_000, ["profile"]])
      assert.strictEqual(exit.value.receipt?.aggregation, "dashboard")
    }).pipe(Effect.provide(aggregator))
  )

  it.effect("does not take a defect in an optional source for an absence", () =>
    Effect.gen(function* () {
      const [, exit] = yield* timed(Aggregator.gather("dashboard", { a: Source.optional(dies("bug")), b: hangs() }))

      assert(Exit.isFailure(exit))
      const defect = Option.getOrThrow(Cause.dieOption(exit.cause))
      assert(defect instanceof Outcome.SourceDied && defect.source === "a")
    }).pipe(Effect.provide(aggregator))
  )

  it.effect("attributes a deadline inside a source to that source", () =>
    Effect.gen(function* () {
      const inner = Aggregator.gather("inner", { a: hangs() }, { deadline: 100 })
      const [elapsed, exit] = yield* timed(Effect.flip(Aggregator.gather("outer", { inner, other: hangs() })))

      assert.strictEqual(elapsed, 100)
      assert(Exit.isSuccess(exit) && exit.value._tag === "SourceFailed")
      assert.deepStrictEqual([exit.value.source, exit.value.error._tag], ["inner", "DeadlineExceeded"])
    }).pipe(Effect.provide(aggregator))
  )

  it.effect("lets a call shorten the deadline, and not lengthen it", () =>
    Effect.gen(function* () {
      const run = (deadline: number) =>
        Effect.map(timed(Aggregator.gather("dashboard", { a: hangs() }, { deadline })), ([elapsed]) => elapsed)

      assert.deepStrictEqual([yield* run(200), yield* run(5_000)], [200, 1_000])
    }).pipe(Effect.provide(aggregator))
  )

  it("infers the answer and the errors", () => {
    const answer = Aggregator.gather("dashboard", {
      profile: {} as Effect.Effect<string, Down, "Db">,
      orders: Source.optional({} as Effect.Effect<number, "no", "Http">),
      tags: Source.orElse({} as Effect.Effect<Date, "no">, null)
    })
    const pair = Aggregator.gather("pair", [Effect.succeed(1), Source.optional(Effect.fail("no"))])
    const some = Aggregator.quorum(
      "some",
      { a: {} as Effect.Effect<string, Down>, b: {} as Effect.Effect<number, "no"> },
      1
    )
    const first = Aggregator.first("first", [{} as Effect.Effect<string, Down>, {} as Effect.Effect<number, "no">])
    const all = Aggregator.collect("all", { a: Source.optional({} as Effect.Effect<string, Down, "Db">) })
    const each = Aggregator.forEach(
      "each",
      [1, 2],
      (n) => ({}) as Effect.Effect<`${number}`, Down, "Db"> & { n: typeof n }
    )
    const safe = Aggregator.forEach("each", [1, 2], (n) => Effect.succeed(n))
    const kept = Aggregator.collectEach("each", [1, 2], (n) => Effect.succeed(n))
    const byId = Aggregator.collectEach("each", {} as Stream.Stream<number, "io">, (n) => Effect.succeed(n), {
      id: String
    })

    type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
    const exactly: [
      Exactly<
        typeof answer,
        Effect.Effect<
          { profile: string; orders: Option.Option<number>; tags: Date | null },
          SourceFailed<Down> | DeadlineExceeded,
          Aggregator | "Db" | "Http"
        >
      >,
      Exactly<typeof pair, Effect.Effect<[number, Option.Option<never>], DeadlineExceeded, Aggregator>>,
      Exactly<Effect.Effect.Success<typeof some>, { a?: string; b?: number }>,
      Exactly<Effect.Effect.Error<typeof some>, QuorumNotReached<Down | "no"> | DeadlineExceeded>,
      Exactly<Effect.Effect.Success<typeof first>, string | number>,
      Exactly<typeof all, Effect.Effect<{ a: Outcome.Outcome<string, Down> }, never, Aggregator | "Db">>,
      Exactly<typeof each, Effect.Effect<Array<`${number}`>, SourceFailed<Down> | DeadlineExceeded, Aggregator | "Db">>,
      Exactly<Effect.Effect.Error<typeof safe>, DeadlineExceeded>,
      Exactly<typeof kept, Effect.Effect<Array<Outcome.Outcome<number>>, never, Aggregator>>,
      Exactly<Effect.Effect.Success<typeof byId>, ReadonlyMap<string, Outcome.Outcome<number>>>
    ] = [true, true, true, true, true, true, true, true, true, true]
    assert.strictEqual(exactly.length, 10)
  })
})

describe("the other policies of Aggregator", () => {
  it.effect("are those of Gather, with the name of the aggregation in their receipts", () =>
    Effect.gen(function* () {
      const sources = { a: succeeds(1), b: Source.optional(fails("no")) }
      const receipts = yield* receiptsOf(
        7,
        Effect.gen(function* () {
          assert.deepStrictEqual(Object.values(yield* Aggregator.collect("x", sources)).map(Outcome.status), [
            "succeeded",
            "failed"
          ])
          assert.deepStrictEqual(yield* Aggregator.quorum("x", sources, 1), { a: 1 })
          assert.strictEqual(yield* Aggregator.first("x", sources), 1)
          assert.deepStrictEqual(yield* Aggregator.forEach("x", [1, 2], (n) => succeeds(n * 2)), [2, 4])
          const failed = yield* Effect.flip(
            Aggregator.forEach("x", ["p", "q"], (item) => fails(item), { id: (item) => item })
          )
          assert(failed._tag === "SourceFailed" && failed.source === "p")
          const each = yield* Aggregator.collectEach("x", ["p"], (item) => succeeds(item), { id: (item) => item })
          assert.deepStrictEqual(each.get("p"), Outcome.Succeeded({ value: "p" }))
          const arrivals = yield* Stream.runCollect(Aggregator.stream("x", sources))
          assert.deepStrictEqual(Chunk.toReadonlyArray(Chunk.map(arrivals, ([name]) => name)), ["a", "b"])
        })
      )

      assert.deepStrictEqual(
        receipts.map(({ aggregation, outcome, policy }) => `${aggregation} ${policy} ${outcome}`),
        [
          "x collect partial",
          "x quorum succeeded",
          "x first succeeded",
          "x forEach succeeded",
          "x forEach failed",
          "x collectEach succeeded",
          "x stream partial"
        ]
      )
    }).pipe(Effect.provide(aggregator))
  )
})

describe("Aggregator.receipts", () => {
  it.effect("publishes each receipt once its last cleanup has ended", () =>
    Effect.gen(function* () {
      const [receipt] = yield* receiptsOf(
        1,
        Aggregator.gather("dashboard", {
          slow: hangs({ cleanup: "3 seconds" }),
          limited: Source.optional(Source.timeLimit(hangs({ cleanup: "4 seconds" }), 10)),
          bad: fails("no", { after: 20 })
        })
      )

      assert(receipt !== undefined)
      assert.deepStrictEqual([receipt.outcome, receipt.elapsed, receipt.settled], ["failed", 20, 4_010])
      assert.deepStrictEqual(
        receipt.sources.map(({ cleaned, cleanup, end, name, outcome }) => [name, outcome, cleanup, end, cleaned]),
        [
          ["slow", "cancelled", "done", 20, 3_020],
          ["limited", "timed-out", "done", 10, 4_010],
          ["bad", "failed", "done", 20, 20]
        ]
      )
      assert.deepStrictEqual(Schema.decodeUnknownSync(Receipt.Receipt)(JSON.parse(JSON.stringify(receipt))), receipt)
    }).pipe(Effect.provide(aggregator))
  )

  it.effect("also has those whose caller went away", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.fork(Aggregator.gather("dashboard", { a: hangs(), b: succeeds(1) }))
        yield* Effect.sleep(50)
        yield* Fiber.interrupt(fiber)
      })
      const [receipt] = yield* receiptsOf(1, program)

      assert.deepStrictEqual(
        [receipt?.outcome, receipt?.firstCause?.kind, receipt?.elapsed],
        ["cancelled", "caller", 50]
      )
      assert.deepStrictEqual(receipt?.victims, ["a"])
    }).pipe(Effect.provide(aggregator))
  )
})

describe("closing an aggregator", () => {
  it.effect("waits for what is cleaning up", () =>
    Effect.gen(function* () {
      const slow = hangs({ cleanup: "3 seconds" })
      const failing = Effect.exit(Aggregator.gather("dashboard", { slow, bad: fails("no", { after: 20 }) }))
      const [elapsed] = yield* Testkit.timed(Effect.provide(failing, aggregator))

      assert.deepStrictEqual([elapsed, slow.seen.cleaned], [3_020, [3_020]])
    })
  )

  it.effect("waits for no longer than the close timeout, and says of whom it gave up", () =>
    Effect.gen(function* () {
      const receipts = yield* Deferred.make<Receipt.Receipt>()
      const program = Effect.gen(function* () {
        yield* Effect.forkDaemon(
          Effect.flatMap(Stream.runHead(Aggregator.receipts), (receipt) =>
            Deferred.succeed(receipts, Option.getOrThrow(receipt))
          )
        )
        yield* Effect.yieldNow()
        yield* Effect.exit(Aggregator.gather("dashboard", { stuck: hangs({ cleanup: "1 hour" }), bad: fails("no") }))
      })
      const [elapsed] = yield* Testkit.timed(
        Effect.provide(program, Aggregator.layer({ closeTimeout: "2 seconds", logger: Testkit.silent }))
      )

      assert.strictEqual(elapsed, 2_000)
      const receipt = yield* Deferred.await(receipts)
      assert.deepStrictEqual(
        receipt.sources.map((source) => source.cleanup),
        ["gave-up", "done"]
      )
      yield* TestClock.adjust("1 hour")
    })
  )
})
