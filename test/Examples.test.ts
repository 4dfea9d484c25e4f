import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as BatchTranslate from "./examples/BatchTranslate.ts"
import * as BoundedGroup from "./examples/BoundedGroup.ts"
import * as CancelledLoops from "./examples/CancelledLoops.ts"
import * as Dashboard from "./examples/Dashboard.ts"
import * as DashboardHandler from "./examples/DashboardHandler.ts"
import * as Domino from "./examples/Domino.ts"
import * as DurablePool from "./examples/DurablePool.ts"
import * as FourBackendSearch from "./examples/FourBackendSearch.ts"
import * as Panic from "./examples/Panic.ts"
import { printed } from "./examples/Printed.ts"
import * as Replicas from "./examples/Replicas.ts"
import * as ScatterGather from "./examples/ScatterGather.ts"
import * as SlowPoke from "./examples/SlowPoke.ts"
import * as TaskGroup from "./examples/TaskGroup.ts"
import * as WorkerPool from "./examples/WorkerPool.ts"

const folder = fileURLToPath(new URL("examples", import.meta.url))

/** What each program prints, and how many milliseconds it takes to. */
const programs: Record<string, { program: Effect.Effect<unknown, unknown>; elapsed: number; prints: Array<string> }> = {
  Dashboard: { ...Dashboard, elapsed: 50, prints: ["User: Alice | Orders: 5"] },
  SlowPoke: {
    ...SlowPoke,
    elapsed: 2_000,
    prints: [
      'The deadline of 1s passed while waiting for "orders"',
      'The deadline of 1s passed while waiting for "profile"'
    ]
  },
  Domino: {
    ...Domino,
    elapsed: 0,
    prints: [
      "orders: the request was closed",
      'Source "profile" failed after 0 ms: the profile service is down; stopped: orders; 20000 ms of the deadline remained'
    ]
  },
  TaskGroup: {
    ...TaskGroup,
    elapsed: 700,
    prints: ["compile: stopped", "test: stopped", "the upload was refused: the disk is full"]
  },
  CancelledLoops: {
    ...CancelledLoops,
    elapsed: 2_000,
    prints: ["ada", "bob", "cleo", "dan", "eve"].map((name) => `${name}: timed-out after 2000 ms, 3 or 4 of 10`)
  },
  BoundedGroup: {
    ...BoundedGroup,
    elapsed: 1_100,
    prints: ["100 pages, at most 10 at a time", "turned away: page 3"]
  },
  Panic: {
    ...Panic,
    elapsed: 100,
    prints: [
      "download: stopped",
      "mail: stopped",
      'Source "parse" died: RangeError: no such date: 2026-02-30',
      "and the process lives"
    ]
  },
  BatchTranslate: {
    ...BatchTranslate,
    elapsed: 0,
    prints: ["999 translated, 1 failed\ndoc-617: tenant acme is over its quota", "1000 translated"]
  },
  FourBackendSearch: {
    ...FourBackendSearch,
    elapsed: 120,
    prints: ["All about gathering | 2 | GO-42 | gathering", "the search in people failed"]
  },
  Replicas: {
    ...Replicas,
    elapsed: 40 + 300 + 200,
    prints: ["fastest: 17", "agreed: oslo and perth", "lima: failed", "oslo: 17", "perth: timed-out"]
  },
  WorkerPool: {
    ...WorkerPool,
    elapsed: 19 * 20 + 100 + 29 * 20 + 100,
    prints: [
      "the producer of 20 jobs has stopped",
      "20 replies, the last is reply 20",
      "the producer of 1000000 jobs has stopped",
      "job 30 was refused"
    ]
  },
  DurablePool: {
    ...DurablePool,
    elapsed: 29 * 20 + 100 + 10 * 20 + 100,
    prints: [
      "the producer has stopped",
      "stopped: 29 done; job 30 was refused",
      "the producer has stopped",
      "succeeded: 40 done"
    ]
  }
}

describe("Examples", () => {
  for (const [name, { elapsed, prints, program }] of Object.entries(programs)) {
    it.effect(`${name} prints its answer after ${elapsed} ms`, () =>
      Effect.gen(function* () {
        const ran = yield* printed(program)

        // The fourth step of CancelledLoops ends in the very instant of the deadline.
        const lines = ran.stdout.map((line) => line.replace(/[34] of 10/, "3 or 4 of 10"))
        assert.deepStrictEqual(lines, prints)
        assert.isTrue(Exit.isSuccess(ran.exit))
        assert.strictEqual(ran.elapsed, elapsed)
      })
    )
  }

  it("has a test for every program in the folder", () => {
    const files = readdirSync(folder).flatMap((file) => (/^\w+\.ts$/.test(file) ? [file.slice(0, -3)] : []))
    // Three are run by tests of their own: a server, an answer of many lines, and the helper of these tests.
    const here = [...Object.keys(programs), "DashboardHandler", "ScatterGather", "Printed"]

    assert.deepStrictEqual(files.sort(), here.sort())
    assert.isTrue(Effect.isEffect(DashboardHandler.program) && Effect.isEffect(ScatterGather.program))
  })

  it("runs with tsx, the answer alone on stdout and log lines on stderr", async () => {
    const run = promisify(execFile)
    const { stderr, stdout } = await run(process.execPath, ["--import", "tsx/esm", `${folder}/Dashboard.ts`])

    assert.strictEqual(stdout, "User: Alice | Orders: 5\n")
    assert.strictEqual(JSON.parse(stderr.trim()).annotations.outcome, "succeeded")
  })
})
