/**
 * The world's awkward values, for every adapter, and what holds for each of them: it comes back as it went in, or is refused.
 */
import { assert } from "@effect/vitest"
import { Effect, Runtime } from "effect"
import * as fc from "fast-check"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as Json from "../../src/Json.ts"

/** Runs an effect for many values, with what the test provides. */
export const property = <A, E, R>(
  values: fc.Arbitrary<A>,
  holds: (value: A) => Effect.Effect<unknown, E, R>,
  numRuns = 100
): Effect.Effect<void, never, R> =>
  Effect.flatMap(Effect.runtime<R>(), (runtime) =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(values, async (value) => {
          await Runtime.runPromise(runtime)(holds(value))
        }),
        { numRuns }
      )
    )
  )

const many = (...values: ReadonlyArray<string>) => values.map((value) => fc.constant(value))

const awkwardTexts = many(
  "",
  " ",
  "🎉",
  "Orléans",
  "\uffff",
  "\ufeffbom",
  "__proto__",
  "constructor",
  "$x",
  "$$ROOT",
  "{id}",
  "%",
  "'; DROP TABLE t; --",
  "\\",
  "\u0001\u007f",
  "\u2028",
  "null",
  "NaN",
  "infinity",
  "9007199254740993",
  "2026-01-31",
  "x".repeat(100_000),
  "🎉".repeat(20_000)
)

/** Texts, with NUL and without lone surrogates. */
export const anyTexts = fc.oneof(...awkwardTexts, ...many("\0", "a\0b"), fc.string({ unit: "binary" }), fc.string())

/** The same without NUL. */
export const texts = anyTexts.filter((text) => !text.includes("\0"))

const around = [2n ** 53n, 2n ** 63n, 2n ** 64n].flatMap((middle) =>
  [-2n, -1n, 0n, 1n, 2n].flatMap((step) => [middle + step, -(middle + step)])
)

/** A JSON number as it is read. */
const read = (text: string): number | Json.JsonNumber =>
  Json.isInexact(text) ? new Json.JsonNumber(text) : Number(text)

/** Whole numbers as a program or JSON gives them. */
export const integers: fc.Arbitrary<number | bigint | Json.JsonNumber> = fc.oneof(
  fc.constantFrom(...around).chain((value) => fc.constantFrom(value, read(String(value)))),
  fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n),
  fc.maxSafeInteger()
)

const digits = (most: number) => fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: most })

/** Decimals of up to 30 digits, as JSON gives them. */
export const decimals: fc.Arbitrary<number | Json.JsonNumber> = fc.oneof(
  fc.constantFrom("123456789012345678901234567890", "0.1000000000000000055", "0.1", "-1.50").map(read),
  fc
    .tuple(fc.boolean(), digits(15), digits(15))
    .map(([minus, whole, fraction]) => read(`${minus ? "-" : ""}${whole.replace(/^0+(?=\d)/, "")}.${fraction}`))
)

/** All numbers of JSON. */
export const numbers: fc.Arbitrary<number | bigint | Json.JsonNumber> = fc.oneof(
  integers,
  decimals,
  fc.constantFrom("1e400", "-1e400", "1e-400", "-0", "5e-324").map(read)
)

/** JSON documents with numbers that JavaScript cannot hold. */
export const documents: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    decimals,
    fc.constantFrom("9007199254740993", "1e400", "-0").map(read),
    texts.filter((text) => text.length < 100),
    fc.constantFrom(null, true),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "__proto__", "constructor", "$x", "é"), tie("value"), { noNullPrototype: true })
  )
})).value

/** The value, whatever its digits look like. */
const decimal = (text: string): string => {
  const [, sign, whole = "", fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!
  const all = (whole + fraction).replace(/^0+/, "")
  const significant = all.replace(/0+$/, "")
  return significant === ""
    ? "0"
    : `${sign}${significant}e${Number(exponent) - fraction.length + all.length - significant.length}`
}

export const sameDecimal = (text: string, given: number | bigint | Json.JsonNumber): boolean =>
  decimal(text) === decimal(String(given))

/** What a process reads of dates and times in each of several time zones. */
export const inZones = async (kind: "postgres" | "mysql", url: string): Promise<ReadonlyArray<string>> => {
  const script = fileURLToPath(new URL("Zoned.ts", import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script, kind, url])
  const lines = stdout.trim().split("\n")
  // Each zone counts its hours in another way.
  assert.strictEqual(new Set(lines.map((line) => line.split(" ")[0])).size, 4)
  return lines.map((line) => line.slice(line.indexOf(" ") + 1))
}
