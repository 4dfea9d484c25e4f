import { assert, describe, it } from "@effect/vitest"
import * as Table from "../../../src/Cli/Explain/Table.ts"
import type { Receipt } from "../../../src/Receipt.ts"
import { Observations } from "../../../src/Testkit/WhatIf.ts"
import { receipt, source } from "../Receipts.ts"

const rendered = (count: number, one: Receipt) => {
  const observations = new Observations()
  for (let n = 0; n < count; n++) observations.add(one)
  return Table.render({ aggregation: "dashboard", observations, tried: [], wanted: 0.99, leftOut: [] })
}

describe("the tables of muster explain", () => {
  it("say how many of the receipts they are made from, when those are not all", () => {
    const one = receipt([source("a", 5)])

    assert.strictEqual(rendered(20_000, one).at(-1), "±: where it lies with 95% confidence")
    const lines = rendered(20_001, one)
    assert.strictEqual(lines[0], "dashboard: 20,001 aggregations of a; deadline 1s")
    assert.strictEqual(lines.at(-1), "±: where it lies with 95% confidence, from a fair sample of 20,000 receipts")
  })

  it("count the aggregations that the receipts of a sampled recording stand for", () => {
    const lines = rendered(40, { ...receipt([source("a", 5)]), weight: 20 })

    assert.strictEqual(lines[0], "dashboard: 800 aggregations of a; deadline 1s")
    assert.strictEqual(lines.at(-1), "±: where it lies with 95% confidence, from a fair sample of 40 receipts")
  })

  it("name some of many sources, and none where there is none", () => {
    const many = receipt(Array.from({ length: 10 }, (_, n) => source(`s${n}`, 5)))

    assert.strictEqual(
      rendered(1, many)[0],
      "dashboard: 1 aggregation of s0, s1, s2, s3, s4, s5, s6, s7, 2 more; deadline 1s"
    )
    assert.strictEqual(
      rendered(1, receipt([], { deadline: null }))[0],
      "dashboard: 1 aggregation of no source; no deadline"
    )
  })

  it("write times with their unit, no finer than is worth reading", () => {
    const times = [0.04, 5, 9.96, 412.4, 999.4, 999.6, 1_434, 12_345].map(Table.time)
    assert.deepStrictEqual(times, ["0ms", "5ms", "10ms", "412ms", "999ms", "1s", "1.43s", "12.3s"])
  })
})
