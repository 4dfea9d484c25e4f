import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option } from "effect"
import { Cleanup, DeadlineExceeded, SourceDied, Testkit } from "../../src/index.ts"
import { crawl, crawlWhatFits, type Fetch, makeFetch, PageMissing, pages } from "./BoundedGroup.ts"
import { loops } from "./CancelledLoops.ts"
import * as Panic from "./Panic.ts"
import { printed } from "./Printed.ts"
import { refused, release, UploadRefused } from "./TaskGroup.ts"

/** The error of a fail-fast exit, which may hold more than the failure. */
const failureOf = <E>(exit: Exit.Exit<unknown, E>): E =>
  Option.getOrThrow(Cause.failureOption(Option.getOrThrow(Exit.causeOption(exit))))

/** What was cancelled has ended in the instant in which it was. */
const allHaveStopped = Effect.map(Testkit.timed(Cleanup.settled), ([elapsed]) => assert.strictEqual(elapsed, 0))

describe("TaskGroup", () => {
  it.effect("publishes when the last of the three is ready", () =>
    Effect.gen(function* () {
      const { elapsed, exit, stdout } = yield* printed(release(Effect.sleep("700 millis")))

      assert.deepStrictEqual(exit, Exit.void)
      assert.strictEqual(elapsed, 700)
      assert.deepStrictEqual(stdout.sort(), ["compile: published", "test: published", "upload: published"])
    })
  )

  it.effect("returns the first error when it happens; no task works after it", () =>
    Effect.gen(function* () {
      const { elapsed, exit, stdout } = yield* printed(release(Effect.delay(refused, "700 millis")))

      assert(failureOf(exit) instanceof UploadRefused)
      assert.strictEqual(elapsed, 700)
      assert.deepStrictEqual(stdout, ["compile: stopped", "test: stopped"])
      yield* allHaveStopped
    })
  )

  it.effect("stops the others in the middle of their work", () =>
    Effect.gen(function* () {
      const { elapsed, stdout } = yield* printed(release(Effect.delay(refused, "250 millis")))

      assert.strictEqual(elapsed, 250)
      assert.deepStrictEqual(stdout, ["compile: stopped", "test: stopped"])
      yield* allHaveStopped
    })
  )
})

describe("CancelledLoops", () => {
  // Two seconds end in the very instant of the fourth step, which may fall on either side.
  const deadlines = [
    { deadline: 2_000, progress: /^[34] of 10$/ },
    { deadline: 2_200, progress: /^4 of 10$/ }
  ]
  for (const { deadline, progress } of deadlines) {
    it.effect(`stops all five within the step at ${deadline} ms and says how far each got`, () =>
      Effect.gen(function* () {
        const [elapsed, exit] = yield* Testkit.timed(loops(deadline))

        const error = failureOf(exit)
        assert(error instanceof DeadlineExceeded && error.receipt !== undefined)
        assert.strictEqual(elapsed, deadline)
        assert.deepStrictEqual(error.pending, ["ada", "bob", "cleo", "dan", "eve"])
        for (const source of error.receipt.sources) {
          assert.include(source, { outcome: "timed-out", start: 0, end: deadline })
          assert.match(source.progress ?? "", progress)
        }
        yield* allHaveStopped
      })
    )
  }
})

describe("BoundedGroup", () => {
  it.effect("fetches a hundred pages, ten at a time", () =>
    Effect.gen(function* () {
      const fetch = makeFetch()
      const [elapsed] = yield* Testkit.timed(crawl(pages(Array.from({ length: 100 }, () => 1)), 10, fetch))

      assert.deepStrictEqual(fetch.meter, { inFlight: 0, most: 10, fetched: 100 })
      assert.strictEqual(elapsed, 1_000)
    })
  )

  it.effect("fetches four pages, two at a time", () =>
    Effect.gen(function* () {
      const fetch = makeFetch()
      const [elapsed] = yield* Testkit.timed(crawl(pages([1, 1, 1, 1]), 2, fetch))

      assert.deepStrictEqual(fetch.meter, { inFlight: 0, most: 2, fetched: 4 })
      assert.strictEqual(elapsed, 200)
    })
  )

  it.effect("lets heavy pages take more of the limit, and none overtake one that waits", () =>
    Effect.gen(function* () {
      const fetch = makeFetch()
      const [elapsed] = yield* Testkit.timed(crawl(pages([5, 5, 3, 10, 1]), 10, fetch))

      assert.deepStrictEqual(fetch.meter, { inFlight: 0, most: 10, fetched: 5 })
      // Five and five, then three, then ten, then one, which had room beside the three but was behind the ten.
      assert.strictEqual(elapsed, 400)
    })
  )

  it.effect("starts nothing that is queued after the first error", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const interrupted: Array<string> = []
      const fetch: Fetch = ({ name }) =>
        Effect.sync(() => asked.push(name)).pipe(
          Effect.andThen(Effect.sleep(name === "page 2" ? 50 : 100)),
          Effect.andThen(name === "page 2" ? new PageMissing({ name }) : Effect.void),
          Effect.onInterrupt(() => Effect.sync(() => interrupted.push(name)))
        )
      const [elapsed, exit] = yield* Testkit.timed(crawl(pages([1, 1, 1, 1]), 2, fetch))

      assert.strictEqual(failureOf(exit).message, "there is no page 2")
      assert.strictEqual(elapsed, 50)
      assert.deepStrictEqual([asked, interrupted], [["page 1", "page 2"], ["page 1"]])
    })
  )

  it.effect("turns away what does not fit in at once, and takes what does", () =>
    Effect.gen(function* () {
      const fetch = makeFetch()
      const [elapsed, exit] = yield* Testkit.timed(crawlWhatFits(pages([4, 4, 4, 2, 1]), 10, fetch))

      assert.deepStrictEqual(
        Exit.map(exit, (turnedAway) => turnedAway.map(({ name }) => name)),
        Exit.succeed(["page 3", "page 5"])
      )
      assert.deepStrictEqual(fetch.meter, { inFlight: 0, most: 10, fetched: 3 })
      assert.strictEqual(elapsed, 100)
    })
  )
})

describe("Panic", () => {
  it.effect("raises a throw as a defect that names the task, and cancels the others", () =>
    Effect.gen(function* () {
      const { elapsed, exit, stdout } = yield* printed(Panic.tasks)

      const cause = Option.getOrThrow(Exit.causeOption(exit))
      const defect = Option.getOrThrow(Cause.dieOption(cause))
      assert.isTrue(Option.isNone(Cause.failureOption(cause)))
      assert(defect instanceof SourceDied && defect.defect instanceof RangeError)
      assert.deepStrictEqual([elapsed, defect.source], [100, "parse"])
      assert.deepStrictEqual(stdout, ["download: stopped", "mail: stopped"])
      yield* allHaveStopped
    })
  )
})
