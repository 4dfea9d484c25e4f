import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, Fiber, Schema, Scope, TestClock } from "effect"
import * as Cleanup from "../src/Cleanup.ts"
import { DeadlineExceeded } from "../src/Deadline.ts"
import * as Policies from "../src/Gather/Policies.ts"
import type { RunOptions, Task } from "../src/Gather/Run.ts"
import * as Receipt from "../src/Receipt.ts"
import * as Recorder from "../src/Receipt/Recorder.ts"
import * as Source from "../src/Source.ts"
import * as Testkit from "../src/Testkit.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {
  override get message() {
    return `refused: ${this.why}`
  }
}
class Bare extends Data.TaggedError("Bare") {}

const throughJson = <A, I>(schema: Schema.Schema<A, I>, value: A): A =>
  Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(Schema.encodeSync(schema)(value))))

/** Asks for all of them, and answers with the way to read the receipt. */
const asked = (
  policy: "failFast" | "collect",
  tasks: Record<string, Effect.Effect<unknown, unknown>>,
  options?: RunOptions
) =>
  Effect.map(Recorder.make("dashboard", policy), (recorder) => {
    const context = { where: "test", recorder, options }
    const list: ReadonlyArray<Task<unknown, unknown, never>> = Object.entries(tasks).map(([name, effect]) => ({
      name,
      effect
    }))
    const answer: Effect.Effect<unknown, unknown> = Policies[policy](context, list)
    return { answer, receipt: () => recorder.receipt() }
  })

/** The receipt of a run that ends by itself, once it is settled. */
const receiptOf = (...args: Parameters<typeof asked>) =>
  Effect.gen(function* () {
    const { answer, receipt } = yield* asked(...args)
    yield* Testkit.timed(answer)
    yield* Testkit.timed(Cleanup.settled)
    return receipt()
  })

const assertRoundTrip = (receipt: Receipt.Receipt) =>
  assert.deepStrictEqual(throughJson(Receipt.Receipt, receipt), receipt)

describe("Receipt", () => {
  it.effect("of a success says when each source ended, and goes through JSON and back", () =>
    Effect.gen(function* () {
      const receipt = yield* receiptOf(
        "failFast",
        { a: Testkit.succeeds(1, { after: 300 }), b: Testkit.succeeds(2, { after: 100 }) },
        { deadline: "1 second" }
      )

      assertRoundTrip(receipt)
      assert.deepStrictEqual(
        {
          ...receipt,
          id: "",
          sources: receipt.sources.map(({ name, outcome, start, end }) => [name, outcome, start, end])
        },
        {
          version: 1,
          id: "",
          aggregation: "dashboard",
          policy: "failFast",
          outcome: "succeeded",
          startedAt: 0,
          elapsed: 300,
          settled: 300,
          deadline: 1_000,
          remaining: 700,
          traceId: null,
          firstCause: null,
          victims: [],
          criticalPath: ["a"],
          sources: [
            ["a", "succeeded", 0, 300],
            ["b", "succeeded", 0, 100]
          ]
        }
      )
    })
  )

  it.effect("of a failure names the first cause and its victims, and goes through JSON and back", () =>
    Effect.gen(function* () {
      const receipt = yield* receiptOf(
        "failFast",
        {
          slow: Testkit.hangs({ cleanup: "3 seconds" }),
          broken: Testkit.fails(new Refused({ why: "full" }), { after: 20 }),
          waiting: Testkit.succeeds(1)
        },
        { concurrency: 2 }
      )

      assertRoundTrip(receipt)
      assert.deepStrictEqual([receipt.outcome, receipt.elapsed, receipt.settled], ["failed", 20, 3_020])
      assert.deepStrictEqual([receipt.deadline, receipt.remaining], [null, null])
      assert.deepStrictEqual(receipt.firstCause, {
        kind: "failure",
        source: "broken",
        message: "refused: full",
        at: 20
      })
      assert.deepStrictEqual(receipt.victims, ["slow", "waiting"])
      assert.deepStrictEqual(
        receipt.sources.map(({ name, outcome, cleanup, end, cleaned }) => [name, outcome, cleanup, end, cleaned]),
        [
          ["slow", "cancelled", "done", 20, 3_020],
          ["broken", "failed", "done", 20, 20],
          ["waiting", "not-started", "done", null, null]
        ]
      )
      assert.deepStrictEqual(receipt.sources[1]!.error, { tag: "Refused", message: "refused: full" })
    })
  )

  it.effect("of a partial answer names what is missing, and goes through JSON and back", () =>
    Effect.gen(function* () {
      const receipt = yield* receiptOf(
        "collect",
        {
          good: Testkit.succeeds(1),
          limited: Source.timeLimit(Testkit.hangs(), 50),
          bug: Testkit.dies(new TypeError("bug"), { after: 60 }),
          late: Testkit.hangs()
        },
        { deadline: 100 }
      )

      assertRoundTrip(receipt)
      assert.strictEqual(receipt.outcome, "partial")
      assert.deepStrictEqual([receipt.elapsed, receipt.remaining], [100, 0])
      assert.deepStrictEqual([receipt.firstCause?.kind, receipt.firstCause?.source], ["limit", "limited"])
      assert.deepStrictEqual(receipt.victims, [])
      assert.deepStrictEqual(
        receipt.sources.map(({ outcome, error }) => [outcome, error?.tag]),
        [
          ["succeeded", undefined],
          ["timed-out", "SourceTimedOut"],
          ["failed", "SourceDied"],
          ["timed-out", undefined]
        ]
      )
    })
  )

  it.effect("of a late answer stands in the error, and goes through JSON with it and back", () =>
    Effect.gen(function* () {
      const { answer } = yield* asked("failFast", { a: Testkit.hangs(), b: Testkit.succeeds(1) }, { deadline: 100 })
      const [, exit] = yield* Testkit.timed(Effect.flip(answer))
      const error = Exit.isSuccess(exit) ? exit.value : undefined
      if (!(error instanceof DeadlineExceeded)) return assert.fail(`it is ${error}`)
      const back = throughJson(DeadlineExceeded, error)

      assert.deepStrictEqual([back.deadline, back.pending], [100, ["a"]])
      assert.strictEqual(back.message, error.message)
      assert.deepStrictEqual(back.receipt, error.receipt)
      assert.strictEqual(back.receipt?.outcome, "timed-out")
      assert.deepStrictEqual(back.receipt?.firstCause, {
        kind: "deadline",
        source: "a",
        message: "the deadline passed",
        at: 100
      })
    })
  )

  it.effect("of a caller who went away says so, and goes through JSON and back", () =>
    Effect.gen(function* () {
      const slow = Testkit.hangs({ cleanup: "3 seconds" })
      const { answer, receipt } = yield* asked("failFast", { quick: Testkit.succeeds(1), slow })
      const caller = yield* Effect.fork(answer)
      yield* TestClock.adjust(40)
      yield* Fiber.interrupt(caller)
      const left = receipt()
      yield* Testkit.timed(Cleanup.settled)

      assertRoundTrip(left)
      assert.deepStrictEqual([left.outcome, left.elapsed, left.settled], ["cancelled", 40, null])
      assert.deepStrictEqual(left.firstCause, {
        kind: "caller",
        source: null,
        message: "the caller went away",
        at: 40
      })
      assert.deepStrictEqual(left.victims, ["slow"])
      assert.deepStrictEqual(
        left.sources.map(({ outcome, cleanup }) => [outcome, cleanup]),
        [
          ["succeeded", "done"],
          ["cancelled", "running"]
        ]
      )
      assert.strictEqual(receipt().settled, 3_040)
    })
  )

  it.effect("follows a cleanup from running to done", () =>
    Effect.gen(function* () {
      const slow = Testkit.hangs({ cleanup: "3 seconds" })
      const { answer, receipt } = yield* asked("failFast", { slow, broken: Testkit.fails("no", { after: 20 }) })
      yield* Testkit.timed(answer)
      const left = receipt()
      yield* Testkit.timed(Cleanup.settled)
      const settled = receipt()

      assertRoundTrip(left)
      assert.deepStrictEqual(
        [left.settled, left.sources[0]!.cleanup, left.sources[0]!.cleaned],
        [null, "running", null]
      )
      assert.deepStrictEqual(
        [settled.settled, settled.sources[0]!.cleanup, settled.sources[0]!.cleaned],
        [3_020, "done", 3_020]
      )
    })
  )

  it.effect("says that the owner gave up, and is settled then", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const owner = yield* Scope.extend(Cleanup.make({ closeTimeout: 1_000 }), scope)
      const slow = Testkit.hangs({ cleanup: "1 minute" })
      const { answer, receipt } = yield* asked("failFast", { slow, broken: Testkit.fails("no") })
      yield* Testkit.timed(Effect.provideService(answer, Cleanup.Owner, owner))
      yield* Testkit.timed(Scope.close(scope, Exit.void))
      const left = receipt()
      yield* Testkit.timed(Cleanup.settled)

      assertRoundTrip(left)
      assert.deepStrictEqual(
        [left.settled, left.sources[0]!.cleanup, left.sources[0]!.cleaned],
        [1_000, "gave-up", null]
      )
      assert.deepStrictEqual(receipt(), left)
    })
  )

  it.effect("follows the sources that the answer waited for where not all are asked at once", () =>
    Effect.gen(function* () {
      const receipt = yield* receiptOf(
        "failFast",
        {
          a: Testkit.succeeds(1, { after: 400 }),
          b: Testkit.succeeds(1, { after: 100 }),
          c: Testkit.succeeds(1, { after: 200 }),
          d: Testkit.succeeds(1, { after: 300 })
        },
        { concurrency: 2 }
      )

      assert.deepStrictEqual(receipt.criticalPath, ["b", "c", "d"])
      assert.strictEqual(receipt.elapsed, 600)
    })
  )

  it.effect("has the last word that a source said of how far it had got", () =>
    Effect.gen(function* () {
      const loop = Effect.forEach([1, 2, 3, 4], (step) =>
        Effect.zipRight(Effect.sleep(100), Receipt.progress(`${step} of 4`))
      )
      const receipt = yield* receiptOf(
        "collect",
        { whole: loop, cut: Effect.delay(loop, 160), quiet: Effect.void },
        { deadline: 450 }
      )

      assertRoundTrip(receipt)
      assert.deepStrictEqual(
        receipt.sources.map((source) => source.progress),
        ["4 of 4", "2 of 4", null]
      )
    })
  )

  it.effect("progress outside a source is said to nobody", () => Receipt.progress("1 of 2"))

  it("refuses what is no receipt", () => {
    const decode = Schema.decodeUnknownEither(Receipt.Receipt)

    assert.isTrue(decode({})._tag === "Left")
    assert.isTrue(decode({ version: 2 })._tag === "Left")
  })

  describe("describe", () => {
    const circular: Record<string, unknown> = {}
    circular["self"] = circular
    class Unreadable extends Error {
      override get message(): string {
        throw new Error("not even this")
      }
    }

    it.each<[string, unknown, string, string, number?]>([
      ["an Error", new TypeError("x is not a function"), "TypeError", "x is not a function"],
      ["an Error without a message", new RangeError(), "RangeError", "RangeError"],
      ["a tagged error", new Refused({ why: "full" }), "Refused", "refused: full"],
      ["a tagged error without a message", new Bare(), "Bare", "Bare"],
      ["text", "boom", "string", "boom"],
      ["no text", "", "string", ""],
      ["undefined", undefined, "undefined", "undefined"],
      ["null", null, "object", "null"],
      ["a number", 42, "number", "42"],
      ["a symbol", Symbol("s"), "symbol", "Symbol(s)"],
      ["a plain object", { status: 500 }, "Object", `{"status":500}`, 500],
      ["a status that is no number", { status: "busy" }, "Object", `{"status":"busy"}`],
      ["a status that JSON cannot hold", { status: NaN }, "Object", `{"status":null}`],
      ["a tagged object", { _tag: "Busy", status: 503 }, "Busy", `{"_tag":"Busy","status":503}`, 503],
      ["an object with a message", { message: "busy" }, "Object", "busy"],
      ["an object whose message is no text", { message: 5 }, "Object", `{"message":5}`],
      ["an empty object", {}, "Object", "Object"],
      ["a bare object", Object.create(null), "Object", "Object"],
      ["a circular object", circular, "Object", "Object"],
      ["an object that JSON cannot hold", { big: 1n }, "Object", "Object"],
      ["an object that is nothing in JSON", { toJSON: () => undefined }, "Object", "Object"],
      ["an error that cannot be read", new Unreadable(), "Object", "an error that cannot be read"]
    ])("reads %s", (_, error, tag, message, status) => {
      assert.deepStrictEqual(Receipt.describe(error), { tag, message, ...(status !== undefined && { status }) })
    })

    it("cuts a message off at 2,000 characters, and says so", () => {
      const whole = "x".repeat(2_000)
      const { message } = Receipt.describe(new Error(`${whole}y`))

      assert.strictEqual(Receipt.describe(new Error(whole)).message, whole)
      assert.strictEqual(message, `${"x".repeat(1_999)}…`)
      assert.strictEqual(Receipt.describe({ text: whole }).message.length, 2_000)
      assert.strictEqual(Receipt.describe("z".repeat(1e6)).message.length, 2_000)
    })

    it("never cuts a character in two", () => {
      const { message } = Receipt.describe(new Error(`${"x".repeat(1_998)}🙂🙂`))

      assert.strictEqual(message, `${"x".repeat(1_998)}…`)
    })
  })
})
