import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import * as Console from "./Console.ts"

/** A service on the loopback that refuses the second document, and remembers with which headers it was asked. */
const service = Effect.acquireRelease(
  Effect.promise(async () => {
    const seen: Array<IncomingHttpHeaders> = []
    const server = createServer((request, response) => {
      seen.push(request.headers)
      request.resume().once("end", () => {
        response.writeHead(seen.length === 2 ? 422 : 200, { "content-type": "application/json" }).end("{}")
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    // The cast: it listens on a port.
    const { port } = server.address() as AddressInfo
    return { server, seen, url: `http://127.0.0.1:${port}/translate` }
  }),
  ({ server }) => Effect.promise(() => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())))
)

const secret = "s3cr3t-of-the-test"
const env = { TOKEN: secret, TENANT: "acme" }

describe("muster batch run --header", () => {
  it.scopedLive("sends headers filled in from the environment, and writes what is secret nowhere", () =>
    Effect.gen(function* () {
      const { batch, path, write } = yield* Console.make()
      const { seen, url } = yield* service
      const input = write("docs.ndjson", Console.documents(3))
      const headers = ["authorization: Bearer ${TOKEN}", "X-Tenant: ${TENANT:-none}, plain"]
      const args = [
        "run",
        "--input",
        input,
        "--http",
        url,
        "--concurrency",
        "1",
        ...headers.flatMap((one) => ["--header", one])
      ]
      const ran = yield* batch(args, { env })

      assert.strictEqual(ran.exitCode, 3)
      assert.deepStrictEqual(
        seen.map((headers) => [headers["authorization"], headers["x-tenant"], headers["idempotency-key"]]),
        [1, 2, 3].map((n) => [`Bearer ${secret}`, "acme, plain", `docs%2Fdoc-${n}`])
      )

      // Whoever goes on with it has them from the environment of then.
      const none = yield* batch("redrive")
      assert.deepStrictEqual(
        none.err.at(-1),
        "muster: --header: authorization: the environment has no TOKEN; ${TOKEN:-default} has a default"
      )
      const again = yield* batch("redrive", { env: { TOKEN: "another" } })
      assert.strictEqual(again.exitCode, 0)
      assert.deepStrictEqual([seen[3]?.["authorization"], seen[3]?.["x-tenant"]], ["Bearer another", "none, plain"])

      const shown = [ran, none, again, yield* batch("status --json"), yield* batch("failures --json")]
      assert.notInclude(JSON.stringify(shown), secret)
      const files = readdirSync(path("")).map((name) => readFileSync(path(name), "latin1"))
      assert.notInclude(files.join(""), secret)
      assert.include(files.join(""), "Bearer ${TOKEN}")
    })
  )

  it.scopedLive("sends those that muster sets as well as they are given", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      const { seen, url } = yield* service
      const input = write("docs.ndjson", Console.documents(1))
      const headers = {
        accept: "application/vnd.acme+json",
        "content-type": "application/merge-patch+json",
        "accept-encoding": "identity",
        "idempotency-key": "run-7"
      }
      const given = Object.entries(headers).flatMap(([name, value]) => ["--header", `${name}: ${value}`])
      assert.strictEqual((yield* batch(["run", "--input", input, "--http", url, ...given])).exitCode, 0)

      assert.deepInclude(seen[0], headers)
    })
  )

  it.scopedLive("refuses what cannot be sent, and a secret that the ledger would keep", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      const input = write("docs.ndjson", Console.documents(1))
      const refused = (...args: ReadonlyArray<string>) =>
        Effect.map(
          batch(["run", "--input", input, "--http", "http://127.0.0.1:9", ...args], { env: { BROKEN: "a\nb" } }),
          ({ err, exitCode }) => [exitCode, ...err]
        )
      const wrong = `muster: --header must be a name and a value, like "accept-language: de"`
      assert.deepStrictEqual(yield* refused("--header", secret), [2, wrong])
      assert.deepStrictEqual(yield* refused("--header", `x-a: b\r\nx-c: ${secret}`), [2, wrong])
      assert.deepStrictEqual(yield* refused("--header", `Authorization: Bearer ${secret}`), [
        2,
        "muster: --header: authorization must take what is secret from the environment, like 'authorization: ${TOKEN}': the ledger keeps the rest"
      ])
      assert.deepStrictEqual(yield* refused("--header", "x-a: 1", "--header", "X-A: 2"), [
        2,
        "muster: --header: x-a is given twice"
      ])
      for (const [name, reason] of [
        ["Connection", "belongs to the connection, which muster makes"],
        ["transfer-encoding", "belongs to the connection, which muster makes"],
        ["host", "is the host of the URL"],
        ["Content-Length", "says how muster sends the body"],
        ["traceparent", "is set by muster, from the trace of the request"],
        ["grpc-timeout", "is set by muster, from the deadline"]
      ] as const)
        assert.deepStrictEqual(yield* refused("--header", `${name}: 1`), [
          2,
          `muster: --header: ${name.toLowerCase()} cannot be set: it ${reason}`
        ])
      assert.deepStrictEqual(yield* refused("--header", "x-a: ${BROKEN}"), [
        2,
        "muster: --header: x-a: what the environment has for it cannot stand in a header"
      ])
      const module = yield* batch(["run", "--input", input, "--module", "x.mjs", "--header", "x-a: 1"])
      assert.deepStrictEqual(module.err, ["muster: --header is sent with --http, which is missing"])
    })
  )
})
