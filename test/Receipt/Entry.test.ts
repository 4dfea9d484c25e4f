import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import * as Outcome from "../../src/Outcome.ts"
import { recording, source } from "./ByHand.ts"

describe("Entry: a source", () => {
  it("that was never asked has no times", () => {
    const { entry, recorder } = recording()
    entry("a")

    assert.deepStrictEqual(source(recorder, "a"), {
      name: "a",
      outcome: "not-started",
      required: false,
      fallback: false,
      cleanup: "done",
      start: null,
      end: null,
      cleaned: null,
      progress: null,
      error: null
    })
  })

  it("that ended by itself was clean in the same instant", () => {
    const { begun, clock, recorder } = recording()
    clock.at = 10
    const a = begun("a")
    clock.at = 30
    a.progress("1 of 2")
    a.progress("2 of 2")
    a.ended(Exit.succeed(1))

    assert.deepStrictEqual(source(recorder, "a"), {
      name: "a",
      outcome: "succeeded",
      required: false,
      fallback: false,
      cleanup: "done",
      start: 10,
      end: 30,
      cleaned: 30,
      progress: "2 of 2",
      error: null
    })
  })

  it("that failed has its error as tag and message", () => {
    const { begun, recorder } = recording()
    begun("a").ended(Exit.fail(new TypeError("no")))
    begun("b").ended(Exit.die("bug"))

    assert.deepStrictEqual(source(recorder, "a").error, { tag: "TypeError", message: "no" })
    assert.deepStrictEqual(source(recorder, "b").error, { tag: "SourceDied", message: `Source "b" died: bug` })
  })

  it("that ran out of its own limit has that error, with the limit and not with how long it took", () => {
    const { begun, clock, recorder } = recording()
    const a = begun("a")
    clock.at = 52.5
    a.ended(Exit.fail(new Outcome.SourceTimedOut({ source: "a", limit: 50 })))
    const { end, error, outcome } = source(recorder, "a")

    assert.deepStrictEqual([outcome, end], ["timed-out", 52.5])
    assert.deepStrictEqual(error, {
      tag: "SourceTimedOut",
      message: `Source "a" did not answer within its limit of 50 ms`
    })
  })

  it("that was told to stop is cleaning up until its fiber has ended", () => {
    const { begun, clock, recorder } = recording()
    const a = begun("a")
    clock.at = 20
    a.cancelled()
    const told = source(recorder, "a")
    clock.at = 320
    a.cleaned()
    const ended = source(recorder, "a")

    assert.deepStrictEqual([told.outcome, told.cleanup, told.end, told.cleaned], ["cancelled", "running", 20, null])
    assert.deepStrictEqual([ended.outcome, ended.cleanup, ended.end, ended.cleaned], ["cancelled", "done", 20, 320])
  })

  it("that was told to stop before it was asked was not started, and has no times", () => {
    const { clock, entry, recorder } = recording()
    const a = entry("a")
    clock.at = 20
    a.cancelled()
    a.cleaned()
    const { cleaned, cleanup, end, outcome, start } = source(recorder, "a")

    assert.deepStrictEqual([outcome, cleanup, start, end, cleaned], ["not-started", "done", null, null, null])
  })

  it("whose owner gave up stays so, also when its cleanup ends after all", () => {
    const { begun, clock, recorder } = recording()
    const a = begun("a")
    a.cancelled()
    clock.at = 5_000
    a.gaveUp()
    const then = source(recorder, "a")
    clock.at = 60_000
    a.cleaned()

    assert.deepStrictEqual([then.cleanup, then.cleaned], ["gave-up", null])
    assert.deepStrictEqual(source(recorder, "a"), then)
    assert.strictEqual(recorder.cleaning, 0)
  })

  it("that was stopped by the deadline has timed out; one that was stopped before has not", () => {
    const { begun, clock, entry, recorder } = recording()
    const [a, b, c] = [begun("a"), begun("b"), entry("c")]
    clock.at = 40
    b.ended(Exit.succeed(1))
    clock.at = 100
    a.cancelled()
    recorder.entries.forEach((one) => one.timedOut())

    assert.deepStrictEqual(a.result, Outcome.TimedOut({ by: "deadline", after: 100 }))
    assert.deepStrictEqual(b.result, Outcome.Succeeded({ value: 1 }))
    assert.deepStrictEqual(c.result, Outcome.NotStarted())
  })

  it("is cleaning up while a fiber that it let go of is", () => {
    const { begun, clock, recorder } = recording()
    const a = begun("a")
    const inner = a.inner()
    clock.at = 50
    inner.cancelled()
    a.ended(Exit.fail("limit"))
    const ended = source(recorder, "a")
    clock.at = 90
    inner.cleaned()
    const cleaned = source(recorder, "a")

    assert.deepStrictEqual([ended.cleanup, ended.end, ended.cleaned], ["running", 50, null])
    assert.deepStrictEqual([cleaned.cleanup, cleaned.end, cleaned.cleaned], ["done", 50, 90])
  })

  it("with two cleanups is clean when the second has ended", () => {
    const { begun, clock, recorder } = recording()
    const a = begun("a")
    const inner = a.inner()
    a.cancelled()
    inner.cancelled()
    clock.at = 10
    a.cleaned()
    const half = source(recorder, "a").cleanup
    clock.at = 20
    inner.cleaned()

    assert.strictEqual(half, "running")
    assert.deepStrictEqual([source(recorder, "a").cleanup, source(recorder, "a").cleaned], ["done", 20])
  })

  it("is seen by whoever counts what is in flight: once when it begins, once when it ends or is told to stop", () => {
    const { begun, entry, recorder } = recording()
    const seen: Array<string> = []
    recorder.counting = {
      began: ({ name }) => {
        seen.push(`+${name}`)
        return { left: () => void seen.push(`-${name}`) }
      }
    }
    begun("a").ended(Exit.succeed(1))
    const b = begun("b")
    b.cancelled()
    b.cleaned()
    const c = entry("c")
    c.cancelled()
    c.cleaned()
    const d = begun("d")
    d.stepBack()
    d.ended(Exit.die("while it waited"))

    assert.deepStrictEqual(seen, ["+a", "-a", "+b", "-b", "+d", "-d"])
  })
})
