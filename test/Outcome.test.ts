import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, FiberId, Option, Schema } from "effect"
import * as Outcome from "../src/Outcome.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}

const failed = (outcome: Outcome.Outcome<unknown, unknown>) =>
  outcome._tag === "Failed" ? outcome : assert.fail(`it is ${outcome._tag}`)

const died = (error: unknown) => (error instanceof Outcome.SourceDied ? error : assert.fail(`it is ${error}`))

const throughJson = <A, I>(schema: Schema.Schema<A, I>, value: A): A =>
  Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(Schema.encodeSync(schema)(value))))

describe("Outcome", () => {
  describe("fromExit", () => {
    it("a value is a success", () => {
      const outcome = Outcome.fromExit("users", Exit.succeed(undefined), 5)

      assert.deepStrictEqual(outcome, Outcome.Succeeded({ value: undefined }))
    })

    it("an error is a failure with that error, and with the whole cause", () => {
      const error = new Refused({ why: "no" })
      const outcome = failed(Outcome.fromExit("users", Exit.fail(error), 5))

      assert.strictEqual(outcome.error, error)
      assert.deepStrictEqual(outcome.cause, Cause.fail(error))
      assert.isFalse(Outcome.isDefect(outcome))
    })

    it("a defect is a failure with a SourceDied that names the source", () => {
      const defect = new TypeError("x is not a function")
      const outcome = failed(Outcome.fromExit("users", Exit.die(defect), 5))
      const error = died(outcome.error)

      assert.strictEqual(error.source, "users")
      assert.strictEqual(error.defect, defect)
      assert.isTrue(Outcome.isDefect(outcome))
    })

    it("a source that interrupted itself has died: nobody asked it to stop", () => {
      const outcome = failed(Outcome.fromExit("users", Exit.interrupt(FiberId.none), 5))

      assert.strictEqual(
        died(outcome.error).message,
        `Source "users" died: InterruptedException: it interrupted itself`
      )
      assert.isTrue(Outcome.isDefect(outcome))
    })

    it.effect("Effect.interrupt inside a source is seen as such", () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.interruptible(Effect.interrupt))
        const outcome = failed(Outcome.fromExit("users", exit, 5))

        assert.instanceOf(outcome.error, Outcome.SourceDied)
      })
    )

    it("its own time limit is a TimedOut by the limit, with the time that it ran", () => {
      const error = new Outcome.SourceTimedOut({ source: "users", limit: 50 })

      assert.deepStrictEqual(
        Outcome.fromExit("users", Exit.fail(error), 51),
        Outcome.TimedOut({ by: "limit", after: 51 })
      )
    })

    it("of an error and a defect in one cause the error is the answer, and the defect is kept", () => {
      const error = new Refused({ why: "no" })
      const defect = new Error("in the finalizer")

      for (const cause of [
        Cause.sequential(Cause.fail(error), Cause.die(defect)),
        Cause.parallel(Cause.die(defect), Cause.fail(error))
      ]) {
        const outcome = failed(Outcome.fromExit("users", Exit.failCause(cause), 5))

        assert.strictEqual(outcome.error, error)
        assert.deepStrictEqual(Array.from(Cause.defects(outcome.cause)), [defect])
        assert.isFalse(Outcome.isDefect(outcome))
      }
    })

    it("of an interruption and a defect in one cause the defect is what it died of", () => {
      const defect = new Error("in the finalizer")
      const cause = Cause.sequential(Cause.interrupt(FiberId.none), Cause.die(defect))

      assert.strictEqual(died(failed(Outcome.fromExit("users", Exit.failCause(cause), 5)).error).defect, defect)
    })

    it("an empty cause is not taken for an answer", () => {
      assert.instanceOf(failed(Outcome.fromExit("users", Exit.failCause(Cause.empty), 5)).error, Outcome.SourceDied)
    })
  })

  it("has one word for each outcome", () => {
    const all = [
      Outcome.Succeeded({ value: 1 }),
      Outcome.Failed({ error: "e", cause: Cause.fail("e") }),
      Outcome.TimedOut({ by: "deadline", after: 1 }),
      Outcome.Cancelled(),
      Outcome.NotStarted()
    ]

    assert.deepStrictEqual(all.map(Outcome.status), ["succeeded", "failed", "timed-out", "cancelled", "not-started"])
    assert.deepStrictEqual(all.map(Outcome.status), [...Outcome.Status.literals])
  })

  it("gives a value, or an error, or neither", () => {
    const succeeded = Outcome.Succeeded({ value: undefined })
    const failure = Outcome.Failed({ error: "e", cause: Cause.fail("e") })
    const late = Outcome.TimedOut({ by: "deadline", after: 1 })

    assert.deepStrictEqual(Outcome.value(succeeded), Option.some(undefined))
    assert.deepStrictEqual(Outcome.error(succeeded), Option.none())
    assert.deepStrictEqual(Outcome.value(failure), Option.none())
    assert.deepStrictEqual(Outcome.error(failure), Option.some("e"))
    assert.deepStrictEqual(Outcome.value(late), Option.none())
    assert.deepStrictEqual(Outcome.error(late), Option.none())
  })

  describe("message", () => {
    it("says why there is no value", () => {
      const failed = (error: unknown) => Outcome.Failed({ error, cause: Cause.fail(error) })
      const all = [
        Outcome.Succeeded({ value: 1 }),
        failed(new Error("no")),
        failed(new RangeError()),
        failed("text"),
        failed({ status: 500 }),
        failed(Object.create(null)),
        Outcome.TimedOut({ by: "deadline", after: 99.6 }),
        Outcome.TimedOut({ by: "limit", after: 50 }),
        Outcome.Cancelled(),
        Outcome.NotStarted()
      ]

      assert.deepStrictEqual(
        all.map((outcome) => Option.getOrNull(Outcome.message(outcome))),
        [
          null,
          "no",
          "RangeError",
          "text",
          `{"status":500}`,
          "{}",
          "no answer within the deadline, after 100 ms",
          "no answer within its own limit, after 50 ms",
          "cancelled",
          "not started"
        ]
      )
    })
  })

  describe("partition", () => {
    const one = Outcome.Succeeded({ value: 1 })
    const none = Outcome.Succeeded({ value: undefined })
    const no = Outcome.Failed({ error: "no", cause: Cause.fail("no") })
    const cancelled = Outcome.Cancelled()

    it("parts what worked from what did not, by name, in input order", () => {
      const { failures, values } = Outcome.partition({ d: no, c: one, b: cancelled, a: none })

      assert.deepStrictEqual(
        [...values],
        [
          ["c", 1],
          ["a", undefined]
        ]
      )
      assert.deepStrictEqual(
        [...failures],
        [
          ["d", no],
          ["b", cancelled]
        ]
      )
    })

    it("takes lists, whose names are positions, and maps", () => {
      const ofList = Outcome.partition([one, no, none])
      const ofMap = Outcome.partition(
        new Map<string, Outcome.Outcome<number, string>>([
          ["y", no],
          ["x", one]
        ])
      )

      assert.deepStrictEqual([[...ofList.values.keys()], [...ofList.failures.keys()]], [["0", "2"], ["1"]])
      assert.deepStrictEqual([[...ofMap.values.keys()], [...ofMap.failures.keys()]], [["x"], ["y"]])
    })

    it("of nothing is nothing", () => {
      const { failures, values } = Outcome.partition({})

      assert.deepStrictEqual([values.size, failures.size], [0, 0])
    })
  })

  describe("SourceDied", () => {
    const circular: Record<string, unknown> = { a: 1 }
    circular["self"] = circular

    it.each<[string, unknown, string]>([
      ["an error", new TypeError("x is not a function"), "TypeError: x is not a function"],
      ["an error without a message", new RangeError(), "RangeError"],
      ["a tagged error", new Refused({ why: "no" }), `Refused: { "why": "no" }`],
      ["text", "boom", "boom"],
      ["undefined", undefined, "undefined"],
      ["null", null, "null"],
      ["a number", 42, "42"],
      ["a symbol", Symbol("s"), "Symbol(s)"],
      ["an object", { status: 500 }, `{"status":500}`],
      ["a circular object", circular, `{"a":1}`],
      ["a bare object", Object.create(null), "{}"]
    ])("says what was thrown: %s", (_, defect, text) => {
      const error = new Outcome.SourceDied({ source: "users", defect })

      assert.strictEqual(error.message, `Source "users" died: ${text}`)
    })

    it("has a message even when what was thrown cannot be read", () => {
      class Unreadable extends Error {
        override get message(): string {
          throw new Error("not even this")
        }
      }
      const outcome = failed(Outcome.fromExit("users", Exit.die(new Unreadable()), 5))

      assert.strictEqual(died(outcome.error).message, `Source "users" died: Error: something that cannot be shown`)
    })

    it("goes through JSON and back", () => {
      const error = new Outcome.SourceDied({ source: "users", defect: new TypeError("x is not a function") })
      const back = throughJson(Outcome.SourceDied, error)

      assert.instanceOf(back, Outcome.SourceDied)
      assert.instanceOf(back.defect, Error)
      assert.strictEqual(back.source, "users")
      assert.strictEqual(back.message, error.message)
    })

    it("goes through JSON and back when no Error was thrown", () => {
      const error = new Outcome.SourceDied({ source: "users", defect: { status: 500 } })

      assert.strictEqual(throughJson(Outcome.SourceDied, error).message, error.message)
    })
  })

  describe("SourceTimedOut", () => {
    it("goes through JSON and back", () => {
      const error = new Outcome.SourceTimedOut({ source: "users", limit: 1_500 })
      const back = throughJson(Outcome.SourceTimedOut, error)

      assert.instanceOf(back, Outcome.SourceTimedOut)
      assert.deepStrictEqual([back.source, back.limit], ["users", 1_500])
      assert.strictEqual(back.message, `Source "users" did not answer within its limit of 1500 ms`)
    })
  })
})
