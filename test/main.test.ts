import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../", import.meta.url))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
  /** The lines of stderr as JSON. */
  readonly lines: ReadonlyArray<{
    readonly message: string
    readonly logLevel: string
    readonly annotations: Record<string, unknown>
  }>
}

/** Runs the program in a process of its own, which is killed with the test; `during` is called at each piece of stderr. */
const muster = (
  args: ReadonlyArray<string>,
  {
    during = () => {},
    env = {}
  }: { during?: (process: ChildProcess, err: string) => void; env?: Record<string, string> } = {}
) =>
  Effect.async<Ended>((resume) => {
    const { LOG_LEVEL: _, NO_COLOR: __, ...inherited } = process.env
    const child = spawn(process.execPath, ["--import", "tsx", "src/main.ts", ...args], {
      cwd: root,
      env: { ...inherited, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    let err = ""
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => {
      err += data
      during(child, err)
    })
    child.on("close", (code, signal) => {
      const lines = err.split("\n").filter((line) => line.startsWith("{"))
      resume(Effect.succeed({ code, signal, out, err, lines: lines.map((line) => JSON.parse(line)) }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Sends a signal once the order service has been asked. */
const onceAsked = (...signals: ReadonlyArray<NodeJS.Signals>) => {
  let sent = false
  return (child: ChildProcess, err: string) => {
    if (sent || !err.includes("orders: a request has arrived")) return
    sent = true
    signals.forEach((signal) => child.kill(signal))
  }
}

const waiting = ["--orders-delay", "20s", "--deadline", "30s"]
const debug = { LOG_LEVEL: "debug" }

describe.concurrent("the process", () => {
  const timeout = 20_000

  it.live(
    "prints the answer and nothing else on stdout, log lines as JSON on stderr, and exits with 0",
    () =>
      Effect.gen(function* () {
        const { code, err, lines, out } = yield* muster([])

        assert.strictEqual(out, "User: Alice | Orders: 5\n")
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(
          lines.map(({ message }) => message),
          ["dashboard succeeded"]
        )
        assert.strictEqual(err.trim().split("\n").length, 1)
      }),
    timeout
  )

  it.live(
    "Slow Poke: exits with 1 at one second, and says what was late",
    () =>
      Effect.gen(function* () {
        const { code, lines, out } = yield* muster("dashboard --id 1 --deadline 1s --profile-delay 2s".split(" "))

        assert.deepStrictEqual([code, out], [1, ""])
        const answered = lines.find(({ message }) => message === "dashboard timed-out")
        const elapsed = Number(answered?.annotations["duration"])
        // The process is a second old and has never cancelled anything, so its first cancel is slow.
        assert(elapsed >= 1_000 && elapsed < 1_250, `${elapsed} ms`)
        assert.strictEqual(lines.at(-1)!.message, `The deadline of 1s passed while waiting for "profile"`)
        assert.strictEqual(lines.filter(({ message }) => message.includes("passed while waiting")).length, 1)
      }),
    timeout
  )

  it.live(
    "Domino: exits with 1 at once, and the order service says that its request was closed",
    () =>
      Effect.gen(function* () {
        const start = performance.now()
        const { code, lines, out } = yield* muster(["--profile-fail", "--orders-delay", "10s"])

        assert.deepStrictEqual([code, out], [1, ""])
        assert.isBelow(performance.now() - start, 9_000)
        const failed = lines.find(({ message }) => message === "dashboard failed")
        assert.isBelow(Number(failed?.annotations["duration"]), 1_000)
        assert.include(
          lines.map(({ message }) => message),
          "orders: the request was closed by the client"
        )
        assert.match(lines.at(-1)!.message, /^profile failed after \d+ ms: GET \S+ answered 503; stopped: orders$/)
      }),
    timeout
  )

  it.live(
    "bad input: one line on stderr, exit 2",
    () =>
      Effect.gen(function* () {
        const flag = yield* muster(["--dedline", "1s"])
        assert.deepStrictEqual(
          [flag.code, flag.out, flag.err],
          [2, "", `muster: there is no flag "--dedline"; did you mean --deadline?\n`]
        )
        const variable = yield* muster([], { env: { MUSTER_DEADLINE: "soon" } })
        assert.deepStrictEqual(
          [variable.code, variable.out, variable.err],
          [2, "", `muster: MUSTER_DEADLINE must be a duration like "500ms", "2s" or "2 seconds", but it is "soon"\n`]
        )
      }),
    timeout
  )

  for (const [signal, expected] of [
    ["SIGINT", 130],
    ["SIGTERM", 143]
  ] as const) {
    it.live(
      `${signal}: closes the requests, stops the services, and exits with ${expected}`,
      () =>
        Effect.gen(function* () {
          const { code, lines, out } = yield* muster(waiting, { during: onceAsked(signal), env: debug })

          assert.deepStrictEqual([code, out], [expected, ""])
          assert.include(
            lines.map(({ message }) => message),
            "orders: the request was closed by the client"
          )
          assert.include(
            lines.map(({ message }) => message),
            "dashboard cancelled"
          )
        }),
      timeout
    )
  }

  it.live(
    "a second signal ends it at once, whatever still cleans up",
    () =>
      Effect.gen(function* () {
        const ended = yield* muster(waiting, { during: onceAsked("SIGINT", "SIGTERM"), env: debug })
        // Both may be handled in one turn, before the second is fatal again; then the first one counts.
        assert(ended.signal === "SIGTERM" || ended.code === 130, JSON.stringify([ended.signal, ended.code]))
      }),
    timeout
  )

  it.live(
    "whoever stops reading gets no complaint",
    () =>
      Effect.gen(function* () {
        const { code, err } = yield* muster(["--log-level", "none", "--orders-delay", "100ms"], {
          during: () => {}
        })
        assert.deepStrictEqual([code, err], [0, ""])
      }),
    timeout
  )

  it.live(
    "--help loads no driver",
    () =>
      Effect.gen(function* () {
        const folder = mkdtempSync(join(tmpdir(), "muster-"))
        const loaded = (name: string) =>
          readdirSync(join(folder, name)).flatMap((file) =>
            Array.from(readFileSync(join(folder, name, file), "utf8").matchAll(/"url":"([^"]+)"/g), ([, url]) => url!)
          )
        const driver = /\/node_modules\/(?:undici|pg|mysql2|ioredis|mongodb|libsql)\/|\/src\/Source\/\w+\.ts/

        const { code, out } = yield* muster(["--help"], { env: { NODE_V8_COVERAGE: join(folder, "help") } })
        yield* muster([], { env: { NODE_V8_COVERAGE: join(folder, "run") } })

        assert.strictEqual(code, 0)
        assert.include(out, "Usage")
        assert.deepStrictEqual(
          loaded("help").filter((url) => driver.test(url)),
          []
        )
        assert.isAbove(loaded("run").filter((url) => driver.test(url)).length, 1)
        rmSync(folder, { recursive: true })
      }),
    timeout
  )
})
