import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Option, Schema, Stream } from "effect"
import * as Aggregation from "../src/Aggregation.ts"
import { Aggregator } from "../src/Aggregator.ts"
import * as Outcome from "../src/Outcome.ts"
import * as Source from "../src/Source.ts"
import * as Testkit from "../src/Testkit.ts"

const { fails, hangs, succeeds } = Testkit

const Output = Schema.Struct({ name: Schema.String, orders: Schema.NumberFromString })

/** A dashboard over what the test says of its sources. */
const dashboardOf = (
  profile: (id: string) => Effect.Effect<string, string>,
  orders: Effect.Effect<number, string>,
  own: { readonly partial?: true } = {}
) =>
  Aggregation.make("dashboard", {
    input: Schema.Struct({ id: Schema.NonEmptyString }),
    output: Output,
    sources: ({ id }) => ({ profile: profile(id), orders: Source.orElse(orders, 0) }),
    merge: ({ orders, profile }) => ({ name: profile, orders }),
    partial:
      own.partial &&
      ((outcomes, { id }) => ({
        name: Option.getOrElse(Outcome.value(outcomes.profile), () => `user ${id}`),
        orders: Option.getOrElse(Outcome.value(outcomes.orders), () => -1)
      })),
    options: { deadline: 100 }
  })

const named = (id: string) => succeeds(`user ${id}`, { after: 20 })
const aggregator = Effect.provide(Aggregator.layer({ logger: Testkit.silent }))

describe("Aggregation", () => {
  it.effect("is called with an input, and merges what its sources answer", () =>
    Effect.gen(function* () {
      const dashboard = dashboardOf(named, fails("down"))
      const [elapsed, exit] = yield* Testkit.timed(dashboard({ id: "42" }))

      assert.deepStrictEqual([elapsed, exit], [20, Exit.succeed({ name: "user 42", orders: 0 })])
    }).pipe(aggregator)
  )

  it.effect("fails as its sources do, under its own name, at its own deadline", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(dashboardOf(() => fails("no user"), hangs())({ id: "42" }))
      const late = yield* Testkit.timed(Effect.flip(dashboardOf(() => hangs(), succeeds(1))({ id: "42" })))

      assert(failed._tag === "SourceFailed")
      assert.deepStrictEqual(
        [failed.source, failed.error, failed.receipt.aggregation],
        ["profile", "no user", "dashboard"]
      )
      assert.strictEqual(late[0], 100)
      assert(Exit.isSuccess(late[1]) && late[1].value._tag === "DeadlineExceeded")
    }).pipe(aggregator)
  )

  it.effect("answers with what there is, where the plan says what a partial answer is", () =>
    Effect.gen(function* () {
      const { lenient } = dashboardOf(() => hangs(), succeeds(5), { partial: true })
      assert.isUndefined(dashboardOf(named, succeeds(5)).lenient)

      const [elapsed, exit] = yield* Testkit.timed(lenient!({ id: "42" }))
      assert.deepStrictEqual([elapsed, exit], [100, Exit.succeed({ name: "user 42", orders: 5 })])
    }).pipe(aggregator)
  )

  it.effect("streams each source as it arrives", () =>
    Effect.gen(function* () {
      const arrivals = dashboardOf(named, succeeds(5)).stream({ id: "42" })
      const [, exit] = yield* Testkit.timed(Stream.runCollect(arrivals))

      assert(Exit.isSuccess(exit))
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(exit.value).map(([name, outcome]) => [name, Option.getOrNull(Outcome.value(outcome))]),
        [
          ["orders", 5],
          ["profile", "user 42"]
        ]
      )
    }).pipe(aggregator)
  )

  it.effect("reads its input, and names the field that is wrong", () =>
    Effect.gen(function* () {
      const { decode } = dashboardOf(named, succeeds(5))
      const rejected = (input: unknown) =>
        Effect.map(Effect.flip(decode(input)), ({ aggregation, field, reason }) => {
          assert.strictEqual(aggregation, "dashboard")
          return [field, reason]
        })

      assert.deepStrictEqual(yield* decode({ id: "42" }), { id: "42" })
      assert.deepStrictEqual(yield* rejected({}), ["id", "is missing"])
      assert.deepStrictEqual((yield* rejected({ id: "" }))[0], "id")
      assert.deepStrictEqual((yield* rejected({ id: "42", di: 1 }))[0], "di")
      assert.deepStrictEqual((yield* rejected(null))[0], "")
    })
  )

  it.effect("writes its output in its encoded form; one that does not fit is a defect", () =>
    Effect.gen(function* () {
      const { encode } = dashboardOf(named, succeeds(5))
      assert.deepStrictEqual(yield* encode({ name: "Alice", orders: 5 }), { name: "Alice", orders: "5" })

      const Positive = Schema.Struct({ total: Schema.Positive })
      const wrong = Aggregation.make("sum", {
        input: Schema.Struct({}),
        output: Positive,
        sources: () => ({}),
        merge: () => ({ total: -1 })
      })
      const exit = yield* Effect.exit(wrong.encode({ total: -1 }))
      assert(Exit.isFailure(exit))
      const defect = Option.getOrThrow(Cause.dieOption(exit.cause))
      assert(defect instanceof Aggregation.OutputMismatch)
      assert.match(defect.message, /^"total" of the output of "sum" does not fit: /)
    })
  )
})
