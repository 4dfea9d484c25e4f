import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Console from "./Console.ts"

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url))

/** `muster batch` as a process whose wall clock is off by so much, from when a file is there. */
const started = (line: string, env: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const args = ["--import", "tsx", "--import", path("test/Jump.ts"), path("src/main.ts"), "batch"]
      const child = spawn(process.execPath, [...args, ...line.split(" ")], { env: { ...process.env, ...env } })
      let text = ""
      child.stdout.on("data", (chunk) => (text += String(chunk)))
      child.stderr.on("data", (chunk) => (text += String(chunk)))
      const ended = new Promise<readonly [number | null, string]>((resolve) =>
        child.on("close", (code) => resolve([code, text]))
      )
      return { child, ended }
    }),
    ({ child, ended }) =>
      Effect.promise(() => {
        child.kill("SIGKILL")
        return ended
      })
  )

/** Until a file is there, which a module writes. */
const there = (file: string) =>
  Effect.async<void>((resume) => {
    const timer = setInterval(() => existsSync(file) && (clearInterval(timer), resume(Effect.void)), 20)
    return Effect.sync(() => clearInterval(timer))
  })

/** The first try of `b` moves the clock and fails; `a` takes until it is let go. */
const module = (jump: string, go: string) => `
import { existsSync, writeFileSync } from "node:fs"
let tries = 0
export default async ({ id }) => {
  if (id === "b" && ++tries === 1) {
    setTimeout(() => writeFileSync(${JSON.stringify(jump)}, ""), 100)
    throw Object.assign(new Error("down"), { _tag: "SourceUnavailable" })
  }
  if (id === "b") writeFileSync(${JSON.stringify(`${jump}.twice`)}, "")
  while (id === "a" && !existsSync(${JSON.stringify(go)})) await new Promise((resolve) => setTimeout(resolve, 10))
  return id
}`

describe("muster batch, when the wall clock jumps", () => {
  it.scopedLive.each([
    ["an hour back", -3_600_000],
    ["a day on", 86_400_000]
  ] as const)(
    "%s: it tries again after its pause, is not taken over, and says how long it took",
    ([, by]) =>
      Effect.gen(function* () {
        const { batch, path, write } = yield* Console.make()
        const [jump, go] = [path("jump"), path("go")]
        const run = `run --input ${write("docs.ndjson", `{"id":"a"}\n{"id":"b"}\n`)} --module ${write("m.mjs", module(jump, go))} --ledger ${path("ledger.db")}`
        const { ended } = yield* started(run, { JUMP_BY: String(by), JUMP_AT: jump })
        yield* there(`${jump}.twice`)

        // One whose clock has never jumped, and one whose clock is off from the start.
        const other = yield* batch(run)
        assert.include(other.err.join(), "is being run by process")
        const late = yield* started(run, { JUMP_BY: String(-by) })
        const [code, said] = yield* Effect.promise(() => late.ended)
        assert.strictEqual(code, 1)
        assert.include(said, "is being run by process")

        write("go", "")
        const [exitCode, text] = yield* Effect.promise(() => ended)
        assert.strictEqual(exitCode, 0, text)
        const [, seconds] = /docs: 2 of 2 done, in (\d+\.\d) s/.exec(text) ?? []
        assert.isAtLeast(Number(seconds), 1)
        assert.isBelow(Number(seconds), 600)
      }),
    { timeout: 120_000 }
  )
})
