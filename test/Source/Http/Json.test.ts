/**
 * What a service of a file gives for bytes that came through a real socket: the value that they mean, digit for digit, or a
 * refusal. The classes are those that JSON parsers are known to differ in (RFC 8259); each case is ours.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Redacted, Runtime } from "effect"
import type { Socket } from "node:net"
import * as Zlib from "node:zlib"
import * as Json from "../../../src/Json.ts"
import * as Http from "../../../src/Source/Http.ts"
import { raw } from "./Raw.ts"

/** JSON as its text, and what it means: a number is its decimal value, and the members of an object are in order. */
interface Case {
  readonly text: string
  readonly means: unknown
}

/** The same text for the same decimal value. */
const decimal = (text: string): string => {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!
  const digits = `${whole}${fraction}`.replace(/^0+/, "")
  const significant = digits.replace(/0+$/, "")
  // RFC 8259 has -0, and so have floating-point numbers.
  if (significant === "") return sign === "-" ? "-0" : "0"
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)
  return `${sign}${significant}e${power}`
}

/** A value in the form of {@link Case.means}. */
const meaning = (value: unknown): unknown => {
  if (typeof value === "number") return { number: decimal(Object.is(value, -0) ? "-0" : String(value)) }
  if (Json.isJsonNumber(value)) return { number: decimal(value.text) }
  if (Array.isArray(value)) return value.map(meaning)
  if (typeof value !== "object" || value === null) return value
  assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
  return { members: new Map(Object.entries(value).map(([name, member]) => [name, meaning(member)])) }
}

const number = (text: string): Case => ({ text, means: { number: decimal(text) } })

/** An answer in these pieces, each of which leaves by itself. */
const sending = (socket: Socket, { pieces, type = "application/json", encoding }: Sent) => {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const coding = encoding === undefined ? "" : `content-encoding: ${encoding}\r\n`
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${coding}content-length: ${length}\r\n\r\n`
  const next = (at: number): void => {
    const piece = pieces[at]
    if (piece !== undefined) socket.write(piece, () => setImmediate(next, at + 1))
  }
  socket.setNoDelay(true)
  socket.write(head, () => next(0))
}

interface Sent {
  readonly pieces: ReadonlyArray<Uint8Array>
  readonly type?: string
  readonly encoding?: string | undefined
}

/** Both paths of a service over one connection: read, and passed on unread; what is refused is its reason. */
const service = Effect.gen(function* () {
  let sent: Sent = { pieces: [] }
  const { url } = yield* raw((socket) => sending(socket, sent))
  const ask = yield* Http.service({ url: Redacted.make(url) })
  const question = { method: "GET", path: "/", headers: {}, body: undefined } as const
  return (next: Sent) => {
    sent = next
    return Effect.all({
      read: Effect.either(ask(question)),
      unread: Effect.either(ask({ ...question, unread: true }))
    })
  }
})

const cut = (bytes: Uint8Array, at: ReadonlyArray<number>) => {
  const borders = [0, ...at.map((part) => Math.floor(part * bytes.length)).sort((a, b) => a - b), bytes.length]
  return borders.slice(1).flatMap((end, index) => {
    const piece = bytes.subarray(borders[index], end)
    return piece.length === 0 ? [] : [piece]
  })
}

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`))
const numbers = fc.oneof(
  fc.constantFrom(
    "9007199254740993",
    "1e400",
    "-1e400",
    "1e-400",
    "-0",
    "-0.0e-9",
    "0.1",
    "1.10",
    "1E+2",
    "5e-324",
    "1e21"
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? "-0" : String(value))),
  fc
    .tuple(
      fc.constantFrom("", "-"),
      fc.oneof(fc.constant("0"), fc.stringMatching(/^[1-9][0-9]{0,24}$/)),
      fc.option(digits(24)),
      fc.option(fc.tuple(fc.constantFrom("e", "E", "e+", "E-"), digits(4)))
    )
    .map(([sign, whole, fraction, exponent]) =>
      [sign, whole, fraction === null ? "" : `.${fraction}`, exponent?.join("") ?? ""].join("")
    )
)

/** One character, and how it may be written. */
const characters: fc.Arbitrary<readonly [string, string]> = fc
  .oneof(
    fc.constantFrom("\0", "\n", '"', "\\", "/", "\u2028", "\uFEFF", "\uD800", "\uDC00", "é", "🎉", "}", "e", "1"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))
  )
  .chain((character) => {
    const escaped = character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join("")
    // Half a surrogate pair, or what must be escaped, has no other form.
    const isPlain = !/[\p{Cs}"\\]|[^\x20-\u{10ffff}]/u.test(character)
    return fc
      .constantFrom(...(isPlain ? [character] : []), escaped, escaped.toUpperCase().replaceAll("\\U", "\\u"))
      .map((written) => [character, written] as const)
  })

const texts = fc.array(characters, { maxLength: 6 }).map((all): Case & { readonly means: string } => ({
  text: `"${all.map(([, written]) => written).join("")}"`,
  means: all.map(([character]) => character).join("")
}))

const names = fc.oneof(
  texts,
  fc
    .constantFrom("__proto__", "constructor", "toString", "a", "10", "")
    .map((name) => ({ text: JSON.stringify(name), means: name }))
)

const space = fc.stringMatching(/^[ \t\r\n]{0,2}$/)

/** An object has the last of two members of one name; its numbers first, as JavaScript has them. */
const objectOf = (members: ReadonlyArray<readonly [string, unknown]>) => ({
  members: new Map(Object.entries(Object.fromEntries(members)))
})

const { json } = fc.letrec<{ json: Case }>((tie) => ({
  json: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.constantFrom(null, true, false).map((means) => ({ text: String(means), means })),
    numbers.map(number),
    texts,
    fc.array(fc.tuple(tie("json"), space), { maxLength: 4 }).map((items) => ({
      text: `[${items.map(([{ text }, blank]) => blank + text + blank).join(",")}]`,
      means: items.map(([{ means }]) => means)
    })),
    fc.array(fc.tuple(names, tie("json"), space), { maxLength: 4 }).map((members) => ({
      text: `{${members.map(([name, { text }, blank]) => `${blank}${name.text}${blank}:${blank}${text}`).join(",")}}`,
      means: objectOf(members.map(([name, { means }]) => [name.means, means] as const))
    })),
    fc.tuple(fc.integer({ min: 1, max: 1_100 }), tie("json")).map(([levels, { means, text }]) => ({
      text: "[".repeat(levels) + text + "]".repeat(levels),
      means: Array.from({ length: levels }).reduce((inner) => [inner], means)
    }))
  )
}))

const codings: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: Zlib.gzipSync,
  deflate: Zlib.deflateSync,
  br: Zlib.brotliCompressSync
}

describe("an answer of a service", () => {
  it.scopedLive(
    "means what was sent, or is refused for its depth, in whatever pieces, coding and charset it comes",
    () =>
      Effect.gen(function* () {
        const answer = yield* service
        const run = Runtime.runPromise(yield* Effect.runtime())
        const property = fc.asyncProperty(
          json,
          fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
          fc.option(fc.constantFrom(...Object.keys(codings)), { nil: undefined }),
          fc.constantFrom("utf-8", "utf-8 with a mark", "utf-16le"),
          async ({ means, text }, at, encoding, charset) => {
            const bytes = Buffer.from(
              charset === "utf-8 with a mark" ? `\uFEFF${text}` : text,
              charset === "utf-16le" ? charset : "utf8"
            )
            const type = charset === "utf-16le" ? "application/json; charset=utf-16le" : "application/json"
            const pieces = cut(encoding === undefined ? bytes : codings[encoding]!(bytes), at)
            const { read, unread } = await run(answer({ pieces, type, encoding }))
            if (read._tag === "Left" || unread._tag === "Left") {
              assert(read._tag === "Left" && unread._tag === "Left")
              for (const { _tag, reason } of [read.left, unread.left])
                assert.match(
                  `${_tag} ${reason}`,
                  /^SourceMalformed .*: the body is nested more than 1,000 levels deep$/
                )
              assert.isAbove(text.split(/[[{]/).length, 1_000)
              return
            }
            assert.deepStrictEqual(meaning(read.right), means)
            assert(unread.right instanceof Json.JsonText)
            assert.strictEqual(unread.right.text, text)
          }
        )
        yield* Effect.promise(() => fc.assert(property, { numRuns: 400 }))
      })
  )

  /** Of each form that the grammar allows, what it means. */
  const valid: ReadonlyArray<Case> = [
    ...[
      "0",
      "-0",
      "-1",
      "10",
      "1.5",
      "0.00",
      "1e5",
      "1E-5",
      "1e+05",
      "0e1",
      "-0.1e-1",
      "123456789012345678901234567890"
    ].map(number),
    { text: " \t\r\n[ ]\n", means: [] },
    { text: `[[],[[]],{}]`, means: [[], [[]], objectOf([])] },
    { text: `""`, means: "" },
    { text: `"\\"\\\\\\/\\b\\f\\n\\r\\t"`, means: '"\\/\b\f\n\r\t' },
    { text: `"\\u0000\\u007f\\u0022"`, means: '\0\x7f"' },
    { text: `"\x7f\u2028\u2029\uFFFE\u{10FFFF}"`, means: "\x7f\u2028\u2029\uFFFE\u{10FFFF}" },
    { text: `"\\uD83C\\udf89"`, means: "🎉" },
    { text: `{"a":1,"a":2}`, means: objectOf([["a", { number: "2e0" }]]) },
    { text: `{"":{"":null}}`, means: objectOf([["", objectOf([["", null]])]]) },
    { text: `{"__proto__":{"a":true}}`, means: { members: new Map([["__proto__", objectOf([["a", true]])]]) } },
    { text: `{"\\u005f_proto__":1}`, means: { members: new Map([["__proto__", { number: "1e0" }]]) } },
    { text: "[".repeat(1_000) + "]".repeat(1_000), means: Array.from({ length: 999 }).reduce((inner) => [inner], []) }
  ]

  it.scopedLive("means what the grammar says, in each of its forms", () =>
    Effect.gen(function* () {
      const answer = yield* service
      for (const { means, text } of valid) {
        const bytes = Buffer.from(text)
        // Byte by byte, so that each character of several is cut.
        const pieces = bytes.length > 100 ? [bytes] : Array.from(bytes, (byte) => Uint8Array.of(byte))
        const { read, unread } = yield* answer({ pieces })
        assert(read._tag === "Right" && unread._tag === "Right", text.slice(0, 40))
        assert.deepStrictEqual(meaning(read.right), means, text.slice(0, 40))
        assert(unread.right instanceof Json.JsonText)
        assert.strictEqual(unread.right.text, text)
      }
    })
  )

  const invalid: ReadonlyArray<string | Uint8Array> = [
    // numbers
    ...[
      "01",
      "-01",
      "+1",
      ".5",
      "1.",
      "-",
      "1e",
      "1e+",
      "0x10",
      "1_000",
      "NaN",
      "Infinity",
      "-Infinity",
      "1.2.3",
      "1 000",
      "２",
      "--1",
      "1e1.5"
    ],
    // texts
    ...[
      `"`,
      `"a`,
      `'a'`,
      `"\\x41"`,
      `"\\u12"`,
      `"\\u{61}"`,
      `"\\uD8ZZ"`,
      `"\\`,
      `"a\nb"`,
      `"\t"`,
      `"\0"`,
      `"\\0"`,
      "`a`",
      `"a"b`
    ],
    // lists and objects
    ...[
      "[",
      "]",
      "[1",
      "[1,",
      "[,1]",
      "[1,,2]",
      "[1,]",
      "[1 2]",
      "[1:2]",
      "{",
      "}",
      `{"a"`,
      `{"a":`,
      `{"a":1,}`,
      `{"a":1,,"b":2}`
    ],
    ...[
      `{a:1}`,
      `{'a':1}`,
      `{1:1}`,
      `{"a" 1}`,
      `{"a"::1}`,
      `{"a":1 "b":2}`,
      `{"a":1]`,
      `[1}`,
      `{[]:1}`,
      `{"a":1}}`,
      `[]]`,
      "[]{}"
    ],
    // words, comments and spaces
    ...[
      "nul",
      "Null",
      "TRUE",
      "undefined",
      "true1",
      "[tru]",
      "/**/1",
      "1//",
      "#1",
      "1,",
      "1\0",
      "\u00a01",
      "\v1",
      "\f1",
      "1\u2060",
      " ",
      "\n"
    ],
    ...["1 2", "{}[]", "<json/>", "a", "*", "[\uFEFF1]", "\uFEFF\uFEFF1", "1\uFEFF"],
    // bytes that are no UTF-8: alone, cut off, too long a form, half a surrogate pair, beyond Unicode
    ...[
      [0xff],
      [0x22, 0xe9, 0x22],
      [0x22, 0xf0, 0x9f, 0x8e, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22]
    ].map((bytes) => Uint8Array.from(bytes)),
    Uint8Array.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]),
    // another charset than is said
    Buffer.from("\uFEFF[1]", "utf16le"),
    Buffer.from("[1]", "utf16le"),
    // deep
    "[".repeat(1_001) + "]".repeat(1_001),
    "[".repeat(5_000),
    `${`{"a":`.repeat(100_000)}1${"}".repeat(100_000)}`,
    "[".repeat(100_000) + "]".repeat(100_000)
  ]

  it.scopedLive("is refused in each form that the grammar does not allow, read as well as unread", () =>
    Effect.gen(function* () {
      const answer = yield* service
      for (const text of invalid) {
        const { read, unread } = yield* answer({ pieces: [Buffer.from(text)] })
        const shown = JSON.stringify(text).slice(0, 60)
        assert(read._tag === "Left" && unread._tag === "Left", shown)
        assert.deepStrictEqual([read.left._tag, unread.left._tag], ["SourceMalformed", "SourceMalformed"], shown)
        assert.strictEqual(read.left.reason, unread.left.reason)
      }
    })
  )
})
