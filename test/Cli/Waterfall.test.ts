import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Waterfall from "../../src/Cli/Waterfall.ts"
import type { Receipt } from "../../src/Receipt.ts"
import * as Source from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"

/** The receipt of what was asked, in virtual time. */
const receiptOf = <A, E>(asked: Effect.Effect<A, E, Aggregator>): Effect.Effect<Receipt> =>
  Effect.gen(function* () {
    const receipts = yield* Aggregator.subscribe
    yield* Effect.exit(asked)
    return Option.getOrThrow(yield* Stream.runHead(receipts))
  }).pipe(
    Effect.scoped,
    Effect.provide(Aggregator.layer()),
    Testkit.timed,
    Effect.flatMap(([, exit]) => exit)
  )

const slowPoke = receiptOf(
  Aggregator.gather(
    "dashboard",
    {
      profile: Testkit.succeeds(1, { after: "2 seconds", cleanup: "100 millis" }),
      orders: Testkit.succeeds(2, { after: "500 millis" })
    },
    { deadline: "1 second" }
  )
)

const domino = receiptOf(
  Aggregator.gather("dashboard", {
    profile: Testkit.fails(new Error("down"), { after: "20 millis" }),
    orders: Testkit.succeeds(2, { after: "10 seconds" })
  })
)

const plain = { columns: 60, color: false }

describe("Waterfall.render", () => {
  it.effect("a late answer: a bar for each source, its cleanup, the deadline, the first cause", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(Waterfall.render(yield* slowPoke, plain), [
        "dashboard ran out of time after 1 s, deadline 1 s",
        "→ profile  ███████████████████│░  ⧖ timed-out     0 ms – 1 s",
        "  orders   ██████████         │   ✓ succeeded  0 ms – 500 ms",
        "→ first cause: the deadline passed while profile was awaited"
      ])
    })
  )

  it.effect("a failure: the one that failed, and the one that was stopped because of it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(Waterfall.render(yield* domino, plain), [
        "dashboard failed after 20 ms",
        "→ profile  ██████████████████████  ✗ failed     0 ms – 20 ms",
        "  orders   ██████████████████████  ○ cancelled  0 ms – 20 ms",
        "→ first cause: profile failed at 20 ms"
      ])
    })
  )

  it.effect("a source that fell back, one that was never asked, one whose cleanup runs on", () =>
    Effect.gen(function* () {
      const fellBack = yield* receiptOf(Aggregator.gather("page", { a: Source.orElse(Testkit.fails("no"), 1) }))
      assert.include(Waterfall.render(fellBack, plain)[0], "page answered in part after 0 ms")
      assert.match(Waterfall.render(fellBack, plain)[1]!, /✗ failed \(fallback\) {2}0 ms – 0 ms$/)

      const stopped = yield* receiptOf(
        Aggregator.gather("page", { a: Testkit.fails("no", { after: 1 }), b: Testkit.hangs() }, { concurrency: 1 })
      )
      assert.match(Waterfall.render(stopped, plain)[2]!, /^ {2}b +· not-started\s*$/)

      const late = yield* slowPoke
      const sources = late.sources.map((source) => ({ ...source, cleanup: "running" as const, cleaned: null }))
      assert.include(Waterfall.render({ ...late, sources, settled: null }, plain)[1], "timed-out (cleanup running)")
    })
  )

  it.effect("no line is longer than the terminal, however narrow, and beyond 120 columns they grow no more", () =>
    Effect.gen(function* () {
      const long = yield* receiptOf(
        Aggregator.gather("x".repeat(200), { ["n".repeat(200)]: Testkit.fails("no", { after: "1 minute" }) })
      )
      for (const receipt of [yield* slowPoke, yield* domino, long]) {
        for (let columns = 1; columns <= 200; columns++) {
          for (const line of Waterfall.render(receipt, { columns, color: false })) {
            assert.isAtMost(Array.from(line).length, Math.min(columns, 120), `${columns} columns: ${line}`)
          }
        }
      }
      const [, row] = Waterfall.render(yield* slowPoke, { columns: 39, color: false })
      assert.strictEqual(row, "→ profile  ⧖ timed-out     0 ms – 1 s")
    })
  )

  it.effect("colours are put around the words and nowhere else, and left out when they are not wanted", () =>
    Effect.gen(function* () {
      const colored = Waterfall.render(yield* domino, { columns: 60, color: true })

      assert.notInclude(Waterfall.render(yield* domino, plain).join(""), "\u001b")
      assert.match(colored[1]!, /^→ profile {2}\u001b\[31m█+ {2}✗ failed {3}\u001b\[0m/)
      assert.deepStrictEqual(
        colored.map((line) => line.replace(/\u001b\[\d+m/g, "")),
        Waterfall.render(yield* domino, plain)
      )
    })
  )

  it.effect("names from outside cannot move the cursor or break the line", () =>
    Effect.gen(function* () {
      const receipt = yield* receiptOf(Aggregator.gather("a\u001b[2Jb", { "evil\n\u202egnp": Testkit.fails("no") }))
      const text = Waterfall.render(receipt, { columns: 120, color: false }).join("|")

      assert.notMatch(text, /[\p{Cc}\u202e]/u)
      assert.include(text, "a\\u001b[2Jb failed")
      assert.include(text, "evil\\u000a\\u202egnp")
    })
  )

  it.effect("of many sources it shows forty, and says how many more there are", () =>
    Effect.gen(function* () {
      const sources = Object.fromEntries(
        Array.from({ length: 1_000 }, (_, index) => [`s${index}`, Effect.succeed(index)])
      )
      const lines = Waterfall.render(yield* receiptOf(Aggregator.gather("many", sources)), plain)

      assert.strictEqual(lines.length, 42)
      assert.strictEqual(lines.at(-1), "  … and 960 more")
    })
  )

  it.effect("nothing asked at all is a line", () =>
    Effect.gen(function* () {
      const none: ReadonlyArray<Effect.Effect<number>> = []
      assert.deepStrictEqual(Waterfall.render(yield* receiptOf(Aggregator.gather("none", none)), plain), [
        "none answered after 0 ms"
      ])
    })
  )
})
