import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Logger, LogLevel } from "effect"
import { fileURLToPath } from "node:url"
import { Aggregator } from "../../src/Aggregator.ts"
import * as Demo from "../../src/Demo.ts"
import { Server } from "../../src/Server.ts"
import * as Config from "../../src/Server/Config.ts"
import * as Drivers from "../../src/Source/Drivers.ts"
import * as Testkit from "../../src/Testkit.ts"

const file = fileURLToPath(new URL("muster.yaml", import.meta.url))

/** Serves the file over the services of the demo. */
const served = (options: Demo.ServiceOptions = {}) =>
  Effect.gen(function* () {
    const env = new Map([
      ["PROFILE_URL", yield* Demo.profile()],
      ["ORDERS_URL", yield* Demo.orders(options)],
      ["OVERVIEW_KEY", "0123456789-overview"]
    ])
    const endpoints = yield* Config.load(file).pipe(
      Effect.provide(Drivers.layer),
      Effect.withConfigProvider(ConfigProvider.fromMap(env))
    )
    const aggregator = Aggregator.layer({ logger: Testkit.silent })
    const quiet = Logger.minimumLogLevel(LogLevel.None)
    const layer = Server.layer(endpoints, { port: 0 }).pipe(Layer.provide(aggregator), Layer.provide(quiet))
    const { url } = Context.get(yield* Layer.build(layer), Server)
    return (path: string, init?: RequestInit) =>
      Effect.promise(async () => {
        const response = await fetch(`${url}${path}`, init)
        return { status: response.status, body: (await response.json()) as unknown }
      })
  })

describe("the file of the examples", () => {
  it.scopedLive("serves what it says, over services and a database", () =>
    Effect.gen(function* () {
      const get = yield* served()
      const dashboard = yield* get("/users/42%3B7/dashboard?lucky=9")

      assert.deepStrictEqual(dashboard, {
        status: 200,
        body: {
          name: "Alice",
          greeting: { text: "Hello, Alice", lucky: 9 },
          orders: ["kettle", "lamp", "atlas", "scarf", "radio"].map((item, at) => ({ id: `42;7-${at + 1}`, item })),
          first: "kettle"
        }
      })
      assert.deepStrictEqual((yield* get("/who/7")).body, { id: "7", name: "Alice" })
      assert.deepInclude(yield* get("/users/42/dashboard?lucky=100"), { status: 400 })
      assert.deepInclude(yield* get("/users/%2e%2e/dashboard"), { status: 404 })
    })
  )

  it.scopedLive("leaves out what it may, and says what is missing", () =>
    Effect.gen(function* () {
      const get = yield* served({ fail: true })
      const dashboard = yield* get("/users/42/dashboard")

      assert.deepStrictEqual(dashboard, {
        status: 200,
        body: { name: "Alice", greeting: { text: "Hello, Alice", lucky: 7 }, orders: [], first: null }
      })
    })
  )

  it.scopedLive("gives what there is to those with a key", () =>
    Effect.gen(function* () {
      const ask = yield* served({ fail: true })
      const post = (headers: Readonly<Record<string, string>>) =>
        ask("/overview", {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify({ ids: "7" })
        })

      assert.deepInclude(yield* post({}), { status: 401 })
      assert.deepStrictEqual(yield* post({ "x-api-key": "0123456789-overview" }), {
        status: 200,
        body: { profile: { id: "7", name: "Alice" }, orders: null }
      })
    })
  )
})
