import { assert, describe, it } from "@effect/vitest"
import * as Accept from "../../src/Server/Accept.ts"

describe("Accept", () => {
  for (const [header, expected] of [
    [undefined, "json"],
    ["", "json"],
    ["*/*", "json"],
    ["application/json", "json"],
    ["application/*", "json"],
    ["text/event-stream", "sse"],
    ["text/*", "sse"],
    ["Text/Event-Stream; charset=utf-8", "sse"],
    ["application/x-ndjson", "ndjson"],
    ["application/ndjson", "ndjson"],
    ["text/event-stream, */*", "sse"],
    ["text/event-stream;q=0.5, application/json", "json"],
    ["application/json;q=0.1, application/x-ndjson;q=0.2", "ndjson"],
    ["application/json;q=0, */*", "ndjson"],
    ["*/*;q=0", undefined],
    ["text/html", undefined],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"]
  ] as const) {
    it(`chooses ${expected} for ${JSON.stringify(header)}`, () => {
      assert.strictEqual(Accept.choose(header), expected)
    })
  }
})
