/**
 * Redis, as the contract uses it.
 */
import { Effect, Layer, Option, Schema, type Scope } from "effect"
import { Redis as Driver } from "ioredis"
import * as Redis from "../../../src/Source/Redis.ts"
import { SourceUnavailable } from "../../../src/Source.ts"
import type { Address } from "../../Servers.ts"
import type { Adapter, LayerOptions, Watch } from "../contract.ts"

/** A line of CLIENT LIST for each connection but those that watch. */
export interface Watching extends Watch {
  readonly clients: Effect.Effect<ReadonlyArray<string>>
  /** Asks the server directly. */
  readonly ask: (name: string, ...args: ReadonlyArray<string>) => Effect.Effect<unknown>
}

export const watch = (server: Address): Effect.Effect<Watching, never, Scope.Scope> =>
  Effect.gen(function* () {
    const tls = server.ca === undefined ? {} : { tls: { ca: server.ca } }
    const driver = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const driver = new Driver(server.adminUrl, { connectionName: "watching", retryStrategy: () => 20, ...tls })
        // A server that is down is what some tests are about.
        return driver.on("error", () => {})
      }),
      (driver) => Effect.sync(() => driver.disconnect())
    )
    const ask: Watching["ask"] = (name, ...args) => Effect.promise(() => driver.call(name, ...args))
    const clients = Effect.map(ask("CLIENT", "LIST"), (list) =>
      String(list)
        .split("\n")
        .filter((line) => line !== "" && !line.includes("name=watching"))
    )
    yield* Effect.promise(() => driver.ping())
    return {
      ask,
      clients,
      busy: Effect.map(clients, (lines) => lines.filter((line) => /flags=\w*b/.test(line)).length),
      connections: Effect.map(clients, (lines) => lines.length)
    }
  })

const layer = (url: string, { ca, connections, connectTimeout, maxBytes }: LayerOptions) =>
  Layer.orDie(
    Redis.layer({
      url: ca === undefined ? url : url.replace(/^redis:/, "rediss:"),
      ...(ca === undefined ? {} : { driver: { tls: { ca } } }),
      maxConnections: connections,
      connectTimeout,
      maxBytes
    })
  )

const redis = Redis.Redis

const large = (bytes: number) =>
  Effect.flatMap(redis, ({ command }) => command("EVAL", "return string.rep('x', ARGV[1])", 0, bytes))

export const adapter: Adapter<Redis.Redis> = {
  name: "Redis",
  kind: "redis",
  layer,
  watch,
  quick: Effect.flatMap(redis, ({ command }) => command("PING")),
  busyFor: (millis) =>
    Effect.flatMap(redis, ({ blpop }) => blpop(["muster-nothing-is-ever-pushed"], millis)).pipe(
      Effect.filterOrFail(Option.isNone, () => new SourceUnavailable({ source: "shop", reason: "it was cut short" }))
    ),
  echo: (text) => Effect.flatMap(redis, ({ command }) => Effect.map(command("ECHO", text), String)),
  misfit: Effect.flatMap(redis, ({ set }) => set("muster-misfit", `{"price":"cheap"}`)).pipe(
    Effect.zipRight(Redis.json("muster-misfit", { schema: Schema.Struct({ price: Schema.Number }) }))
  ),
  large,
  besides: 1,
  // Nothing is sent to cancel a call, and the server looks at the times of those that wait only ten times a second.
  turns: false,
  // A server that speaks TLS hangs up on who does not, and says nothing.
  withoutTls: "SourceUnavailable"
}
