import { assert, describe, it } from "@effect/vitest"
import * as Prefer from "../../src/Server/Prefer.ts"

const nothing = { handling: undefined, wait: undefined, receipt: false }

describe("Prefer", () => {
  for (const [header, expected] of [
    [undefined, {}],
    ["", {}],
    ["handling=lenient", { handling: "lenient" }],
    ["Handling = strict", { handling: "strict" }],
    ['handling="lenient"', { handling: "lenient" }],
    ["handling=sloppy", {}],
    ["handling=lenient, handling=strict", { handling: "lenient" }],
    ["wait=10, handling=lenient", { wait: 10, handling: "lenient" }],
    ["wait=0", { wait: 0 }],
    ["wait=-1", {}],
    ["wait=1.5", {}],
    ['wait="7"', { wait: 7 }],
    ["return=representation; muster-receipt", { receipt: true }],
    ["return=representation;foo=bar ; Muster-Receipt", { receipt: true }],
    ["return=representation", {}],
    ["return=minimal; muster-receipt", {}],
    ["muster-receipt", {}],
    ['foo="a, handling=lenient", wait=3', { wait: 3 }],
    ['foo="a\\", wait=9"', {}],
    ["respond-async, wait=100", { wait: 100 }],
    [",;=,, wait=4", { wait: 4 }],
    ['"unfinished, handling=lenient', { handling: "lenient" }]
  ] as const) {
    it(`reads ${JSON.stringify(header)}`, () => {
      assert.deepStrictEqual(Prefer.parse(header), { ...nothing, ...expected })
    })
  }

  it("says what was applied, and nothing of nothing", () => {
    assert.isUndefined(Prefer.applied(nothing))
    assert.strictEqual(
      Prefer.applied({ handling: "lenient", wait: 2, receipt: true }),
      "handling=lenient, wait=2, return=representation"
    )
  })

  it("reads a header of any length in time", () => {
    const start = performance.now()
    for (const part of ['"', '"a', "a=", "a;", "a,", '\\"', " ", 'a="'])
      Prefer.parse(`${part.repeat(8_000)}!handling=lenient`)
    assert.isBelow(performance.now() - start, 1_000)
  })
})
