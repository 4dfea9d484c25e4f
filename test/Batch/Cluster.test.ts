import * as MessageStorage from "@effect/cluster/MessageStorage"
import * as TestRunner from "@effect/cluster/TestRunner"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Layer, Schema, Stream } from "effect"
import * as Batch from "../../src/Batch.ts"
import * as Cluster from "../../src/Batch/Cluster.ts"
import type { Left } from "../../src/Batch/Cluster/Shift.ts"
import { LeaseLost, Ledger, type Service } from "../../src/Batch/Ledger.ts"
import * as Memory from "../../src/Batch/Ledger/Memory.ts"
import * as Testkit from "../../src/Testkit.ts"

const Doc = Schema.Struct({ id: Schema.String, words: Schema.Number })

const docs = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `doc-${n + 1}`, words: n }))

class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Number }) {
  override get message() {
    return `refused with ${this.status}`
  }
}

/** Translates what it is not told to fail, and keeps a list of what it was asked for, and of what was interrupted when. */
const translator = (
  failing: Record<string, Effect.Effect<never, unknown>> = {},
  after: (id: string) => number = () => 100
) => {
  const asked: Array<string> = []
  const interrupted: Array<readonly [id: string, at: number]> = []
  const running = new Set<string>()
  const state = { most: 0, twice: 0 }
  const batch = Batch.make("translate", {
    item: Doc,
    result: Schema.Number,
    id: ({ id }) => id,
    run: ({ id, words }) =>
      Effect.suspend(() => {
        asked.push(id)
        if (running.has(id)) state.twice += 1
        running.add(id)
        state.most = Math.max(state.most, running.size)
        return Effect.delay(failing[id] ?? Effect.succeed(words * 2), after(id))
      }).pipe(
        Effect.onInterrupt(() => Effect.map(Clock.currentTimeMillis, (at) => interrupted.push([id, at]))),
        Effect.ensuring(Effect.sync(() => running.delete(id)))
      )
  })
  return { asked, batch, interrupted, state }
}

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Testkit.timed(effect), ([elapsed, exit]) => {
    if (Exit.isFailure(exit)) assert.fail(Cause.pretty(exit.cause))
    return [elapsed, exit.value] as const
  })

type Translate = ReturnType<typeof translator>["batch"]

/** A cluster within this process, and a ledger; perhaps with a worker. */
const cluster = (
  batch?: Translate,
  options: Cluster.WorkerOptions = {},
  ledger: Layer.Layer<Ledger> = Memory.layer,
  window?: number
) =>
  Effect.provide(
    (batch === undefined ? Layer.empty : Cluster.worker([batch], options)).pipe(
      Layer.provideMerge(Layer.provideMerge(Cluster.layer({ window }), TestRunner.layer)),
      Layer.provideMerge(ledger)
    )
  )

/** A ledger in memory that does something else now and then. */
const ledgerWith = (change: (ledger: Service) => Partial<Service>) =>
  Layer.sync(Ledger, () => {
    const ledger = Memory.make()
    return { ...ledger, ...change(ledger) }
  })

const counts = Effect.flatMap(Ledger, (ledger) => ledger.counts("translate"))

describe("Cluster", () => {
  it.effect("leaves the items to a worker, which runs no more of them at once than it was told", () =>
    Effect.gen(function* () {
      const { asked, batch, state } = translator()
      yield* Effect.gen(function* () {
        const [elapsed, manifest] = yield* timed(Batch.run(batch, docs(60)))

        assert.strictEqual(elapsed, 300)
        assert.deepInclude(manifest, { outcome: "succeeded", total: 60, done: 60, attempts: 60 })
        assert.lengthOf(asked, 60)
        assert.strictEqual(state.most, 20)
        assert.lengthOf((yield* MessageStorage.MemoryDriver).journal, 0, "messages are left")
      }).pipe(cluster(batch, { concurrency: 20 }))
    })
  )

  it.effect("tries again and lists what has failed, by the rules of whoever runs the batch", () =>
    Effect.gen(function* () {
      const refused = new Refused({ status: 404 })
      const { asked, batch } = translator({ "doc-3": refused, "doc-5": new Refused({ status: 503 }) })
      yield* Effect.gen(function* () {
        const rules = { "503": "retry", default: "record" } as const
        const [elapsed, manifest] = yield* timed(Batch.run(batch, docs(20), { rules, attempts: 2 }))

        // Again after a second.
        assert.isAtLeast(elapsed, 1_200)
        assert.deepInclude(manifest, { outcome: "partial", done: 18, failed: 2, attempts: 21 })
        assert.deepStrictEqual(
          manifest.failures.map(({ attempts, class: kind, id }) => [id, kind, attempts]),
          [
            ["doc-3", "404", 1],
            ["doc-5", "503", 2]
          ]
        )
        assert.lengthOf(asked, 21)
      }).pipe(cluster(batch))
    })
  )

  it.effect("stops at a rule: what runs is interrupted and given back, and nothing else begins", () =>
    Effect.gen(function* () {
      const refused = new Refused({ status: 401 })
      const { asked, batch, interrupted } = translator({ "doc-2": refused }, (id) => (id === "doc-2" ? 100 : 9_000))
      yield* Effect.gen(function* () {
        const [elapsed, manifest] = yield* timed(Batch.run(batch, docs(40)))

        assert.isAtMost(elapsed, 1_000)
        assert.deepInclude(manifest, { outcome: "stopped", done: 0, failed: 1, notStarted: 39 })
        assert.deepInclude(manifest.stop, { by: "rule", id: "doc-2" })
        assert.lengthOf(asked, 10)
        assert.lengthOf(interrupted, 9)
        assert.deepInclude(yield* counts, { running: 0 })
      }).pipe(cluster(batch))
    })
  )

  it.effect("stops when more have failed than is tolerated", () =>
    Effect.gen(function* () {
      const refused = Object.fromEntries(docs(500).map(({ id }) => [id, new Refused({ status: 404 })] as const))
      const { asked, batch } = translator(refused)
      yield* Effect.gen(function* () {
        const [, manifest] = yield* timed(Batch.run(batch, docs(500), { tolerance: { count: 20 } }))

        assert.deepInclude(manifest.stop, { by: "tolerance" })
        // A worker hears of it within a second.
        assert.isAtMost(asked.length, 100)
        assert.strictEqual(manifest.failed + manifest.notStarted, 500)
      }).pipe(cluster(batch))
    })
  )

  it.effect("gives back what runs when the batch is cancelled, or the process that runs it is stopped", () =>
    Effect.gen(function* () {
      const { batch, interrupted } = translator({}, () => 60_000)
      yield* Effect.gen(function* () {
        const ledger = yield* Ledger
        const cancelling = Effect.delay(ledger.cancel("translate"), 1_000)
        const [elapsed, [manifest]] = yield* timed(
          Effect.all([Batch.run(batch, docs(40)), cancelling], { concurrency: 2 })
        )
        assert.deepInclude(manifest.stop, { by: "cancelled" })
        assert.isAtMost(elapsed, 3_000)
        assert.lengthOf(interrupted, 10)
        assert.deepInclude(yield* counts, { pending: 40, running: 0 })

        const [again] = yield* timed(Effect.timeoutOption(Batch.run(batch), 1_000))
        assert.isAtMost(again, 3_000)
        assert.lengthOf(interrupted, 20)
        assert.deepInclude(yield* counts, { pending: 40, running: 0, attempts: 0 })
      }).pipe(cluster(batch))
    })
  )

  it.effect("reads the input no further ahead of the workers than the buffer", () =>
    Effect.gen(function* () {
      const { asked, batch } = translator()
      let read = 0
      let ahead = 0
      const input = Stream.tap(Stream.fromIterable(docs(200)), () =>
        Effect.sync(() => {
          read += 1
          ahead = Math.max(ahead, read - asked.length)
        })
      )
      yield* Effect.gen(function* () {
        const [, manifest] = yield* timed(Batch.run(batch, input, { buffer: 30 }))

        assert.deepInclude(manifest, { done: 200 })
        // The one that is read when there is no room has to wait.
        assert.isAtMost(ahead, 31)
      }).pipe(cluster(batch))
    })
  )

  it.effect("runs the items of a worker that died, once its lease is over, in time", () =>
    Effect.gen(function* () {
      const { batch, state } = translator()
      yield* Effect.gen(function* () {
        const ledger = yield* Ledger
        yield* ledger.open("translate", "the dead", { lease: 5_000, exclusive: false })
        yield* ledger.add("translate", [{ id: "doc-1", position: 0, item: `{"id":"doc-1","words":3}`, hash: "x" }], 1)
        yield* ledger.claim("translate", "the dead", 1)
        yield* ledger.seal("translate")
        const [elapsed, manifest] = yield* timed(Batch.run(batch))

        assert.deepInclude(manifest, { outcome: "succeeded", done: 1 })
        assert.isAtLeast(elapsed, 5_100)
        assert.isAtMost(elapsed, 8_000)
        assert.strictEqual(state.twice, 0)
      }).pipe(cluster(batch))
    })
  )

  it.effect("a worker that the ledger does not hear of stops its items before its lease is over", () =>
    Effect.gen(function* () {
      const { batch, interrupted } = translator({}, () => 6_000)
      let away = true
      const ledger = ledgerWith((ledger) => ({
        renew: (name, owner) => (away && owner.startsWith("worker") ? Effect.never : ledger.renew(name, owner))
      }))
      yield* Effect.gen(function* () {
        const began = yield* Clock.currentTimeMillis
        const back = Effect.delay(
          Effect.sync(() => (away = false)),
          4_500
        )
        const [, [manifest]] = yield* timed(Effect.all([Batch.run(batch, docs(3)), back], { concurrency: 2 }))

        assert.lengthOf(interrupted, 3)
        for (const [, at] of interrupted) assert.isAtMost(at - began, 4_100)
        assert.deepInclude(manifest, { outcome: "succeeded", done: 3, attempts: 3 })
      }).pipe(cluster(batch, { lease: 5_000 }, ledger))
    })
  )

  it.effect("goes on when its lease ran out and nobody has taken the batch over", () =>
    Effect.gen(function* () {
      const { batch } = translator({}, () => 2_000)
      let lost = 0
      const ledger = ledgerWith((ledger) => ({
        renew: (name, owner) =>
          Effect.suspend(() =>
            owner.startsWith("run") && ++lost === 1
              ? Effect.zipRight(ledger.close(name, owner), new LeaseLost({ batch: name, owner }))
              : ledger.renew(name, owner)
          )
      }))
      yield* Effect.gen(function* () {
        const [, manifest] = yield* timed(Batch.run(batch, docs(5)))

        assert.isAbove(lost, 1)
        assert.deepInclude(manifest, { outcome: "succeeded", done: 5, attempts: 5 })
      }).pipe(cluster(batch, {}, ledger))
    })
  )

  it.effect("a worker that leaves finishes what ends in time, and gives back the rest", () =>
    Effect.gen(function* () {
      const { batch } = translator({}, (id) => (id === "doc-1" ? 60_000 : 1_000))
      const left: Array<Left> = []
      const ledger = Memory.make()
      yield* ledger.open("translate", "me", { lease: 60_000, exclusive: true })
      const leaving = Effect.gen(function* () {
        const running = yield* Effect.fork(Batch.run(batch, docs(30)))
        yield* Effect.sleep(500)
        return running
      }).pipe(cluster(batch, { grace: 3_000, onLeft: (_, one) => left.push(one) }, Layer.succeed(Ledger, ledger)))
      yield* ledger.close("translate", "me")
      const [elapsed] = yield* timed(leaving)

      assert.isAtMost(elapsed, 4_500)
      assert.deepStrictEqual(left, [{ finished: 9, givenBack: 1 }])
      assert.deepInclude(yield* ledger.counts("translate"), { done: 9, pending: 21, running: 0 })
    })
  )

  it.effect("waits while there are only workers of other batches", () =>
    Effect.gen(function* () {
      const { asked, batch } = translator()
      const other = { ...batch, name: "something else" }
      yield* Effect.gen(function* () {
        const [elapsed] = yield* timed(Effect.timeoutOption(Batch.run(batch, docs(5)), 5_000))

        assert.isAtLeast(elapsed, 5_000)
        assert.lengthOf(asked, 0)
        assert.deepInclude(yield* counts, { pending: 5 })
      }).pipe(cluster(other))
    })
  )

  it("refuses options that make no sense, by name", () => {
    const { batch } = translator()
    const refused = (layer: Layer.Layer<never, never, never>) =>
      Effect.runSyncExit(Effect.scoped(Layer.build(layer))).pipe(
        Exit.match({ onFailure: (cause) => String(Cause.squash(cause)), onSuccess: () => "accepted" })
      )
    const base = Layer.merge(TestRunner.layer, Memory.layer)
    assert.include(refused(Layer.provide(Cluster.worker([batch], { concurrency: 0 }), base)), "concurrency")
    assert.include(refused(Layer.provide(Cluster.worker([batch], { lease: -1 }), base)), "lease")
    assert.include(refused(Layer.discard(Layer.provide(Cluster.layer({ window: 0.5 }), base))), "window")
  })
})
