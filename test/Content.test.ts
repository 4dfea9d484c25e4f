import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Zlib from "node:zlib"
import * as Content from "../src/Content.ts"

const bytes = Buffer.from(`{"city":"Orléans"}`)

/** By the name of the coding, as RFC 9110, 8.4.1, has it. */
const coders: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: Zlib.gzipSync,
  "x-gzip": Zlib.gzipSync,
  deflate: Zlib.deflateSync,
  br: Zlib.brotliCompressSync
}

const decoded = (coded: Uint8Array, encoding: string | undefined, maxBytes = 1_000) =>
  Either.match(Content.decode(coded, encoding, maxBytes), {
    onLeft: ({ kind, reason }) => `${kind}: ${reason}`,
    onRight: (content) => Buffer.from(content).toString()
  })

describe("content in a coding", () => {
  it("is what it was before", () => {
    for (const [name, code] of Object.entries(coders)) {
      assert.strictEqual(decoded(code(bytes), name), bytes.toString(), name)
      assert.strictEqual(decoded(code(bytes), name.toUpperCase()), bytes.toString(), name)
    }
    for (const none of [undefined, "", "identity", " , "]) assert.strictEqual(decoded(bytes, none), bytes.toString())
  })

  it("may be deflated without the header of zlib, as some servers send it", () => {
    assert.strictEqual(decoded(Zlib.deflateRawSync(bytes), "deflate"), bytes.toString())
  })

  it("may be in several, the last one outermost", () => {
    const stacked = Zlib.brotliCompressSync(Zlib.gzipSync(Zlib.deflateSync(bytes)))
    assert.strictEqual(decoded(stacked, "deflate, gzip,identity , br"), bytes.toString())
    assert.match(decoded(stacked, "br, gzip, deflate"), /^corrupt: /)
    const many = Array.from({ length: 6 }, () => "gzip").join(",")
    assert.strictEqual(decoded(bytes, many), "unknown coding: has more than 5 content codings")
  })

  it("is refused by the name of a coding that is not known", () => {
    assert.strictEqual(
      decoded(bytes, "gzip, compress"),
      `unknown coding: has the content coding "compress", and can be read in ${Content.acceptEncoding}`
    )
    assert.match(decoded(bytes, "a b"), /^unknown coding: has the content coding that has no name/)
  })

  it("is refused when it is cut off, changed or something else", () => {
    for (const [name, code] of Object.entries(coders)) {
      const whole = code(Buffer.from(`["${"abcdefghij".repeat(20)}"]`))
      for (const end of [1, 5, whole.length - 9, whole.length - 1])
        assert.match(decoded(whole.subarray(0, end), name), /^corrupt: is no whole /, `${name}, cut at ${end}`)
      assert.match(decoded(Buffer.from(`{"a":1}`), name), /^corrupt: /, name)
    }
    const changed = Zlib.gzipSync(bytes)
    changed[changed.length - 6]! ^= 1 // in its checksum
    assert.match(decoded(changed, "gzip"), /^corrupt: /)
  })

  it("is inflated no further than to its limit", () => {
    const bomb = Buffer.alloc(40_000_000)
    for (const [name, code] of [
      ["gzip", Zlib.gzipSync],
      [
        "br",
        (bytes: Uint8Array) => Zlib.brotliCompressSync(bytes, { params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })
      ]
    ] as const) {
      const small = code(bomb)
      const before = process.memoryUsage().arrayBuffers
      assert.match(decoded(small, name), new RegExp(`^too long: is longer than 1000 bytes once its ${name} is`))
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 10_000_000)
    }
    const exact = Buffer.alloc(1_000, "x")
    assert.strictEqual(decoded(Zlib.gzipSync(exact), "gzip"), exact.toString())
    assert.match(decoded(Zlib.gzipSync(Buffer.alloc(1_001)), "gzip"), /^too long: /)
  })

  it("may come with the overhead of its coding, and no more", () => {
    assert.strictEqual(Content.limit(undefined, 1_000), 1_000)
    assert.strictEqual(Content.limit("identity", 1_000), 1_000)
    for (const size of [1, 1_000, 1_000_000]) {
      const noise = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)))
      const content = Buffer.concat(Array.from({ length: Math.ceil(size / noise.length) }, () => noise))
      for (const [name, code] of Object.entries(coders))
        assert.isAtMost(code(content).length, Content.limit(name, content.length), name)
    }
  })
})

const text = (bytes: Uint8Array, type?: string) =>
  Either.match(Content.text(bytes, type), {
    onLeft: ({ kind, reason }) => `${kind}: ${reason}`,
    onRight: (text) => text
  })

const swapped = (text: string) => Buffer.from(text, "utf16le").swap16()

describe("the text of content", () => {
  it("is UTF-8 unless something else is said, and a byte order mark is no part of it", () => {
    for (const type of [
      undefined,
      "application/json",
      "application/json; charset=utf-8",
      `a/b;charset="UTF8"`,
      "a/b;charset=us-ascii"
    ])
      assert.strictEqual(text(Buffer.from("\uFEFF{é}"), type), "{é}", type)
  })

  it("is in the charset that is said", () => {
    for (const [charset, bytes, expected] of [
      ["iso-8859-1", Buffer.from("Orléans", "latin1"), "Orléans"],
      // WHATWG Encoding, 4.2: the label iso-8859-1 means windows-1252, and 9.1: its index.
      ["windows-1252", Buffer.from([0x80, 0x93, 0x94, 0x9f, 0xe9]), "€“”Ÿé"],
      ["latin1", Buffer.from([0x80, 0x8d]), "€\x8d"],
      ["iso-8859-15", Buffer.from([0xa4]), "€"],
      ["shift_jis", Buffer.from([0x83, 0x65]), "テ"],
      ["utf-16", Buffer.from("\uFEFF{é}", "utf16le"), "{é}"],
      ["utf-16", swapped("\uFEFF{é}"), "{é}"],
      ["utf-16", Buffer.from("{é}", "utf16le"), "{é}"],
      // RFC 4627, 3: the first two characters of JSON are of ASCII.
      ["UTF-16", swapped("{é}"), "{é}"],
      ["utf-16le", Buffer.from("é", "utf16le"), "é"],
      ["utf-16be", swapped("é"), "é"]
    ] as const)
      assert.strictEqual(text(bytes, `application/json; charset=${charset}`), expected, charset)
  })

  it("is refused, and not garbled, when it is in none or in one that is not known", () => {
    assert.strictEqual(text(Buffer.from("é", "latin1")), "corrupt: is no UTF-8")
    assert.strictEqual(text(Buffer.from([0xed, 0xa0, 0x80])), "corrupt: is no UTF-8") // half a surrogate pair
    assert.strictEqual(text(Buffer.from("{\ud800", "utf16le"), "a/b;charset=utf-16"), "corrupt: is no UTF-16")
    assert.strictEqual(text(Buffer.from([0x83]), "a/b;charset=shift_jis"), "corrupt: is no SHIFT_JIS")
    for (const name of ["utf-32", "utf-7", "ebcdic"])
      assert.strictEqual(
        text(bytes, `application/json; charset=${name}`),
        `unknown charset: has the charset "${name}", which cannot be read; send UTF-8`
      )
  })
})
