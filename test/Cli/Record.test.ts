import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import * as Record from "../../src/Cli/Record.ts"
import * as Demo from "../../src/Demo.ts"
import * as Recording from "../../src/Receipt/Recording.ts"
import { SourceUnavailable } from "../../src/Source.ts"
import * as Testkit from "../../src/Testkit.ts"
import { hundred } from "./Receipts.ts"
import { type Options, typed } from "./Typed.ts"

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "muster-record-"))))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const fresh = () => join(folder, `${files++}.ndjson`)

/** What stands in a recording. */
const read = (file: string) =>
  Effect.forEach(readFileSync(file, "utf8").trimEnd().split("\n"), (line, index) => Recording.parse(line, index + 1))

const services = (services: Partial<typeof Demo.UserServices.Service> = {}): Options => ({
  users: () =>
    Layer.succeed(Demo.UserServices, {
      profile: (id) => services.profile?.(id) ?? Effect.succeed({ id, name: "Alice" }),
      orders: (id) => services.orders?.(id) ?? Effect.succeed([])
    })
})

const dashboard = (file: string, flags = "", options: Options = services()) =>
  typed(
    ["--profile-url", "http://p", "--orders-url=http://o", "--record", file, ...flags.split(" ").filter(Boolean)],
    options
  )

describe("muster dashboard --record", () => {
  it.effect("appends the receipt as one line, which muster explain reads", () =>
    Effect.gen(function* () {
      const file = fresh()
      const { exitCode, out } = yield* dashboard(file, "--json")
      assert.strictEqual(exitCode, 0)
      yield* dashboard(file)

      assert.strictEqual(readFileSync(file, "utf8").split("\n").length, 3)
      const [first] = yield* read(file)
      assert.deepStrictEqual(first, JSON.parse(out[0]!).receipt)
      const explained = yield* typed(["explain", file])
      assert.strictEqual(explained.out[0], "dashboard: 2 aggregations of profile, orders; deadline 10s")
    })
  )

  it.effect("a failure is recorded as well, once its cleanup has ended", () =>
    Effect.gen(function* () {
      const file = fresh()
      const down = () => new SourceUnavailable({ source: "profile", reason: "it is down" })
      const stubborn = services({
        profile: down,
        orders: () => Testkit.succeeds([], { after: "9 seconds", cleanup: "3 seconds" })
      })
      const [, exit] = yield* Testkit.timed(dashboard(file, "", stubborn))
      assert.strictEqual((yield* exit).exitCode, 1)

      const [failed] = yield* read(file)
      assert.deepStrictEqual([failed!.outcome, failed!.elapsed, failed!.settled], ["failed", 0, 3_000])
      assert.strictEqual(failed!.sources[1]!.cleanup, "done")
    })
  )

  it.effect("a file that cannot be written: one line, exit 2, and nothing is asked", () =>
    Effect.gen(function* () {
      const users = () => Layer.die("it must not be asked")
      for (const [file, why] of [
        [join(folder, "none", "x"), "no such file or directory"],
        [folder, "it is a directory"]
      ]) {
        for (const options of [{ users }, { users, columns: 80 }]) {
          assert.deepStrictEqual(yield* typed(["--record", file!], options), {
            exitCode: 2,
            out: [],
            err: [`muster: --record: "${file}" cannot be written: ${why}`]
          })
        }
      }
    })
  )

  it.effect("other bad input makes no file", () =>
    Effect.gen(function* () {
      const file = fresh()
      const { exitCode } = yield* typed(["--record", file, "--orders-url", "http://o", "--orders-fail"])

      assert.deepStrictEqual([exitCode, existsSync(file)], [2, false])
    })
  )

  // Where there is no such device, there is nothing to see.
  it.effect.runIf(existsSync("/dev/full"))("a full disk is said after the answer, which stands", () =>
    Effect.gen(function* () {
      const { err, exitCode, out } = yield* dashboard("/dev/full", "", { ...services(), columns: 80 })
      const message = `muster: the receipt was not recorded in "/dev/full": no space left on device`
      assert.deepStrictEqual([exitCode, out, err.at(-1)], [1, ["User: Alice | Orders: 0"], message])

      const down = services({ profile: () => new SourceUnavailable({ source: "profile", reason: "it is down" }) })
      const failed = yield* dashboard("/dev/full", "", { ...down, columns: 80 })
      assert.deepStrictEqual(failed.err.slice(-2), [message, "muster: profile failed after 0 ms: it is down"])
    })
  )

  it.live(
    "Ctrl-C: what was stopped is recorded",
    () =>
      Effect.gen(function* () {
        const file = fresh()
        const args = [
          "dashboard",
          "--orders-delay",
          "20s",
          "--deadline",
          "30s",
          "--log-level",
          "debug",
          "--record",
          file
        ]
        const code = yield* Effect.async<number | null>((resume) => {
          const cwd = fileURLToPath(new URL("../..", import.meta.url))
          const child: ChildProcess = spawn(process.execPath, ["--import", "tsx/esm", "src/main.ts", ...args], { cwd })
          let err = ""
          let sent = false
          child.stderr!.on("data", (data) => {
            err += data
            if (!sent && err.includes("orders: a request has arrived")) sent = child.kill("SIGINT")
          })
          child.on("close", (code) => resume(Effect.succeed(code)))
          return Effect.sync(() => child.kill("SIGKILL"))
        })
        assert.strictEqual(code, 130)
        const [cancelled] = yield* read(file)
        assert.deepStrictEqual([cancelled!.outcome, cancelled!.firstCause!.kind], ["cancelled", "caller"])
      }),
    30_000
  )
})

describe("a recording", () => {
  it.effect("goes on in a line of its own where somebody died in the middle of one", () =>
    Effect.gen(function* () {
      const file = fresh()
      writeFileSync(file, `${Recording.line(hundred[0]!)}{"version":1,"id`)
      const append = yield* Record.open(file)
      yield* append(hundred[1]!)
      yield* append(hundred[2]!)
      appendFileSync(file, Recording.line(hundred[3]!))
      yield* append(hundred[4]!)

      const lines = readFileSync(file, "utf8").split("\n")
      assert.deepStrictEqual(
        lines.map((line) => [0, 1, 2, 3, 4].find((n) => Recording.line(hundred[n]!) === `${line}\n`)),
        [0, undefined, 1, 2, 3, 4, undefined]
      )
      assert.strictEqual((yield* typed(["explain", file, "--skip-bad"])).exitCode, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("is closed with its scope", () =>
    Effect.gen(function* () {
      const append = yield* Effect.scoped(Record.open(fresh()))
      assert.strictEqual((yield* Effect.flip(append(hundred[0]!))).exitCode, 1)
    })
  )
})
