import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { InvalidOption } from "../../src/Options.ts"
import * as Keys from "../../src/Server/Keys.ts"

const one = "key-one-of-the-test"
const two = "key-two-of-the-test"

describe("Keys", () => {
  it("admit whoever has one of them, however it is given", () => {
    const keys = Keys.make([Redacted.make(one), Redacted.make(Keys.hashOf(two))])
    const id = (key: string) => Keys.hashOf(key).slice(7, 15)

    assert.strictEqual(keys.admit({ authorization: `Bearer ${one}` }), id(one))
    assert.strictEqual(keys.admit({ authorization: `bearer  ${two}` }), id(two))
    assert.strictEqual(keys.admit({ "x-api-key": two }), id(two))
    assert.isUndefined(keys.admit({}))
    assert.isUndefined(keys.admit({ "x-api-key": "" }))
    assert.isUndefined(keys.admit({ "x-api-key": `${one} ` }))
    assert.isUndefined(keys.admit({ authorization: one }))
    assert.isUndefined(keys.admit({ "x-api-key": Keys.hashOf(one) }))
    assert.isUndefined(Keys.make([]).admit({ "x-api-key": one }))
  })

  it("are refused when they could be guessed, or are a hash that is none, without being told", () => {
    for (const key of ["short", "has a space in the middle", "sha256:abc", ""]) {
      try {
        Keys.make([Redacted.make(key)])
        assert.fail(key)
      } catch (error) {
        assert(error instanceof InvalidOption)
        assert.strictEqual(error.option, "key")
        if (key !== "") assert.notInclude(error.message, key)
      }
    }
  })
})
