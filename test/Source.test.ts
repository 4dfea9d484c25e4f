import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Option } from "effect"
import * as Cleanup from "../src/Cleanup.ts"
import * as Deadline from "../src/Deadline.ts"
import * as Gather from "../src/Gather.ts"
import * as Source from "../src/Source.ts"
import * as Testkit from "../src/Testkit.ts"

const { hangs, succeeds } = Testkit

describe("Source.timeLimit", () => {
  it.effect("fails at the limit, with the name of the source, whatever the effect does", () =>
    Effect.gen(function* () {
      const stubborn = [
        hangs({ cleanup: "3 seconds" }),
        succeeds(1, { after: "10 seconds", uninterruptible: true }),
        Effect.timeout(Effect.never, "20 seconds")
      ]
      for (const effect of stubborn) {
        const [elapsed, exit] = yield* Testkit.timed(
          Effect.flip(Gather.failFast({ orders: effect.pipe(Source.timeLimit("300 millis")) }))
        )

        assert.strictEqual(elapsed, 300)
        assert(Exit.isSuccess(exit) && exit.value._tag === "SourceTimedOut")
        assert.strictEqual(exit.value.message, `Source "orders" did not answer within its limit of 300 ms`)
      }
      yield* Testkit.timed(Cleanup.settled)
    })
  )

  it.effect("does not hold up the failure of a sibling, as Effect.timeout does", () =>
    Effect.gen(function* () {
      const limited = hangs()
      const [elapsed] = yield* Testkit.timed(
        Gather.failFast([Source.timeLimit(limited, "1500 millis"), Testkit.fails("no", { after: 20 })])
      )

      assert.deepStrictEqual([elapsed, limited.seen.interrupted], [20, [20]])
    })
  )

  it.effect("leaves values, errors and defects as they are", () =>
    Effect.gen(function* () {
      const limited = <A, E>(effect: Effect.Effect<A, E>) => Effect.exit(Source.timeLimit(effect, "1 second"))

      assert.deepStrictEqual(yield* limited(Effect.succeed(1)), Exit.succeed(1))
      assert.deepStrictEqual(yield* limited(Effect.fail("no")), Exit.fail("no"))
      assert.deepStrictEqual(yield* limited(Effect.die("bug")), Exit.die("bug"))
    })
  )

  it.effect("shortens the ambient deadline inside it", () =>
    Effect.gen(function* () {
      const left = yield* Source.timeLimit(Deadline.remaining, "300 millis").pipe(Deadline.within("1 second"))
      const less = yield* Source.timeLimit(Deadline.remaining, "3 seconds").pipe(Deadline.within("1 second"))

      assert.deepStrictEqual([Duration.toMillis(left), Duration.toMillis(less)], [300, 1_000])
    })
  )

  it.effect("refuses a limit that cannot be meant", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Source.timeLimit(Effect.void, NaN))

      assert(Exit.isFailure(exit))
      assert.match(Cause.pretty(exit.cause), /Source.timeLimit: limit must be/)
    })
  )
})

describe("Source.promise", () => {
  it.live("aborts the signal when the source is no longer wanted", () =>
    Effect.gen(function* () {
      let signal: AbortSignal | undefined
      const pending = Source.promise((given) => {
        signal = given
        return new Promise<number>(() => {})
      })
      const error = yield* Effect.flip(Gather.failFast({ pending, bad: Effect.delay(Effect.fail("no"), 5) }))

      assert.strictEqual(error, "no")
      assert.isTrue(signal?.aborted)
    })
  )

  it.live("fails with what was thrown, at once or later", () =>
    Effect.gen(function* () {
      const later = yield* Effect.flip(Source.promise(() => Promise.reject(new Error("later"))))
      const atOnce = yield* Effect.flip(
        Source.promise({
          try: () => {
            throw new Error("at once")
          },
          catch: (error) => String(error)
        })
      )

      assert.strictEqual((later.error as Error).message, "later")
      assert.strictEqual(atOnce, "Error: at once")
    })
  )
})

describe("the outcome policies", () => {
  it("are data: what stands in the answer for a value, and for none", () => {
    const optional = Source.optional(Effect.succeed(1))
    const orElse = Effect.succeed(1).pipe(Source.orElse("none"))

    assert.strictEqual(Source.required(Effect.succeed(1)).absent, undefined)
    assert.deepStrictEqual(optional.absent?.(), Option.none())
    assert.strictEqual(orElse.absent?.(), "none")
    assert.isTrue(Source.isSource(optional) && !Source.isSource(Effect.succeed(1)) && !Source.isSource(null))
  })
})

describe("Source.isTransient", () => {
  it("is true of what asking again may help", () => {
    const source = "orders"
    const reason = "refused"
    assert.isTrue(Source.isTransient(new Source.SourceUnavailable({ source, reason })))
    assert.isTrue(Source.isTransient(new Source.SourceTimedOut({ source, limit: 10 })))
    assert.isFalse(Source.isTransient(new Source.SourceRejected({ source, reason })))
    assert.isFalse(Source.isTransient(new Source.SourceMalformed({ source, reason })))
    assert.isFalse(Source.isTransient("no"))
  })
})
