import { assert, describe, it } from "@effect/vitest"
import * as Path from "../../../src/Server/Config/Path.ts"

describe("Path", () => {
  it("reads names, positions, all of a list, and names in quotes", () => {
    assert.deepStrictEqual(Path.parse("a"), ["a"])
    assert.deepStrictEqual(Path.parse("a-b.c_d.e"), ["a-b", "c_d", "e"])
    assert.deepStrictEqual(Path.parse("a[0].b[12]"), ["a", 0, "b", 12])
    assert.deepStrictEqual(Path.parse("a.0.b"), ["a", 0, "b"])
    assert.deepStrictEqual(Path.parse("a[].b[]"), ["a", Path.each, "b", Path.each])
    assert.deepStrictEqual(Path.parse(`a["b c"]["d\\"e"].f`), ["a", "b c", `d"e`, "f"])
  })

  it("reads nothing else", () => {
    for (const text of [
      "",
      ".a",
      "a.",
      "a..b",
      "a[",
      "a[x]",
      "a]",
      "a b",
      "1",
      "a[-1]",
      `a["b]`,
      "a[0]b",
      "$.a",
      "a.[0]"
    ])
      assert.isUndefined(Path.parse(text), text)
  })

  it("follows its steps, and what is not there is nothing", () => {
    const value = { a: [{ b: 1 }, { b: null }, 3], c: { d: "text" } }

    assert.deepStrictEqual(Path.follow(value, ["a", 0, "b"]), 1)
    assert.deepStrictEqual(Path.follow(value, ["a", Path.each, "b"]), [1, null, null])
    assert.deepStrictEqual(Path.follow(value, []), value)
    for (const path of [["x"], ["a", 9], ["a", "length"], ["c", "d", "length"], ["c", Path.each], ["c", "constructor"]])
      assert.isUndefined(Path.follow(value, path as ReadonlyArray<Path.Step>), String(path.map(String)))
  })
})
