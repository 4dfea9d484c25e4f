import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import * as Servers from "./Servers.ts"
import { until } from "./Source/contract/Stage.ts"

/** 1 when somebody listens at a port, else 0. */
const listening = (port: number) =>
  Effect.promise(async () => {
    const socket = connect(port, "127.0.0.1")
    try {
      await once(socket, "connect")
      return 1
    } catch {
      return 0
    } finally {
      socket.destroy()
    }
  })

/** How many folders the server at a port has. */
const folders = (port: number) =>
  Effect.sync(() => readdirSync(tmpdir()).filter((name) => name.startsWith(`muster-redis-${port}-`)).length)

Servers.suite("redis", "Servers", () => {
  it.live("a server ends with its scope, and leaves no file", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(
        Effect.tap(Servers.redis(), ({ port }) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* listening(port), 1)
            assert.strictEqual(yield* folders(port), 1)
          })
        )
      )

      assert.strictEqual(yield* listening(port), 0)
      assert.strictEqual(yield* folders(port), 0)
    })
  )

  it.scopedLive("one of a test's own can be killed and started again, at the same address", () =>
    Effect.gen(function* () {
      const { kill, port, restart } = yield* Servers.redis()

      yield* kill
      assert.strictEqual(yield* listening(port), 0)
      yield* restart
      assert.strictEqual(yield* listening(port), 1)
    })
  )

  it.live(
    "a server ends, and its files go, when the process that started it is killed",
    () =>
      Effect.gen(function* () {
        const instance = fileURLToPath(new URL("Servers/Instance.ts", import.meta.url))
        const program = `
        const { start } = await import(${JSON.stringify(instance)})
        const { port } = await start("redis")
        console.log(port)
        setInterval(() => {}, 1_000)`
        const child = spawn(process.execPath, ["--import", "tsx/esm", "--input-type=module", "-e", program], {
          stdio: ["ignore", "pipe", "inherit"]
        })
        const [said] = yield* Effect.promise(() => once(child.stdout, "data"))
        const port = Number(said)
        assert.strictEqual(yield* folders(port), 1)
        assert.strictEqual(yield* listening(port), 1)

        child.kill("SIGKILL")

        yield* until("who listens", listening(port), 0)
        yield* until("folders", folders(port), 0)
      }),
    30_000
  )
})

describe("Servers.missing", () => {
  it("names the command in a line, and fails where the tests must run", () => {
    const line = "Redis: Redis is not installed, so these tests cannot run. Install it: npm run servers"

    assert.isUndefined(Servers.missing("redis", "Redis", { isInstalled: true, mustRun: true }))
    assert.strictEqual(Servers.missing("redis", "Redis", { isInstalled: false, mustRun: false }), line)
    assert.throws(() => Servers.missing("redis", "Redis", { isInstalled: false, mustRun: true }), line)
  })
})
