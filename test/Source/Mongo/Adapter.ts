/**
 * MongoDB, as the contract uses it: the stub, and a real one at `MONGODB_URL`.
 */
import { Effect, Layer, Option, Schema, type Scope } from "effect"
import { MongoClient } from "mongodb"
import * as Mongo from "../../../src/Source/Mongo.ts"
import { SourceUnavailable } from "../../../src/Source.ts"
import * as MongoStub from "../../MongoStub.ts"
import type * as Servers from "../../Servers.ts"
import { makeCertificate } from "../Certificate.ts"
import type { Adapter, LayerOptions, Watch } from "../contract.ts"

const collection = "muster_contract"
const documents = [{ _id: 1, price: "cheap" }]

/** The stubs that run, by their port. */
const stubs = new Map<number, MongoStub.Stub>()

const password = "Op3n-Sesame-7f3a"

const start = ({ maxConnections, tls }: Servers.Options): Effect.Effect<Servers.Private, never, Scope.Scope> =>
  Effect.gen(function* () {
    const certificate = tls ? makeCertificate() : undefined
    const stub = yield* MongoStub.make({
      collections: { [collection]: documents },
      maxConnections,
      user: { name: "muster", password },
      tls: certificate
    })
    stubs.set(stub.port, stub)
    yield* Effect.addFinalizer(() => Effect.sync(() => stubs.delete(stub.port)))
    const { kill, port, restart, url } = stub
    const address = { host: "127.0.0.1", port, password, url, adminUrl: url, kill, restart }
    // The cast: it is of a kind that `Servers` does not start, which nobody asks.
    return { ...address, ...(certificate === undefined ? {} : { ca: certificate.cert }) } as unknown as Servers.Private
  })

const watch = ({ port }: Servers.Address): Effect.Effect<Watch> => {
  const stub = stubs.get(port)!
  return Effect.succeed({ busy: Effect.sync(stub.busy), connections: Effect.sync(stub.connections) })
}

const layer = (url: string, { ca, connections, connectTimeout, maxBytes }: LayerOptions) => {
  const driver = ca === undefined ? {} : { tls: true, ca }
  // The driver is installed here.
  return Layer.orDie(Mongo.layer({ url, driver, maxConnections: connections, connectTimeout, maxBytes }))
}

const only = { _id: 1 }
const mongo = Mongo.Mongo

const literal = (text: string) =>
  Effect.flatMap(mongo, ({ aggregate }) =>
    aggregate(collection, [{ $match: only }, { $project: { text: { $literal: text } } }], {
      schema: Schema.Struct({ text: Schema.String })
    })
  )

export const stub: Adapter<Mongo.Mongo> = {
  name: "MongoDB (a stub of it)",
  kind: start,
  layer,
  watch,
  quick: Effect.flatMap(mongo, ({ findOne }) => findOne(collection, only, { schema: Schema.Unknown })).pipe(
    Effect.flatMap(Option.match({ onNone: () => Effect.dieMessage("no document"), onSome: Effect.succeed }))
  ),
  busyFor: (millis) =>
    Effect.flatMap(mongo, ({ count }) => count(collection, { $where: `sleep(${millis}) || true` })).pipe(
      Effect.filterOrFail(
        (count) => count === 1,
        () => new SourceUnavailable({ source: "shop", reason: "it was cut short" })
      )
    ),
  echo: (text) => Effect.map(literal(text), ([found]) => found!.text),
  misfit: Effect.flatMap(mongo, ({ find }) =>
    find(collection, only, { schema: Schema.Struct({ price: Schema.Number }) })
  ),
  large: (bytes) => literal("x".repeat(bytes)),
  withoutTls: "SourceUnavailable"
}

/** Sees a real server as its operator does. Its adapters have one connection that only watches. */
const watchReal = ({ url }: Servers.Address): Effect.Effect<Watch, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => new MongoClient(url, { appName: "watching" }).connect()),
      (client) => Effect.promise(() => client.close())
    ),
    (client) => {
      const ops = (filter: object) =>
        Effect.promise(() =>
          client
            .db("admin")
            .aggregate([{ $currentOp: { idleConnections: true } }, { $match: { appName: "muster", ...filter } }])
            .toArray()
        )
      return {
        busy: Effect.map(ops({ active: true, ns: { $regex: `\\.${collection}$` } }), (found) => found.length),
        connections: Effect.map(ops({}), (found) => Math.max(0, found.length - 1))
      }
    }
  )

/** The same against a server of somebody else's, into whose database a collection is written. */
export const real = (given: string): Adapter<Mongo.Mongo> => {
  const parsed = new URL(given)
  // Otherwise the driver finds the members of a set by itself, past the proxy.
  parsed.searchParams.set("directConnection", "true")
  parsed.searchParams.set("serverMonitoringMode", "poll")
  const url = parsed.toString()
  const seeded = Effect.promise(async () => {
    const client = new MongoClient(url)
    const target = client.db().collection<{ _id: number; price: string }>(collection)
    await target.deleteMany({})
    await target.insertMany(documents)
    await client.close()
  })
  return {
    ...stub,
    name: "MongoDB (at MONGODB_URL)",
    // The cast: as above. Nobody stops it.
    kind: () => Effect.as(seeded, { url, adminUrl: url, password: "" } as unknown as Servers.Private),
    watch: watchReal,
    isForeign: true
  }
}
