import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Console from "./Console.ts"

/** Gives the items that it is told to fail, and keeps which it was asked for. */
const module = (asked: string, bad: string) => `
import { appendFileSync, readFileSync } from "node:fs"
export default ({ id, n }) => {
  appendFileSync(${JSON.stringify(asked)}, (id ?? n) + " ")
  if (readFileSync(${JSON.stringify(bad)}, "utf8").includes(id)) throw Object.assign(new Error("no"), { status: 404 })
  return n
}`

const prepared = Effect.map(Console.make(), (console) => {
  console.write("asked", "")
  console.write("bad", "none")
  const translate = console.write("m.mjs", module(console.path("asked"), console.path("bad")))
  const docs = (...lines: ReadonlyArray<string>) =>
    console.write("docs.ndjson", lines.map((line) => `${line}\n`).join(""))
  const asked = () => {
    const ids = console.read("asked").trim().split(" ")
    console.write("asked", "")
    return ids
  }
  return {
    ...console,
    asked,
    docs,
    run: `run --input ${console.path("docs.ndjson")} --module ${translate} --concurrency 1`
  }
})

const doc = (id: string, n = 1) => `{"id":"${id}","n":${n}}`

describe("muster batch, with a file that is not as it was", () => {
  it.scopedLive("knows items by their ids: they may move, come and go, and nothing that is done is done again", () =>
    Effect.gen(function* () {
      const { asked, batch, docs, run, write } = yield* prepared
      docs(doc("a"), doc("b"), doc("c"))
      write("bad", "b")
      assert.strictEqual((yield* batch(run)).exitCode, 3)
      assert.deepStrictEqual(asked(), ["a", "b", "c"])

      docs(doc("d"), doc("c"), doc("b"), doc("a"))
      assert.deepStrictEqual((yield* batch(run)).out[0], "docs: 3 of 4 done, 1 failed, in … s")
      assert.deepStrictEqual(asked(), ["d"])
      assert.deepStrictEqual(
        (yield* batch("export")).out.map((line) => JSON.parse(line).id),
        ["d", "c", "a"]
      )

      docs(doc("c"), doc("e"))
      const less = yield* batch("resume")
      assert.deepStrictEqual(less.out.slice(0, 3), [
        "docs: 4 of 5 done, 1 failed, in … s",
        "  404: no (b)",
        "No longer in the input: 3 items (what became of 3 stays recorded)"
      ])
      assert.deepStrictEqual(asked(), ["e"])

      write("bad", "none")
      const redriven = yield* batch("redrive")
      assert.deepStrictEqual(
        [redriven.exitCode, redriven.out.slice(0, 2)],
        [
          0,
          [
            "docs: 4 of 4 done, in … s",
            "No longer in the input: 3 items (what became of 2 stays recorded, 1 not done and left out)"
          ]
        ]
      )
      assert.include((yield* batch("status")).out.join("\n"), "1 not done and left out")
      docs(doc("b"), doc("c"), doc("e"))
      assert.deepStrictEqual((yield* batch("resume")).out[0], "docs: 5 of 5 done, in … s")
      assert.deepStrictEqual(asked(), ["b"])
    })
  )

  it.scopedLive("refuses an item that is another one, or there twice, by both lines, and runs nothing", () =>
    Effect.gen(function* () {
      const { asked, batch, docs, run } = yield* prepared
      docs(doc("a"), doc("b"))
      yield* batch(run)
      asked()
      const refused = (...lines: ReadonlyArray<string>) => {
        docs(...lines)
        return Effect.map(batch(run), ({ err, exitCode, out }) => [exitCode, out, err])
      }
      assert.deepStrictEqual(yield* refused(doc("new"), doc("b"), doc("a", 2)), [
        2,
        [],
        [
          `muster: docs.ndjson, line 3: it has changed: the batch has another item with the id "a", read before from line 1. Put it back as it was, give it another id, or begin another batch with --name`
        ]
      ])
      assert.deepStrictEqual(yield* refused(doc("b"), doc("new"), doc("b")), [
        2,
        [],
        [`muster: docs.ndjson, line 3: it is the same as line 1, and has the id "b" as well`]
      ])
      assert.deepStrictEqual(yield* refused(doc("line-2"), `{"n":1}`), [
        2,
        [],
        [`muster: docs.ndjson, line 2: it has the id "line-2" of line 1, and is another item`]
      ])
      assert.deepStrictEqual(asked(), [""])
    })
  )

  it.scopedLive("items without ids go by their lines: more may follow, but no other may take their place", () =>
    Effect.gen(function* () {
      const { asked, batch, docs, run } = yield* prepared
      docs(`{"n":1}`, `{"n":2}`)
      yield* batch(run)
      docs(`{"n":1}`, `{"n":2}`, `{"n":3}`)
      assert.strictEqual((yield* batch(run)).exitCode, 0)
      assert.deepStrictEqual(asked(), ["1", "2", "3"])
      docs(`{"n":2}`, `{"n":1}`, `{"n":3}`)
      assert.deepStrictEqual((yield* batch(run)).err, [
        `muster: docs.ndjson, line 1: it has changed since the file was read before, and has no id. Items without an id go by their line: put the lines back as they were, give each item an "id", or begin another batch with --name`
      ])
    })
  )
})

describe("muster batch, with another destination than before", () => {
  it.scopedLive("is refused once it has run; with --again what is done stays done, and what is not goes there", () =>
    Effect.gen(function* () {
      const { asked, batch, docs, path, run, write } = yield* prepared
      docs(doc("a"), doc("b"), doc("c"))
      write("bad", "b")
      assert.strictEqual((yield* batch(`${run} --max-failed 0`)).exitCode, 1)
      assert.deepStrictEqual(asked(), ["a", "b"])

      const other = write("other.mjs", `export default ({ id }) => "other " + id`)
      const there = `run --input ${path("docs.ndjson")} --module ${other}`
      const refused = yield* batch(there)
      assert.deepStrictEqual([refused.exitCode, refused.out], [2, []])
      assert.strictEqual(
        refused.err[0],
        `muster: the batch "docs" has run before: what runs its items was --module m.mjs, and is --module other.mjs. Say --name for another batch; or --again, and what is done stays done, what is not goes there (what has failed: with redrive after that); or forget it: muster batch purge --name docs`
      )
      const http = (headers: string) =>
        Effect.map(
          batch(["run", "--input", path("docs.ndjson"), "--http", "http://127.0.0.1:9/", "--header", headers]),
          ({ err }) => err[0]
        )
      assert.include(
        yield* http("accept-language: de"),
        "is --http http://127.0.0.1:9 --header 'accept-language: de'. Say"
      )
      assert.notInclude(yield* http("authorization: Bearer ${TOKEN}"), "TOKEN")

      assert.strictEqual((yield* batch(`${there} --again --max-failed 9`)).exitCode, 3)
      assert.strictEqual((yield* batch("redrive")).exitCode, 0)
      assert.deepStrictEqual((yield* batch("export")).out, [
        `{"id":"a","result":1}`,
        `{"id":"b","result":"other b"}`,
        `{"id":"c","result":"other c"}`
      ])
      assert.deepStrictEqual(asked(), [""])
    })
  )

  it.scopedLive("changes nothing of a batch that is being run by another process", () =>
    Effect.gen(function* () {
      const { batch, docs, path, read, write } = yield* prepared
      docs(doc("a"), doc("b"))
      write("begun", "")
      const hold = `
import { appendFileSync, existsSync } from "node:fs"
export default async ({ id }) => {
  appendFileSync(${JSON.stringify(path("begun"))}, id)
  while (!existsSync(${JSON.stringify(path("go"))})) await new Promise((resolve) => setTimeout(resolve, 5))
  return "first " + id
}`
      const first = write("hold.mjs", hold)
      const other = write("other.mjs", `export default ({ id }) => "other " + id`)
      const running = yield* Effect.fork(batch(`run --input ${path("docs.ndjson")} --module ${first} --concurrency 1`))
      while (read("begun") === "") yield* Effect.sleep(5)
      const busy = yield* batch(`run --input ${path("docs.ndjson")} --module ${other} --again`)
      assert.strictEqual(busy.exitCode, 1)
      assert.include(busy.err.join("\n"), "is being run")

      write("go", "")
      assert.strictEqual((yield* Fiber.join(running)).exitCode, 0)
      docs(doc("a"), doc("b"), doc("c"))
      assert.strictEqual((yield* batch("resume")).exitCode, 0)
      assert.include((yield* batch("export")).out, `{"id":"c","result":"first c"}`)
    })
  )
})
