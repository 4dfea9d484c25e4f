import { assert, describe } from "@effect/vitest"
import type * as File from "../../../src/Server/Config/File.ts"
import * as Guards from "../../../src/Server/Config/Guards.ts"
import { fails, succeeds } from "../../../src/Testkit.ts"
import { guardsOf, inTurn, onMachine, unavailable } from "../../Resilience/Calls.ts"
import { Effect } from "effect"

describe("the guards of a source in a file", () => {
  onMachine(
    "have the retry around the hedge: it counts once both calls have failed",
    Effect.gen(function* () {
      const source: File.Source = { ask: "orders", retry: { delay: 0 }, hedge: { millis: 50 } }
      const call = inTurn<string, unknown>(
        fails(unavailable(), { after: 70 }),
        fails(unavailable(), { after: 40 }),
        succeeds("fine", { after: 10 })
      )
      const guards = yield* guardsOf(Guards.ofSource("page.orders", source)(() => "question")(call))

      assert.deepStrictEqual(
        guards?.attempts.map(({ end, kind, outcome, start }) => [kind, start, end, outcome]),
        [
          ["first", 0, 70, "failed"],
          ["hedge", 50, 90, "failed"],
          ["retry", 90, 100, "succeeded"]
        ]
      )
    })
  )
})
