import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Scope } from "effect"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach } from "vitest"
import * as Recorder from "../../src/Aggregator/Recorder.ts"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Recording from "../../src/Receipt/Recording.ts"
import * as Testkit from "../../src/Testkit.ts"

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "muster-recorder-"))))
afterEach(() => rmSync(folder, { recursive: true }))

const answered = Aggregator.gather("dashboard", { a: Testkit.succeeds(1) })
const failed = Effect.ignore(Aggregator.gather("dashboard", { a: Testkit.fails("down") }))

const recording = (path: string, options?: Recorder.RecorderOptions) =>
  Recorder.layer(path, options).pipe(Layer.provideMerge(Aggregator.layer({ logger: Testkit.silent })))

const read = (name: string) =>
  Effect.forEach(readFileSync(join(folder, name), "utf8").trimEnd().split("\n"), (line) => Recording.parse(line))

describe("a recorder", () => {
  it.live("has written everything once its scope is closed, failures first", () =>
    Effect.gen(function* () {
      yield* Effect.provide(
        Effect.zipRight(Effect.repeatN(answered, 399), Effect.repeatN(failed, 9)),
        recording(join(folder, "r"))
      )
      const kept = yield* read("r")
      const fine = kept.filter(({ outcome }) => outcome === "succeeded")

      assert.strictEqual(kept.filter(({ outcome, weight }) => outcome === "failed" && weight === undefined).length, 10)
      assert.isBelow(fine.length, 100)
      assert.isTrue(fine.every(({ weight = 1 }) => weight === 20 || weight === 1))
    })
  )

  it.live("writes what is still cleaning up when it ends, which is not waited for longer than a second", () =>
    Effect.gen(function* () {
      const slow = Aggregator.gather("dashboard", {
        a: Testkit.fails("down", { after: 5 }),
        b: Testkit.hangs({ cleanup: 50 })
      })
      yield* Effect.provide(Effect.ignore(slow), recording(join(folder, "r"), { rate: 1 }))
      const [receipt] = yield* read("r")
      assert.deepStrictEqual([receipt!.outcome, receipt!.sources[1]!.cleanup], ["failed", "done"])
    })
  )

  it.live("keeps to its bounds on the disk", () =>
    Effect.gen(function* () {
      const bounds = { rate: 1, maxPerSecond: 1_000, maxBytes: 5_000, files: 3 }
      yield* Effect.provide(Effect.repeatN(answered, 99), recording(join(folder, "r"), bounds))

      const files = readdirSync(folder).sort()
      assert.deepStrictEqual(files, ["r", "r.1", "r.2"])
      for (const name of files) assert.isAtMost(readFileSync(join(folder, name)).length, 5_000)
      assert.isAbove((yield* read("r.2")).length, 1)
    })
  )

  it.live("stops listening when it ends", () =>
    Effect.gen(function* () {
      const aggregator = yield* Aggregator
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(Recorder.layer(join(folder, "r"), { rate: 1 }), scope)
      yield* answered
      yield* Scope.close(scope, Exit.void)
      yield* answered
      assert.strictEqual((yield* read("r")).length, 1)
      yield* aggregator.settled
    }).pipe(Effect.provide(Aggregator.layer({ logger: Testkit.silent })))
  )

  it.live("is not built where the file cannot be written, or an option cannot be meant", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(answered, recording(join(folder, "none", "r"))))
      assert.strictEqual(error._tag, "RecordingNotWritten")
      assert.match(String(error), /The recording ".*none\/r" cannot be written: ENOENT/)
      for (const options of [{ rate: 0 }, { rate: 1.5 }, { files: 0 }, { maxBytes: 0.5 }, { maxPerSecond: -1 }]) {
        const cause = yield* Effect.flip(
          Effect.sandbox(Effect.provide(answered, recording(join(folder, "r"), options)))
        )
        assert.match(Cause.pretty(cause), new RegExp(`Recorder\\.layer: ${Object.keys(options)[0]} must be`))
      }
    })
  )

  it.live.runIf(existsSync("/dev/full"))("says that the disk is full, and the answers leave all the same", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const logger = Logger.make(({ message }) => void said.push(String(message)))
      const value = yield* answered.pipe(
        Effect.provide(recording("/dev/full", { rate: 1 })),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.deepStrictEqual(value, { a: 1 })
      assert.match(
        said.join(),
        /^The recording "\/dev\/full" cannot be written: ENOSPC.*; receipts are lost until it can$/
      )
    })
  )
})
