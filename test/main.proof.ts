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
    child.on("close", (code) => {
      const lines = err.split("\n").filter((line) => line.startsWith("{"))
      resume(Effect.succeed({ code, out, err, lines: lines.map((line) => JSON.parse(line)) }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Sends a signal once the order service has been asked. */
const onceAsked = (signal: NodeJS.Signals) => {
  let sent = false
  return (child: ChildProcess, err: string) => {
    if (!sent && err.includes("orders: a request has arrived")) sent = child.kill(signal)
  }
}

const driver = /\/node_modules\/(?:undici|pg|mysql2|ioredis|mongodb|libsql)\/|\/src\/Source\/\w+\.ts/

/** Runs the program and gives the files of drivers that it loaded as well: the coverage of V8 names every file. */
const watchingDrivers = (args: ReadonlyArray<string>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-"))),
    (folder) =>
      Effect.map(muster(args, { env: { NODE_V8_COVERAGE: folder } }), (ended) => {
        const coverage = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"))
        const loaded = Array.from(coverage.join().matchAll(/"url":"([^"]+)"/g), ([, url]) => url!)
        for (const seen of ["/src/main.ts", "/node_modules/@effect/cli/"]) assert.include(loaded.join(), seen)
        return { ...ended, drivers: loaded.filter((url) => driver.test(url)) }
      }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )

const waiting = ["--orders-delay", "20s", "--deadline", "30s"]
const debug = { LOG_LEVEL: "debug" }

describe.concurrent("the process", () => {
  const timeout = 60_000

  it.live(
    "prints the answer and nothing else on stdout, log lines as JSON on stderr, and exits with 0; the driver is loaded",
    () =>
      Effect.gen(function* () {
        const { code, drivers, err, lines, out } = yield* watchingDrivers([])

        assert.strictEqual(out, "User: Alice | Orders: 5\n")
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(
          lines.map(({ message }) => message),
          ["dashboard succeeded"]
        )
        assert.strictEqual(err.trim().split("\n").length, 1)
        assert.isAbove(drivers.length, 1)
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
        assert(elapsed >= 1_000 && elapsed < 2_000, `${elapsed} ms`)
        assert.strictEqual(lines.at(-1)!.message, `The deadline of 1s passed while waiting for "profile"`)
        assert.strictEqual(lines.filter(({ message }) => message.includes("passed while waiting")).length, 1)
      }),
    timeout
  )

  it.live(
    "Domino: exits with 1 at once, and the order service says that its request was closed",
    () =>
      Effect.gen(function* () {
        const { code, lines, out } = yield* muster(["--profile-fail", "--orders-delay", "10s"])

        assert.deepStrictEqual([code, out], [1, ""])
        const failed = lines.find(({ message }) => message === "dashboard failed")
        assert.isBelow(Number(failed?.annotations["duration"]), 5_000)
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
        const { code, err, out } = yield* muster(["--deadline", "soon"])

        assert.deepStrictEqual([code, out], [2, ""])
        assert.strictEqual(
          err,
          `muster: --deadline must be a duration like "500ms", "2s" or "2 seconds", but it is "soon"\n`
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
    "--help loads no driver",
    () =>
      Effect.gen(function* () {
        const { code, drivers, out } = yield* watchingDrivers(["--help"])

        assert.include(out, "Usage")
        assert.deepStrictEqual([code, drivers], [0, []])
      }),
    timeout
  )
})
