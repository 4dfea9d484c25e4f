import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as RateLimit from "../../src/Resilience/RateLimit.ts"
import * as Servers from "../Servers.ts"
import type { Orders, Report } from "./RateLimit/Worker.ts"

const worker = fileURLToPath(new URL("RateLimit/Worker.ts", import.meta.url))
const seconds = 30

const machine = (orders: Orders) =>
  Effect.async<Report>((resume) => {
    const child = spawn(process.execPath, ["--import", "tsx", worker, JSON.stringify(orders)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let said = ""
    child.stdout.on("data", (chunk) => (said += String(chunk)))
    child.once("close", (code) =>
      resume(
        code === 0 ? Effect.sync(() => JSON.parse(said) as Report) : Effect.dieMessage(`a machine ended with ${code}`)
      )
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** The most instants in a stretch of so many milliseconds. */
const most = (sorted: ReadonlyArray<number>, stretch: number) => {
  let first = 0
  return sorted.reduce((most, at, index) => {
    while (sorted[first]! <= at - stretch) first += 1
    return Math.max(most, index - first + 1)
  }, 0)
}

const rules = [
  [RateLimit.tokenBucket({ limit: 50, burst: 5 }), 55],
  [RateLimit.slidingWindow({ limit: 50 }), 50]
] as const

for (const kind of ["redis", "postgres"] as const) {
  Servers.suite(kind, `three machines at 50 calls a second together, through ${kind}`, () => {
    for (const [rule, inASecond] of rules) {
      it.scopedLive(`keep to a ${rule.kind}, on the clock of the server`, () =>
        Effect.gen(function* () {
          const { url } = yield* Servers.shared(kind)
          // They need a while to start.
          const from = Date.now() + 8_000
          const orders = {
            kind,
            url,
            name: `proof ${process.pid} ${rule.kind}`,
            rule,
            from,
            to: from + seconds * 1_000 + 2_000
          }
          const reports = yield* Effect.all([machine(orders), machine(orders), machine(orders)], { concurrency: 3 })

          const turns = reports.flatMap((report) => report.turns).sort((a, b) => a - b)
          const calls = reports.flatMap((report) => report.calls).sort((a, b) => a - b)
          // After the first second, in which there is a burst.
          const start = turns[0]! + 1_000
          const counted = turns.filter((at) => at >= start && at < start + seconds * 1_000).length
          const mean = counted / seconds
          const each = reports.map((report) => report.turns.length)
          const asked = reports.reduce((sum, report) => sum + report.asked, 0)
          console.log(
            `${kind}, ${rule.kind}: ${mean.toFixed(2)} a second, at most ${most(turns, 1_000)} turns in a second ` +
              `(${most(calls, 1_000)} calls by the clocks of the machines), ${each.join(" + ")} turns, ` +
              `${(asked / turns.length).toFixed(1)} questions for each`
          )
          assert.isAtMost(most(turns, 1_000), inASecond)
          assert.closeTo(mean, 50, 0.5)
          assert.strictEqual(calls.length, turns.length)
          for (const share of each) assert.isAbove(share, turns.length / 10)
        })
      )
    }
  })
}
