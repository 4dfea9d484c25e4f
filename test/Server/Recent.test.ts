import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Scope, Stream } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import type { Receipt, SourceReceipt } from "../../src/Receipt.ts"
import * as Recent from "../../src/Server/Recent.ts"

const source = (name: string, outcome: SourceReceipt["outcome"]): SourceReceipt => ({
  name,
  outcome,
  required: true,
  fallback: false,
  cleanup: "done",
  start: 1,
  end: 2,
  cleaned: 2,
  progress: null,
  error: null
})

const receipt = (aggregation: string, policy: string, sources: ReadonlyArray<SourceReceipt>): Receipt => ({
  version: 1,
  id: aggregation,
  aggregation,
  policy,
  outcome: "succeeded",
  startedAt: 1_000,
  elapsed: 2,
  settled: 2,
  deadline: null,
  remaining: null,
  traceId: null,
  firstCause: null,
  victims: [],
  criticalPath: [],
  sources
})

/** What is kept of receipts that a test publishes. */
const keepingIf = Effect.fnUntraced(function* (isRead: boolean) {
  const listeners = new Set<(receipt: Receipt) => void>()
  const recent = yield* Effect.provideService(Recent.make(isRead), Aggregator, {
    observe: () => Effect.dieMessage("nobody is asked"),
    subscribe: Effect.dieMessage("nobody reads a stream"),
    listen: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    settled: Effect.void
  })
  const publish = (...receipts: ReadonlyArray<Receipt>) =>
    receipts.forEach((receipt) => listeners.forEach((listener) => listener(receipt)))
  return { ...recent, publish, listeners }
})

const keeping = keepingIf(true)

describe("Recent", () => {
  it.scoped("keeps the last thousand receipts", () =>
    Effect.gen(function* () {
      const { publish, receipts } = yield* keeping
      publish(...Array.from({ length: 1_050 }, (_, index) => receipt(`a${index}`, "failFast", [])))

      assert.lengthOf(receipts(), 1_000)
      assert.deepStrictEqual([receipts()[0]!.aggregation, receipts()[999]!.aggregation], ["a50", "a1049"])
    })
  )

  it.scoped("keeps fewer of those that have many sources, but always the last", () =>
    Effect.gen(function* () {
      const { publish, receipts } = yield* keeping
      const large = (name: string, length: number) =>
        receipt(
          name,
          "forEach",
          Array.from({ length }, () => source("item", "succeeded"))
        )
      const names = () => receipts().map(({ aggregation }) => aggregation)

      publish(large("a", 40_000), large("b", 40_000), large("c", 20_000))
      assert.deepStrictEqual(names(), ["a", "b", "c"])
      publish(large("d", 1))
      assert.deepStrictEqual(names(), ["b", "c", "d"])
      publish(large("e", 200_000))
      assert.deepStrictEqual(names(), ["e"])
    })
  )

  it.scoped("follows the health of sources, but not of the items of a batch, nor of what was cancelled", () =>
    Effect.gen(function* () {
      const { health, publish } = yield* keeping
      publish(
        receipt("a", "failFast", [source("one", "failed"), source("two", "cancelled"), source("three", "not-started")]),
        receipt("a", "collect", [source("one", "timed-out"), source("two", "succeeded")]),
        receipt("a", "failFast", [source("one", "cancelled")]),
        receipt("b", "collectEach", [source("0", "failed")])
      )

      assert.deepStrictEqual(health(), [
        { aggregation: "a", source: "one", last: "timed-out", at: 1_002, failing: 2 },
        { aggregation: "a", source: "two", last: "succeeded", at: 1_002, failing: 0 }
      ])
    })
  )

  it.scoped("forgets the sources longest unheard of, when there is no end of names", () =>
    Effect.gen(function* () {
      const { health, publish } = yield* keeping
      const many = Array.from({ length: 1_500 }, (_, index) => source(`s${index}`, "succeeded"))
      publish(receipt("a", "failFast", many), receipt("a", "failFast", [source("s600", "failed")]))

      assert.lengthOf(health(), 1_000)
      assert.deepStrictEqual([health()[0]!.source, health()[999]!.source], ["s500", "s600"])
    })
  )

  it.scoped("tells who follows of every one, once", () =>
    Effect.gen(function* () {
      const { follow, publish } = yield* keeping
      publish(receipt("before", "first", []))
      const followed = yield* Effect.fork(Stream.runCollect(Stream.take(follow, 3)))
      yield* Effect.yieldNow()
      publish(receipt("after", "first", []), receipt("later", "first", []))

      const names = Chunk.toReadonlyArray(yield* followed).map(({ aggregation }) => aggregation)
      assert.deepStrictEqual(names, ["before", "after", "later"])
    })
  )

  it.scoped("keeps none where nobody could read them, and follows the health of sources all the same", () =>
    Effect.gen(function* () {
      const { health, publish, receipts } = yield* keepingIf(false)
      publish(receipt("a", "failFast", [source("one", "failed")]))

      assert.deepStrictEqual(receipts(), [])
      assert.deepStrictEqual(
        health().map(({ failing }) => failing),
        [1]
      )
    })
  )

  it.effect("listens no longer than its scope is open", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { listeners } = yield* Scope.extend(keeping, scope)
      assert.strictEqual(listeners.size, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(listeners.size, 0)
    })
  )
})
