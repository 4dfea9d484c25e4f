import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Console from "./Console.ts"

/** A service that answers with what it is sent, and keeps it; with a status for the ids that have one. */
const echo = (statusOf: (body: string) => number = () => 200) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const bodies: Array<string> = []
        const server = createServer(async (request, response) => {
          const chunks: Array<Uint8Array> = []
          for await (const chunk of request) chunks.push(chunk)
          const body = Buffer.concat(chunks).toString()
          bodies.push(body)
          response.writeHead(statusOf(body), { "content-type": "application/json" }).end(body)
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        return { server, bodies }
      }),
      ({ server }) =>
        Effect.promise(() => {
          server.closeAllConnections()
          return new Promise((resolve) => server.close(resolve))
        })
    ),
    // The cast: it listens on a port.
    ({ bodies, server }) => ({ bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })
  )

const items = [
  `{"id":1285704473650888702,"n":1}`,
  `{"id":1285704473650888703,"price":10.1,"huge":1e400,"zero":-0,"__proto__":{"x":9007199254740993}}`,
  `{"id":"c","long":0.1000000000000000055,"half":"\\ud83d","nul":"\\u0000","line":"\u2028"}`
]
const ids = ["1285704473650888702", "1285704473650888703", "c"]

describe("muster batch, with numbers that no JavaScript number holds", () => {
  it.scopedLive("sends, keeps, exports and lists every digit; two ids that differ in the last are two", () =>
    Effect.gen(function* () {
      const { batch, path, read, write } = yield* Console.make()
      const { bodies, url } = yield* echo((body) => (body.includes("long") ? 422 : 200))
      const run = `run --input ${write("docs.ndjson", `${items.join("\n")}\n`)} --http ${url} --concurrency 1`
      const ended = yield* batch(`${run} --out ${path("out.ndjson")}`)

      assert.deepStrictEqual([ended.exitCode, ended.out[0]], [3, "docs: 2 of 3 done, 1 failed, in … s"])
      assert.deepStrictEqual(bodies, items)
      const lines = items.slice(0, 2).map((item, n) => `{"id":"${ids[n]}","result":${item}}`)
      assert.deepStrictEqual(read("out.ndjson").split("\n"), [...lines, ""])
      assert.deepStrictEqual((yield* batch("export")).out, lines)
      const [failure] = (yield* batch("failures --json")).out
      assert.isTrue(failure!.endsWith(`"attempts":1,"item":${items[2]}}`), failure)
    })
  )

  it.scopedLive("keeps the digits of what a module gives back: a bigint, or a JsonNumber that it was given", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      const module = write(
        "give.mjs",
        `export default ({ id }) => (id === "c" ? [2n ** 70n] : { twice: [id, String(id)] })`
      )
      const ended = yield* batch(`run --input ${write("docs.ndjson", items.join("\n"))} --module ${module}`)

      assert.strictEqual(ended.exitCode, 0)
      assert.deepStrictEqual((yield* batch("export")).out, [
        ...ids.slice(0, 2).map((id) => `{"id":"${id}","result":{"twice":[${id},"${id}"]}}`),
        `{"id":"c","result":[1180591620717411303424]}`
      ])
    })
  )

  it.scopedLive("refuses a wrong id, and a URL with a place for a field, before anything runs", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      const { bodies, url } = yield* echo()
      for (const [id, what] of [
        ["x\\ud800", "half of a surrogate pair"],
        ["a\\u0000b", "a NUL (\\u0000)"]
      ] as const) {
        const input = write("wrong.ndjson", `{"id":"ok"}\n{"id":"${id}"}\n`)
        assert.deepStrictEqual(yield* batch(`run --input ${input} --http ${url}`), {
          exitCode: 2,
          out: [],
          err: [
            `muster: wrong.ndjson, line 2: its id "${id}" has ${what} in it, which not every ledger can hold: give it an id without`
          ]
        })
      }
      const input = write("docs.ndjson", `{"id":"ok"}\n`)
      for (const place of ["${id}", "{id}"]) {
        const { err, exitCode } = yield* batch(["run", "--input", input, "--http", `${url}${place}`])
        assert.strictEqual(exitCode, 2)
        assert.include(
          err.join(),
          "without ${id} or other fields of an item: each item is sent to this one URL, as the body of a POST. For a URL of its own for each item, give a --module that asks it"
        )
      }
      assert.deepStrictEqual(bodies, [])
    })
  )
})
