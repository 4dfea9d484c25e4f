import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { fileURLToPath } from "node:url"
import * as Recording from "../../src/Receipt/Recording.ts"
import { random } from "../../src/Testkit/WhatIf/Reservoir.ts"
import { error, receipt, source } from "./Receipts.ts"

/** The recording of a dashboard whose sources take exponential times, and whose profile fails once in fifty. */
function* recording(count: number) {
  const uniform = random(31)
  const exponential = (mean: number) => Math.round(-mean * Math.log(1 - uniform()) * 1_000) / 1_000
  for (let n = 0; n < count; n += 1_000) {
    let lines = ""
    for (let m = 0; m < 1_000; m++) {
      const [profile, orders, fails] = [exponential(80), exponential(50), uniform() < 0.02]
      const stopped = fails && orders > profile
      lines += Recording.line(
        receipt(
          [
            source("profile", profile, fails ? { outcome: "failed", error } : {}),
            source("orders", stopped ? profile : orders, stopped ? { outcome: "cancelled" } : {})
          ],
          { outcome: fails ? "failed" : "succeeded", deadline: 10_000 }
        )
      )
    }
    yield lines
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url))

const saysItsMemory = `data:text/javascript,process.on("exit", () => console.error(process.resourceUsage().maxRSS))`

/** The answer, and the most memory that the process had, in MB. */
const explain = (file: string) =>
  Effect.async<{ readonly out: string; readonly megabytes: number }>((resume) => {
    const args = [
      "--import",
      saysItsMemory,
      "--import",
      "tsx",
      "src/main.ts",
      "explain",
      file,
      "--json",
      "--log-level=none"
    ]
    const settings = ["--deadline", "200ms", "--optional", "orders", "--hedge", "profile@p95"]
    const child = spawn(process.execPath, [...args, ...settings], { cwd: root })
    let [out, err] = ["", ""]
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => (err += data))
    child.on("close", () => resume(Effect.succeed({ out, megabytes: Number(err) / 1_024 })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("muster explain, at length", () => {
  it.live(
    "reads 1,000,000 receipts in the memory that 100,000 take, and is right",
    () =>
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-explain-"))),
          (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
        )
        const measure = (count: number) =>
          Effect.gen(function* () {
            const file = join(folder, `${count}`)
            yield* Effect.promise(() => pipeline(recording(count), createWriteStream(file)))
            const explained = yield* explain(file)
            return { ...explained, size: Math.round(statSync(file).size / 1_048_576) }
          })
        const some = yield* measure(100_000)
        const all = yield* measure(1_000_000)
        yield* Effect.logInfo(
          `100,000: ${some.size} MB, RSS ${Math.round(some.megabytes)} MB; 1,000,000: ${all.size} MB, RSS ${Math.round(all.megabytes)} MB`
        )

        assert.isAbove(all.size, 400)
        assert.isBelow(all.megabytes, some.megabytes + 100)
        const [{ receipts, sampled, settings }] = JSON.parse(all.out).aggregations
        assert.deepStrictEqual([receipts, sampled], [1_000_000, 20_000])
        const truth = 0.98 * (1 - Math.exp(-200 / 80)) * (1 - Math.exp(-200 / 50))
        const { high, low } = settings[1].complete
        const spare = (high - low) / 2
        assert.isTrue(low - spare <= truth && truth <= high + spare, `${truth} is not near [${low}, ${high}]`)
      }).pipe(Effect.scoped),
    600_000
  )

  it.live(
    "reads stdin, and its memory does not grow with it: a heap of 120 MB does for 190 MB",
    () =>
      Effect.gen(function* () {
        const one = Recording.line(receipt([source("profile", 5, { progress: "x".repeat(16_000) })]))
        const [code, out, err] = yield* Effect.async<readonly [number | null, string, string]>((resume) => {
          const child = spawn(
            process.execPath,
            ["--max-old-space-size=120", "--import", "tsx", "src/main.ts", "explain", "-"],
            { cwd: root }
          )
          let [out, err] = ["", ""]
          child.stdout.on("data", (data) => (out += data))
          child.stderr.on("data", (data) => (err += data))
          child.on("close", (code) => resume(Effect.succeed([code, out, err] as const)))
          child.stdin.on("error", () => {})
          let left = 12
          const more = () => (left-- > 0 ? child.stdin.write(one.repeat(1_000), more) : child.stdin.end())
          more()
          return Effect.sync(() => child.kill("SIGKILL"))
        })
        assert.deepStrictEqual([code, err], [0, ""])
        assert.match(out, /^dashboard: 12,000 aggregations of profile/)
      }),
    60_000
  )
})
