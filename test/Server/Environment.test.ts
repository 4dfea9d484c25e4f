import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Option, Redacted } from "effect"
import { environment } from "../../src/Server/Environment.ts"

const read = (variables: Record<string, string>) =>
  Effect.withConfigProvider(environment, ConfigProvider.fromMap(new Map(Object.entries(variables))))

describe("the environment of a server", () => {
  it.effect("says nothing unless it is set", () =>
    Effect.gen(function* () {
      const { admin, ...rest } = yield* read({})
      assert.isUndefined(admin)
      assert.deepStrictEqual(new Set(Object.values(rest)), new Set([undefined]))
      assert.isUndefined((yield* read({ MUSTER_ADMIN_HOST: "::1" })).admin)
    })
  )

  it.effect("says all that there is to say", () =>
    Effect.gen(function* () {
      const { admin, ...rest } = yield* read({
        MUSTER_PORT: "81",
        MUSTER_HOST: "0.0.0.0",
        MUSTER_ADMIN_PORT: "82",
        MUSTER_ADMIN_HOST: "::1",
        MUSTER_ADMIN_TOKEN: "secret",
        MUSTER_DRAIN: "3s",
        MUSTER_DEADLINE: "500ms",
        MUSTER_HEADERS_TIMEOUT: "1s",
        MUSTER_REQUEST_TIMEOUT: "2s",
        MUSTER_IDLE_TIMEOUT: "4s",
        MUSTER_WRITE_TIMEOUT: "5s",
        MUSTER_MIN_READ_RATE: "0",
        MUSTER_MAX_IN_FLIGHT: "7",
        MUSTER_MAX_BUFFERED: "1.5 GiB",
        MUSTER_MAX_CONNECTIONS_PER_CLIENT: "9",
        MUSTER_CORS: "https://a.example.com, https://b.example.com"
      })

      assert.deepStrictEqual<unknown>(rest, {
        port: 81,
        host: "0.0.0.0",
        drain: 3_000,
        deadline: 500,
        headersTimeout: 1_000,
        requestTimeout: 2_000,
        idleTimeout: 4_000,
        writeTimeout: 5_000,
        minReadRate: 0,
        maxInFlight: 7,
        maxBuffered: 1.5 * 2 ** 30,
        maxConnectionsPerClient: 9,
        cors: ["https://a.example.com", "https://b.example.com"]
      })
      assert.deepStrictEqual([admin?.port, admin?.host], [82, "::1"])
      assert.strictEqual(Redacted.value(admin!.token!), "secret")
    })
  )

  it.effect("is refused by name, with what was expected", () =>
    Effect.gen(function* () {
      for (const [name, value, expected] of [
        ["MUSTER_PORT", "70000", "a port from 0 to 65535"],
        ["MUSTER_ADMIN_PORT", "http", "a port from 0 to 65535"],
        ["MUSTER_DRAIN", "10", 'a duration like "500ms", "2s" or "2 seconds"'],
        ["MUSTER_MAX_IN_FLIGHT", "0", "a whole number from 1 up"],
        ["MUSTER_MAX_BUFFERED", "half", 'a size like "500MB" or "1GiB"']
      ] as const) {
        const exit = yield* Effect.exit(read({ [name]: value }))
        assert(Exit.isFailure(exit))
        const text = String(Option.getOrThrow(Cause.failureOption(exit.cause)))
        assert.include(text, `${name} must be ${expected}, but it is "${value}"`)
      }
    })
  )
})
