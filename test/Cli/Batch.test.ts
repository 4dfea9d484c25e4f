import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import * as Console from "./Batch/Console.ts"

/** A module that fails the ids in a file beside it, such as `doc-3:404`, with that status; it notes whom it has run. */
const failing = (asked: string, bad: string) => `
import { appendFileSync, readFileSync } from "node:fs"
export default async ({ id, n }, signal) => {
  appendFileSync(${JSON.stringify(asked)}, id + "\\n")
  await new Promise((resolve) => setTimeout(resolve, 2))
  const bad = readFileSync(${JSON.stringify(bad)}, "utf8").split(" ").find((word) => word.startsWith(id + ":"))
  if (bad !== undefined) throw Object.assign(new Error("no such document"), { status: Number(bad.split(":")[1]) })
  return { doubled: n * 2 }
}`

const prepared = (bad: string, count = 20) =>
  Effect.map(Console.make(), (console) => {
    console.write("bad.txt", bad)
    console.write("asked.txt", "")
    const module = console.write("translate.mjs", failing(console.path("asked.txt"), console.path("bad.txt")))
    const input = console.write("docs.ndjson", Console.documents(count))
    const asked = () => console.read("asked.txt").split("\n").slice(0, -1)
    return { ...console, asked, run: `run --input ${input} --module ${module}` }
  })

const fixture = (name: string) => fileURLToPath(new URL(`Batch/${name}.ts`, import.meta.url))
const aggregating = fixture("Aggregating")

/** A service on the loopback that answers the documents as told. */
const service = (answer: (id: string) => readonly [status: number, headers?: Record<string, string>]) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const seen: Array<{ readonly id: string; readonly key: unknown; readonly at: number }> = []
        const server = createServer(async (request, response) => {
          const chunks: Array<Uint8Array> = []
          for await (const chunk of request) chunks.push(chunk)
          // The cast: the test has sent it.
          const { id } = JSON.parse(Buffer.concat(chunks).toString()) as { id: string }
          seen.push({ id, key: request.headers["idempotency-key"], at: performance.now() })
          const [status, headers] = answer(id)
          response.writeHead(status, { "content-type": "application/json", ...headers })
          response.end(JSON.stringify({ of: id }))
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        return { server, seen }
      }),
      ({ server }) =>
        Effect.promise(() => {
          server.closeAllConnections()
          return new Promise((resolve) => server.close(resolve))
        })
    ),
    // The cast: it listens on a port.
    ({ seen, server }) => ({ seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/translate` })
  )

describe("muster batch", () => {
  it.scopedLive("runs a file, keeps what worked, and redrive runs only what failed", () =>
    Effect.gen(function* () {
      const { asked, batch, path, read, run, write } = yield* prepared("doc-3:404 doc-7:422")
      const first = yield* batch(`${run} --out ${path("results.ndjson")}`)

      assert.deepStrictEqual(
        [first.exitCode, first.out],
        [
          3,
          [
            "docs: 18 of 20 done, 2 failed, in … s",
            "  404: no such document (doc-3)",
            "  422: no such document (doc-7)",
            "Results: results.ndjson (18 items)",
            "Run what failed again: muster batch redrive --name docs"
          ]
        ]
      )
      assert.deepStrictEqual(
        first.err.map((line) => JSON.parse(line).message),
        ["2 items failed"]
      )
      const results = () => read("results.ndjson").split("\n")
      assert.deepStrictEqual(results().slice(0, 3), [
        `{"id":"doc-1","result":{"doubled":2}}`,
        `{"id":"doc-2","result":{"doubled":4}}`,
        `{"id":"doc-4","result":{"doubled":8}}`
      ])
      assert.deepStrictEqual((yield* batch("failures --only 422")).out, ["doc-7  422  no such document"])
      assert.deepStrictEqual((yield* batch("failures")).out, [
        "doc-3  404  no such document",
        "doc-7  422  no such document"
      ])

      assert.strictEqual((yield* batch(run)).exitCode, 3)
      assert.lengthOf(asked(), 20)
      write("bad.txt", "")
      const again = yield* batch("redrive --only 404")
      assert.deepStrictEqual([again.exitCode, again.out[0]], [3, "docs: 19 of 20 done, 1 failed, in … s"])
      assert.deepStrictEqual(asked().slice(20), ["doc-3"])
      assert.strictEqual(results()[2], `{"id":"doc-3","result":{"doubled":6}}`)

      assert.deepInclude(yield* batch("redrive"), {
        exitCode: 0,
        out: ["docs: 20 of 20 done, in … s", "Results: results.ndjson (20 items)"]
      })
      assert.deepStrictEqual(asked().slice(21), ["doc-7"])
    })
  )

  it.scopedLive("goes on with a batch that was stopped, and says how", () =>
    Effect.gen(function* () {
      const { asked, batch, run, write } = yield* prepared("doc-2:404")
      const stopped = yield* batch(`${run} --concurrency 1 --max-failed 0`)

      assert.strictEqual(stopped.exitCode, 1)
      assert.deepStrictEqual(stopped.out, [
        "docs: 1 of 20 done, 1 failed, 18 to do, in … s",
        "  404: no such document (doc-2)",
        "Results: muster batch export --name docs",
        "Run what failed again: muster batch redrive --name docs",
        "Go on: muster batch resume --name docs"
      ])
      assert.include(
        JSON.parse(stopped.err[0]!).message,
        "the batch was stopped: too many items have failed; the last one: doc-2 failed with 404: no such document"
      )
      assert.deepStrictEqual((yield* batch("status")).out[0], "docs: 1 of 20 done, 1 failed, 18 to do")

      write("bad.txt", "")
      const rest = yield* batch("resume --max-failed 5")
      assert.deepStrictEqual([rest.exitCode, rest.out[0]], [3, "docs: 19 of 20 done, 1 failed, in … s"])
      assert.lengthOf(asked(), 20)
      assert.strictEqual(new Set(asked()).size, 20)
    })
  )

  it.scopedLive("exports what there is, forgets what it is told to, and lists what there is as JSON", () =>
    Effect.gen(function* () {
      const { batch, path, read, run } = yield* prepared("doc-1:404", 3)
      yield* batch(`${run} --name french`)
      yield* batch(`${run} --name german`)

      const lines = [`{"id":"doc-2","result":{"doubled":4}}`, `{"id":"doc-3","result":{"doubled":6}}`]
      assert.deepStrictEqual((yield* batch("export --name french")).out, lines)
      assert.deepStrictEqual((yield* batch(`export --name french --out ${path("f.ndjson")}`)).out, [
        "f.ndjson: 2 items"
      ])
      assert.strictEqual(read("f.ndjson"), `${lines.join("\n")}\n`)
      const [failure] = (yield* batch("failures --name german --json")).out
      assert.deepStrictEqual(JSON.parse(failure!), {
        id: "doc-1",
        class: "404",
        message: "no such document",
        attempts: 1,
        item: { id: "doc-1", n: 1 }
      })
      assert.include(
        (yield* batch("export")).err[0],
        "--name is missing; the ledger has several batches: french, german"
      )
      assert.deepStrictEqual((yield* batch("cancel --name german")).out, ["nobody runs german"])
      assert.deepStrictEqual((yield* batch("purge --name german")).out, ["german is forgotten, with 3 items"])
      const manifests = (yield* batch("status --json")).out.map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        manifests.map(({ batch, done, outcome }) => [batch, outcome, done]),
        [["french", "partial", 2]]
      )
    })
  )

  it.scopedLive("asks a service with POST, no faster than the rate, and slows down when it says so", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      let refusals = 0
      const { seen, url } = yield* service((id) =>
        id === "doc-2" && (refusals += 1) === 1 ? [429, { "retry-after": "1" }] : id === "doc-5" ? [422] : [200]
      )
      const input = write("docs.ndjson", Console.documents(25))
      const ended = yield* batch(`run --input ${input} --http ${url} --concurrency 3 --rate 20/s`)

      assert.deepStrictEqual([ended.exitCode, ended.out[0]], [3, "docs: 24 of 25 done, 1 failed, in … s"])
      assert.match(ended.out[1]!, /^ {2}422: Source "docs" .*POST .* answered 422 \(doc-5\)$/)
      assert.deepStrictEqual(
        seen.filter(({ id }) => id === "doc-2").map(({ key }) => key),
        ["docs%2Fdoc-2", "docs%2Fdoc-2"]
      )
      const gaps = seen.slice(1).map(({ at }, n) => at - seen[n]!.at)
      assert.lengthOf(
        gaps.filter((gap) => gap > 700),
        1
      )
      // Behind the burst of two, one in 50 ms.
      const after = seen.slice(-10)
      assert.isAtLeast(after.at(-1)!.at - after[0]!.at, 9 * 50 - 50)
    })
  )

  it.scopedLive("stops at once when it is not let in", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      const { seen, url } = yield* service(() => [401])
      const ended = yield* batch(`run --input ${write("docs.ndjson", Console.documents(90))} --http ${url}`)

      assert.strictEqual(ended.exitCode, 1)
      assert.include(JSON.parse(ended.err[0]!).message, "the batch was stopped: nothing else would fare better: doc-")
      assert.isBelow(seen.length, 30)
    })
  )

  it.scopedLive("takes an Aggregation as what runs an item", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      const input = write("docs.ndjson", Console.documents(4))
      const ended = yield* batch(`run --input ${input} --module ${aggregating}`)

      assert.deepStrictEqual([ended.exitCode, ended.out[0]], [3, "docs: 3 of 4 done, 1 failed, in … s"])
      assert.deepStrictEqual((yield* batch("export")).out[0], `{"id":"doc-1","result":{"sum":"11"}}`)
      assert.match((yield* batch("failures")).out[0]!, /^doc-3 {2}404 {2}.*no 3/)

      const wrong = write("wrong.ndjson", Console.documents(2, "m"))
      const refused = yield* batch(`run --input ${wrong} --module ${aggregating}`)
      assert.deepStrictEqual(
        [refused.exitCode, refused.err],
        [2, [`muster: wrong.ndjson, line 1: "n" does not fit: is missing`]]
      )
    })
  )

  it.scopedLive("takes a Batch, and a function that gives an effect; what has no id goes by its line", () =>
    Effect.gen(function* () {
      const { batch, write } = yield* Console.make()
      const input = write("docs.ndjson", `{"n":1}\n\n{"n":2}\n`)
      assert.strictEqual((yield* batch(`run --input ${input} --module ${fixture("Batching")} --name a`)).exitCode, 3)
      assert.deepStrictEqual((yield* batch("export")).out, [`{"id":"number-1","result":"1970-01-01T00:00:00.001Z"}`])
      assert.deepStrictEqual((yield* batch("failures")).out, ["number-2  no two  two"])

      assert.strictEqual((yield* batch(`run --input ${input} --module ${fixture("Effects")} --name b`)).exitCode, 0)
      assert.deepStrictEqual((yield* batch("export --name b")).out, [
        `{"id":"line-1","result":2}`,
        `{"id":"line-3","result":3}`
      ])
    })
  )

  it.scopedLive("draws a bar on a terminal, over itself", () =>
    Effect.gen(function* () {
      const { batch, run } = yield* prepared("doc-9:404", 400)
      const { err } = yield* batch(`${run} --concurrency 2`, { columns: 80 })

      assert.isAbove(err.length, 2)
      assert.isFalse(err[0]!.startsWith("\u001b"))
      for (const line of err.slice(1, -1)) assert.isTrue(line.startsWith("\u001b[1A\u001b[2K"))
      assert.match(err.at(-2)!, /█▓ {2}399 of 400 done, 1 failed, 0 in flight, \d+\/s/)
      assert.strictEqual(err.at(-1), "muster: 1 item failed")
    })
  )
})

describe("muster batch, given something wrong", () => {
  it.scopedLive("says what, in one line, and has run nothing", () =>
    Effect.gen(function* () {
      const { asked, batch, path, run, write } = yield* prepared("")
      const module = `--module ${path("translate.mjs")}`
      const bad = write("bad.ndjson", `${Console.documents(2)}{nope\n`)
      const twice = write("twice.ndjson", `${Console.documents(2)}{"id":"doc-1","n":9}\n`)
      write("none.mjs", "export const a = 1")
      const table: ReadonlyArray<readonly [string, string | RegExp]> = [
        ["rnu", `muster: there is no command "batch rnu"; did you mean batch run?`],
        ["run", "muster: --input is missing; see muster batch run --help"],
        ["run --inptu x", `muster: there is no flag "--inptu"; did you mean --input?`],
        [`run --input ${path("none")} ${module}`, "muster: none: no such file or directory"],
        [`run --input ${path("docs.ndjson")}`, "muster: who runs the items? give --http or --module"],
        [`${run} --http http://h`, "muster: --http and --module are two ways to run an item; give one"],
        [
          `run --input ${bad} --http http://me:secret@h`,
          "muster: --http must be a URL without a password, which the ledger would keep; --module can read one elsewhere"
        ],
        [`${run} --rate fast`, `muster: --rate must be a rate like "50/s", "3000/m" or "1/500ms", but it is "fast"`],
        [
          `${run} --max-failed 101%`,
          `muster: --max-failed must be a whole number, or a part like "5%", but it is "101%"`
        ],
        [`${run} --out /none/x`, "muster: --out: /none/x cannot be written: no such file or directory"],
        [
          `${run} --ledger redis://h`,
          "muster: --ledger must be the path of a file, or a URL like postgres://localhost"
        ],
        [`run --input ${bad} ${module}`, /^muster: bad.ndjson, line 3: it is no JSON: /],
        [
          `run --input ${twice} ${module}`,
          `muster: twice.ndjson, line 3: it has the id "doc-1" of line 1, and is another item`
        ],
        [
          `run --input ${bad} --module ${path("none.mjs")}`,
          "muster: --module: none.mjs has no default export that is a function, a Batch or an Aggregation"
        ],
        ["resume --name nope", `muster: there is no batch "nope" in the ledger; it is empty`],
        ["resume", "muster: there is no batch in the ledger"],
        ["purge", "muster: --name is missing: which batch is to be forgotten?"],
        [
          `status --ledger ${path("none.db")}`,
          "muster: there is no ledger none.db; say --ledger, or begin one with muster batch run"
        ]
      ]
      for (const [line, message] of table) {
        const { err, exitCode, out } = yield* batch(line)
        assert.deepStrictEqual([exitCode, out, err.length], [2, [], 1], line)
        if (typeof message === "string") assert.strictEqual(err[0], message)
        else assert.match(err[0]!, message)
      }
      assert.deepStrictEqual(asked(), [])

      yield* batch(run)
      const other = yield* batch(`run --input ${bad} ${module} --name docs`)
      assert.match(
        other.err[0]!,
        /^muster: the batch "docs" has run before: --input was docs.ndjson, and is bad.ndjson. Say --name/
      )
      const none = yield* batch("redrive --only 500")
      assert.deepStrictEqual(none.err, [`muster: nothing has failed with "500"; nothing has failed`])
    })
  )

  it.scopedLive("a file that has changed is read anew: what is new is run, what is another item is refused", () =>
    Effect.gen(function* () {
      const { asked, batch, run, write } = yield* prepared("", 3)
      yield* batch(run)
      write("docs.ndjson", Console.documents(5))
      const more = yield* batch("resume")
      assert.deepStrictEqual([more.exitCode, more.out[0]], [0, "docs: 5 of 5 done, in … s"])
      assert.lengthOf(asked(), 5)

      write("docs.ndjson", Console.documents(6).replace(`"n":2`, `"n":7`))
      const changed = yield* batch("resume")
      assert.strictEqual(changed.exitCode, 2)
      assert.deepStrictEqual(changed.err, [
        `muster: docs.ndjson, line 2: it has changed: the batch has another item with the id "doc-2", read before from line 2. Put it back as it was, give it another id, or begin another batch with --name`
      ])
      assert.lengthOf(asked(), 5)
    })
  )

  it.scopedLive("a full disk leaves the results in the ledger, and says how to get them", () =>
    Effect.gen(function* () {
      const { batch, run } = yield* prepared("", 3)
      const full = yield* batch(`${run} --out /dev/full`)
      assert.deepStrictEqual([full.exitCode, full.out], [1, ["docs: 3 of 3 done, in … s"]])
      assert.strictEqual(
        JSON.parse(full.err[0]!).message,
        "/dev/full cannot be written: no space left on device; no result is lost: muster batch export --name docs --out FILE"
      )
      assert.lengthOf((yield* batch("export")).out, 3)
    })
  )

  it.scopedLive("a file that is no ledger is said to be none", () =>
    Effect.gen(function* () {
      const { batch, path, read, run } = yield* prepared("", 3)
      const refused = yield* batch(`${run} --ledger ${path("docs.ndjson")}`)
      assert.strictEqual(refused.exitCode, 1)
      assert.include(
        JSON.parse(refused.err[0]!).message,
        "the ledger is unavailable: sqlite at docs.ndjson: the file is no database"
      )
      assert.strictEqual(read("docs.ndjson"), Console.documents(3))
    })
  )
})

describe("muster batch, help", () => {
  it.scopedLive("tells of its commands, and of the flags of each", () =>
    Effect.gen(function* () {
      const { batch } = yield* Console.make()
      for (const line of ["", "--help"]) {
        const { exitCode, out } = yield* batch(line)
        assert.strictEqual(exitCode, 0)
        for (const word of ["batch run", "batch redrive", "batch purge", "batch demo"])
          assert.include(out.join("\n"), word)
        for (const row of out.join("\n").split("\n")) assert.isAtMost(row.length, 90, row)
      }
      const { out } = yield* batch("run --help")
      assert.include(out.join("\n"), "muster batch run [flags]")
      assert.include(out.join("\n"), "--max-failed")
    })
  )
})
