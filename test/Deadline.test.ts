import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Option, Schema, TestClock } from "effect"
import * as fc from "fast-check"
import * as Deadline from "../src/Deadline.ts"
import * as Options from "../src/Options.ts"
import * as Testkit from "../src/Testkit.ts"

const remaining = Effect.map(Deadline.remaining, Duration.toMillis)

/** The headers with so many milliseconds left. */
const headersWith = (left: number) => Deadline.within(left)(Deadline.toHeaders)

/** A clock on which no time passes. */
const still = Object.assign(Clock.make(), { unsafeCurrentTimeNanos: () => 0n })

const grpc = (text: string) => Option.getOrNull(Deadline.fromHeaders({ "grpc-timeout": text }))
const envoy = (text: string) => Option.getOrNull(Deadline.fromHeaders({ "x-envoy-expected-rq-timeout-ms": text }))
const prefer = (text: string) => Option.getOrNull(Deadline.fromHeaders({ prefer: text }))

describe("Deadline", () => {
  describe("within", () => {
    it.effect("tells those inside how long they have", () =>
      Effect.gen(function* () {
        const [before, after] = yield* Deadline.within("1 second")(
          Effect.gen(function* () {
            const before = yield* remaining
            yield* TestClock.adjust(300)
            return [before, yield* remaining]
          })
        )

        assert.deepStrictEqual([before, after], [1_000, 700])
      })
    )

    it.effect("does not race: an effect that takes longer completes", () =>
      Effect.gen(function* () {
        const source = Testkit.succeeds("late", { after: "3 seconds" })
        const [elapsed, exit] = yield* Testkit.timed(Deadline.within("1 second")(source))

        assert.strictEqual(elapsed, 3_000)
        assert.deepStrictEqual(exit._tag === "Success" && exit.value, "late")
        assert.deepStrictEqual(source.seen.interrupted, [])
      })
    )

    it.effect("a longer one inside a shorter one changes nothing, a shorter one inside a longer one counts", () =>
      Effect.gen(function* () {
        const outer = Deadline.within("1 second")

        assert.strictEqual(yield* outer(Deadline.within("10 seconds")(remaining)), 1_000)
        assert.strictEqual(yield* outer(Deadline.within(Infinity)(remaining)), 1_000)
        assert.strictEqual(yield* outer(Deadline.within("200 millis")(remaining)), 200)
        assert.strictEqual(yield* outer(Effect.zipRight(Deadline.within(5)(Effect.void), remaining)), 1_000)
      })
    )

    it.effect("counts from when the effect is run, not from when it was made", () =>
      Effect.gen(function* () {
        const bounded = Deadline.within("1 second")(remaining)
        yield* TestClock.adjust(5_000)

        assert.strictEqual(yield* bounded, 1_000)
        assert.strictEqual(yield* bounded, 1_000)
      })
    )

    it("only ever shortens, however many are nested", () => {
      const limits = fc.array(fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.constant(Infinity)))

      fc.assert(
        fc.property(limits, (limits) => {
          // A clock that stands still, so that no time passes between the first of them and the last.
          const nested = limits.reduceRight<Effect.Effect<number>>(
            (inner, limit) => Deadline.within(limit)(inner),
            remaining
          )
          const left = Effect.runSync(Effect.withClock(nested, still))

          assert.strictEqual(left, Math.min(Infinity, ...limits))
        })
      )
    })

    it.effect("refuses a duration that cannot be meant, when it is run", () =>
      Effect.gen(function* () {
        for (const wrong of [-1, NaN]) {
          const exit = yield* Effect.exit(Deadline.within(wrong)(Effect.void))
          const defect = exit._tag === "Failure" ? Option.getOrNull(Cause.dieOption(exit.cause)) : null

          assert.instanceOf(defect, Options.InvalidOption)
          assert.deepStrictEqual([defect.where, defect.option], ["Deadline.within", "duration"])
        }
      })
    )
  })

  describe("remaining", () => {
    it.effect("is infinite without a deadline", () =>
      Effect.gen(function* () {
        assert.isFalse(Duration.isFinite(yield* Deadline.remaining))
        assert.isFalse(Duration.isFinite(yield* Deadline.within(Infinity)(Deadline.remaining)))
      })
    )

    it.effect("is zero when the deadline has come, and after it has passed", () =>
      Effect.gen(function* () {
        const [at, after] = yield* Deadline.within(100)(
          Effect.gen(function* () {
            yield* TestClock.adjust(100)
            const at = yield* remaining
            yield* TestClock.adjust(5_000)
            return [at, yield* remaining]
          })
        )

        assert.deepStrictEqual([at, after], [0, 0])
        assert.strictEqual(yield* Deadline.within(0)(remaining), 0)
      })
    )
  })

  describe("toHeaders", () => {
    it.effect("gives whole milliseconds, rounded down", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* headersWith(1_500.9), {
          "grpc-timeout": "1500m",
          "x-envoy-expected-rq-timeout-ms": "1500"
        })
        assert.deepStrictEqual(yield* headersWith(0.9), {
          "grpc-timeout": "0m",
          "x-envoy-expected-rq-timeout-ms": "0"
        })
      })
    )

    it.effect("gives nothing without a deadline", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* Deadline.toHeaders, {})
      })
    )

    it.effect("gives zero when the deadline has passed", () =>
      Effect.gen(function* () {
        const late = Deadline.within(100)(Effect.zipRight(TestClock.adjust(200), Deadline.toHeaders))

        assert.deepStrictEqual(yield* late, { "grpc-timeout": "0m", "x-envoy-expected-rq-timeout-ms": "0" })
      })
    )

    it.effect("keeps grpc-timeout within eight digits, and both readable", () =>
      Effect.gen(function* () {
        for (const [left, grpc] of [
          [99_999_999, "99999999m"],
          [100_000_000, "100000S"],
          [99_999_999_999, "99999999S"],
          [100_000_000_000, "99999999S"],
          [1e22, "99999999S"]
        ] as const) {
          const headers = yield* headersWith(left)

          assert.strictEqual(headers["grpc-timeout"], grpc)
          assert.match(headers["x-envoy-expected-rq-timeout-ms"]!, /^\d{1,15}$/)
        }
      })
    )
  })

  it("what toHeaders writes, fromHeaders reads: never longer than there is, and less than a second shorter", () => {
    const micros = fc.oneof(fc.nat({ max: 1e8 }), fc.integer({ min: 1e10, max: 1e12 }), fc.nat({ max: 9e13 }))
    const lefts = micros.map((micros) => micros / 1_000)

    fc.assert(
      fc.property(lefts, (left) => {
        const headers = Effect.runSync(Effect.withClock(headersWith(left), still))
        const read = Option.getOrThrow(Deadline.fromHeaders(headers))
        const lost = Math.floor(left) - read

        assert.isAtMost(read, left)
        assert.isTrue(left < 1e8 ? lost === 0 : lost >= 0 && lost < 1_000)
        assert.strictEqual(Number(headers["x-envoy-expected-rq-timeout-ms"]), Math.floor(left))
      })
    )
  })

  describe("fromHeaders", () => {
    it("reads nothing where there is nothing", () => {
      assert.deepStrictEqual(Deadline.fromHeaders({}), Option.none())
      assert.deepStrictEqual(Deadline.fromHeaders({ "grpc-timeout": undefined, prefer: undefined }), Option.none())
    })

    it("reads every unit of grpc", () => {
      assert.deepStrictEqual(
        ["2H", "3M", "4S", "5m", "6u", "7n"].map(grpc),
        [7_200_000, 180_000, 4_000, 5, 0.006, 0.000007]
      )
      assert.strictEqual(grpc("0m"), 0)
      assert.strictEqual(grpc(" 5m "), 5)
      assert.strictEqual(grpc("99999999H"), 99_999_999 * 3_600_000)
    })

    it.each(["", "m", "5", "123456789m", "-5m", "1.5S", "5s", "5 m", "5mm", "5h", "1e3m", "5m, 6m", "five"])(
      "passes over the grpc-timeout %o",
      (text) => assert.isNull(grpc(text))
    )

    it.each(["", "-5", "1.5", "1e3", "5ms", "NaN", "Infinity", "9999999999999999", "0x10", "5, 6"])(
      "passes over the x-envoy-expected-rq-timeout-ms %o",
      (text) => assert.isNull(envoy(text))
    )

    it("reads the milliseconds of envoy", () => {
      assert.deepStrictEqual(["0", "5", " 250 "].map(envoy), [0, 5, 250])
    })

    it.each([
      ["wait=5", 5_000],
      ["wait=0", 0],
      ["respond-async, wait=10", 10_000],
      ["wait=10, respond-async", 10_000],
      ["respond-async,wait=10", 10_000],
      ["respond-async; wait=10", 10_000],
      [`return=minimal; foo="a b", wait=7; strict`, 7_000],
      ["handling=lenient, WAIT = 3 , respond-async", 3_000],
      [`wait="12"`, 12_000],
      ["wait=soon, wait=4", 4_000]
    ])("reads the preference %o as %d ms", (text, millis) => {
      assert.strictEqual(prefer(text), millis)
    })

    it.each([
      "",
      "respond-async",
      "wait",
      "wait=",
      "wait=-5",
      "wait=1.5",
      "wait=5s",
      "wait=soon",
      `wait="5`,
      `wait=5"`,
      "await=5",
      "no-wait=5",
      "waiting=5",
      "wait=9999999999",
      `note="first, wait=5"`
    ])("passes over the preference %o", (text) => {
      assert.isNull(prefer(text))
    })

    it("of several the shortest counts, and a broken one spoils no other", () => {
      const headers = (grpc: string, envoy: string, prefer: string) =>
        Option.getOrNull(
          Deadline.fromHeaders({ "grpc-timeout": grpc, "x-envoy-expected-rq-timeout-ms": envoy, prefer })
        )

      assert.strictEqual(headers("3S", "2000", "wait=1"), 1_000)
      assert.strictEqual(headers("3S", "2000", "wait=9"), 2_000)
      assert.strictEqual(headers("1S", "2000", "wait=9"), 1_000)
      assert.strictEqual(headers("soon", "2000", "wait=?"), 2_000)
      assert.strictEqual(headers("3S", "soon", ""), 3_000)
      assert.isNull(headers("soon", "soon", "wait=soon"))
    })

    it("reads any text at all as nothing, or as a time from zero up", () => {
      const text = fc.option(fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{0,20}[HMSmun]?$/)), { nil: undefined })
      const headers = fc.record({ "grpc-timeout": text, "x-envoy-expected-rq-timeout-ms": text, prefer: text })

      fc.assert(
        fc.property(headers, (headers) => {
          const wait = Option.getOrElse(Deadline.fromHeaders(headers), () => 0)
          assert.isTrue(Number.isFinite(wait) && wait >= 0)
        })
      )
    })
  })

  describe("DeadlineExceeded", () => {
    const message = (deadline: number, ...pending: ReadonlyArray<string>) =>
      new Deadline.DeadlineExceeded({ deadline, pending }).message

    it("says what ran out of time, and what it was waiting for", () => {
      assert.strictEqual(message(1_000), "The deadline of 1s passed while waiting for nothing")
      assert.strictEqual(message(1_000, "profile"), `The deadline of 1s passed while waiting for "profile"`)
      assert.strictEqual(
        message(1_500, "a", "b", "c", "d", "e"),
        `The deadline of 1s 500ms passed while waiting for "a", "b", "c", "d", "e"`
      )
      assert.strictEqual(
        message(250, "a", "b", "c", "d", "e", "f", "g"),
        `The deadline of 250ms passed while waiting for "a", "b", "c", "d", "e" and 2 more`
      )
    })

    it("says that a deadline had passed before the start", () => {
      assert.strictEqual(message(0, "a"), `The deadline had passed before anything was asked: "a"`)
    })

    it("gives what was left of an outer deadline in whole milliseconds", () => {
      assert.strictEqual(message(812.3456, "a"), `The deadline of 812ms passed while waiting for "a"`)
    })

    it("goes through JSON and back without a receipt", () => {
      const error = new Deadline.DeadlineExceeded({ deadline: 100, pending: ["a", "b"] })
      const json = JSON.parse(JSON.stringify(Schema.encodeSync(Deadline.DeadlineExceeded)(error)))
      const back = Schema.decodeUnknownSync(Deadline.DeadlineExceeded)(json)

      assert.deepStrictEqual(json, { _tag: "DeadlineExceeded", deadline: 100, pending: ["a", "b"] })
      assert.strictEqual(back.message, error.message)
    })
  })
})
