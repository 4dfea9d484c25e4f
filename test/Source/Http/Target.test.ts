import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Target from "../../../src/Source/Http/Target.ts"

const bases = ["http://a.example", "https://a.example:8443/api/v1", "http://u:p%40@127.0.0.1:81/x", "http://a/?q="]

const pieces = [
  "/",
  "a",
  ".",
  "..",
  "%2e",
  "%2E%2e",
  "é",
  "%",
  "%41",
  "?",
  "#",
  "'",
  "\\",
  "|",
  "~b",
  "=&+",
  ":@",
  "\t",
  " "
]

describe("a path below a URL", () => {
  it("is what the URL of the whole says, whatever stands in it", () => {
    const paths = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => `/${parts.join("")}`)
    fc.assert(
      fc.property(fc.constantFrom(...bases), paths, (base, path) => {
        assert.deepStrictEqual(Target.below(base)(path), Target.of(new URL(base + path)), path)
      }),
      { numRuns: 2_000 }
    )
  })

  it("leads to no other server, and is none below what is no URL of http", () => {
    for (const path of ["//b.example/x", "/@b.example", "/..//b.example"])
      assert.strictEqual(Target.below("http://a.example")(path)?.origin, "http://a.example")
    for (const base of ["", "a.example", "ftp://a.example"]) assert.isUndefined(Target.below(base)("/x"))
  })
})
