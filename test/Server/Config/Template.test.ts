import { assert, describe, it } from "@effect/vitest"
import * as Template from "../../../src/Server/Config/Template.ts"

const env = (name: string) => ({ HOST: "x{y}", EMPTY: "" })[name]

const parts = (text: string) => {
  const template = Template.parse(text, env)
  if ("wrong" in template) return template.wrong
  return template.parts.map((part) => {
    if (typeof part === "string") return part
    return part instanceof Template.Given ? { given: part.value } : { path: part.path, optional: part.optional }
  })
}

describe("Template", () => {
  it("reads references, plain braces, and what the environment has", () => {
    assert.deepStrictEqual(parts("/a/{id}/b"), ["/a/", { path: ["id"], optional: false }, "/b"])
    assert.deepStrictEqual(parts("{ profile.tags[0] }"), [{ path: ["profile", "tags", 0], optional: false }])
    assert.deepStrictEqual(parts("{tag?}"), [{ path: ["tag"], optional: true }])
    assert.deepStrictEqual(parts("{{id}} {{{id}}}"), ["{id} {", { path: ["id"], optional: false }, "}"])
    assert.deepStrictEqual(parts("a${HOST}b"), ["a", { given: "x{y}" }, "b"])
    assert.deepStrictEqual(parts("${NONE:-d}${EMPTY:-e}${EMPTY}"), [{ given: "d" }, { given: "e" }, { given: "" }])
    assert.deepStrictEqual(parts("$${HOST} $5"), [{ given: "${HOST}" }, " $5"])
    assert.deepStrictEqual(parts(""), [])
  })

  it("says what is wrong", () => {
    assert.strictEqual(parts("a}"), `there is a "}" without its other half`)
    assert.strictEqual(parts("{a"), `there is a "{" without its other half`)
    const expected = "expected a reference like {id} or {profile.id}, but it is"
    for (const text of ["{}", "{a b}", "{a[]}", "{2}", "{a.}"])
      assert.strictEqual(parts(text), `${expected} "${text}"; a plain brace is written twice`)
    assert.strictEqual(parts("${NONE}"), "the environment has no NONE; ${NONE:-default} has a default")
    assert.strictEqual(parts("${}"), `expected \${NAME} or \${NAME:-default}; for a plain "\${" write "$\${"`)
  })

  it("knows the path of a request", () => {
    const isPath = (text: string) => {
      const template = Template.parse(text, env)
      return !("wrong" in template) && Template.isPath(template)
    }

    for (const text of ["/", "/a/{id}", "/a%2Fb?x={y}&z=1", "/{id}.json;v=1"]) assert.isTrue(isPath(text), text)
    for (const text of ["", "a", "{id}", "http://x", "/a b", "/a#b", "/a\\b", "/%", "/é"])
      assert.isFalse(isPath(text), text)
  })
})
