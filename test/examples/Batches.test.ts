import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Option, Stream, TestClock } from "effect"
import { Batch, Testkit } from "../../src/index.ts"
import { BatchIncomplete, type Document, documents, QuotaExceeded, translateAll, Translator } from "./BatchTranslate.ts"
import * as DurablePool from "./DurablePool.ts"
import { buffer, JobRefused, send, workers } from "./WorkerPool.ts"

/** The error of a fail-fast exit, which may hold more than the failure. */
const failureOf = <E>(exit: Exit.Exit<unknown, E>): E =>
  Option.getOrThrow(Cause.failureOption(Option.getOrThrow(Exit.causeOption(exit))))

describe("BatchTranslate", () => {
  /** Refuses doc-617 the first time; remembers how often it was asked for each, and the most it had at once. */
  const makeTranslator = (translated: (document: Document) => string = ({ id }) => `${id}, translated`) => {
    const calls = new Map<string, number>()
    const meter = { calls, inFlight: 0, most: 0 }
    let quota = 0
    const begin = (id: string) =>
      Effect.sync(() => {
        calls.set(id, (calls.get(id) ?? 0) + 1)
        meter.most = Math.max(meter.most, ++meter.inFlight)
      })
    const translate = (document: Document) =>
      Effect.acquireUseRelease(
        begin(document.id),
        () =>
          Effect.andThen(Effect.yieldNow(), () =>
            document.id === "doc-617" && quota++ === 0
              ? new QuotaExceeded({ tenant: document.tenant })
              : Effect.sync(() => translated(document))
          ),
        () => Effect.sync(() => void (meter.inFlight -= 1))
      )
    return Object.assign(meter, { run: Effect.provideService(Translator, { translate }) })
  }

  it.effect("keeps 999 results beside the one that failed, asking once for each", () =>
    Effect.gen(function* () {
      const translator = makeTranslator()
      const incomplete = yield* Effect.flip(translator.run(translateAll(documents)))

      assert(incomplete instanceof BatchIncomplete)
      assert.strictEqual(incomplete.results.size, 999)
      assert.strictEqual(incomplete.results.get("doc-1000"), "doc-1000, translated")
      assert.deepStrictEqual([...incomplete.errors], [["doc-617", "tenant acme is over its quota"]])
      assert.strictEqual(incomplete.message, "999 translated, 1 failed\ndoc-617: tenant acme is over its quota")
      assert.deepStrictEqual([...translator.calls.values()], Array(1_000).fill(1))
      assert.strictEqual(translator.most, 50)
    })
  )

  it.effect("runs only the failed document again", () =>
    Effect.gen(function* () {
      const translator = makeTranslator()
      const { results } = yield* Effect.flip(translator.run(translateAll(documents)))
      translator.calls.clear()
      const all = yield* translator.run(translateAll(documents, results))

      assert.deepStrictEqual([...translator.calls], [["doc-617", 1]])
      assert.deepStrictEqual([...all.keys()].sort(), documents.map(({ id }) => id).sort())
    })
  )

  it.effect("keeps the other results when a translation throws, and joins the errors in input order", () =>
    Effect.gen(function* () {
      const translator = makeTranslator(({ id }) => {
        if (id === "doc-620" || id === "doc-3") throw new RangeError("no such language")
        return id
      })
      const incomplete = yield* Effect.flip(translator.run(translateAll(documents)))

      assert.deepStrictEqual(incomplete.message.split("\n"), [
        "997 translated, 3 failed",
        'doc-3: Source "doc-3" died: RangeError: no such language',
        "doc-617: tenant acme is over its quota",
        'doc-620: Source "doc-620" died: RangeError: no such language'
      ])
    })
  )
})

describe("WorkerPool", () => {
  const jobs = (count: number, made: Array<number>) =>
    Stream.tap(Stream.range(1, count), (job) => Effect.sync(() => made.push(job)))

  it.effect("never makes more than fifty requests in any second, and no fewer than it may", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const request = (job: number) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          times.push(now)
          return Effect.delay(Effect.succeed(`reply ${job}`), 100)
        })
      const [elapsed, exit] = yield* Testkit.timed(send(Stream.range(1, 60), request))

      assert.deepStrictEqual(exit, Exit.succeed(Array.from({ length: 60 }, (_, index) => `reply ${index + 1}`)))
      const inSecondAfter = (start: number) => times.filter((time) => time >= start && time < start + 1_000).length
      assert.strictEqual(Math.max(...times.map(inSecondAfter)), 50)
      assert.strictEqual(elapsed, 59 * 20 + 100)
    })
  )

  it.effect("parks the producer while the workers are busy and the buffer is full", () =>
    Effect.gen(function* () {
      const made: Array<number> = []
      const asked: Array<number> = []
      const open = yield* Effect.makeLatch()
      const request = (job: number) =>
        Effect.sync(() => asked.push(job)).pipe(Effect.andThen(open.await), Effect.as(`reply ${job}`))
      const sending = yield* Effect.fork(send(jobs(40, made), request))
      yield* TestClock.adjust("1 minute")

      assert.strictEqual(asked.length, workers)
      assert.strictEqual(made.length, workers + buffer)

      yield* open.open
      const [, exit] = yield* Testkit.timed(Fiber.join(sending))
      assert.strictEqual(Exit.isSuccess(exit) && exit.value.length, 40)
    })
  )

  it.effect("stops the workers and the producer at the first error, and asks for nothing more", () =>
    Effect.gen(function* () {
      const made: Array<number> = []
      const asked: Array<number> = []
      const interrupted: Array<number> = []
      let closed = false
      const producer = Stream.ensuring(
        jobs(1_000_000, made),
        Effect.sync(() => (closed = true))
      )
      const request = (job: number) =>
        Effect.sync(() => asked.push(job)).pipe(
          Effect.andThen(Effect.sleep(job === 5 ? 10 : 200)),
          Effect.andThen(job === 5 ? new JobRefused({ job }) : Effect.succeed("reply")),
          Effect.onInterrupt(() => Effect.sync(() => interrupted.push(job)))
        )
      const [elapsed, exit] = yield* Testkit.timed(send(producer, request))

      assert.strictEqual(failureOf(exit).message, "job 5 was refused")
      assert.strictEqual(elapsed, 4 * 20 + 10)
      assert.deepStrictEqual(
        [asked, interrupted],
        [
          [1, 2, 3, 4, 5],
          [1, 2, 3, 4]
        ]
      )
      assert.isTrue(closed)
      assert.isAtMost(made.length, workers + buffer)

      yield* TestClock.adjust("1 minute")
      assert.strictEqual(asked.length, 5)
      assert.isAtMost(made.length, workers + buffer)
    })
  )
})

describe("DurablePool", () => {
  /** Each request takes 200 ms, but for one that fails after 10; remembers when each was made, and what was made. */
  const pool = (count: number, bad?: number) => {
    const made: Array<number> = []
    const asked: Array<number> = []
    const times: Array<number> = []
    const interrupted: Array<number> = []
    const ended = { jobs: 0, producer: false, ahead: 0 }
    const jobs = Stream.range(1, count).pipe(
      Stream.tap((job) =>
        Effect.sync(() => {
          made.push(job)
          ended.ahead = Math.max(ended.ahead, made.length - ended.jobs)
        })
      ),
      Stream.ensuring(Effect.sync(() => (ended.producer = true)))
    )
    const request = (job: number) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        asked.push(job)
        times.push(now)
        return Effect.sleep(job === bad ? 10 : 200)
      }).pipe(
        Effect.andThen(job === bad ? new JobRefused({ job }) : Effect.succeed(`reply ${job}`)),
        Effect.onExit((exit) =>
          Effect.sync(() => void (Exit.isInterrupted(exit) ? interrupted.push(job) : ended.jobs++))
        )
      )
    return { made, asked, times, interrupted, ended, run: DurablePool.send(jobs, request) }
  }

  it.effect(
    "makes no more than fifty requests in any second, and the producer is never further ahead than its buffer",
    () =>
      Effect.gen(function* () {
        const { asked, ended, made, run, times } = pool(200)
        const [, exit] = yield* Testkit.timed(run)

        assert.isTrue(Exit.isSuccess(exit) && exit.value.outcome === "succeeded")
        assert.deepStrictEqual([made.length, asked.length], [200, 200])
        const inSecondAfter = (start: number) => times.filter((time) => time >= start && time < start + 1_000).length
        assert.isAtMost(Math.max(...times.map(inSecondAfter)), 50)
        // One more is made and waits for its place.
        assert.strictEqual(ended.ahead, DurablePool.open + 1)
      }).pipe(Effect.provide(Batch.layerMemory))
  )

  it.effect("stops the workers and the producer at the first error, and the next run asks for what is left", () =>
    Effect.gen(function* () {
      const { asked, ended, interrupted, made, run } = pool(1_000_000, 5)
      const [elapsed, exit] = yield* Testkit.timed(run)

      assert(Exit.isSuccess(exit))
      assert.deepInclude(exit.value, { outcome: "stopped", done: 0, failed: 1 })
      assert.deepStrictEqual(exit.value.stop, {
        by: "tolerance",
        id: "5",
        failure: { class: "JobRefused", message: "job 5 was refused" }
      })
      assert.strictEqual(elapsed, 4 * 20 + 10)
      assert.deepStrictEqual(
        [asked, interrupted.toSorted()],
        [
          [1, 2, 3, 4, 5],
          [1, 2, 3, 4]
        ]
      )
      assert.isTrue(ended.producer)
      const before = made.length
      assert.isAtMost(before - ended.jobs, DurablePool.open + 1)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([asked.length, made.length], [5, before])

      const rest = pool(20)
      yield* Batch.redrive("jobs")
      const [, again] = yield* Testkit.timed(rest.run)
      assert(Exit.isSuccess(again))
      assert.deepInclude(again.value, { outcome: "succeeded", total: 20, done: 20 })
      assert.deepStrictEqual(rest.asked.length, 20)
    }).pipe(Effect.provide(Batch.layerMemory))
  )
})
