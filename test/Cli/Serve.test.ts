import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Layer } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cli from "../../src/Cli.ts"
import * as Demo from "../../src/Demo.ts"
import * as Drivers from "../../src/Source/Drivers.ts"
import * as Http from "../../src/Source/Http.ts"
import { ask, until } from "../Server/Stage.ts"

/** Runs a command line until it ends or the test does, and gives what stands on the screen. */
const typing = (line: string, env: Record<string, string> = {}, columns?: number) => {
  const out: Array<string> = []
  const err: Array<string> = []
  const screen = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    columns,
    color: false
  }
  let again: (() => void) | undefined
  const run = Cli.run(line.split(" "), "1.2.3").pipe(
    Effect.provideService(Cli.Screen, screen),
    Effect.provideService(Cli.Signals, { expect: (call) => void (again = call) }),
    Effect.provideService(Cli.Drivers, {
      users: (urls) => Layer.provide(Demo.UserServices.layer(urls, Http.json), Http.layer()),
      services: Drivers.layer
    }),
    Effect.provide(Layer.mergeAll(FileSystem.layerNoop({}), Path.layer, NodeTerminal.layer)),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))
  )
  return { run, out, err, expects: () => again !== undefined }
}

/** Runs it until the scope of the test closes, from when it serves. */
const serving = (line: string, env: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const typed = typing(line, env)
    const lines = () =>
      typed.err.map((line) => JSON.parse(line) as { message: string; annotations: Record<string, string> })
    const fiber = yield* Effect.acquireRelease(Effect.fork(Effect.interruptible(typed.run)), Fiber.interrupt)
    yield* until("it serves", () => typed.err.some((line) => line.includes(`"serving"`)), 10_000)
    const { admin, url } = lines().find(({ message }) => message === "serving")!.annotations
    return { ...typed, admin, url: url!, lines, fiber }
  })

describe("muster serve", () => {
  const live = it.scopedLive

  live(
    "--record keeps the receipts of what it served, for muster explain",
    () =>
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-serve-"))),
          (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
        )
        const file = join(folder, "receipts.ndjson")
        const { fiber, url } = yield* serving(`serve --port 0 --record ${file} --record-rate 100%`)
        yield* ask(`${url}/dashboard?id=42`)
        yield* ask(`${url}/dashboard?id=42`)
        yield* Fiber.interrupt(fiber)
        const explained = typing(`explain ${file}`)
        yield* explained.run
        assert.match(explained.out[0]!, /^dashboard: 2 aggregations of profile, orders/)
      }),
    30_000
  )

  live("--record: a file that cannot be written, and a rate of no use, are said at once", () =>
    Effect.gen(function* () {
      for (const [flags, message] of [
        ["--record /none/x", `muster: --record: "/none/x" cannot be written: no such file or directory`],
        ["--record-rate 5%", "muster: --record-rate is of no use without --record"],
        [
          "--record x --record-rate 0%",
          `muster: --record-rate must be a share of more than 0% up to 100%, like "10%" or "0.1", but it is "0%"`
        ]
      ] as const) {
        const typed = typing(`serve --port 0 ${flags}`)
        assert.strictEqual(yield* typed.run, 2)
        assert.strictEqual(typed.err.at(-1), message)
      }
    })
  )

  live(
    "serves the demo: a dashboard, and a search that has what there is in time",
    () =>
      Effect.gen(function* () {
        const { admin, expects, fiber, lines, out, url } = yield* serving("serve --port 0 --admin-port 0")
        const dashboard = yield* ask(`${url}/dashboard?id=42`)
        const [search, strict] = yield* Effect.all(
          [
            ask(`${url}/search?q=phone%20tablet,headphones`, { headers: { prefer: "wait=1" } }),
            ask(`${url}/search?q=phone`, { headers: { prefer: "handling=strict" } })
          ],
          { concurrency: 2 }
        )

        assert.isTrue(expects())
        assert.deepStrictEqual(
          [dashboard.status, dashboard.json<{ orders: Array<unknown> }>().orders.length, dashboard.json()["profile"]],
          [200, 5, { id: "42", name: "Alice" }]
        )
        const { errors, results, total } = search.json<{
          total: number
          results: Array<{ price: number }>
          errors: Array<{ source: string; reason: string }>
        }>()
        assert.deepStrictEqual([search.status, search.headers.get("muster-complete"), total], [200, "false", 6])
        assert.deepStrictEqual(
          results.map(({ price }) => price),
          [149.99, 799.99, 849.99, 899.99, 1299.99, 1799.99]
        )
        assert.deepStrictEqual(
          errors.map(({ reason, source }) => [source, reason]),
          [
            ["mongodb", "timed-out"],
            ["redis", "failed"]
          ]
        )
        assert(search.elapsed >= 950 && search.elapsed < 2_500, `${search.elapsed}`)
        assert.deepStrictEqual([strict.status, strict.json()["source"]], [502, "redis"])
        assert.isBelow(strict.elapsed, 1_000)
        assert.strictEqual((yield* ask(`${admin}/healthz`)).status, 200)
        assert.isTrue(lines().some(({ message }) => message === "GET /dashboard 200"))
        assert.deepStrictEqual(out, [])
        yield* Fiber.interrupt(fiber)
        assert.isTrue(yield* Effect.isFailure(ask(`${url}/healthz`).pipe(Effect.sandbox)))
      }),
    15_000
  )

  live("serves what a file says", () =>
    Effect.gen(function* () {
      const upstream = yield* Effect.acquireRelease(
        Effect.async<{ url: string; close: () => void }>((resume) => {
          const server = createServer((request, response) => void response.end(JSON.stringify({ path: request.url })))
          server.listen(0, "127.0.0.1", () => {
            const { port } = server.address() as AddressInfo
            const close = () => (server.close(), server.closeAllConnections())
            resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
          })
        }),
        ({ close }) => Effect.sync(close)
      )
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      const file = join(folder, "muster.yaml")
      writeFileSync(
        file,
        `services: { users: { http: "${upstream.url}" } }
endpoints:
  user:
    path: /users/:id
    input: { id: string }
    sources:
      profile: { ask: users, get: "/profile/{id}" }
`
      )
      const { url } = yield* serving(`serve --config ${file} --port 0`)
      const reply = yield* ask(`${url}/users/4%3B2`)
      assert.deepStrictEqual([reply.status, reply.text], [200, '{"profile":{"path":"/profile/4%3B2"}}'])

      writeFileSync(file, "endpoints: {}")
      const wrong = typing(`serve --config ${file} --port 0`)
      assert.strictEqual(yield* wrong.run, 2)
      assert.match(wrong.err.join("\n"), /muster: .*muster\.yaml has 1 problem$/)
    })
  )

  live("tells somebody at a terminal where it is, and what to try", () =>
    Effect.gen(function* () {
      const { err, run } = typing("serve --port 0", {}, 100)
      yield* Effect.acquireRelease(Effect.fork(Effect.interruptible(run)), Fiber.interrupt)
      yield* until("it serves", () => err.length >= 2, 10_000)

      assert.match(err[0]!, /^Serving http:\/\/127\.0\.0\.1:\d+, with its docs at http:\/\/127\.0\.0\.1:\d+\/docs$/)
      assert.match(err[1]!, /^Try: curl -i "http:\/\/127\.0\.0\.1:\d+\/dashboard\?id=42"$/)
    })
  )

  live("says what it was given wrong, in one line, and what it could not do", () =>
    Effect.gen(function* () {
      const said = (line: string, env: Record<string, string> = {}) => {
        const { err, run } = typing(line, env)
        return Effect.map(run, (code) => [code, ...err])
      }

      assert.deepStrictEqual(yield* said("serve --port 70000"), [
        2,
        'muster: --port must be a port from 0 to 65535, but it is "70000"'
      ])
      assert.deepStrictEqual(yield* said("serve --max-in-flight 0"), [
        2,
        'muster: --max-in-flight must be a whole number from 1 up, but it is "0"'
      ])
      assert.deepStrictEqual(yield* said("serve", { MUSTER_PORT: "x" }), [
        2,
        'muster: MUSTER_PORT must be a port from 0 to 65535, but it is "x"'
      ])
      assert.deepStrictEqual(yield* said("serve --admin-port 0", { MUSTER_ADMIN_HOST: "0.0.0.0" }), [
        2,
        "muster: MUSTER_ADMIN_HOST=0.0.0.0 needs a MUSTER_ADMIN_TOKEN beside it"
      ])
      const [code, line] = yield* said("serve --port 0 --admin-port 0", { MUSTER_ADMIN_TOKEN: "short" })
      assert.strictEqual(code, 2)
      assert.match(String(line), /^muster: .* must be at least 16 characters/)
      assert.deepStrictEqual(yield* said("serve --port 0", { OTEL_EXPORTER_OTLP_ENDPOINT: "nowhere" }), [
        2,
        "muster: OTEL_EXPORTER_OTLP_ENDPOINT must be a URL of http or https"
      ])

      const { url } = yield* serving("serve --port 0")
      const { port } = new URL(url)
      const [taken, why] = yield* said(`serve --port ${port}`)
      assert.strictEqual(taken, 1)
      assert.include(String(why), `The server could not listen on 127.0.0.1:${port}: the port is taken`)
    })
  )

  live("asks the demo itself when it is told to, so that the page has something to show", () =>
    Effect.gen(function* () {
      const { admin } = yield* serving("serve --port 0 --demo-load")
      const receipts = Effect.map(ask(`${admin}/receipts`), ({ text }) => text.split("\n").length - 1)
      for (const end = performance.now() + 10_000; (yield* receipts) < 2;)
        assert(performance.now() < end, "nobody has asked")
      assert.include((yield* ask(`${admin}/`)).text, "/Main.js")

      const both = typing("serve --demo-load --config muster.yaml")
      assert.strictEqual(yield* both.run, 2)
      assert.match(both.err.join(), /--demo-load asks the demo, which is not served with --config/)
    })
  )
})
