import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Reading from "../../../src/Server/Config/Reading.ts"
import { wrong, written } from "./files.ts"

describe("Reading", () => {
  it.effect("reads no more than a megabyte of UTF-8", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wrong("a".repeat(1_000_001)), ["it has more than 1000000 bytes"])
      assert.deepStrictEqual(yield* wrong(Buffer.from("services: \xe9\n", "latin1")), ["it is not UTF-8: see byte 11"])
      assert.deepStrictEqual(yield* wrong(Buffer.from("\uFEFFservices:", "utf16le")), ["it is not UTF-8: see byte 1"])
    })
  )

  it.scoped("reads a file that a byte order mark begins", () =>
    Effect.gen(function* () {
      const file = yield* written("\uFEFFa: 1")

      assert.strictEqual(yield* Reading.text(file), "a: 1")
    })
  )
})
