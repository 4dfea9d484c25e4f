import * as Persistence from "@effect/experimental/Persistence"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schema } from "effect"
import { JsonNumber } from "../../../src/Json.ts"
import * as Cleanup from "../../../src/Cleanup.ts"
import * as Cache from "../../../src/Resilience/Cache.ts"
import * as Persisted from "../../../src/Resilience/Cache/Persisted.ts"
import * as Sharing from "../../../src/Resilience/Metrics/Sharing.ts"
import { succeeds } from "../../../src/Testkit.ts"
import { inTurn, onMachine, refuses, timed, valueOf } from "../Calls.ts"

interface Order {
  readonly id: number
  readonly placed: Date
}
interface NoSuchOrder {
  readonly reason: string
}
const key: Cache.Key = { caller: "alice", call: ["orders", 42] }
const one: Order = { id: 1, placed: new Date(1) }
const two: Order = { id: 2, placed: new Date(2) }
const gone = Effect.fail<NoSuchOrder>({ reason: "gone" })
const value = Schema.Struct({ id: Schema.Number, placed: Schema.Date })
const failure = Schema.Struct({ reason: Schema.String })
const options = { name: "orders", value, ttl: 1_000, failures: { ttl: 100 } }
const make = (name = "orders") => Persisted.make({ ...options, name, failure })

/** A place where a call finds this, or fails. */
const place = (get: Effect.Effect<Option.Option<unknown>, Persistence.PersistenceError>) =>
  Layer.succeed(Persistence.BackingPersistence, {
    [Persistence.BackingPersistenceTypeId]: Persistence.BackingPersistenceTypeId,
    make: () =>
      Effect.succeed({
        get: () => get,
        getMany: () => Effect.succeed([]),
        set: () => Effect.fail(trouble),
        setMany: () => Effect.void,
        remove: () => Effect.fail(trouble),
        clear: Effect.void
      })
  })
const trouble = Persistence.PersistenceBackingError.make("get", "no connection")

describe("a persisted cache", () => {
  onMachine(
    "gives what another of the same name has kept, and not that of another name",
    Effect.gen(function* () {
      const [mine, others, unrelated] = [yield* make(), yield* make(), yield* make("other")]
      const call = inTurn(succeeds(one, { after: 10 }), succeeds(two))
      assert.deepStrictEqual(yield* Cache.with(mine, key)(call), one)
      yield* Cleanup.settled
      assert.deepStrictEqual(yield* timed(Cache.with(others, key)(call)), [0, Exit.succeed(one)])
      assert.deepStrictEqual(yield* Cache.with(unrelated, key)(call), two)
      yield* Effect.sleep(1_000)
      assert.deepStrictEqual(yield* Cache.with(others, key)(call), two)
      yield* others.invalidate(key)
      yield* Cleanup.settled
      yield* Cache.with(mine, key)(call)
      assert.lengthOf(call.asked, 4)
    }).pipe(Effect.scoped, Effect.provide(Persistence.layerMemory))
  )

  onMachine(
    "keeps failures if it has a schema of them, and none otherwise",
    Effect.gen(function* () {
      const twice = (cache: Cache.Cache<Order, NoSuchOrder>, call: Effect.Effect<Order, NoSuchOrder>) =>
        Effect.gen(function* () {
          const ask = Effect.exit(Cache.with(cache, key)(call))
          yield* ask
          yield* Cleanup.settled
          return yield* ask
        })
      const kept = inTurn(gone, succeeds(one))
      assert.deepStrictEqual(yield* twice(yield* make(), kept), Exit.fail({ reason: "gone" }))
      yield* Effect.sleep(100)
      assert.deepStrictEqual(yield* twice(yield* make(), kept), Exit.succeed(one))

      const without = yield* Persisted.make<Order, typeof value.Encoded, NoSuchOrder>({ ...options, name: "none" })
      assert.deepStrictEqual(yield* twice(without, inTurn(gone, succeeds(two))), Exit.succeed(two))
    }).pipe(Effect.scoped, Effect.provide(Persistence.layerMemory))
  )

  for (const [what, get] of Object.entries({
    "cannot be asked": Effect.fail(trouble),
    "does not answer": Effect.never,
    "answers with something else": Effect.succeed(Option.some({ at: 0, exit: { _tag: "Success", value: "?" } })),
    "answers with less": Effect.succeed(Option.some(null))
  })) {
    onMachine(
      `knows nothing where the place ${what}, and makes the call`,
      Effect.gen(function* () {
        const cache = yield* make(what)
        const [elapsed, exit] = yield* timed(Cache.with(cache, key)(succeeds(one)))
        assert.deepStrictEqual([elapsed, exit], [what === "does not answer" ? 100 : 0, Exit.succeed(one)])
        yield* cache.invalidate(key)
        yield* Cleanup.settled
        assert.strictEqual(yield* valueOf(Sharing.lookups, { cache: what, found: "trouble" }), 1)
      }).pipe(Effect.scoped, Effect.provide(place(get)))
    )
  }

  onMachine(
    "keeps a number that no JavaScript number holds, digit by digit",
    Effect.gen(function* () {
      const exact = { value: Schema.Unknown, ttl: 1_000, name: "exact" }
      const [mine, others] = [yield* Persisted.make(exact), yield* Persisted.make(exact)]
      const number = new JsonNumber("1285704473650888702")
      yield* Cache.with(mine, key)(Effect.succeed({ number, text: String(number) }))
      yield* Cleanup.settled
      const known = yield* Cache.with(others, key)(Effect.die("it is known"))
      assert.deepStrictEqual(known, { number, text: "1285704473650888702" })
    }).pipe(Effect.scoped, Effect.provide(Layer.provide(Persistence.layerKeyValueStore, KeyValueStore.layerMemory)))
  )

  it("refuses what cannot be meant, by name", () => {
    const refused = (options: { readonly ttl: number; readonly patience?: number }) => () => {
      const program = Effect.provide(Effect.scoped(Persisted.make({ value, ...options })), Persistence.layerMemory)
      const exit = Effect.runSyncExit(program)
      if (Exit.isFailure(exit)) throw (exit.cause as { readonly defect?: unknown }).defect
    }
    refuses({
      "Cache.Persisted.make ttl": refused({ ttl: 0 }),
      "Cache.Persisted.make patience": refused({ ttl: 1, patience: 0 })
    })
  })
})
