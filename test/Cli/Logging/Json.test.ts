import { assert, describe, it } from "@effect/vitest"
import { Cause, FiberId, HashMap, List, Logger, LogLevel, LogSpan, Redacted } from "effect"
import * as Json from "../../../src/Cli/Logging/Json.ts"

const line = (more: Partial<Logger.Logger.Options<unknown>>): Logger.Logger.Options<unknown> => ({
  fiberId: FiberId.runtime(7, 0),
  logLevel: LogLevel.Warning,
  message: ["served"],
  cause: Cause.empty,
  context: undefined as never,
  spans: List.empty(),
  annotations: HashMap.empty(),
  date: new Date(1_700_000_000_123),
  ...more
})

const circular: Record<string, unknown> = { name: "a" }
circular["self"] = circular

describe("a line of JSON", () => {
  const cases: Readonly<Record<string, Partial<Logger.Logger.Options<unknown>>>> = {
    "of a text": {},
    "of an unwrapped text": { message: 'a "quoted"\n text \u2028' },
    "of several texts": { message: ["a", "b"] },
    "of an object, which may be circular": { message: [circular] },
    "of an error": { message: [new Error("no")] },
    "with texts, numbers and the like beside it": {
      annotations: HashMap.make(["a", "1"], ["b", 2], ["c", true], ["d", null], ["e", NaN], ["constructor", "x"])
    },
    "with objects beside it": { annotations: HashMap.make(["a", circular], ["b", [1]], ["c", undefined], ["d", 1n]) },
    "with a secret beside it": { annotations: HashMap.make(["key", Redacted.make("hidden")]) },
    "with a cause": { cause: Cause.die(new TypeError("broken")) },
    "with spans": { spans: List.make(LogSpan.make("whole", 1_700_000_000_000)) },
    "without a fiber": { fiberId: FiberId.none }
  }
  for (const [title, more] of Object.entries(cases))
    it(`${title} is what Effect writes`, () => {
      assert.strictEqual(Json.logger.log(line(more)), Logger.jsonLogger.log(line(more)))
    })
})
