import { assert, describe, it } from "@effect/vitest"
import * as Document from "../../../src/Server/Config/Document.ts"

const problems = (text: string) =>
  Document.parse(text).problems.map(({ column, line, message, path }) => [`${line}:${column}`, path, message])

describe("Document", () => {
  it("gives what YAML and JSON say, and where it stands", () => {
    const { problem, problems, value } = Document.parse(`a: 1
b:
  - x
  - { c: 5, "d e": "6" }
`)

    assert.deepStrictEqual([value, problems], [{ a: 1, b: ["x", { c: 5, "d e": "6" }] }, []])
    const place = (path: ReadonlyArray<string | number>, key?: true) => {
      const { column, line, path: text } = problem({ path, message: "", key })
      return [line, column, text]
    }
    assert.deepStrictEqual(place(["a"]), [1, 4, "a"])
    assert.deepStrictEqual(place(["a"], true), [1, 1, "a"])
    assert.deepStrictEqual(place(["b", 1, "d e"]), [4, 20, `b.1."d e"`])
    // What is missing stands where it is missing from.
    assert.deepStrictEqual(place(["b", 1, "f", "g"]), [2, 1, "b.1.f.g"])
    assert.deepStrictEqual(place(["z"]), [1, 1, "z"])
    assert.deepStrictEqual(Document.parse(`{\n\t"a": [\n\t\t1, true, null, "\\u00e9"]\n}`).value, {
      a: [1, true, null, "é"]
    })
    assert.deepStrictEqual(Document.parse("").value, null)
  })

  it("puts in what anchors stand for, and points to where that stands", () => {
    const { problem, problems, value } = Document.parse(`x: &x { a: 1, b: 2 }
y: { <<: *x, b: 3 }
z: [*x, *x]
w: { <<: [*x, { a: 4, c: 5 }] }
`)

    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(value, {
      x: { a: 1, b: 2 },
      y: { a: 1, b: 3 },
      z: [
        { a: 1, b: 2 },
        { a: 1, b: 2 }
      ],
      w: { a: 1, b: 2, c: 5 }
    })
    assert.deepStrictEqual(Document.parse(`a: &a 1\nb: *a\nc: &a 2\nd: *a`).value, { a: 1, b: 1, c: 2, d: 2 })
    const { column, line } = problem({ path: ["y", "a"], message: "" })
    assert.deepStrictEqual([line, column], [1, 12])
  })

  it("says what is given twice, what has no anchor, what is a part of itself", () => {
    assert.deepStrictEqual(problems(`a: 1\nb: { c: 1, d: 2, c: 3 }\na: 2`), [
      ["2:18", "b.c", "is given twice, the first time in line 2"],
      ["3:1", "a", "is given twice, the first time in line 1"]
    ])
    assert.deepStrictEqual(Document.parse(`a: 1\na: 2`).value, { a: 1 })
    assert.deepStrictEqual(problems(`a: *b\nc: &b 1`), [["1:4", "a", "there is no anchor &b before it"]])
    assert.deepStrictEqual(problems(`a: &a { b: [*a] }`), [["1:13", "a.b.0", "&a is a part of itself"]])
    assert.deepStrictEqual(problems(`a: { <<: 3 }`), [
      ["1:10", `a."<<"`, "expected names and values, such as *an-alias of them"]
    ])
    assert.deepStrictEqual(problems(`__proto__: { polluted: true }`), [
      ["1:1", "__proto__", "nothing can have this name"]
    ])
    assert.isUndefined(({} as { polluted?: boolean }).polluted)
  })

  it("says where it is no YAML, once, and without quoting it", () => {
    assert.deepStrictEqual(problems(`services:\n  a: { b: 1\nsecret: hunter2\n`), [
      ["3:1", "", "it is not YAML: flow map in block collection must be sufficiently indented and end with a }"]
    ])
    assert.deepStrictEqual(problems(`a: "b\n`), [["2:1", "", `it is not YAML: missing closing "quote`]])
    assert.deepStrictEqual(problems(`a: 1\n---\nb: 2\n`), [
      ["2:1", "", "a second document begins here; a file has one"]
    ])
    assert.deepStrictEqual(problems(`? [a]\n: 1\n`), [["1:3", "", "a name must be text"]])
    assert.deepStrictEqual(problems(`a: !hunter2 x\n`), [["1:4", "", "it is not YAML: unresolved tag"]])
    assert.deepStrictEqual(problems(`a: |hunter2\n  b\n`), [
      ["1:5", "", "it is not YAML: block scalar header includes extra characters"]
    ])
    assert.deepStrictEqual(problems(`[a]\nhunter2: b\n`), [
      ["2:1", "", "it is not YAML: unexpected scalar at node end"]
    ])
  })

  it("is not brought down by what is made to bring it down", () => {
    const laugh = (levels: number) =>
      `a0: &a0 [x]\n${Array.from({ length: levels }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level}, `.repeat(9)}x]`).join("\n")}`
    const started = performance.now()

    assert.deepStrictEqual(problems(laugh(9)), [["1:1", "", "its aliases add up to too much"]])
    for (const text of ["[", "- ", "- ? "].map((one) => one.repeat(200_000)).concat(`a:\n  ${"? ".repeat(300_000)}`))
      assert.deepStrictEqual(problems(text), [["1:1", "", "it is nested more than 100 levels deep"]])
    assert.deepStrictEqual(problems(laugh(3)), [])
    // The first of them would be 9^9 values.
    assert.isBelow(performance.now() - started, 3_000)
  })
})
