import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { keeping } from "../Tracing.ts"
import * as Endpoint from "../../src/Server/Endpoint.ts"
import * as Http from "../../src/Source/Http.ts"
import { ask, dashboard, named, serve, upstream } from "./Stage.ts"

const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
const span = "00f067aa0ba902b7"

/** What an upstream is told when the server is asked with these headers. */
const told = (headers: Record<string, string>) =>
  Effect.gen(function* () {
    const source = yield* upstream((_, response) => void response.end("1"))
    const { url } = yield* serve([Endpoint.make(dashboard(named, Http.json(source.url, { schema: Schema.Number })))])
    assert.strictEqual((yield* ask(`${url}/dashboard?id=1`, { headers })).status, 200)
    const { traceparent, tracestate } = source.requests[0]!.headers
    return [traceparent, tracestate]
  })

const both = (flags: string) => ({ traceparent: `00-${trace}-${span}-${flags}`, tracestate: "congo=t61rcWkgMzE" })

const off = Effect.withTracerEnabled(false)

describe("the trace of a request", () => {
  it.scopedLive("goes to the sources as it came where its spans are not kept, and where tracing is off", () =>
    Effect.gen(function* () {
      for (const flags of ["01", "00"]) {
        const { traceparent, tracestate } = both(flags)
        assert.deepStrictEqual(yield* told(both(flags)), [traceparent, tracestate])
        assert.deepStrictEqual(yield* off(told(both(flags))), [traceparent, tracestate])
      }
    })
  )

  it.scopedLive("goes to the sources below the server's own spans where those are kept, sampled only if it was", () =>
    Effect.gen(function* () {
      for (const flags of ["01", "00"]) {
        const [parent, state] = yield* Effect.withTracer(told(both(flags)), keeping)
        assert.deepStrictEqual([parent, state], [`00-${trace}-Http.json-${flags}`, "congo=t61rcWkgMzE"])
      }
    })
  )

  it.scopedLive("is a new one where it is malformed, and none where tracing is off", () =>
    Effect.gen(function* () {
      for (const traceparent of [`ff-${trace}-${span}-01`, `00-${"0".repeat(32)}-${span}-01`, "nonsense"]) {
        const headers = { traceparent, tracestate: "congo=t61rcWkgMzE" }
        const [parent, state] = yield* told(headers)
        assert.match(String(parent), new RegExp(`^00-(?!${trace})[0-9a-f]{32}-[0-9a-f]{16}-01$`))
        assert.isUndefined(state)
        assert.deepStrictEqual(yield* off(told(headers)), [undefined, undefined])
      }
    })
  )
})
