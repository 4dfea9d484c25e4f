import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { spawn } from "node:child_process"
import type { ServerResponse } from "node:http"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ask, eventsOf, get, until, upstream, wire } from "./Stage.ts"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

const file = (upstream: string) => `
services:
  slow: { http: "${upstream}" }
endpoints:
  dashboard:
    sources:
      profile: { ask: slow, get: /profile }
      orders: { ask: slow, get: /orders }
`

/** The command as a process, on an upstream that answers when the test says so. */
const served = (...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const waiting: Array<ServerResponse> = []
    const source = yield* upstream((_, response) => void waiting.push(response))
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    writeFileSync(join(folder, "muster.yaml"), file(source.url))
    const args = ["serve", "--config", join(folder, "muster.yaml"), "--port", "0", "--admin-port", "0", ...flags]
    let text = ""
    let code: number | string | null = null
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--import", "tsx", main, ...args], { stdio: ["ignore", "ignore", "pipe"] })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    child.stderr.on("data", (chunk) => (text += String(chunk)))
    child.on("exit", (status, signal) => (code = status ?? signal))
    const log = () => text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []))
    const serving = () => log().find(({ message }) => message === "serving")?.annotations
    yield* until("it serves", () => serving() !== undefined || code !== null, 30_000)
    assert.isNull(code, text)
    const { admin, url } = serving() as { admin: string; url: string }
    return {
      admin,
      url,
      source,
      log,
      kill: (signal: NodeJS.Signals) => child.kill(signal),
      code: () => code,
      answer: () => waiting.splice(0).forEach((response) => response.end("1")),
      text: () => text
    }
  })

describe("muster serve", () => {
  const live = (title: string, test: () => Effect.Effect<void>) => it.live(title, test, 60_000)

  live("at SIGTERM answers what is in flight, refuses what is new, and exits with 0", () =>
    Effect.gen(function* () {
      const { admin, answer, code, kill, source, text, url } = yield* served("--drain", "20s")
      const kept = yield* wire(url, get("/healthz"))
      yield* until("it is kept", () => kept.received().includes("ok"))
      const within = yield* Effect.fork(ask(`${url}/dashboard`))
      const keeping = yield* wire(url, get("/dashboard"))
      yield* until("all are asked", () => source.requests.length === 4)
      kill("SIGTERM")
      // As tsx does to a process that is busy: that is one signal, not a second.
      yield* Effect.sleep(10)
      kill("SIGTERM")
      let ready = 200
      while (ready === 200) ready = (yield* ask(`${url}/readyz`)).status

      assert.strictEqual(ready, 503)
      // On a new connection, and on one that is open still.
      const late = yield* ask(`${url}/dashboard`)
      assert.deepStrictEqual([late.status, late.json()["type"]], [503, "/docs#draining"])
      kept.socket.write(get("/dashboard"))
      yield* until("it is refused", () => kept.received().includes("/docs#draining"))
      yield* until("it is closed", kept.closed)
      assert.lengthOf(kept.received().match(/^connection: close\r$/gim) ?? [], 1)
      assert.strictEqual((yield* ask(`${admin}/healthz`)).status, 200)
      assert.strictEqual(source.requests.length, 4)

      answer()
      const reply = yield* Fiber.join(within)
      assert.deepStrictEqual([reply.status, reply.text], [200, '{"profile":1,"orders":1}'])
      yield* until("the connection is given up", keeping.closed)
      assert.match(keeping.received(), /^HTTP\/1.1 200 OK\r\n[^]*\r\nconnection: close\r\n/i)
      yield* until("it has ended", () => code() !== null, 5_000)
      assert.strictEqual(code(), 0, text())
      assert.deepStrictEqual(source.closes, [])
    }).pipe(Effect.scoped)
  )

  live("at the end of --drain cancels what is left, ends streams with an event, and exits with 0", () =>
    Effect.gen(function* () {
      const { code, kill, source, text, url } = yield* served("--drain", "300ms")
      const within = yield* Effect.fork(ask(`${url}/dashboard`))
      const streamed = yield* Effect.fork(ask(`${url}/dashboard`, { headers: { accept: "text/event-stream" } }))
      yield* until("all are asked", () => source.requests.length === 4)
      const start = performance.now()
      kill("SIGTERM")
      const [reply, stream] = [yield* Fiber.join(within), yield* Fiber.join(streamed)]

      assert.deepStrictEqual([reply.status, reply.json()["type"]], [503, "/docs#draining"])
      const last = eventsOf(stream.text).at(-1)
      assert.deepStrictEqual([last?.event, last?.data["type"]], ["problem", "/docs#draining"])
      yield* until("it has ended", () => code() !== null, 5_000)
      assert.isBelow(performance.now() - start, 3_000)
      assert.strictEqual(code(), 0, text())
      assert.lengthOf(source.closes, 4)
    }).pipe(Effect.scoped)
  )

  live("at a second signal cancels all at once, and still waits for its cleanup", () =>
    Effect.gen(function* () {
      const { code, kill, log, source, url } = yield* served("--drain", "60s")
      const within = yield* Effect.fork(ask(`${url}/dashboard`))
      yield* until("both are asked", () => source.requests.length === 2)
      kill("SIGINT")
      let ready = 200
      while (ready === 200) ready = (yield* ask(`${url}/readyz`)).status
      kill("SIGTERM")

      assert.strictEqual((yield* Fiber.join(within)).status, 503)
      yield* until("it has ended", () => code() !== null, 5_000)
      assert.strictEqual(code(), 143)
      assert.lengthOf(source.closes, 2)
      assert.include(
        log().map(({ message }) => message),
        "dashboard cancelled"
      )
    }).pipe(Effect.scoped)
  )
})
