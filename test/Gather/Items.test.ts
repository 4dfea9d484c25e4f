import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Ref, Stream } from "effect"
import * as Cleanup from "../../src/Cleanup.ts"
import * as Gather from "../../src/Gather.ts"
import * as Outcome from "../../src/Outcome.ts"
import * as Testkit from "../../src/Testkit.ts"

const { fails, hangs, succeeds } = Testkit

/** Numbers from 1 up, and how many of them have been pulled. */
const counting = (count: number) =>
  Effect.map(Ref.make(0), (pulled) => ({
    pulled,
    stream: Stream.unfoldEffect(1, (n) =>
      n > count ? Effect.succeedNone : Effect.as(Ref.set(pulled, n), Option.some([n, n + 1] as const))
    )
  }))

for (const [kind, from] of [
  ["an iterable", <A>(items: ReadonlyArray<A>): Iterable<A> | Stream.Stream<A> => items],
  ["a stream", <A>(items: ReadonlyArray<A>): Iterable<A> | Stream.Stream<A> => Stream.fromIterable(items)]
] as const) {
  describe(`Gather.forEach over ${kind}`, () => {
    it.effect("gives all results in input order, no more than the concurrency at once", () =>
      Effect.gen(function* () {
        let inFlight = 0
        let most = 0
        const [elapsed, exit] = yield* Testkit.timed(
          Gather.forEach(
            from([30, 10, 20, 10]),
            (millis, index) =>
              Effect.sync(() => (most = Math.max(most, ++inFlight))).pipe(
                Effect.andThen(Effect.sleep(millis)),
                Effect.andThen(Effect.sync(() => (inFlight--, `${index}:${millis}`)))
              ),
            { concurrency: 2 }
          )
        )

        assert.deepStrictEqual([elapsed, most], [40, 2])
        assert.deepStrictEqual(exit, Exit.succeed(["0:30", "1:10", "2:20", "3:10"]))
      })
    )

    it.effect("fails with the first failure, and asks for nothing after it", () =>
      Effect.gen(function* () {
        const all = [hangs({ cleanup: 500 }), fails("no", { after: 20 }), succeeds(3), succeeds(4)]
        const [elapsed, exit] = yield* Testkit.timed(
          Effect.flip(Gather.forEach(from(all), (source) => source, { concurrency: 2 }))
        )

        assert.deepStrictEqual([elapsed, exit], [20, Exit.succeed("no")])
        assert.deepStrictEqual(
          all.map((source) => source.seen.asked.length),
          [1, 1, 0, 0]
        )
        yield* Testkit.timed(Cleanup.settled)
      })
    )

    it.effect("names items by id in its errors", () =>
      Effect.gen(function* () {
        const [, exit] = yield* Testkit.timed(
          Effect.flip(
            Gather.forEach(from([{ id: "a" }, { id: "b" }]), ({ id }) => (id === "a" ? succeeds(1) : hangs()), {
              id: ({ id }) => id,
              deadline: 100
            })
          )
        )

        assert(Exit.isSuccess(exit) && exit.value._tag === "DeadlineExceeded")
        assert.deepStrictEqual(exit.value.pending, ["b"])
      })
    )

    it.effect("refuses two items with one id", () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Gather.forEach(from(["a", "b", "a"]), Effect.succeed, { id: (item) => item }))

        assert(Exit.isFailure(exit))
        assert.match(Cause.pretty(exit.cause), /Items 0 and 2 have the same id "a"/)
      })
    )

    it.effect("takes a throw of the function for a defect of that item", () =>
      Effect.gen(function* () {
        const outcomes = yield* Gather.collectEach(from([1, 2]), (n) => {
          if (n === 2) throw new Error("thrown")
          return Effect.succeed(n)
        })

        assert.deepStrictEqual(outcomes.map(Outcome.status), ["succeeded", "failed"])
        assert(outcomes[1]?._tag === "Failed" && outcomes[1].error instanceof Outcome.SourceDied)
      })
    )
  })

  describe(`Gather.collectEach over ${kind}`, () => {
    it.effect("gives an outcome for each item, in input order, and by id where ids are given", () =>
      Effect.gen(function* () {
        const f = (n: number) => (n === 2 ? fails(`no ${n}`) : succeeds(n * 10, { after: 30 - n * 10 }))
        const list = yield* Testkit.timed(Gather.collectEach(from([1, 2, 3]), f, { concurrency: 2 }))
        const byId = yield* Testkit.timed(Gather.collectEach(from([1, 2, 3]), f, { id: (n) => `item ${n}` }))

        assert(Exit.isSuccess(list[1]) && Exit.isSuccess(byId[1]))
        assert.deepStrictEqual(list[1].value.map(Outcome.status), ["succeeded", "failed", "succeeded"])
        assert.deepStrictEqual([...byId[1].value.keys()], ["item 1", "item 2", "item 3"])
        assert.deepStrictEqual(byId[1].value.get("item 3"), Outcome.Succeeded({ value: 30 }))
      })
    )

    it.effect("keeps what has finished at the deadline", () =>
      Effect.gen(function* () {
        const f = (n: number) => (n === 2 ? hangs() : succeeds(n, { after: 10 }))
        const [elapsed, exit] = yield* Testkit.timed(Gather.collectEach(from([1, 2, 3]), f, { deadline: 100 }))

        assert.strictEqual(elapsed, 100)
        assert(Exit.isSuccess(exit))
        assert.deepStrictEqual(exit.value.map(Outcome.status), ["succeeded", "timed-out", "succeeded"])
      })
    )
  })
}

describe("a stream of items", () => {
  for (const buffer of [0, 3]) {
    it.effect(`is never pulled further ahead than the concurrency and a buffer of ${buffer}`, () =>
      Effect.gen(function* () {
        const { pulled, stream } = yield* counting(20)
        let done = 0
        let furthest = 0
        const [elapsed] = yield* Testkit.timed(
          Gather.forEach(
            stream,
            () =>
              Effect.gen(function* () {
                yield* Effect.sleep(10)
                furthest = Math.max(furthest, (yield* Ref.get(pulled)) - done)
                done += 1
              }),
            { concurrency: 2, buffer }
          )
        )

        assert.deepStrictEqual([done, furthest, elapsed], [20, 2 + buffer, 100])
      })
    )
  }

  it.effect("is not pulled any more once the answer is decided", () =>
    Effect.gen(function* () {
      const { pulled, stream } = yield* counting(20)
      yield* Testkit.timed(
        Effect.exit(
          Gather.forEach(stream, (n) => (n === 2 ? fails("no", { after: 10 }) : hangs()), { concurrency: 2, buffer: 3 })
        )
      )

      assert.strictEqual(yield* Ref.get(pulled), 5)
    })
  )

  it.effect("that is slow to close does not hold up the answer", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const stream = Stream.ensuring(
        Stream.range(1, 100),
        Effect.zipRight(
          Effect.sleep("3 seconds"),
          Effect.sync(() => closed.push("closed"))
        )
      )
      const [elapsed] = yield* Testkit.timed(
        Gather.forEach(stream, (n) => (n === 2 ? fails("no", { after: 10 }) : hangs()), { concurrency: 2 })
      )

      assert.deepStrictEqual([elapsed, closed], [10, []])
      yield* Testkit.timed(Cleanup.settled)
      assert.deepStrictEqual(closed, ["closed"])
    })
  )

  it.effect("that hangs is named as what was awaited at the deadline", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(Stream.make(1), Stream.never)
      const [elapsed, exit] = yield* Testkit.timed(
        Effect.flip(Gather.forEach(stream, Effect.succeed, { deadline: 100 }))
      )

      assert.strictEqual(elapsed, 100)
      assert(Exit.isSuccess(exit) && exit.value._tag === "DeadlineExceeded")
      assert.deepStrictEqual(exit.value.pending, ["input"])
    })
  )

  it.effect("that fails fails forEach at once, while collectEach finishes and keeps what was read", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(Stream.make(1, 2), Stream.fail("broken line"))
      const f = (n: number) => succeeds(n, { after: 50 })

      const [fast, failed] = yield* Testkit.timed(Effect.flip(Gather.forEach(stream, f)))
      const [elapsed, exit] = yield* Testkit.timed(Effect.flip(Gather.collectEach(stream, f)))

      assert.deepStrictEqual([fast, failed], [0, Exit.succeed("broken line")])
      assert.strictEqual(elapsed, 50)
      assert(Exit.isSuccess(exit) && exit.value._tag === "InputFailed")
      assert.strictEqual(exit.value.error, "broken line")
      assert.deepStrictEqual([...exit.value.outcomes.values()].map(Outcome.status), ["succeeded", "succeeded"])
    })
  )

  it.effect("that is empty gives an empty answer", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Gather.forEach(Stream.empty, Effect.succeed), [])
      assert.deepStrictEqual(yield* Gather.collectEach([], Effect.succeed), [])
    })
  )

  it.effect("is refused a buffer that cannot be meant", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Gather.forEach(Stream.make(1), Effect.succeed, { concurrency: 1, buffer: -1 }))

      assert(Exit.isFailure(exit))
      assert.match(Cause.pretty(exit.cause), /Gather.forEach: buffer must be a whole number from 0 up/)
    })
  )
})
