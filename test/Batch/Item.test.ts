import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Either, Schema, Stream } from "effect"
import * as fc from "fast-check"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as Batch from "../../src/Batch.ts"
import * as Memory from "../../src/Batch/Ledger/Memory.ts"
import * as Ndjson from "../../src/Batch/Ndjson.ts"
import { Ledger } from "../../src/Batch/Ledger.ts"
import * as Json from "../../src/Json.ts"

const folder = mkdtempSync(join(tmpdir(), "muster-item-"))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const fileOf = (content: string) => {
  const file = join(folder, `${++files}.ndjson`)
  writeFileSync(file, content)
  return file
}

/** Gives each item back as its result. */
const echo = Batch.make("echo", {
  item: Schema.Unknown,
  result: Schema.Unknown,
  id: () => "",
  run: (item) => Effect.succeed(item)
})
const idOf = (_: unknown, line: number) => `line-${line}`

/** The results of a file as the ledger has their texts, by their ids. */
const echoed = (content: string) =>
  Effect.gen(function* () {
    yield* Batch.runFile(echo, fileOf(content), { idOf })
    const rows = yield* Stream.runCollect((yield* Ledger).rows("echo"))
    return Chunk.toReadonlyArray(rows)
  }).pipe(Effect.provideServiceEffect(Ledger, Effect.sync(Memory.make)))

it.effect.each([NaN, [1, Infinity], { a: { b: -Infinity } }])(
  "a result with %j in it is refused, since JSON has no such number: it does not become null",
  (value) =>
    Effect.gen(function* () {
      const batch = Batch.make("numbers", { ...echo, run: () => Effect.succeed(value) })
      const { errors, failed } = yield* Batch.runFile(batch, fileOf("1\n"), { idOf })

      assert.strictEqual(failed, 1)
      assert.match(errors[0]!.message, /^its result has (NaN|-?Infinity) in it, which JSON cannot hold$/)
    }).pipe(Effect.provideServiceEffect(Ledger, Effect.sync(Memory.make)))
)

const digit = fc.constantFrom(..."0123456789")
const digits = (maxLength: number) => fc.string({ unit: digit, minLength: 1, maxLength })

/** A JSON number of any form that the grammar has, with up to 40 digits on each side of its point. */
const numeral = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(
      fc.constant("0"),
      fc.tuple(fc.constantFrom(..."123456789"), digits(39)).map((all) => all.join(""))
    ),
    fc.option(digits(40), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom("e", "E"), fc.constantFrom("", "+", "-"), digits(4)), { nil: undefined })
  )
  .map(([sign, whole, fraction, exponent]) => [
    `${sign}${whole}`,
    ...(fraction === undefined ? [] : [`.${fraction}`]),
    ...(exponent?.join("") ?? [])
  ])
  .map((parts) => parts.join(""))

const texts = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toJSON",
    "\u2028",
    "\u2029",
    "\0",
    "\ud800",
    "\udc00x",
    "\r\n",
    "\ufeff",
    ""
  )
)

/** What stands in a string of JSON for a text: as it is where that may be, or with escapes. */
const quoted = (text: string, escaped: boolean) =>
  escaped
    ? `"${Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`
    : JSON.stringify(text)
const string = fc.tuple(texts, fc.boolean()).map(([text, escaped]) => quoted(text, escaped))

const space = fc.constantFrom("", "", " ", "\t", "  ")

/** Any text of JSON. */
const { json } = fc.letrec<{ json: string; list: string; record: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    numeral,
    string,
    fc.constantFrom("true", "false", "null"),
    tie("list"),
    tie("record")
  ),
  list: fc
    .tuple(space, fc.array(tie("json"), { maxLength: 4 }))
    .map(([gap, items]) => `[${gap}${items.join(`${gap},`)}]`),
  record: fc
    .tuple(space, fc.array(fc.tuple(string, tie("json")), { maxLength: 4 }))
    .map(([gap, members]) => `{${members.map(([key, value]) => `${gap}${key}:${gap}${value}`).join(",")}${gap}}`)
}))

/** The same text for the same value, by a reader of JSON of its own: numbers as their exact decimal value. */
const canonical = (text: string): string => {
  let at = 0
  const skip = () => {
    while (/[ \t\r\n]/.test(text[at] ?? "x")) at++
  }
  const value = (): string => {
    skip()
    const found = text[at]!
    const end = found === "{" ? "}" : "]"
    if (found === "{" || found === "[") {
      const members = new Map<string, string>()
      for (at++, skip(); text[at] !== end; skip()) {
        if (text[at] === ",") at++
        const key = found === "[" ? String(members.size) : (JSON.parse(value().slice(1)) as string)
        skip()
        if (found === "{") at++
        members.set(key, value())
      }
      at++
      return `${found}${Array.from(members, ([key, member]) => `${JSON.stringify(key)}:${member}`)
        .sort()
        .join(",")}${end}`
    }
    const [token] = /^(?:"(?:[^"\\]|\\.)*"|[-+.\w]+)/su.exec(text.slice(at))!
    at += token.length
    if (found === '"') return `s${JSON.stringify(JSON.parse(token))}`
    return /^[-\d]/.test(token) ? `n${decimal(token)}` : token
  }
  return value()
}

const decimal = (text: string): string => {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text)!
  const all = `${whole}${fraction}`.replace(/^0+/, "")
  const short = all.replace(/0+$/, "")
  return short === "" ? `${sign}0` : `${sign}${short}e${Number(exponent) - fraction.length + all.length - short.length}`
}

describe("an item of a file", () => {
  it.live("is stored, run and given back with every digit and every character that it came with", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(json, { minLength: 1, maxLength: 5 }),
          fc.constantFrom("\n", "\r\n", "\n\n", " \r\n\t\n"),
          fc.boolean(),
          async (lines, newline, mark) => {
            const rows = await Effect.runPromise(echoed(`${mark ? "\ufeff" : ""}${lines.join(newline)}${newline}`))
            assert.deepStrictEqual(
              rows.map(({ result }) => canonical(result!)),
              lines.map(canonical)
            )
            assert.deepStrictEqual(
              rows.map(({ item }) => canonical(item)),
              lines.map(canonical)
            )
          }
        ),
        { numRuns: 300 }
      )
    )
  )

  it.live("reaches the program as a JsonNumber where no JavaScript number holds it, and a bigint is a result", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const batch = Batch.make("numbers", {
        ...echo,
        run: (item) => {
          seen.push(item)
          return Effect.succeed([item, 2n ** 70n])
        }
      })
      yield* Batch.runFile(batch, fileOf("1285704473650888702\n12\n"), { idOf })
      assert.deepStrictEqual(seen, [new Json.JsonNumber("1285704473650888702"), 12])
      const results = Chunk.toReadonlyArray(yield* Stream.runCollect(Batch.results(batch)))
      const large = new Json.JsonNumber("1180591620717411303424")
      assert.deepStrictEqual(results, [
        ["line-1", [new Json.JsonNumber("1285704473650888702"), large]],
        ["line-2", [12, large]]
      ])
    }).pipe(Effect.provide(Batch.layerMemory))
  )

  it.live("is refused by its line and field where its schema has a JavaScript number, which would lose digits", () =>
    Effect.gen(function* () {
      const numbers = Batch.make("numbers", {
        ...echo,
        item: Schema.Struct({ id: Schema.String, tweet: Schema.Number }),
        id: ({ id }) => id,
        result: Schema.Unknown
      })
      const file = fileOf(`{"id":"a","tweet":1}\n{"id":"b","tweet":1285704473650888702}\n`)
      const error = yield* Effect.flip(Ndjson.check(Ndjson.items(numbers, file), file))
      assert.deepStrictEqual(
        [error.line, error.reason],
        [2, `"tweet" does not fit: Expected number, actual 1285704473650888702`]
      )
    })
  )

  it.live("is refused by its line when it is nested too deeply, however deeply", () =>
    Effect.gen(function* () {
      for (const levels of [1_001, 5_000, 100_000]) {
        const nested = `{"d":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`
        const file = fileOf(`1\n${nested}\n`)
        const error = yield* Effect.flip(Ndjson.check(Ndjson.items(echo, file, { idOf }), file))
        assert.deepStrictEqual([error.line, error.reason], [2, "it is nested more than 1,000 levels deep"])
      }
      const deepest = `${"[".repeat(1_000)}${"]".repeat(1_000)}`
      assert.deepStrictEqual(
        (yield* echoed(deepest)).map(({ result }) => result),
        [deepest]
      )
    })
  )

  it.live("is refused by its line before anything runs when not every ledger can hold its id", () =>
    Effect.gen(function* () {
      const refused = (id: string) => {
        const file = fileOf(`1\n2\n`)
        const named = Ndjson.items(echo, file, { idOf: (_, line) => (line === 2 ? id : "fine") })
        return Effect.map(Ndjson.check(named, file), () => "nothing").pipe(
          Effect.catchAll(({ line, reason }) => Effect.succeed(`${line}: ${reason}`))
        )
      }
      const end = "in it, which not every ledger can hold: give it an id without"
      assert.deepStrictEqual(yield* Effect.forEach(["x\ud800", "\udc00", "a\0b", "", "x".repeat(1_001)], refused), [
        `2: its id "x\\ud800" has half of a surrogate pair ${end}`,
        `2: its id "\\udc00" has half of a surrogate pair ${end}`,
        `2: its id "a\\u0000b" has a NUL (\\u0000) ${end}`,
        "2: its id must be a text of 1 to 1,000 characters",
        "2: its id must be a text of 1 to 1,000 characters"
      ])
      assert.deepStrictEqual(yield* Effect.forEach(["\u{1F389} %2F?#", "\t\n\x1b", "\u2028", " "], refused), [
        "nothing",
        "nothing",
        "nothing",
        "nothing"
      ])
    })
  )
})

/** Forms that RFC 8259 has, and others that it has not, each in some places where a value stands. */
const valid = [
  ...["0", "-1", "1.5", "1e5", "1E+5", "1e-5", "0.0", "123e65", '""', '"\\""', '"\\u0000"', '"\\ud83d"', '"\u2028"'],
  ...['"\\/"', "true", "false", "null", "[]", "{}", "[[]]", '{"":0}', '{"a":1,"a":2}', "\t[ ]\t", '"\x7f"']
]
const invalid = [
  ...["-", "+1", "01", "-01", ".5", "1.", "1e", "1e+", "0x1", "1_000", "Infinity", "NaN", "-Infinity", "1,", "1 2"],
  ...["'a'", '"', '"\\x"', '"\\u12"', '"\t"', '"\x01"', "tru", "True", "nul", "undefined", "\u00a01", "1\u00a0", "\f1"],
  ...[
    "[",
    "]",
    "[1",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1]]",
    "{",
    "}",
    "{a:1}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a":1 "b":2}'
  ],
  ...['{"a":1}}', "{1:2}", "// c", "/* c */ 1", "1 // c", "\\u0031", "\ufeff\ufeff1"]
]

describe("a line of a file", () => {
  it.live("is an item in every form that JSON has, and refused by its number in every other", () =>
    Effect.gen(function* () {
      const inPlaces = (text: string) => [text, `[${text}]`, `{"a":${text}}`, `[1,{"b":[${text}]}]`]
      for (const line of valid.flatMap(inPlaces)) {
        const file = fileOf(`1\n${line}\n`)
        assert.strictEqual(yield* Ndjson.check(Ndjson.items(echo, file, { idOf }), file), 2, line)
      }
      for (const line of invalid.filter((text) => !text.includes("/")).flatMap(inPlaces)) {
        // A comma or a bracket too many may be right inside of a list.
        if (Either.isRight(Either.try(() => JSON.parse(line) as unknown))) continue
        const file = fileOf(`1\n${line}\n3\n`)
        const error = yield* Effect.flip(Ndjson.check(Ndjson.items(echo, file, { idOf }), file))
        assert.deepStrictEqual([error.line, error.reason.slice(0, 13)], [2, "it is no JSON"], line)
      }
    })
  )
})
