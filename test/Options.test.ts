import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import * as fc from "fast-check"
import * as Options from "../src/Options.ts"

const expected = {
  duration: `a duration of zero or more, like "500 millis" or "2 seconds"`,
  count: "a whole number from 1 up",
  concurrency: `a whole number from 1 up, or "unbounded"`
}

const refusal = (read: () => unknown): Options.InvalidOption => {
  try {
    read()
  } catch (error) {
    if (error instanceof Options.InvalidOption) return error
    throw error
  }
  return assert.fail("it was accepted")
}

/** Values that the types forbid, as a program without types would give them. */
const untyped = <T>(value: unknown): T => value as T

describe("Options", () => {
  it("a refusal names the place, the option, the value and what was expected", () => {
    const error = refusal(() => Options.duration("Gather.collect", "grace", -5))

    assert.strictEqual(error._tag, "InvalidOption")
    assert.deepStrictEqual(
      [error.where, error.option, error.value, error.expected],
      ["Gather.collect", "grace", "-5", expected.duration]
    )
    assert.strictEqual(error.message, `Gather.collect: grace must be ${expected.duration}, but it is -5`)
  })

  it.each<[unknown, string]>([
    ["five", `"five"`],
    ["", `""`],
    [NaN, "NaN"],
    [undefined, "undefined"],
    [null, "null"],
    [[-1, 0], "[-1,0]"],
    [{ millis: 5 }, `{"millis":5}`],
    [Object.create(null), "{}"],
    [Symbol("s"), "Symbol(s)"],
    [Duration.seconds(2), "Duration(2s)"]
  ])("shows %o as it was given", (value, shown) => {
    assert.strictEqual(refusal(() => Options.refuse("X", "y", value, "z")).value, shown)
  })

  describe("duration", () => {
    it.each<[Duration.DurationInput, number]>([
      [0, 0],
      [-0, 0],
      [1.5, 1.5],
      [Infinity, Infinity],
      ["2 seconds", 2_000],
      ["0 millis", 0],
      [3_000_000n, 3],
      [[1, 500_000_000], 1_500],
      [[Infinity, 0], Infinity],
      [Duration.minutes(2), 120_000],
      [Duration.infinity, Infinity],
      [Duration.zero, 0]
    ])("reads %s as %d ms", (value, millis) => {
      assert.strictEqual(Options.duration("X", "deadline", value), millis)
    })

    it.each<[string, unknown]>([
      ["NaN", NaN],
      ["a negative number", -1],
      ["a small negative number", -1e-9],
      ["minus infinity", -Infinity],
      ["a negative bigint", -1n],
      ["negative seconds", "-1 seconds"],
      ["negative seconds after a space", " -1 seconds"],
      ["a negative tuple", [-1, 0]],
      ["a tuple that ends negative", [0, -5]],
      ["a tuple with NaN", [NaN, 0]],
      ["a tuple with minus infinity", [0, -Infinity]],
      ["a tuple of three", [1, 2, 3]],
      ["an unknown unit", "2 parsecs"],
      ["a number without a unit", "10"],
      ["the short form", "500ms"],
      ["no text", ""],
      ["other text", "soon"],
      ["nothing", undefined],
      ["null", null],
      ["true", true],
      ["an object", { seconds: 5 }],
      ["a bare object", Object.create(null)],
      ["a date", new Date(0)]
    ])("refuses %s", (_, value) => {
      const error = refusal(() => Options.duration("X", "deadline", untyped(value)))

      assert.deepStrictEqual([error.where, error.option, error.expected], ["X", "deadline", expected.duration])
    })

    it("reads every number of milliseconds from zero up as itself, to the nanosecond, and refuses all below", () => {
      fc.assert(
        fc.property(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), (millis) => {
          if (millis < 0) refusal(() => Options.duration("X", "deadline", millis))
          else assert.approximately(Options.duration("X", "deadline", millis), millis, Math.max(1e-6, millis * 1e-15))
        })
      )
    })
  })

  describe("parseDuration", () => {
    it.each([
      ["500ms", 500],
      ["1.5s", 1_500],
      ["2m", 120_000],
      ["1h", 3_600_000],
      ["1d", 86_400_000],
      ["1.005s", 1_005],
      ["0s", 0],
      [" 10 s ", 10_000],
      ["2 seconds", 2_000],
      ["1 second", 1_000],
      ["0.5 minutes", 30_000],
      ["250 millis", 250],
      ["1 week", 604_800_000]
    ])("reads %o as %d ms", (text, millis) => {
      assert.strictEqual(Options.parseDuration(text), millis)
    })

    it.each([
      "10",
      "",
      " ",
      "abc",
      "-1s",
      "-1 seconds",
      "- 1 seconds",
      "1e3s",
      "1.s",
      ".5s",
      "1,5s",
      "1s 5ms",
      "5S",
      "2 parsecs",
      "s",
      "seconds",
      "Infinity",
      "infinity",
      "NaN",
      "0x10ms",
      "null",
      "9007199254740992ms",
      "999999999999d"
    ])("refuses %o", (text) => {
      assert.isUndefined(Options.parseDuration(text))
    })

    it("refuses what is too large for a number", () => {
      assert.isUndefined(Options.parseDuration(`${"9".repeat(400)}s`))
      assert.isUndefined(Options.parseDuration(`${"9".repeat(400)} seconds`))
    })

    it("reads any text as a finite number of milliseconds from zero up, or as nothing", () => {
      const pieces = fc.constantFrom("1", "0", "9", ".", "-", " ", "e", "m", "s", "ms", "seconds", "days", "Infinity")
      const texts = fc.oneof(
        fc.string(),
        fc.array(pieces).map((all) => all.join(""))
      )

      fc.assert(
        fc.property(texts, (text) => {
          const millis = Options.parseDuration(text)
          assert.isTrue(millis === undefined || (Number.isFinite(millis) && millis >= 0))
        })
      )
    })
  })

  describe("count", () => {
    it("reads whole numbers from the least up", () => {
      assert.strictEqual(Options.count("X", "k", 1), 1)
      assert.strictEqual(Options.count("X", "k", Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
      assert.strictEqual(Options.count("X", "buffer", 0, 0), 0)
    })

    it.each([0, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 53, "3", null, undefined, 3n])("refuses %o", (value) => {
      const error = refusal(() => Options.count("Gather.quorum", "k", untyped(value)))

      assert.deepStrictEqual([error.where, error.option, error.expected], ["Gather.quorum", "k", expected.count])
    })

    it("says which number is the least", () => {
      const error = refusal(() => Options.count("Gather.forEach", "buffer", -1, 0))

      assert.strictEqual(error.message, "Gather.forEach: buffer must be a whole number from 0 up, but it is -1")
    })
  })

  describe("concurrency", () => {
    it("is unbounded when it is left out", () => {
      assert.strictEqual(Options.concurrency("X", undefined), "unbounded")
      assert.strictEqual(Options.concurrency("X", "unbounded"), "unbounded")
      assert.strictEqual(Options.concurrency("X", 3), 3)
    })

    it.each([0, -1, 1.5, NaN, Infinity, "10", "inherit", "", null])("refuses %o", (value) => {
      const error = refusal(() => Options.concurrency("X", untyped(value)))

      assert.deepStrictEqual([error.where, error.option, error.expected], ["X", "concurrency", expected.concurrency])
    })
  })
})
