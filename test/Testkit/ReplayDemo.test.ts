import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { Aggregator } from "../../src/Aggregator.ts"
import type { Receipt } from "../../src/Receipt.ts"
import * as Recording from "../../src/Receipt/Recording.ts"
import * as Testkit from "../../src/Testkit.ts"
import { receipt, source } from "../Cli/Receipts.ts"
import { typed } from "../Cli/Typed.ts"

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "muster-replay-"))))
afterAll(() => rmSync(folder, { recursive: true }))

const dashboard = ({ orders, profile }: Readonly<Record<string, Testkit.Scripted<unknown, unknown>>>) =>
  Aggregator.gather("dashboard", { profile: profile!, orders: orders! })

/** What a replay must bring back; in virtual time nothing is late by a fraction of a millisecond. */
const essence = ({ criticalPath, firstCause, outcome, sources, victims }: Receipt) => ({
  outcome,
  cause: firstCause && { kind: firstCause.kind, source: firstCause.source, message: firstCause.message },
  criticalPath,
  victims,
  sources: sources.map(({ cleanup, error, name, outcome }) => ({ name, outcome, error, cleanup }))
})

describe("Testkit.replay of what happened over the demo's services", { timeout: 30_000 }, () => {
  const incidents = [
    ["a success", "--profile-delay 30ms", ["succeeded", "succeeded"], undefined],
    ["a Slow Poke", "--deadline 1500ms --profile-delay 20s", ["timed-out", "succeeded"], "deadline"],
    ["a Domino", "--profile-fail --orders-delay 20s", ["failed", "cancelled"], "failure"]
  ] as const
  for (const [what, flags, outcomes, cause] of incidents) {
    it.live(`brings ${what} back: every outcome, the first cause, its victims and the critical path`, () =>
      Effect.gen(function* () {
        const file = join(folder, what)
        yield* typed([...flags.split(" "), "--record", file])
        const recorded = yield* Recording.parse(readFileSync(file, "utf8"))
        assert.deepStrictEqual(
          [recorded.sources.map(({ outcome }) => outcome), recorded.firstCause?.kind],
          [outcomes, cause]
        )

        const { elapsed, receipts } = yield* Testkit.replay(recorded, dashboard)
        assert.strictEqual(receipts.length, 1)
        assert.deepStrictEqual(essence(receipts[0]!), essence(recorded))
        // The answer left when the source that decided it had ended, and a little later in real time.
        assert.approximately(elapsed, recorded.elapsed, 1_000)
        assert.isAtMost(elapsed, recorded.elapsed)
      })
    )
  }

  it.effect("keeps who ended first, where it took a while to ask them all", () =>
    Effect.gen(function* () {
      const recorded = receipt([
        source("profile", 30, { start: 2 }),
        source("orders", 35, { start: 20, outcome: "failed", error: { tag: "Error", message: "no" } })
      ])
      const { elapsed, receipts } = yield* Testkit.replay(recorded, dashboard)

      assert.deepStrictEqual(
        [receipts[0]!.sources.map(({ end, outcome }) => [end, outcome]), elapsed],
        [
          [
            [30, "succeeded"],
            [35, "failed"]
          ],
          35
        ]
      )
    })
  )

  it.effect("has a source end in the very microsecond in which it ended, also one that waited for its place", () =>
    Effect.gen(function* () {
      const [first, second] = [0.001, 0.009]
      // As floats, the two durations make more than the end.
      assert.isAbove(first + (second - first), second)
      const recorded = receipt([source("profile", first), source("orders", second, { start: first })])
      const { elapsed } = yield* Testkit.replay(recorded, dashboard, { aggregator: { concurrency: 1 } })

      assert.strictEqual(elapsed, second)
    })
  )

  it.effect("has those wait for their place again that waited for it", () =>
    Effect.gen(function* () {
      const recorded = receipt([source("profile", 30), source("orders", 50, { start: 30 })])
      const limited = yield* Testkit.replay(recorded, dashboard, { aggregator: { concurrency: 1 } })
      const unlimited = yield* Testkit.replay(recorded, dashboard)

      assert.deepStrictEqual([limited.elapsed, unlimited.elapsed], [50, 30])
    })
  )
})
