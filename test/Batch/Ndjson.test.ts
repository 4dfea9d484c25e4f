import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Schema, Stream } from "effect"
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as Batch from "../../src/Batch.ts"
import * as Ndjson from "../../src/Batch/Ndjson.ts"

const folder = mkdtempSync(join(tmpdir(), "muster-ndjson-"))
afterAll(() => rmSync(folder, { recursive: true }))

const translate = Batch.make("translate", {
  item: Schema.Struct({ id: Schema.String, words: Schema.Number }),
  result: Schema.Number,
  id: ({ id }) => id,
  run: ({ words }) => Effect.succeed(words * 2)
})

let files = 0
const fileOf = (content: string | Uint8Array) => {
  const file = join(folder, `${++files}.ndjson`)
  writeFileSync(file, content)
  return file
}
const doc = (n: number, words = n) => `{"id":"doc-${n}","words":${words}}`
const docs = (count: number) => Array.from({ length: count }, (_, n) => `${doc(n + 1)}\n`).join("")

const read = (file: string, from?: Ndjson.Place) =>
  Effect.map(Stream.runCollect(Ndjson.items(translate, file, {}, from)), Chunk.toReadonlyArray)

/** What was read before the file was refused, and what was said of it, without the folder. */
const refused = (file: string, options?: Ndjson.FileOptions<{ readonly id: string }>) =>
  Effect.gen(function* () {
    const before: Array<string> = []
    const items = Ndjson.items(translate, file, options)
    const error = yield* Effect.flip(Stream.runForEach(items, ({ id }) => Effect.sync(() => before.push(id))))
    return [before.length, error.message.replace(`${folder}/`, "")]
  })

describe("Ndjson.items", () => {
  it.live("reads an item a line, however they lie in the pieces that are read, and says where each ends", () =>
    Effect.gen(function* () {
      const long = "x".repeat(200_000)
      const lines = [
        doc(1),
        `{"id":"é\u{1F600}","words":2,"more":"${long}"}`,
        "",
        `{"id":"${long.slice(0, 900)}","words":3}\r`
      ]
      const content = [...lines, ...lines.map((line) => line.replace(`":"`, `":"again `))].join("\n")
      const file = fileOf(content)
      const items = yield* read(file)

      assert.deepStrictEqual(
        items.map(({ position }) => position),
        [0, 1, 3, 4, 5, 7]
      )
      assert.deepStrictEqual([items[1]!.id, items[1]!.item], ["é\u{1F600}", `{"id":"é\u{1F600}","words":2}`])
      const bytes = Buffer.from(content)
      for (const { end, position } of items) {
        const rest = yield* read(file, { offset: end!, lines: position + 1 })
        assert.deepStrictEqual(
          rest.map(({ position }) => position),
          items.map((item) => item.position).filter((other) => other > position)
        )
        assert(end === bytes.length || bytes[end! - 1] === 10)
      }
    })
  )

  it.live("needs no newline at the end, and no lines", () =>
    Effect.gen(function* () {
      assert.lengthOf(yield* read(fileOf(docs(2).trimEnd())), 2)
      assert.lengthOf(yield* read(fileOf("")), 0)
      assert.lengthOf(yield* read(fileOf(`\uFEFF${docs(2)}\n\n`)), 2)
    })
  )

  it.live("refuses what is no item by its line, after all that came before it", () =>
    Effect.gen(function* () {
      const third = (line: string | Uint8Array, end = "\n") =>
        refused(fileOf(Buffer.concat([Buffer.from(docs(2)), Buffer.from(line), Buffer.from(end)])))
      const name = () => `${files}.ndjson, line 3:`

      const [read, noJson] = yield* third("{nope}")
      assert.strictEqual(read, 2)
      assert.match(String(noJson), new RegExp(`^${name()} it is no JSON: .*position 1`))
      assert.deepStrictEqual(yield* third(`{"id":"doc-3","words":"ten"}`), [
        2,
        `${name()} "words" does not fit: Expected number, actual "ten"`
      ])
      assert.deepStrictEqual(yield* third(`{"id":"","words":1}`), [
        2,
        `${name()} its id must be a text of 1 to 1,000 characters`
      ])
      assert.deepStrictEqual(yield* third(Uint8Array.of(34, 0xff, 34)), [2, `${name()} it is no UTF-8`])
      assert.deepStrictEqual(yield* third(`{"id":"doc-3","wor`, ""), [
        2,
        `${name()} it is no JSON; it is the last line, and has no newline: the file may have been cut off`
      ])
    })
  )

  it.live("refuses a line that is too long, without reading it to its end", () =>
    Effect.gen(function* () {
      const file = fileOf(`${docs(2)}"${"x".repeat(3_000_000)}"\n${doc(4)}\n`)
      assert.deepStrictEqual(yield* refused(file), [2, `${files}.ndjson, line 3: it is longer than 1,000,000 bytes`])
      assert.deepStrictEqual(yield* refused(fileOf(docs(9)), { maxLineBytes: 10 }), [
        0,
        `${files}.ndjson, line 1: it is longer than 10 bytes`
      ])
    })
  )

  it.live("refuses a file that is not there, and a folder", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refused(join(folder, "none")), [0, "none: no such file or directory"])
      assert.deepStrictEqual(yield* refused(folder), [0, `${folder}: it is a directory`])
    })
  )
})

describe("Ndjson.check", () => {
  it.live("names both lines that have one id", () =>
    Effect.gen(function* () {
      const checked = (last: string) => {
        const file = fileOf(`${docs(3)}${last}\n`)
        return Effect.map(Effect.flip(Ndjson.check(Ndjson.items(translate, file), file)), ({ line, reason }) => [
          line,
          reason
        ])
      }
      assert.deepStrictEqual(yield* checked(doc(2, 9)), [4, `it has the id "doc-2" of line 2, and is another item`])
      assert.deepStrictEqual(yield* checked(doc(3)), [4, `it is the same as line 3, and has the id "doc-3" as well`])
    })
  )
})

describe("Batch.runFile", () => {
  it.live("goes on where the last run stopped reading, and reads no byte before that", () =>
    Effect.gen(function* () {
      const half = Buffer.byteLength(docs(20))
      const file = fileOf(`${"#".repeat(half - 1)}\n${doc(21)}\n${doc(22)}`)
      const ledger = yield* Batch.Ledger
      // As if an earlier run had read 20 lines of this file, in which there is no JSON.
      yield* ledger.open("translate", "me", { lease: 1_000, exclusive: true })
      yield* ledger.begin("translate", yield* Ndjson.version(file))
      yield* ledger.add("translate", [{ id: "a", position: 19, item: `{"id":"a","words":1}`, hash: "" }], 20, half)
      yield* ledger.close("translate", "me")
      assert.deepInclude(yield* Batch.runFile(translate, file), { outcome: "succeeded", done: 3 })
      assert.deepInclude(yield* ledger.counts("translate"), { read: 22, offset: Buffer.byteLength(readFileSync(file)) })

      appendFileSync(file, "\n")
      const again = yield* Effect.flip(Batch.runFile(translate, file))
      assert.include(again.message, ", line 1: it is no JSON")
    }).pipe(Effect.provide(Batch.layerMemory))
  )

  it.live("names the line of an item that the ledger refuses", () =>
    Effect.gen(function* () {
      yield* Batch.runFile(translate, fileOf(docs(3)))
      const changed = yield* Effect.flip(Batch.runFile(translate, fileOf(`${doc(1)}\n${doc(2, 7)}\n`)))
      assert(changed._tag === "FileRejected" && changed.line === 2)
      assert.include(
        changed.message,
        `it has changed: the batch has another item with the id "doc-2", read before from line 2.`
      )
    }).pipe(Effect.provide(Batch.layerMemory))
  )
})
