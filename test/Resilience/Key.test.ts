import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { JsonNumber } from "../../src/Json.ts"
import { type Key, toText } from "../../src/Resilience/Key.ts"
import { refuses } from "./Calls.ts"

const text = (key: Key) => toText("Test", key)

describe("Key", () => {
  it("tells callers apart, and calls, and what is for everybody", () => {
    const keys: ReadonlyArray<Key> = [
      { caller: "alice", call: ["orders", 42] },
      { caller: "bob", call: ["orders", 42] },
      { caller: "alice", call: ["orders", "42"] },
      { caller: "alice", call: ["orders", 42, null] },
      { caller: "alice", call: ["orders,42"] },
      { caller: 'alice","orders', call: [42] },
      { public: true, call: ["alice", "orders", 42] },
      { public: true, call: ["orders", 42] },
      { public: true, call: [true] },
      { public: true, call: ["true"] },
      { public: true, call: [new JsonNumber("9007199254740993")] },
      { public: true, call: [9007199254740992n] },
      { public: true, call: ["9007199254740993"] }
    ]
    assert.strictEqual(new Set(keys.map(text)).size, keys.length)
    assert.strictEqual(text({ caller: "alice", call: ["orders", 42] }), text(keys[0]!))
  })

  it("is the same text for the same key alone", () => {
    const part = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null)
    )
    const call = fc.array(part, { minLength: 1, maxLength: 4 })
    const key: fc.Arbitrary<Key> = fc.oneof(
      fc.record({ caller: fc.string({ minLength: 1 }), call }),
      fc.record({ public: fc.constant(true as const), call })
    )
    const normal = (key: Key) => JSON.stringify([key.caller ?? null, key.public ?? null, key.call])
    fc.assert(
      fc.property(key, key, (a, b) => assert.strictEqual(text(a) === text(b), normal(a) === normal(b))),
      { numRuns: 500 }
    )
  })

  it("demands a caller or public: true, by type", () => {
    // @ts-expect-error nobody says who asks
    const nobody: Key = { call: ["orders"] }
    // @ts-expect-error it cannot be both
    const both: Key = { caller: "alice", public: true, call: ["orders"] }
    // @ts-expect-error a caller may be missing
    const maybe: Key = { caller: undefined as string | undefined, call: ["orders"] }
    // @ts-expect-error not being public says not who asks
    const notPublic: Key = { public: false, call: ["orders"] }
    assert.strictEqual([nobody, both, maybe, notPublic].length, 4)
  })

  it("demands them at run time too, by name", () => {
    const as = (key: unknown) => () => text(key as Key)
    refuses({
      "Test key.caller #missing": as({ call: ["orders"] }),
      "Test key.caller #undefined": as({ caller: undefined, call: ["orders"] }),
      "Test key.caller #empty": as({ caller: "", call: ["orders"] }),
      "Test key.caller #number": as({ caller: 42, call: ["orders"] }),
      "Test key.public #both": as({ caller: "alice", public: true, call: ["orders"] }),
      "Test key.public #false": as({ public: false, call: ["orders"] }),
      "Test key.call #missing": as({ caller: "alice" }),
      "Test key.call #empty": as({ caller: "alice", call: [] }),
      "Test key.call #text": as({ caller: "alice", call: "orders" }),
      "Test key.call #NaN": as({ caller: "alice", call: [NaN] }),
      "Test key.call #undefined": as({ caller: "alice", call: [undefined] }),
      "Test key.call #object": as({ caller: "alice", call: [{ id: 42 }] })
    })
  })
})
