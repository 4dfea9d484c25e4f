import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Stream } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Gather from "../../src/Gather.ts"
import type { Receipt } from "../../src/Receipt.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"

const { dies, fails, hangs, succeeds } = Testkit

/** What a replay must bring back. */
const essence = ({ elapsed, firstCause, outcome, settled, sources }: Receipt) => ({
  elapsed,
  settled,
  outcome,
  firstCause,
  sources: sources.map(({ cleaned, end, name, outcome, start }) => [name, outcome, start, end, cleaned])
})

type Sources = Readonly<Record<string, Effect.Effect<unknown, unknown>>>
const dashboard = (sources: Sources) =>
  Aggregator.gather("dashboard", {
    profile: sources["profile"]!,
    orders: Source.optional(sources["orders"]!),
    tags: sources["tags"]!
  })

const record = (sources: Sources) =>
  Effect.gen(function* () {
    const recording = yield* Effect.fork(Stream.runHead(Aggregator.receipts))
    yield* Effect.yieldNow()
    yield* Testkit.timed(Effect.exit(dashboard(sources)))
    yield* Testkit.timed(Aggregator.settled)
    return Option.getOrThrow(yield* recording)
  }).pipe(Effect.provide(Aggregator.layer({ deadline: 500, logger: Testkit.silent })))

describe("Testkit.replay", () => {
  const incidents: Record<string, Sources> = {
    "a success": { profile: succeeds(1, { after: 120 }), orders: succeeds(2), tags: succeeds(3, { after: 30 }) },
    "a failure with slow cleanup": {
      profile: hangs({ cleanup: 3_000 }),
      orders: fails("no", { after: 20 }),
      tags: fails(new Source.SourceUnavailable({ source: "tags", reason: "refused" }), { after: 75 })
    },
    "a deadline": { profile: succeeds(1), orders: hangs(), tags: hangs({ cleanup: 40 }) },
    "a source over its own limit": {
      profile: Source.timeLimit(hangs(), 100),
      orders: hangs(),
      tags: succeeds(3, { after: 130 })
    },
    "a defect": { profile: succeeds(1, { after: 90 }), orders: hangs(), tags: dies(new Error("bug"), { after: 60 }) }
  }
  for (const [what, sources] of Object.entries(incidents)) {
    it.effect(`brings ${what} back, to the millisecond`, () =>
      Effect.gen(function* () {
        const recorded = yield* record(sources)
        const { receipts } = yield* Testkit.replay(recorded, dashboard)

        assert.strictEqual(receipts.length, 1)
        // A replayed defect says which source died, of the error that says so already.
        const plain = (receipt: Receipt) =>
          JSON.stringify(essence(receipt)).replaceAll(/Source \\"tags\\" died: (Error: )?/g, "")
        assert.strictEqual(plain(receipts[0]!), plain(recorded))
      })
    )
  }

  it.effect("shows what another program would have made of it", () =>
    Effect.gen(function* () {
      const recorded = yield* record({ profile: succeeds(1, { after: 30 }), orders: fails("no"), tags: hangs() })
      const { elapsed, exit } = yield* Testkit.replay(recorded, ({ profile, tags }) =>
        Gather.failFast({ profile: profile!, tags: Source.timeLimit(tags!, 100) })
      )

      assert.strictEqual(elapsed, 100)
      assert(Option.isSome(exit) && Exit.isFailure(exit.value))
      assert.match(Cause.pretty(exit.value.cause), /SourceTimedOut/)
    })
  )

  it.effect("gives the values that the receipt does not have, and errors with their tags", () =>
    Effect.gen(function* () {
      const error = new Source.SourceUnavailable({ source: "orders", reason: "refused" })
      const recorded = yield* record({ profile: succeeds("Alice"), orders: fails(error), tags: succeeds([]) })
      const { exit } = yield* Testkit.replay(
        recorded,
        ({ orders, profile }) =>
          Effect.gen(function* () {
            const failed = yield* Effect.flip(orders!)
            return [yield* profile!, (failed as { _tag: string })._tag, (failed as Error).message]
          }),
        { values: { profile: "Bob" } }
      )

      assert.deepStrictEqual(exit, Option.some(Exit.succeed(["Bob", "SourceUnavailable", error.message])))
    })
  )
})
