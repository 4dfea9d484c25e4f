import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, dashboard, named, serve } from "./Stage.ts"

const fine = dashboard(named, Effect.succeed(5))
const origin = "https://app.example.com"

describe("a page of another origin", () => {
  const live = it.scopedLive

  live("may read every answer, also why there is none, and what its headers say", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([fine], { cors: [origin, "https://other.example.com"] })
      for (const path of ["/dashboard?id=1", "/dashboard", "/nothing", "/healthz"]) {
        const { headers } = yield* ask(`${url}${path}`, { headers: { origin } })
        assert.strictEqual(headers.get("access-control-allow-origin"), origin, path)
        assert.strictEqual(headers.get("vary"), "Origin", path)
        assert.include(headers.get("access-control-expose-headers")!.split(","), "muster-receipt", path)
      }
    })
  )

  live("is told what it may ask for, whatever that is", () =>
    Effect.gen(function* () {
      const { url } = yield* serve([fine], { cors: [origin] })
      for (const path of ["/dashboard", "/nothing"]) {
        const { headers, status, text } = yield* ask(`${url}${path}`, {
          method: "OPTIONS",
          headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key" }
        })
        assert.deepStrictEqual([status, text], [204, ""])
        assert.deepStrictEqual(
          ["origin", "methods", "headers"].map((name) => headers.get(`access-control-allow-${name}`)),
          [origin, "GET, HEAD, POST", "x-api-key"]
        )
        assert.strictEqual(headers.get("access-control-max-age"), "600")
      }
    })
  )

  live("is any, where all of them may ask, and none besides those that are named", () =>
    Effect.gen(function* () {
      const open = yield* serve([fine], { cors: ["*"] })
      const { headers } = yield* ask(`${open.url}/dashboard?id=1`, { headers: { origin } })
      assert.deepStrictEqual([headers.get("access-control-allow-origin"), headers.get("vary")], ["*", null])

      const closed = yield* serve([fine], { cors: [origin] })
      for (const other of ["https://evil.example.com", "https://app.example.com.evil.com", undefined]) {
        const reply = yield* ask(`${closed.url}/dashboard?id=1`, {
          headers: other === undefined ? {} : { origin: other }
        })
        assert.isNull(reply.headers.get("access-control-allow-origin"))
        assert.strictEqual(reply.headers.get("vary"), "Origin")
      }
    })
  )
})
