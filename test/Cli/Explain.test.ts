import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import * as Explain from "../../src/Cli/Explain.ts"
import type { Receipt } from "../../src/Receipt.ts"
import * as Recording from "../../src/Receipt/Recording.ts"
import { hundred, receipt, source } from "./Receipts.ts"
import { typed } from "./Typed.ts"

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "muster-explain-"))))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const fileOf = (lines: ReadonlyArray<Receipt | string>) => {
  const file = join(folder, `${files++}.ndjson`)
  writeFileSync(file, lines.map((line) => (typeof line === "string" ? line : Recording.line(line))).join(""))
  return file
}

const explain = (lines: ReadonlyArray<Receipt | string>, ...flags: ReadonlyArray<string>) =>
  Effect.suspend(() => typed(["explain", fileOf(lines), ...flags]))

/** What it says to bad input, with the name of the file left out. */
const refused = (lines: ReadonlyArray<Receipt | string>, ...flags: ReadonlyArray<string>) =>
  Effect.map(explain(lines, ...flags), ({ err, exitCode, out }) => {
    assert.deepStrictEqual([exitCode, out, err.length], [2, [], 1])
    return err[0]!.replace(/"\/[^"]*\.ndjson"/, "FILE")
  })

const json = (lines: ReadonlyArray<Receipt | string>, ...flags: ReadonlyArray<string>) =>
  Effect.map(explain(lines, "--json", ...flags), ({ err, exitCode, out }) => {
    assert.deepStrictEqual([exitCode, err, out.length], [0, [], 1])
    return JSON.parse(out[0]!) as Shown
  })

interface Setting {
  readonly setting: string
  readonly deadline: number | string
  readonly optional: ReadonlyArray<string>
  readonly hedges: Readonly<Record<string, { readonly after: unknown; readonly budget: unknown }>>
  readonly complete: { readonly share: number; readonly low: number; readonly high: number }
  readonly partial: { readonly share: number }
  readonly failed: { readonly share: number }
  readonly late: { readonly share: number }
  readonly unknown: number
  readonly p99: { readonly value: number; readonly low: number; readonly high: number }
  readonly extraLoad: Readonly<Record<string, number>>
  readonly secondCalls: Readonly<Record<string, unknown>>
  readonly criticalPath: Readonly<Record<string, number>>
  readonly needs: Readonly<Record<"complete" | "answered", { readonly value: number | null }>>
}

interface Shown {
  readonly skipped: number
  readonly leftOut: Readonly<Record<string, number>>
  readonly aggregations: ReadonlyArray<{
    readonly aggregation: string
    readonly receipts: number
    readonly sources: ReadonlyArray<string>
    readonly settings: ReadonlyArray<Setting>
    readonly notTried: ReadonlyArray<string>
  }>
}

const labels = ({ aggregations: [first] }: Shown) => first!.settings.map(({ setting }) => setting)

describe("muster explain, the answer", { timeout: 30_000 }, () => {
  const flags = "--deadline 500ms --optional orders --hedge orders@100ms --wanted 95%".split(" ")

  it.effect("has a row for what was recorded, for each setting, and for all of them together", () =>
    Effect.gen(function* () {
      const { err, exitCode, out } = yield* explain(hundred, ...flags)

      assert.deepStrictEqual([exitCode, err], [0, []])
      assert.strictEqual(
        out.join("\n"),
        `
dashboard: 100 aggregations of profile, orders; deadline 1s

setting               complete    partial     failed        late
as recorded         97.0% ±5.5    0% ±3.7  2.0% ±5.1   1.0% ±4.5
deadline 500ms      47.0% ±9.8    0% ±3.7  2.0% ±5.1  51.0% ±9.7
optional orders     97.0% ±5.5  2.0% ±5.1    0% ±3.7   1.0% ±4.5
hedge orders@100ms  99.0% ±4.5    0% ±3.7    0% ±3.7   1.0% ±4.5
all together        49.0% ±9.7    0% ±3.7    0% ±3.7  51.0% ±9.7

setting                    p50        p95        p99  95% complete by  95% answered by
as recorded         500ms ±100  950ms ±50  990ms ±20         971ms ±?         971ms ±?
deadline 500ms      500ms ±100   500ms ±0   500ms ±0         971ms ±?         971ms ±?
optional orders     500ms ±100  950ms ±50  990ms ±20         971ms ±?         951ms ±?
hedge orders@100ms  500ms ±100  950ms ±50  990ms ±20         951ms ±?         951ms ±?
all together        500ms ±100   500ms ±0   500ms ±0         951ms ±?         951ms ±?

setting              extra load  waited last for
as recorded                   -  profile 80%, orders 20%
deadline 500ms                -  profile 80%, orders 20%
optional orders               -  profile 80%, orders 20%
hedge orders@100ms  orders +14%  profile 80%, orders 20%
all together        orders +14%  profile 80%, orders 20%

±: where it lies with 95% confidence
±?: too few aggregations to say
hedge orders@100ms: the budget of 5% was used up in 86% of the slow or failed calls of orders
all together: the budget of 5% was used up in 86% of the slow or failed calls of orders
hedge: a second call takes as long as the calls of its source around that time do; more load slows no source down
`.trim()
      )
    })
  )

  it.effect("is the same as JSON", () =>
    Effect.gen(function* () {
      const { aggregations, leftOut, skipped } = yield* json(hundred, ...flags)

      assert.deepStrictEqual([skipped, leftOut, aggregations.length], [0, {}, 1])
      const { notTried, receipts, settings, sources } = aggregations[0]!
      assert.deepStrictEqual([receipts, sources, notTried], [100, ["profile", "orders"], []])
      const [recorded, deadline, optional, hedge, all] = settings
      assert.deepStrictEqual(
        [recorded!.deadline, deadline!.deadline, optional!.optional, hedge!.hedges],
        ["as recorded", 500, ["orders"], { orders: { after: 100, budget: { ratio: 0.05, burst: 10 } } }]
      )
      assert.deepStrictEqual([all!.deadline, all!.optional, all!.hedges], [500, ["orders"], hedge!.hedges])
      assert.deepStrictEqual(
        [deadline!.complete.share, deadline!.failed.share, deadline!.late.share, optional!.partial.share],
        [0.47, 0.02, 0.51, 0.02]
      )
      // The interval of Wilson for 47 of 100.
      assert.deepStrictEqual([deadline!.complete.low, deadline!.complete.high], [0.375107, 0.567113])
      assert.deepStrictEqual(recorded!.p99, { value: 990, low: 970, high: 1_000 })
      // All 100 calls are slow. The budget lets the first 10 have a second call, and then one in 20: the 20th, 40th, …
      assert.deepStrictEqual([hedge!.extraLoad, recorded!.extraLoad], [{ orders: 0.14 }, {}])
      assert.deepStrictEqual(hedge!.secondCalls, {
        orders: { wanted: 1, unhedged: { budget: 0.86, once: 0, deadline: 0 }, fewCalls: 0 }
      })
      assert.deepStrictEqual(recorded!.criticalPath, { profile: 0.8, orders: 0.2 })
      assert.deepStrictEqual([recorded!.needs.complete.value, optional!.needs.answered.value], [970, 950])
      const noise = yield* json([receipt([source("a", 0.1 + 0.2)])])
      assert.strictEqual(noise.aggregations[0]!.settings[0]!.p99.value, 0.3)
      const rare = yield* json(hundred, "--wanted", "0.98")
      assert.strictEqual(rare.aggregations[0]!.settings[0]!.needs.complete.value, null)
    })
  )

  it.effect(
    "a flag may be given again, or hold a list; each deadline and each way to hedge has a row of all together",
    () =>
      Effect.gen(function* () {
        const listed = ["--deadline=800ms, 2s", "--deadline", "800ms", "--hedge", "profile@p50,profile@1s,orders@5ms"]
        const shown = yield* json(hundred, ...listed)
        assert.deepStrictEqual(labels(shown), [
          "as recorded",
          "deadline 800ms",
          "deadline 2s",
          "hedge profile@p50 (500ms)",
          "hedge profile@1s",
          "hedge orders@5ms",
          "all together, deadline 800ms, hedge profile@p50 (500ms)",
          "all together, deadline 800ms, hedge profile@1s",
          "all together, deadline 2s, hedge profile@p50 (500ms)",
          "all together, deadline 2s, hedge profile@1s"
        ])
        const budget = { ratio: 0.05, burst: 10 }
        assert.deepStrictEqual(shown.aggregations[0]!.settings.at(-1)!.hedges, {
          profile: { after: 1_000, budget },
          orders: { after: 5, budget }
        })

        const alone = yield* json(hundred, "--deadline", "1s,2s")
        assert.deepStrictEqual(labels(alone), ["as recorded", "deadline 1s", "deadline 2s"])
        const ways = yield* json(hundred, "--hedge", "profile@1s,profile@2s")
        assert.deepStrictEqual(labels(ways), ["as recorded", "hedge profile@1s", "hedge profile@2s"])
        const two = yield* json(hundred, "--optional", "profile,orders")
        assert.deepStrictEqual(labels(two).at(-1), "all together")
        assert.deepStrictEqual(labels(yield* json(hundred)), ["as recorded"])
      })
  )

  it.effect("what was recorded is played with the deadline and the optional sources of each aggregation", () =>
    Effect.gen(function* () {
      const late = (deadline: number) =>
        receipt([source("profile", deadline, { outcome: "timed-out" })], { deadline, outcome: "timed-out" })
      const lines = [
        receipt([source("profile", 300)], { deadline: 400 }),
        late(200),
        receipt(
          [source("profile", 10), source("ads", 200, { outcome: "timed-out", required: false, fallback: true })],
          {
            deadline: 200,
            outcome: "partial"
          }
        ),
        receipt([source("profile", 900)], { deadline: null })
      ]
      const [recorded] = (yield* json(lines)).aggregations[0]!.settings
      const shares = [recorded!.complete.share, recorded!.partial.share, recorded!.late.share, recorded!.unknown]
      assert.deepStrictEqual(shares, [0.5, 0.25, 0.25, 0])

      const { out } = yield* explain(lines)
      assert.strictEqual(out[0], "dashboard: 4 aggregations of profile, ads (optional); deadline 200ms to none")
    })
  )

  it.effect("a share near the whole is not rounded to it", () =>
    Effect.gen(function* () {
      const most = receipt([source("a", 5)])
      const late = receipt([source("a", 1_000, { outcome: "timed-out" })])
      const { out } = yield* explain([...Array.from({ length: 4_999 }, () => most), late])

      assert.match(out[3]!, /^as recorded +99\.98% ±0\.10 +0% ±0\.08 +0% ±0\.08 +0\.02% ±0\.10$/)
    })
  )

  it.effect("a larger budget makes more second calls, and the confidence widens the intervals", () =>
    Effect.gen(function* () {
      const { out } = yield* explain(hundred, "--hedge", "orders@100ms", "--hedge-budget=100%", "--confidence", "99%")
      const [row] = out.filter((line) => line.startsWith("hedge orders@100ms, budget 100%"))

      // Wilson at 99 %: 0.99 of 100 has its lower bound at 0.9202.
      assert.match(row!, /^hedge orders@100ms, budget 100% +99\.0% ±7\.0 /)
      assert.isTrue(out.some((line) => line.startsWith("hedge orders@100ms, budget 100%  orders +100%")))
      assert.include(out, "±: where it lies with 99% confidence")
      assert.notInclude(out.join(), "was used up")
    })
  )

  it.effect("a hedge is not tried where calls wait for their turn, as more of them would wait longer", () =>
    Effect.gen(function* () {
      const guards = { calls: 0, attempts: [], queued: 30, served: null, refused: null }
      const lines = Array.from({ length: 50 }, (_, n) =>
        receipt([source("recs", 90, n === 0 ? { guards } : {}), source("ads", 5)])
      )
      const why =
        "its bulkhead or rate limit let 2% of the calls of recs wait, or refused them; second calls would need places and turns too, and receipts do not say how many there are: record with the hedge to know"
      assert.strictEqual(yield* refused(lines, "--hedge", "recs@p95"), `muster: --hedge recs@p95: ${why}`)
      const other = receipt([source("recs", 90)], { aggregation: "other" })
      const { exitCode, out } = yield* explain([...lines, other], "--hedge", "recs@p95")
      assert.strictEqual(exitCode, 0)
      assert.include(out, `not tried: hedge recs@p95: ${why}`)
    })
  )

  it.effect("says that a breaker is taken to open as it was recorded", () =>
    Effect.gen(function* () {
      const guards = { calls: 1, attempts: [], queued: 0, served: null, refused: "breaker" } as const
      const open = receipt(
        [source("profile", 1, { guards, outcome: "failed", error: { tag: "BreakerOpen", message: "open" } })],
        { outcome: "failed" }
      )
      const { out } = yield* explain([...hundred, open], "--hedge", "profile@1s")
      assert.include(
        out,
        "hedge: the breaker of profile refused 1% of its calls, and is taken to open as it did; second calls that fail may open it sooner"
      )
    })
  )

  it.effect("says of how many the recording cannot tell", () =>
    Effect.gen(function* () {
      const { out } = yield* explain(hundred, "--deadline", "2s")

      assert.match(out[2]!, /late +unknown$/)
      assert.match(out[3]!, / 0%$/)
      assert.match(out[4]!, /^deadline 2s .* 1%$/)
      assert.include(out, "unknown: cut off after longer than any that was seen to end; played as never ending")
    })
  )

  it.effect("several aggregations have a table each, or one is picked", () =>
    Effect.gen(function* () {
      const search = { aggregation: "search", policy: "collect" }
      const lines = [...hundred, receipt([source("web", 30, { required: false })], search)]
      const both = yield* json(lines, "--optional", "orders", "--hedge", "web@p50")

      assert.deepStrictEqual(
        both.aggregations.map(({ aggregation, notTried, settings }) => [
          aggregation,
          settings.map(({ setting }) => setting),
          notTried
        ]),
        [
          ["dashboard", ["as recorded", "optional orders"], ["hedge web@p50: it has no such source"]],
          ["search", ["as recorded", "hedge web@p50 (30ms)"], ["optional orders: it has no such source"]]
        ]
      )
      const one = yield* explain(lines, "--aggregation", "search")
      assert.strictEqual(one.out[0], "search: 1 aggregation of web (optional); deadline 1s")
      const text = (yield* explain(lines, "--optional", "orders")).out
      assert.isAbove(text.indexOf("search: 1 aggregation of web (optional); deadline 1s"), 10)
      assert.strictEqual(text.at(-1), "not tried: optional orders: it has no such source")
    })
  )

  it.effect("answers of other policies are left out, and counted", () =>
    Effect.gen(function* () {
      const quorum = receipt([source("a", 5)], { policy: "quorum" })
      const shown = yield* json([...hundred, quorum, quorum])
      assert.deepStrictEqual([shown.leftOut, shown.aggregations[0]!.receipts], [{ quorum: 2 }, 100])

      const { out } = yield* explain([...hundred, quorum])
      const why = "of quorum, whose answers do not follow from how each source ended"
      assert.strictEqual(out.at(-1), `left out: 1 receipt ${why}`)
      assert.strictEqual(yield* refused([quorum]), `muster: FILE has only receipts ${why}`)
    })
  )

  it.effect("names from a recording cannot move the cursor, and no name is special", () =>
    Effect.gen(function* () {
      const names = ["a\u001b[2J\nb", "__proto__", "constructor", "x".repeat(500)]
      const lines = [receipt(names.map((name, index) => source(name, index)))]
      const flags = ["--optional", "__proto__,constructor", "--hedge", "__proto__@1ms"]
      const { exitCode, out } = yield* explain(lines, ...flags)

      assert.strictEqual(exitCode, 0)
      assert.notMatch(out.join(""), /\p{Cc}/u)
      assert.isBelow(Math.max(...out.map((line) => line.length)), 200)
      const shown = yield* json(lines, ...flags)
      assert.deepStrictEqual(shown.aggregations[0]!.sources, names)
      assert.deepStrictEqual(Object.keys(shown.aggregations[0]!.settings[0]!.criticalPath), names)
    })
  )

  it.effect("--help tells of each flag and of the file", () =>
    Effect.gen(function* () {
      const out = (yield* typed("explain --help")).out.join("\n").split("\n")

      assert.include(out, "  muster explain <file> [flags]")
      assert.include(out, `  <file>  receipts, one a line; "-" is stdin`)
      for (const name of Object.keys(Explain.flags)) {
        const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
        assert.strictEqual(out.filter((row) => row.startsWith(`  ${flag} `)).length, 1, flag)
      }
      assert.notMatch(out.join("\n"), /repeated zero|user-defined/)
      assert.isAtMost(Math.max(...out.map((line) => line.length)), 100)
    })
  )
})

describe("muster explain, bad input", { timeout: 30_000 }, () => {
  const good = Recording.line(hundred[0]!)
  const broken = `${good}\n{"version":1,\n`

  it.effect("a line that is no receipt is named", () =>
    Effect.gen(function* () {
      const hint = "; --skip-bad goes on without such lines"
      const other = good.replace(`"version":1`, `"version":2`)
      assert.strictEqual(
        yield* refused([good, good, other, good]),
        `muster: FILE: line 3 is not a receipt: it has version 2; this muster reads version 1${hint}`
      )
      const [start, end] = (yield* refused([broken])).split("(")
      assert.strictEqual(start, "muster: FILE: line 3 is not a receipt: it is not JSON ")
      assert.include(end, `)${hint}`)
      assert.include(yield* refused([good, "\u001b[2J\n"]), "line 2 is not a receipt")
      assert.notMatch(yield* refused(["\u001b[2J\n"]), /\p{Cc}/u)
    })
  )

  it.effect("--skip-bad goes on without such lines, and says how many", () =>
    Effect.gen(function* () {
      const lines = [good, "nonsense\n", "{}\n", good]
      const { exitCode, out } = yield* explain(lines, "--skip-bad")

      assert.strictEqual(exitCode, 0)
      assert.match(out[0]!, /^dashboard: 2 aggregations/)
      assert.match(out.at(-1)!, /^skipped: 2 lines; the first is line 2: it is not JSON/)
      const shown = yield* json(lines, "--skip-bad")
      assert.deepStrictEqual([shown.skipped, shown.aggregations[0]!.receipts], [2, 2])
      assert.strictEqual(
        yield* refused(["{}\n", "{}\n"], "--skip-bad"),
        "muster: FILE has no receipt in it; the first line that is none is line 1: it has no version; a receipt has version 1"
      )
    })
  )

  const table: ReadonlyArray<readonly [flags: string, message: string]> = [
    ["--optional order", `there is no source "order"; did you mean orders?`],
    ["--optional x", `there is no source "x"; there are: profile, orders`],
    ["--hedge profil@p95", `there is no source "profil"; did you mean profile?`],
    ["--aggregation dashbord", `there is no aggregation "dashbord"; did you mean dashboard?`],
    ["--aggregation x", `there is no aggregation "x"; there are: dashboard`],
    ...["profile@p0", "profile@p100", "profile@p101", "profile@95", "profile", "@p95", "profile@p"].map(
      (hedge) =>
        [
          `--hedge ${hedge}`,
          `--hedge must be a source and a percentile between p0 and p100, or a time, like "profile@p95" or "profile@200ms", but it is "${hedge}"`
        ] as const
    ),
    ...["0", "1", "100%", "0%", "99", "x", "-1%"].map(
      (share) =>
        [
          `--wanted ${share}`,
          `--wanted must be a share between 0% and 100%, like "99%" or "0.99", but it is "${share}"`
        ] as const
    ),
    ...["0%", "101%", "0", "5"].map(
      (share) =>
        [
          `--hedge orders@1ms --hedge-budget ${share}`,
          `--hedge-budget must be a share of more than 0% up to 100%, like "10%" or "0.1", but it is "${share}"`
        ] as const
    ),
    ["--hedge-budget 5%", "--hedge-budget is of no use without --hedge"],
    ["--confidence 98%", `--confidence must be 90%, 95%, 99% or 99.9%, but it is "98%"`],
    ["--deadline 1s,soon", `--deadline must be a duration like "500ms", "2s" or "2 seconds", but it is "soon"`],
    [
      `--hedge ${Array.from({ length: 10 }, (_, n) => `profile@${n}ms,orders@${n}ms`).join()}`,
      "that makes 120 settings; at most 100 are tried"
    ]
  ]
  for (const [flags, message] of table) {
    it.effect(`${flags.slice(0, 40)}: one line, exit 2`, () =>
      Effect.map(refused(hundred, ...flags.split(" ")), (line) => assert.strictEqual(line, `muster: ${message}`))
    )
  }

  it.effect("a source that never succeeded has no percentiles", () =>
    Effect.map(refused([receipt([source("a", 5, { outcome: "cancelled" })])], "--hedge", "a@p95"), (line) =>
      assert.strictEqual(line, "muster: --hedge a@p95: a never succeeded in the recording, and has no percentiles")
    )
  )

  it.effect("a file that is empty, missing or a folder", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refused([]), "muster: FILE is empty: there is no receipt in it")
      assert.strictEqual(yield* refused(["\n \n"]), "muster: FILE is empty: there is no receipt in it")
      const missing = yield* typed(["explain", join(folder, "none")])
      const directory = yield* typed(["explain", folder])

      assert.deepStrictEqual([missing.exitCode, directory.exitCode], [2, 2])
      assert.deepStrictEqual(missing.err, [
        `muster: "${join(folder, "none")}" cannot be read: no such file or directory`
      ])
      assert.deepStrictEqual(directory.err, [`muster: "${folder}" cannot be read: it is a directory`])
    })
  )

  it.effect("a recording that would not fit into memory is refused: too many names, or a line without an end", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 21 }, (_, n) => receipt([source("a", 5)], { aggregation: `user ${n}` }))
      assert.strictEqual(
        yield* refused(many),
        "muster: FILE has more than 20 aggregations; pick one with --aggregation"
      )
      assert.strictEqual((yield* explain(many, "--aggregation", "user 20")).exitCode, 0)
      const wide = receipt(Array.from({ length: 1_001 }, (_, n) => source(`${n}`, n)))
      assert.strictEqual(yield* refused([wide]), `muster: FILE: the sources of "dashboard" have more than 1000 names`)
      assert.match(
        yield* refused([good, "x".repeat(33 * 1024 * 1024)], "--skip-bad"),
        /^muster: FILE has a line of more than 32 MB: that is no receipt$/
      )
    })
  )
})

describe.concurrent("muster explain, the process", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url))
  const node = (...flags: ReadonlyArray<string>) => [...flags, "--import", "tsx/esm", "src/main.ts", "explain"]

  it.live(
    "whoever stops reading gets no complaint",
    () =>
      Effect.gen(function* () {
        const file = fileOf(hundred)
        const [err, codes] = yield* Effect.async<readonly [string, string]>((resume) => {
          const line = `"$0" "$@" "${file}" | true; echo "\${PIPESTATUS[0]}"`
          const child = execFile(
            "bash",
            ["-c", line, process.execPath, ...node()],
            { cwd: root },
            (_, stdout, stderr) => resume(Effect.succeed([stderr, stdout] as const))
          )
          return Effect.sync(() => child.kill("SIGKILL"))
        })
        assert.deepStrictEqual([err, codes], ["", "0\n"])
      }),
    30_000
  )
})
