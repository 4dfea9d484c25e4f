import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Schema, Stream } from "effect"
import * as Aggregation from "../src/Aggregation.ts"
import { Aggregator } from "../src/Aggregator.ts"
import * as Batch from "../src/Batch.ts"
import * as Memory from "../src/Batch/Ledger/Memory.ts"
import * as Source from "../src/Source.ts"
import * as Testkit from "../src/Testkit.ts"

const Doc = Schema.Struct({ id: Schema.String, words: Schema.Number })
type Doc = typeof Doc.Type

const docs = (count: number): ReadonlyArray<Doc> =>
  Array.from({ length: count }, (_, n) => ({ id: `doc-${n + 1}`, words: n }))

class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Number }) {
  override get message() {
    return `refused with ${this.status}`
  }
}

/** Translates what it is not told to fail, in 100 ms, and keeps a list of what it was asked for. */
const translator = (failing: Record<string, Effect.Effect<never, unknown>> = {}, after = 100) => {
  const asked: Array<string> = []
  const state = { running: 0, most: 0 }
  const batch = Batch.make("translate", {
    item: Doc,
    result: Schema.NumberFromString,
    id: ({ id }) => id,
    run: ({ id, words }) =>
      Effect.suspend(() => {
        asked.push(id)
        state.running += 1
        state.most = Math.max(state.most, state.running)
        return Effect.delay(failing[id] ?? Effect.succeed(words * 2), after)
      }).pipe(Effect.ensuring(Effect.sync(() => (state.running -= 1))))
  })
  return { asked, batch, state }
}

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Testkit.timed(effect), ([elapsed, exit]) => {
    if (Exit.isFailure(exit)) assert.fail(Cause.pretty(exit.cause))
    return [elapsed, exit.value] as const
  })

const results = (batch: ReturnType<typeof translator>["batch"]) =>
  Effect.map(Stream.runCollect(Batch.results(batch)), Chunk.toReadonlyArray)

const memory = Effect.provide(Batch.layerMemory)

describe("Batch.run", () => {
  it.effect("runs all items, no more than the concurrency at once, and keeps the results in input order", () =>
    Effect.gen(function* () {
      const { batch, state } = translator()
      const [elapsed, manifest] = yield* timed(Batch.run(batch, docs(45), { concurrency: 10 }))

      assert.strictEqual(elapsed, 500)
      assert.strictEqual(state.most, 10)
      assert.deepInclude(manifest, { outcome: "succeeded", total: 45, done: 45, failed: 0, attempts: 45, took: 4_500 })
      assert.deepStrictEqual((yield* results(batch)).slice(0, 2), [
        ["doc-1", 0],
        ["doc-2", 2]
      ])
    }).pipe(memory)
  )

  it.effect("keeps 999 results when one item fails, lists it, and redrive runs it alone", () =>
    Effect.gen(function* () {
      const failing: Record<string, Effect.Effect<never, Refused>> = {
        "doc-617": new Refused({ status: 404 })
      }
      const { asked, batch } = translator(failing, 0)
      const [, manifest] = yield* timed(Batch.run(batch, docs(1_000), { concurrency: 100 }))

      assert.deepInclude(manifest, { outcome: "partial", done: 999, failed: 1, notStarted: 0 })
      assert.deepStrictEqual(manifest.failures, [
        { id: "doc-617", class: "404", message: "refused with 404", attempts: 1 }
      ])
      assert.deepStrictEqual(manifest.errors, [{ class: "404", count: 1, message: "refused with 404" }])

      asked.length = 0
      assert.deepInclude((yield* timed(Batch.run(batch, docs(1_000))))[1], { outcome: "partial", done: 999 })
      assert.deepStrictEqual(asked, [])

      delete failing["doc-617"]
      assert.strictEqual(yield* Batch.redrive("translate", "500"), 0)
      assert.strictEqual(yield* Batch.redrive("translate", "404"), 1)
      assert.deepInclude((yield* timed(Batch.run(batch)))[1], { outcome: "succeeded", done: 1_000, failed: 0 })
      assert.deepStrictEqual(asked, ["doc-617"])
    }).pipe(memory)
  )

  it.effect("goes on where an interrupted run stopped, and runs nothing again that was done", () =>
    Effect.gen(function* () {
      const { asked, batch, state } = translator()
      const first = yield* Effect.fork(Batch.run(batch, docs(100), { concurrency: 10 }))
      yield* Testkit.timed(Effect.sleep(250))
      yield* Fiber.interrupt(first)
      assert.strictEqual(state.running, 0)
      assert.deepInclude(yield* Batch.manifest("translate"), { outcome: "unfinished", done: 20, notStarted: 80 })

      const before = new Set(asked.slice(0, 20))
      asked.length = 0
      const [, manifest] = yield* timed(Batch.run(batch, docs(100), { concurrency: 10 }))
      assert.deepInclude(manifest, { outcome: "succeeded", done: 100, attempts: 100 })
      assert.deepStrictEqual(
        asked.filter((id) => before.has(id)),
        []
      )
      assert.strictEqual(asked.length, 80)
    }).pipe(memory)
  )

  it.effect("stops at once when a rule says so; what was running is pending again", () =>
    Effect.gen(function* () {
      const { asked, batch, state } = translator({ "doc-3": Effect.fail(new Refused({ status: 401 })) })
      const [elapsed, manifest] = yield* timed(Batch.run(batch, docs(50), { concurrency: 5 }))

      assert.strictEqual(elapsed, 100)
      assert.deepInclude(manifest, { outcome: "stopped", failed: 1 })
      assert.deepInclude(manifest.stop, {
        by: "rule",
        id: "doc-3",
        failure: { class: "401", message: "refused with 401" }
      })
      assert.deepStrictEqual([manifest.done + manifest.notStarted, state.running], [49, 0])
      assert.isBelow(asked.length, 12)
      assert.include(manifest.pending, "doc-50")
    }).pipe(memory)
  )

  it.effect("slows down for as long as it is told, and tries again", () =>
    Effect.gen(function* () {
      let refusals = 0
      const busy = Effect.suspend(() =>
        (refusals += 1) === 1
          ? Effect.fail(new Source.SourceUnavailable({ source: "api", reason: "busy", retryAfter: 5_000 }))
          : Effect.die("asked for the value of a document that has none")
      )
      const { batch } = translator({ "doc-1": busy })
      const [elapsed, manifest] = yield* timed(Batch.run(batch, docs(10), { concurrency: 1 }))

      // doc-1 at 0, then nothing for 5 seconds, then ten in a row, doc-1 among them.
      assert.strictEqual(elapsed, 100 + 5_000 + 1_000)
      assert.deepInclude(manifest, { outcome: "partial", done: 9, failed: 1 })
      assert.deepInclude(manifest.failures[0], { class: "Defect", attempts: 2 })
    }).pipe(memory)
  )

  it.effect("slows down for a second when it is not told for how long, and for two if that was not enough", () =>
    Effect.gen(function* () {
      const refused = new Refused({ status: 429 })
      const { asked, batch } = translator({ "doc-1": refused, "doc-3": refused })
      const [elapsed] = yield* timed(Batch.run(batch, docs(3), { concurrency: 1, attempts: 2 }))

      // doc-1 is refused, and after a second doc-2 is not; doc-3 is, and after a second doc-1 again, and so after two doc-3.
      assert.deepStrictEqual(asked, ["doc-1", "doc-2", "doc-3", "doc-1", "doc-3"])
      assert.strictEqual(elapsed, 5 * 100 + 1_000 + 1_000 + 2_000)
    }).pipe(memory)
  )

  it.effect("waits for what it has to write down before it ends, also when it is interrupted", () =>
    Effect.gen(function* () {
      const ledger = Memory.make()
      const slow = {
        ...ledger,
        settle: (...args: Parameters<typeof ledger.settle>) => Effect.delay(ledger.settle(...args), 40)
      }
      const down = Effect.fail(new Source.SourceUnavailable({ source: "api", reason: "refused" }))
      const { asked, batch } = translator({ "doc-2": down })
      const onSlow = Effect.provideService(Batch.Ledger, slow)

      const fiber = yield* Effect.fork(onSlow(Batch.run(batch, docs(30), { concurrency: 10 })))
      yield* Testkit.timed(Effect.sleep(110))
      const [waited] = yield* Testkit.timed(Fiber.interrupt(fiber))
      // One write that was under way, and one with the rest.
      assert.strictEqual(waited, 70)
      assert.deepInclude(yield* ledger.counts("translate"), { done: 9, running: 0, attempts: 10 })

      const [, manifest] = yield* timed(onSlow(Batch.run(batch, docs(30), { concurrency: 30 })))
      assert.deepInclude(manifest, { outcome: "partial", done: 29, failed: 1 })
      assert.strictEqual(asked.filter((id) => id === "doc-2").length, 3)

      assert.strictEqual(yield* ledger.redrive("translate"), 1)
      const again = yield* timed(onSlow(Batch.run(batch, docs(30), { concurrency: 1, attempts: 2 })))
      assert.deepInclude(again[1].failures[0], { id: "doc-2", attempts: 2 })
    })
  )

  it.effect("tries again what is to be retried, after 1 and 2 seconds, and then records it", () =>
    Effect.gen(function* () {
      const down = Effect.fail(new Source.SourceUnavailable({ source: "api", reason: "refused" }))
      const { asked, batch } = translator({ "doc-2": down })
      const [elapsed, manifest] = yield* timed(Batch.run(batch, docs(3), { concurrency: 3, attempts: 3 }))

      assert.strictEqual(elapsed, 100 + 1_000 + 100 + 2_000 + 100)
      assert.deepStrictEqual(asked, ["doc-1", "doc-2", "doc-3", "doc-2", "doc-2"])
      assert.deepInclude(manifest.failures[0], { id: "doc-2", class: "SourceUnavailable", attempts: 3 })
    }).pipe(memory)
  )

  it.effect("stops when more have failed than it tolerates", () =>
    Effect.gen(function* () {
      const bad = Effect.fail(new Refused({ status: 400 }))
      const { batch } = translator(Object.fromEntries(docs(20).map(({ id }) => [id, bad])))
      const few = yield* timed(Batch.run(batch, docs(100), { concurrency: 1, tolerance: { count: 3 } }))
      assert.deepInclude(few[1], { outcome: "stopped", failed: 4, done: 0 })
      assert.strictEqual(few[1].stop?.by, "tolerance")
      yield* Batch.redrive("translate")

      const tolerance = { ratio: 0.25, least: 40 }
      const part = yield* timed(Batch.run(batch, docs(100), { concurrency: 1, tolerance }))
      assert.deepInclude(part[1], { outcome: "stopped", failed: 20, done: 20 })
    }).pipe(memory)
  )

  it.effect("never reads further ahead than the buffer", () =>
    Effect.gen(function* () {
      const { asked, batch } = translator()
      let ahead = 0
      let read = 0
      const items = Stream.fromIterable(docs(200)).pipe(
        Stream.rechunk(1),
        Stream.tap(() =>
          Effect.sync(() => {
            read += 1
            ahead = Math.max(ahead, read - asked.length)
          })
        )
      )
      const [, manifest] = yield* timed(Batch.run(batch, items, { concurrency: 5, buffer: 20 }))

      assert.deepInclude(manifest, { outcome: "succeeded", done: 200 })
      // One more is read, and waits for room.
      assert.isAtMost(ahead, 21)
    }).pipe(memory)
  )

  it.effect("never reads further ahead than the buffer, also while the ledger takes its time", () =>
    Effect.gen(function* () {
      const { asked, batch } = translator()
      const ledger = Memory.make()
      const slow: Batch.Ledger["Type"] = { ...ledger, add: (...args) => Effect.delay(ledger.add(...args), 500) }
      let ahead = 0
      let read = 0
      const items = Stream.fromIterable(docs(100)).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Effect.sync(() => (ahead = Math.max(ahead, ++read - asked.length))))
      )
      const [, manifest] = yield* timed(
        Effect.provideService(Batch.run(batch, items, { concurrency: 5, buffer: 20 }), Batch.Ledger, slow)
      )

      assert.deepInclude(manifest, { outcome: "succeeded", done: 100 })
      assert.strictEqual(ahead, 21)
    })
  )

  it.effect("what comes behind a refused item is not taken for read", () =>
    Effect.gen(function* () {
      const { batch: waiting } = translator()
      // A sleep for each of them would take six seconds of real time.
      const batch = { ...waiting, run: ({ words }: typeof Doc.Type) => Effect.succeed(words * 2) }
      const ledger = Memory.make()
      const slow: Batch.Ledger["Type"] = { ...ledger, add: (...args) => Effect.delay(ledger.add(...args), 500) }
      // The one with the 1,500th is refused while another thousand lies ready.
      const items = docs(3_500).map((doc) => (doc.id === "doc-1500" ? { id: "doc-3", words: 0 } : doc))
      const options = { concurrency: 1_000, buffer: 10_000 }
      const run = Effect.provideService(Batch.run(batch, items, options), Batch.Ledger, slow)
      const [, exit] = yield* Testkit.timed(Effect.flip(run))

      assert(Exit.isSuccess(exit) && exit.value._tag === "ItemConflict")
      const counts = yield* ledger.counts("translate")
      assert.strictEqual(counts?.read, counts?.done)
      assert.isBelow(counts!.read, 1_500)
    })
  )

  it.effect("refuses a second item with one id, by the places of both, once what came before has ended", () =>
    Effect.gen(function* () {
      const { batch } = translator()
      const items = [...docs(3), { id: "doc-2", words: 7 }]
      const [, exit] = yield* Testkit.timed(Batch.run(batch, items, { buffer: 1 }))

      assert(Exit.isFailure(exit) && exit.cause._tag === "Fail")
      assert.strictEqual(
        String((exit.cause.error as Error).message),
        `items 2 and 4 of the batch "translate" differ, and have the id "doc-2"`
      )
      assert.deepInclude(yield* Batch.manifest("translate"), { outcome: "unfinished", done: 3 })
    }).pipe(memory)
  )

  it.effect("refuses an item that has changed since it was first read", () =>
    Effect.gen(function* () {
      const { batch } = translator()
      yield* timed(Batch.run(batch, docs(3)))
      const [, exit] = yield* Testkit.timed(Effect.flip(Batch.run(batch, [{ id: "doc-1", words: 9 }])))

      assert(Exit.isSuccess(exit) && exit.value._tag === "ItemConflict")
      assert.include(
        exit.value.message,
        `item 1 of the batch "translate" has changed: it has the id "doc-1", with which the batch has another item, read before as item 1`
      )
    }).pipe(memory)
  )

  it.effect("finishes what was read when the input breaks off, and fails with the error of the input", () =>
    Effect.gen(function* () {
      const { batch } = translator()
      const items = Stream.concat(Stream.fromIterable(docs(3)), Stream.fail("the disk is gone"))
      const [elapsed, exit] = yield* Testkit.timed(Effect.flip(Batch.run(batch, items)))

      assert.deepStrictEqual([elapsed, exit], [100, Exit.succeed("the disk is gone" as never)])
      assert.deepInclude(yield* Batch.manifest("translate"), { outcome: "unfinished", done: 3, notStarted: 0 })
    }).pipe(memory)
  )

  it.effect("is refused while another run of the batch is alive", () =>
    Effect.gen(function* () {
      const { batch } = translator()
      const first = yield* Effect.fork(Batch.run(batch, docs(50), { concurrency: 1 }))
      yield* Testkit.timed(Effect.sleep(150))
      const [, exit] = yield* Testkit.timed(Effect.flip(Batch.run(batch, docs(5))))

      assert(Exit.isSuccess(exit) && exit.value._tag === "BatchBusy")
      assert.match(exit.value.message, /^the batch "translate" is being run by process \d+ \(\w+\); wait/)
      yield* Fiber.interrupt(first)
    }).pipe(memory)
  )

  it.effect("takes over from a run that was killed, once its lease is over, and runs what that had begun", () =>
    Effect.gen(function* () {
      const { asked, batch } = translator()
      const ledger = yield* Batch.Ledger
      yield* ledger.open("translate", "the dead", { lease: 1_000, exclusive: true })
      yield* ledger.add("translate", [{ id: "doc-1", position: 0, item: `{"id":"doc-1","words":3}`, hash: "x" }], 1)
      yield* ledger.claim("translate", "the dead", 1)
      yield* ledger.seal("translate")
      const [elapsed, manifest] = yield* timed(Batch.run(batch))

      assert.deepStrictEqual([elapsed, asked], [1_000 + 100, ["doc-1"]])
      assert.deepInclude(manifest, { outcome: "succeeded", done: 1 })
    }).pipe(memory)
  )

  it.effect("ends at once when there is nothing to do", () =>
    Effect.gen(function* () {
      const { batch } = translator()
      assert.deepInclude((yield* timed(Batch.run(batch, [])))[1], { outcome: "succeeded", total: 0 })
      assert.deepInclude((yield* timed(Batch.run(batch)))[1], { outcome: "succeeded", total: 0 })
    }).pipe(memory)
  )

  it.effect("stops when it is cancelled", () =>
    Effect.gen(function* () {
      const { batch } = translator()
      const ledger = yield* Batch.Ledger
      assert.isFalse(yield* ledger.cancel("translate"))
      const fiber = yield* Effect.fork(Batch.run(batch, docs(100), { concurrency: 1 }))
      yield* Testkit.timed(Effect.sleep(1_000))
      assert.isTrue(yield* ledger.cancel("translate"))
      const [elapsed, manifest] = yield* timed(Fiber.join(fiber))

      assert.isAtMost(elapsed, 500)
      assert.deepInclude(manifest, { outcome: "stopped", stop: { by: "cancelled", id: null, failure: null } })
      assert.deepInclude((yield* timed(Batch.run(batch)))[1], { done: 100, outcome: "succeeded" })
    }).pipe(memory)
  )

  it.effect("takes an Aggregation as run; the error of its source has the class of that error", () =>
    Effect.gen(function* () {
      const Weigh = Aggregation.make("weigh", {
        input: Doc,
        output: Schema.Struct({ words: Schema.NumberFromString, tags: Schema.Array(Schema.String) }),
        sources: ({ id, words }) => ({
          words: Effect.delay(id === "doc-2" ? new Refused({ status: 404 }) : Effect.succeed(words), 100),
          tags: Source.orElse(id === "doc-3" ? Effect.fail("none") : Effect.delay(Effect.succeed(["a"]), 200), [])
        }),
        merge: (answers) => answers
      })
      const batch = Batch.make("weigh", { item: Doc, result: Weigh.output, id: ({ id }) => id, run: Weigh })
      const [elapsed, manifest] = yield* timed(Batch.run(batch, docs(4), { concurrency: 4 }))

      assert.strictEqual(elapsed, 200)
      assert.deepInclude(manifest, { outcome: "partial", done: 3, failed: 1 })
      assert.deepStrictEqual(manifest.failures, [
        { id: "doc-2", class: "404", message: "refused with 404", attempts: 1 }
      ])
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(Batch.results(batch))), [
        ["doc-1", { words: 0, tags: ["a"] }],
        ["doc-3", { words: 2, tags: [] }],
        ["doc-4", { words: 3, tags: ["a"] }]
      ])
    }).pipe(Effect.provide(Aggregator.layer()), memory)
  )

  it.effect("refuses options that cannot be meant, by name", () =>
    Effect.gen(function* () {
      const { batch } = translator()
      const refused = (options: Batch.RunOptions) =>
        Effect.map(Effect.exit(Batch.run(batch, [], options)), (exit) =>
          Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "none"
        )

      assert.include(yield* refused({ concurrency: 0 }), `Batch.run "translate": concurrency must be`)
      assert.include(yield* refused({ buffer: NaN }), "buffer must be")
      assert.include(yield* refused({ attempts: -1 }), "attempts must be")
      assert.include(yield* refused({ lease: 0 }), "lease must be")
      assert.include(yield* refused({ tolerance: { ratio: -1 } }), "tolerance.ratio must be")
      const nameless = Batch.make("nameless", { ...batch, id: () => "" })
      assert.include(
        Cause.pretty(yield* Effect.flip(Effect.sandbox(Batch.run(nameless, docs(1))))),
        "the id of item 1 must be a text of 1 to 1,000 characters"
      )
    }).pipe(memory)
  )
})
