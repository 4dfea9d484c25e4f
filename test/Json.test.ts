import { assert, describe, it } from "@effect/vitest"
import { Either, Equal } from "effect"
import * as fc from "fast-check"
import * as Json from "../src/Json.ts"

/** Of RFC 8259, section 6: a number is its decimal value, whatever a program can hold. */
const inexact = [
  "9007199254740993",
  "-9007199254740993",
  "1285704473650888702",
  "18446744073709551615",
  "1e400",
  "-1e400",
  "1E400",
  "1e-400",
  "0.1000000000000000055",
  "0.10000000000000001",
  "3.141592653589793238462643383279",
  "-0",
  "-0.0",
  "-0e5",
  "-0.000",
  "123456789012345678e-2",
  "9007199254740993.0",
  "1e999999999999999999999"
]

/** As String(Number(text)) has the same decimal value, in other digits or the same. */
const exact = [
  "0",
  "0.1",
  "1.10",
  "1.0",
  "-1.50",
  "0.30000000000000004",
  "9007199254740992",
  "9007199254740994",
  "123456789012345680000",
  "1e21",
  "1E+2",
  "1e-7",
  "100e-2",
  "0e5",
  "0.000",
  "1.7976931348623157e308",
  "5e-324",
  "1000000000000000000000000",
  "2.2250738585072014E-308"
]

const parsed = (text: string) => Either.getOrThrowWith(Json.parse(text), (reason) => new Error(reason))

/** Each way in which a number stands in JSON. */
const around = (number: string): ReadonlyArray<string> => [
  number,
  ` ${number}\n`,
  `[${number}]`,
  `[1,${number},2]`,
  `[ 1 ,\n${number} ]`,
  `{"a":${number}}`,
  `{"a":{"b":[{"c":${number}}]},"d":"e5"}`,
  `{"a": ${number}}`,
  `{"a":\t${number}\r\n}`
]

describe("Json", () => {
  it.each(inexact)("%s keeps its text wherever it stands", (number) => {
    assert.isTrue(Json.isInexact(number))
    for (const text of around(number)) {
      const compact = text.replace(/\s/g, "")
      assert.strictEqual(Json.stringify(parsed(text)), compact, text)
    }
    const value = parsed(number)
    assert(Json.isJsonNumber(value))
    assert.strictEqual(String(value), number)
    assert.isTrue(Equal.equals(value, new Json.JsonNumber(number)))
    assert.strictEqual(JSON.stringify({ value }), `{"value":"${number}"}`)
  })

  it.each(exact)("%s is a plain number", (number) => {
    assert.isFalse(Json.isInexact(number))
    for (const text of around(number)) assert.deepStrictEqual(parsed(text), JSON.parse(text), text)
  })

  it("a number is as many digits in a text, a key, a uuid, a hash or a date as it likes", () => {
    for (const text of [
      "12345678901234567890",
      ", 12345678901234567890",
      "1e400",
      "3f2504e0-4f89-11d3-9e07-000000000000",
      "-0"
    ]) {
      const value = { [text]: [text], a: "2026-01-02T03:04:05-00:00" }
      assert.deepStrictEqual(parsed(JSON.stringify(value)), value)
    }
  })

  it("keeps what JSON.parse keeps: the last of two keys, their order, and a key named __proto__", () => {
    const value = parsed(`{"b":1,"a":1,"a":[9007199254740993],"__proto__":{"x":1e400},"constructor":-0}`)

    assert.strictEqual(Json.stringify(value), `{"b":1,"a":[9007199254740993],"__proto__":{"x":1e400},"constructor":-0}`)
    assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
  })

  it.each([1_000, 1_001, 5_000, 100_000])("%s levels are read up to a thousand", (levels) => {
    const lists = "[".repeat(levels) + "]".repeat(levels)
    const objects = `${`{"a":`.repeat(levels)}1${"}".repeat(levels)}`
    const wide = `[${"[],".repeat(2_000)}9007199254740993]`
    for (const text of [lists, objects]) {
      const outcome = levels <= Json.maxDepth ? "right" : "is nested more than 1,000 levels deep"
      assert.strictEqual(
        Either.match(Json.parse(text), { onLeft: (reason) => reason, onRight: () => "right" }),
        outcome
      )
    }
    assert.strictEqual(Json.stringify(parsed(wide)), wide)
  })

  it.each([
    "",
    " ",
    "01",
    "+1",
    ".5",
    "1.",
    "1e",
    "- 1",
    "NaN",
    "Infinity",
    "[1,]",
    "{,}",
    "{a:1}",
    "'a'",
    `"\t"`,
    `"\\x"`,
    "[1]2",
    "nul",
    "0123456789012345678901"
  ])("%j is no JSON", (text) => assert.deepStrictEqual(Json.parse(text), Either.left("is no JSON")))

  it("writes what JSON.stringify writes, and the digits of what it cannot write", () => {
    const odd = {
      d: new Date(0),
      u: undefined,
      f: () => 1,
      l: [undefined, () => 1, NaN],
      s: "\ud800\u2028",
      n: new Number(1)
    }
    assert.strictEqual(Json.stringify(odd), JSON.stringify(odd))
    for (const raw of [9007199254740993n, new Json.JsonNumber("1e400"), new Json.JsonText('{"a": 1.10}')]) {
      const text = typeof raw === "bigint" ? String(raw) : raw.text
      assert.strictEqual(Json.stringify({ ...odd, raw }), `${JSON.stringify(odd).slice(0, -1)},"raw":${text}}`)
    }
    const bytes = new Json.JsonText(Buffer.from(`{"a":1.10}`))
    assert.strictEqual(JSON.stringify([new Json.JsonNumber("1e400"), bytes]), `["1e400",{"a":1.1}]`)
    assert.deepStrictEqual(Json.pieces({ bytes, n: 1 }), [`{"bytes":`, bytes.content, `,"n":1}`])
    assert.strictEqual(Json.stringify({ a: { toJSON: () => undefined }, bytes }), `{"bytes":{"a":1.10}}`)
    assert.strictEqual(Json.stringify(undefined), undefined)
    assert.strictEqual(Json.stringify({ toJSON: () => 1n }), "1")
    assert.strictEqual(
      Json.stringify([{ toJSON: () => [Json.stringify(1), new Json.JsonNumber("-0")] }, 1]),
      `[["1",-0],1]`
    )
    const circle: { me?: unknown } = {}
    circle.me = circle
    assert.throws(() => Json.stringify(circle), TypeError)
  })

  it("what is read is written again with the same decimal value, however its digits are written", () => {
    const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,24})?([eE][+-]?\d{1,3})?$/)
    fc.assert(
      fc.property(fc.array(digits, { minLength: 1, maxLength: 5 }), fc.string(), (numbers, text) => {
        const value = parsed(`{"a":${JSON.stringify(text)},"n":[${numbers.join(", ")}]}`)
        const written = /\[(.*)\]/
          .exec(Json.stringify(value)!.slice(JSON.stringify({ a: text }).length))![1]!
          .split(",")
        numbers.forEach((number, index) => {
          assert.strictEqual(decimalOf(written[index]!), decimalOf(number), number)
        })
      }),
      { numRuns: 1_000 }
    )
  })

  it("does not read long texts longer than they are", () => {
    const digits = "1".repeat(200_000)
    const texts = [
      `[1.${"0".repeat(200_000)}1]`,
      `["5e${digits}x",1e5]`,
      `["${"-0".repeat(200_000)}"]`,
      `[1e-${digits}]`
    ]
    // Read in the square of their length, the first took 54 s and the second 28.
    for (const text of texts) {
      const start = process.cpuUsage()
      assert.isTrue(Either.isRight(Json.parse(text)))
      const { system, user } = process.cpuUsage(start)
      assert.isBelow((system + user) / 1_000, 2_000, text.slice(0, 10))
    }
  })

  it("compares numbers by their decimal value", () => {
    const scaled = fc.tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 30 }))
    const written = ([digits, scale]: readonly [bigint, number]) => {
      const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, "0")
      const fraction = scale === 0 ? "" : `.${text.slice(-scale)}`
      return `${digits < 0n ? "-" : ""}${scale === 0 ? text : text.slice(0, -scale)}${fraction}`
    }
    fc.assert(
      fc.property(scaled, scaled, fc.integer({ min: -30, max: 30 }), (a, b, shift) => {
        const [left, right] = [a[0] * 10n ** BigInt(30 - a[1]), b[0] * 10n ** BigInt(30 - b[1])]
        const expected = left < right ? -1 : left > right ? 1 : 0
        const shifted = (value: string) => new Json.JsonNumber(`${value}e${shift}`)
        assert.strictEqual(Math.sign(Json.compare(shifted(written(a)), shifted(written(b)))), expected)
        assert.strictEqual(Math.sign(Json.compare(Json.toNumeric(written(a))!, Json.toNumeric(written(b))!)), expected)
        assert.strictEqual(Json.isWhole(Json.toNumeric(written(a))!), a[0] % 10n ** BigInt(a[1]) === 0n)
      })
    )
    assert.isAbove(Json.compare(new Json.JsonNumber("1e400"), Number.MAX_VALUE), 0)
    assert.isAbove(Json.compare(new Json.JsonNumber("-1e401"), new Json.JsonNumber("-1e402")), 0)
    assert.strictEqual(Json.compare(new Json.JsonNumber("-0"), 0), 0)
  })

  it("writes the digits of a number where it is text", () => {
    assert.deepStrictEqual([1e21, 1e-7, -1.5e-9, 12, 0.5].map(Json.toText), [
      "1000000000000000000000",
      "0.0000001",
      "-0.0000000015",
      "12",
      "0.5"
    ])
    assert.strictEqual(Json.toText(new Json.JsonNumber("1e400")), "1e400")
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        assert.strictEqual(Number(Json.toText(number)), number === 0 ? 0 : number)
        assert.notInclude(Json.toText(number), "e")
      })
    )
  })

  it("reads a number in decimal digits, and nothing else", () => {
    assert.deepStrictEqual(["7", "007", "-1.50", "1e3"].map(Json.toNumeric), [7, 7, -1.5, 1000])
    for (const text of ["9007199254740993", "-0", "1e400"])
      assert.deepStrictEqual(Json.toNumeric(text), new Json.JsonNumber(text))
    assert.deepStrictEqual(Json.toNumeric("-009007199254740993"), new Json.JsonNumber("-9007199254740993"))
    for (const text of ["", "+1", ".5", "5.", "0x10", "1 ", "NaN", "Infinity", "1_000", "1e", "--1"])
      assert.isUndefined(Json.toNumeric(text), text)
  })
})

/** As a fraction of whole numbers, with the sign also of zero. */
const decimalOf = (number: string): string => {
  const [mantissa = "", exponent = "0"] = number.toLowerCase().split("e")
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".")
  const scale = Number(exponent) - fraction.length
  let digits = BigInt(whole + fraction) * 10n ** BigInt(Math.max(scale, 0))
  let below = 10n ** BigInt(Math.max(-scale, 0))
  while (digits !== 0n && digits % 10n === 0n && below % 10n === 0n) [digits, below] = [digits / 10n, below / 10n]
  return `${mantissa.startsWith("-") ? "-" : ""}${digits}/${digits === 0n ? 1n : below}`
}
