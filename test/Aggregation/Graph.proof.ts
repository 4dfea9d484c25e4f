import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { explored } from "./explored.ts"

it.effect("a graph holds on every schedule of a chain and one beside it", () =>
  Effect.map(explored(10_000), (report) => assert.deepStrictEqual(report, { schedules: 7_776, exhaustive: true }))
)
