import { assert, describe, it } from "vitest"
import * as Commands from "../../../src/Source/Redis/Commands.ts"

const told = (budget: number, name: string, ...args: ReadonlyArray<string | Buffer>) =>
  Commands.waiting(name, args, budget)?.args.join(" ")

describe("Commands.waiting", () => {
  it("finds where each command says how long the server waits, and shortens it to what is left", () => {
    for (const [command, expected] of [
      ["BLPOP a b 30", "a b 1.5"],
      ["BRPOP a 0", "a 1.5"],
      ["BLMOVE a b LEFT RIGHT 2", "a b LEFT RIGHT 1.5"],
      ["BRPOPLPUSH a b 2", "a b 1.5"],
      ["BZPOPMIN a 2", "a 1.5"],
      ["BLMPOP 30 1 a LEFT", "1.5 1 a LEFT"],
      ["BZMPOP 0 1 a MIN", "1.5 1 a MIN"],
      ["WAIT 1 0", "1 1500"],
      ["WAITAOF 1 1 9000", "1 1 1500"],
      ["XREAD COUNT 1 BLOCK 0 STREAMS a $", "COUNT 1 BLOCK 1500 STREAMS a $"],
      ["XREAD block 2000 streams block 0", "block 1500 streams block 0"],
      ["XREADGROUP GROUP block block BLOCK 0 STREAMS a >", "GROUP block block BLOCK 1500 STREAMS a >"],
      ["XREADGROUP GROUP streams c BLOCK 9999 STREAMS a >", "GROUP streams c BLOCK 1500 STREAMS a >"],
      // What is short enough stays, and so does what the server will refuse.
      ["BLPOP a 1.5", "a 1.5"],
      ["BLPOP a soon", "a soon"],
      ["BLPOP a -1", "a -1"]
    ] as const) {
      const [name, ...args] = command.split(" ")
      assert.strictEqual(told(1_500, name!, ...args), expected, command)
    }
    assert.strictEqual(told(0.2, "XREAD", "BLOCK", Buffer.from("50"), "STREAMS", "a", "0"), "BLOCK 1 STREAMS a 0")
    assert.strictEqual(told(Infinity, "BLPOP", "a", "0"), "a 0")
  })

  it("leaves those alone that are answered at once", () => {
    for (const command of [
      "GET a",
      "XREAD STREAMS block 0",
      "XREADGROUP GROUP BLOCK 5 STREAMS a >",
      "LPOP a 5",
      "BLPOP"
    ]) {
      const [name, ...args] = command.split(" ")
      assert.isUndefined(told(1_500, name!, ...args), command)
    }
  })

  it("says how long the server may take, and whether the caller would have waited longer", () => {
    const { limit, shortened } = Commands.waiting("BLPOP", ["a", "30"], 1_500)!
    assert.deepStrictEqual({ limit, shortened }, { limit: 1_500, shortened: true })
    const short = Commands.waiting("BLPOP", ["a", "1"], 1_500)!
    assert.deepStrictEqual({ limit: short.limit, shortened: short.shortened }, { limit: 1_000, shortened: false })
    assert.strictEqual(Commands.waiting("BLPOP", ["a", "0"], Infinity)!.limit, Infinity)
  })
})
