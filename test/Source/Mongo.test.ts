import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Config, ConfigProvider, Effect, Exit, Fiber, Option, Schema, Scope, Stream } from "effect"
import type { Document } from "mongodb"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import type { SourceError } from "../../src/Source.ts"
import * as Mongo from "../../src/Source/Mongo.ts"
import * as MongoStub from "../MongoStub.ts"
import * as Proxy from "../Proxy.ts"
import { makeCertificate } from "./Certificate.ts"
import { suite } from "./contract.ts"
import { until } from "./contract/Stage.ts"
import { real, stub } from "./Mongo/Adapter.ts"
import { leavesNoSocket, leavesNothing } from "./Resources.ts"

suite(stub, "short")

const url = process.env["MONGODB_URL"]
if (url === undefined) {
  console.warn("MongoDB: MONGODB_URL names no server, so only the stub was asked.")
  describe.skip("MongoDB (at MONGODB_URL)", () => it("is named by MONGODB_URL", () => {}))
} else suite(real(url), "short")

const products = Array.from({ length: 250 }, (_, i) => ({ _id: i, type: i % 2 ? "phone" : "tablet", price: i / 2 }))
const Product = Schema.Struct({ type: Schema.Literal("phone", "tablet"), price: Schema.Number })
const phone = { type: "phone", price: 1.5 } as const

const stage = (settings?: Omit<Mongo.Settings, "url">) =>
  Effect.gen(function* () {
    const server = yield* MongoStub.make({
      collections: { products, "slow-page": products, odd: [{ _id: 1, lines: [{ total: 1 }, { total: "s3cret" }] }] }
    })
    const mongo = yield* Mongo.make({ url: server.url, ...settings })
    return { server, mongo }
  })

const slow = { $where: "sleep(30000) || true" }
const failure = <R>(effect: Effect.Effect<unknown, SourceError, R>) => Effect.flip(effect)
const last = ({ commands }: MongoStub.Stub): Document => commands.at(-1)!

describe("Mongo", () => {
  it.scopedLive("gives documents as their schema says", () =>
    Effect.gen(function* () {
      const { mongo } = yield* stage()

      assert.lengthOf(yield* mongo.find("products", {}, { schema: Product }), 250)
      assert.deepStrictEqual(yield* mongo.find("products", { _id: 3 }, { schema: Product }), [phone])
      assert.deepStrictEqual(Option.getOrNull(yield* mongo.findOne("products", { _id: 3 }, { schema: Product })), phone)
      assert.strictEqual(Option.getOrNull(yield* mongo.findOne("products", { _id: -3 }, { schema: Product })), null)
      assert.deepStrictEqual(yield* mongo.aggregate("products", [{ $match: { _id: 3 } }], { schema: Schema.Unknown }), [
        { _id: 3, ...phone }
      ])
      assert.strictEqual(yield* mongo.count("products"), 250)
      assert.strictEqual(yield* mongo.count("products", { type: "phone" }), 125)
      assert.deepStrictEqual(yield* mongo.find("nothing", {}, { schema: Product }), [])
    })
  )

  it.scopedLive(
    "sends what it is told, and how long the server may take: what the deadline leaves, else commandTimeout",
    () =>
      Effect.gen(function* () {
        const { mongo, server } = yield* stage({ commandTimeout: "7 seconds", database: "shop2" })
        const settings = {
          schema: Product,
          sort: { price: 1 },
          projection: { _id: 0 },
          limit: 5,
          hint: "_id_"
        } as const

        yield* mongo.find("products", { type: "phone" }, settings)
        const { $db, filter, hint, limit, maxTimeMS, projection, sort } = last(server)
        assert.deepStrictEqual(
          { $db, filter, hint, limit, projection, sort },
          {
            $db: "shop2",
            filter: { type: "phone" },
            hint: "_id_",
            limit: 5,
            projection: { _id: 0 },
            sort: { price: 1 }
          }
        )
        assert.strictEqual(maxTimeMS, 7_000)
        for (const read of [
          mongo.find("products", { _id: 1 }, { schema: Product }),
          mongo.findOne("products", {}, { schema: Product }),
          mongo.aggregate("products", [{ $match: { _id: 1 } }], { schema: Product }),
          mongo.count("products"),
          Stream.runDrain(mongo.findStream("products", { _id: 1 }, { schema: Product })),
          Stream.runDrain(mongo.aggregateStream("products", [{ $match: { _id: 1 } }], { schema: Product })),
          mongo.use((db, limits) => db.collection("products").findOne({}, limits))
        ] as ReadonlyArray<Effect.Effect<unknown, SourceError>>) {
          yield* Deadline.within("2 seconds")(read)
          const sent = Number(last(server)["maxTimeMS"])
          assert(sent > 1_000 && sent <= 2_000, `${sent}`)
        }
        const error = yield* failure(Deadline.within(0)(mongo.count("products")))
        assert.match(error.reason, /^mongodb at 127\.0\.0\.1:\d+: count: the deadline had passed before it was asked$/)
      })
  )

  it.scopedLive("the server ends a read at its time, and its connection is used again", () =>
    Effect.gen(function* () {
      const { mongo, server } = yield* stage({ commandTimeout: 150 })
      yield* mongo.count("products")
      const before = server.accepted()

      const start = performance.now()
      const error = yield* failure(mongo.count("products", slow))

      assert.isBelow(performance.now() - start, 1_000)
      assert.strictEqual(error._tag, "SourceUnavailable")
      assert.match(error.reason, /count: its time was over \(MaxTimeMSExpired, 50\)$/)
      yield* mongo.count("products")
      assert.strictEqual(server.accepted(), before)
    })
  )

  it.scopedLive("a connection that is frozen is given up although there is no deadline", () =>
    Effect.gen(function* () {
      const server = yield* MongoStub.make({ collections: { products } })
      const proxy = yield* Proxy.make(server.url)
      const mongo = yield* Mongo.make({ url: proxy.through(server.url), commandTimeout: 50 })
      yield* mongo.count("products")
      yield* proxy.freeze

      const error = yield* failure(mongo.count("products"))

      assert.strictEqual(error._tag, "SourceUnavailable")
      assert.match(error.reason, /count: no answer in time$/)
    })
  )

  it.scopedLive("says where a document does not fit, without what is in it", () =>
    Effect.gen(function* () {
      const { mongo } = yield* stage()
      const schema = Schema.Struct({ lines: Schema.Array(Schema.Struct({ total: Schema.Number })) })
      const misfit = "lines.1.total: expected number, but it is a string"
      for (const [read, words] of [
        [mongo.find("odd", {}, { schema }), `find: 0.${misfit}`],
        [mongo.findOne("odd", {}, { schema }), `findOne: ${misfit}`],
        [mongo.aggregate("odd", [], { schema }), `aggregate: 0.${misfit}`],
        [Stream.runDrain(mongo.findStream("odd", {}, { schema })), `find: 0.${misfit}`]
      ] as ReadonlyArray<[Effect.Effect<unknown, SourceError>, string]>) {
        const { orders } = yield* Gather.collect({ orders: read })
        assert(orders._tag === "Failed" && orders.error._tag === "SourceMalformed")
        assert.strictEqual(orders.error.source, "orders")
        assert.strictEqual(orders.error.reason.split(": ").slice(1).join(": "), words)
        assert.notInclude(JSON.stringify(orders.error), "s3cret")
      }
    })
  )

  it.scopedLive("an answer over the limit is refused, and no further page is asked for", () =>
    Effect.gen(function* () {
      const { mongo, server } = yield* stage({ maxBytes: 4_000 })
      const settings = { schema: Product, batchSize: 50 }

      const error = yield* failure(mongo.find("products", {}, settings))

      assert.strictEqual(error._tag, "SourceMalformed")
      assert.match(error.reason, /find: the answer is longer than 4000 bytes$/)
      yield* until("cursors", Effect.sync(server.cursors), 0)
      const names = server.commands.map((command) => Object.keys(command)[0])
      assert.deepStrictEqual(names, ["find", "getMore", "killCursors"])
      // Of a stream, each page counts.
      assert.lengthOf(Chunk.toReadonlyArray(yield* Stream.runCollect(mongo.findStream("products", {}, settings))), 250)
      const page = Stream.runDrain(mongo.findStream("products", {}, { schema: Product }))
      assert.strictEqual((yield* failure(page))._tag, "SourceMalformed")
    })
  )

  it.scopedLive("fails with what the server says of it, without what it quotes", () =>
    Effect.gen(function* () {
      const cases = [
        ["fail-13", "SourceRejected", "the user may not do this (Code13, 13)"],
        ["fail-2", "SourceRejected", "the server refused (Code2, 2)"],
        ["fail-11600", "SourceUnavailable", "the server is shutting down (Code11600, 11600)"],
        ["fail-189", "SourceUnavailable", "the server is no longer the primary (Code189, 189)"],
        ["fail-146", "SourceUnavailable", "the server has no memory left for it (Code146, 146)"],
        ["drop", "SourceUnavailable", "the connection broke off"],
        ["garbage", "SourceMalformed", "the answer is no BSON"]
      ] as const
      for (const [collection, tag, reason] of cases) {
        // After some of them, a client looks for another server first.
        const { mongo, server } = yield* stage()
        const error = yield* failure(mongo.find(collection, { token: "s3cret" }, { schema: Schema.Unknown }))
        // Whether to ask again is not for the driver to say.
        assert.lengthOf(server.commands, 1)
        assert.strictEqual(error._tag, tag, collection)
        assert.strictEqual(error.reason.split(": ").at(-1), reason)
        assert.notInclude(Cause.pretty(Cause.fail(error)) + JSON.stringify(error), "s3cret")
      }
      const { mongo } = yield* stage()
      const wrong = yield* failure(mongo.find("products", {}, { schema: Product, sort: { price: "s3cret" as "asc" } }))
      assert.strictEqual(wrong.reason.split(": ").at(-1), "the driver refused (MongoInvalidArgumentError)")
    })
  )

  it.scopedLive("a filter arrives as it was given, its operators as operators", () =>
    Effect.gen(function* () {
      const { mongo, server } = yield* stage()
      for (const text of [`{"$gt":""}`, "$where", "'; while(1); '", "\0", "a.b", "漢字 🦉"]) {
        yield* mongo.find("products", { type: text, token: { $eq: text } }, { schema: Product })
        assert.deepStrictEqual(last(server)["filter"], { type: text, token: { $eq: text } })
      }
    })
  )

  it.scopedLive("use: what the driver can do besides is stopped like the rest, and a bug in it is a defect", () =>
    Effect.gen(function* () {
      const { mongo, server } = yield* stage()

      assert.deepStrictEqual(yield* mongo.use((db) => db.command({ ping: 1 })), { ok: 1 })
      const fiber = yield* Effect.fork(
        mongo.use((db, limits) => db.collection("products").find(slow, limits).toArray())
      )
      yield* until("calls", Effect.sync(server.busy), 1)
      yield* Fiber.interrupt(fiber)
      yield* until("calls", Effect.sync(server.busy), 0)
      const exit = yield* Effect.exit(mongo.use(() => Promise.reject(new TypeError("a bug"))))
      assert(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    })
  )
})

describe("Mongo streams", () => {
  const slowPage = (mongo: Mongo.Client) => mongo.findStream("slow-page", {}, { schema: Product, batchSize: 100 })

  it.scopedLive("are read a page at a time, no further than they are asked, and close the server's cursor", () =>
    Effect.gen(function* () {
      const { mongo, server } = yield* stage()
      const all = mongo.findStream("products", {}, { schema: Product, batchSize: 100 })

      assert.lengthOf(Chunk.toReadonlyArray(yield* Stream.runCollect(all)), 250)
      assert.lengthOf(Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(slowPage(mongo), 100))), 100)
      yield* until("cursors", Effect.sync(server.cursors), 0)
      const names = server.commands.map((command) => Object.keys(command)[0])
      assert.deepStrictEqual(names, ["find", "getMore", "getMore", "find", "killCursors"])
    })
  )

  it.scopedLive(
    "interrupted in the middle of a page: the caller is back and the server idle, with every connection busy",
    () =>
      Effect.gen(function* () {
        const { mongo, server } = yield* stage({ maxConnections: 1 })
        for (let round = 0; round < 10; round++) {
          const fiber = yield* Effect.fork(Stream.runDrain(slowPage(mongo)))
          yield* until("calls", Effect.sync(server.busy), 1)
          const start = performance.now()
          yield* Fiber.interrupt(fiber)
          assert.isBelow(performance.now() - start, 500)
          yield* until("calls", Effect.sync(server.busy), 0)
        }
        assert.strictEqual(yield* mongo.count("products"), 250)
      })
  )

  it.scopedLive("in the middle of a page the deadline ends them", () =>
    Effect.gen(function* () {
      const { mongo, server } = yield* stage()

      const error = yield* failure(Deadline.within(150)(Stream.runDrain(slowPage(mongo))))

      assert.strictEqual(error._tag, "SourceUnavailable")
      assert.match(error.reason, /find: no answer before the deadline$/)
      yield* until("calls", Effect.sync(server.busy), 0)
    })
  )
})

describe("Mongo.layer", () => {
  it.scopedLive("closing it leaves no socket and no timer, whatever was going on", () =>
    Effect.gen(function* () {
      const server = yield* MongoStub.make({ collections: { products } })

      yield* leavesNothing([server.port], (opened) =>
        Effect.gen(function* () {
          const mongo = yield* Mongo.make(server.url)
          yield* mongo.count("products")
          yield* Effect.fork(mongo.count("products", slow))
          yield* Effect.fork(mongo.count("products", slow))
          yield* until("calls", Effect.sync(server.busy), 2)
          assert.isAtLeast(opened(), 3)
        }).pipe(Effect.scoped)
      )
    })
  )

  it.scopedLive("closing it leaves no socket when the network is frozen", () =>
    Effect.gen(function* () {
      const server = yield* MongoStub.make({ collections: { products } })
      const proxy = yield* Proxy.make(server.url)

      yield* leavesNoSocket([proxy.port], (opened) =>
        Effect.gen(function* () {
          const mongo = yield* Mongo.make({ url: proxy.through(server.url), commandTimeout: 200, connectTimeout: 300 })
          yield* mongo.count("products")
          yield* Effect.fork(mongo.count("products", { $where: "sleep(100) || true" }))
          yield* until("calls", Effect.sync(server.busy), 1)
          yield* proxy.freeze
          yield* Effect.fork(mongo.count("products", slow))
          assert.isAtLeast(opened(), 2)
        }).pipe(Effect.scoped)
      )
    })
  )

  it.scopedLive("closing it while it is being connected leaves no socket", () =>
    Effect.gen(function* () {
      const certificate = makeCertificate()
      const server = yield* MongoStub.make({ tls: certificate })
      const folder = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "muster-mongo-")))
      yield* Effect.addFinalizer(() => Effect.promise(() => rm(folder, { recursive: true })))
      const tlsCAFile = join(folder, "ca.pem")
      yield* Effect.promise(() => writeFile(tlsCAFile, certificate.cert))
      const scope = yield* Scope.make()
      // The driver reads the file before it makes anything that could be closed.
      const settings = { url: server.url, driver: { tls: true, tlsCAFile } }

      yield* leavesNoSocket([server.port], () =>
        Effect.gen(function* () {
          const mongo = yield* Scope.extend(Mongo.make(settings), scope)
          const fiber = yield* Effect.fork(failure(mongo.count("products")))
          yield* Effect.yieldNow()
          yield* Scope.close(scope, Exit.void)
          assert.match((yield* Fiber.join(fiber)).reason, /count: the client was closed$/)
        })
      )
      assert.isAbove(server.accepted(), 0)
    })
  )

  it.scopedLive("says so when it is asked after its scope has closed", () =>
    Effect.gen(function* () {
      const server = yield* MongoStub.make()
      const scope = yield* Scope.make()
      const mongo = yield* Scope.extend(Mongo.make(server.url), scope)
      yield* mongo.count("products")
      yield* Scope.close(scope, Exit.void)

      const error = yield* failure(mongo.count("products"))

      assert.match(error.reason, /count: the client was closed$/)
      yield* until("connections", Effect.sync(server.connections), 0)
    })
  )

  it.scopedLive("the driver logs nothing, whatever the environment says", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const { write } = process.stderr
      process.env["MONGODB_LOG_ALL"] = "trace"
      process.stderr.write = (line: unknown) => lines.push(line) > 0
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          delete process.env["MONGODB_LOG_ALL"]
          process.stderr.write = write
        })
      )
      const { mongo } = yield* stage()

      yield* mongo.count("products", { token: "s3cret" })

      assert.deepStrictEqual(lines, [])
    })
  )

  it.scopedLive("is made from the configuration", () =>
    Effect.gen(function* () {
      const server = yield* MongoStub.make({ collections: { products } })
      const layer = Mongo.layerConfig({ url: Config.redacted("MONGO_URL"), maxBytes: Config.integer("MAX_BYTES") })
      const provider = ConfigProvider.fromMap(
        new Map([
          ["MONGO_URL", server.url],
          ["MAX_BYTES", "1000"]
        ])
      )

      const count = yield* Effect.flatMap(Mongo.Mongo, (mongo) => mongo.count("products")).pipe(
        Effect.provide(layer),
        Effect.withConfigProvider(provider)
      )

      assert.strictEqual(count, 250)
    })
  )

  it.effect("a wrong option is refused by its name, and a URL without being shown", () =>
    Effect.gen(function* () {
      const right = "mongodb://127.0.0.1:1/shop"
      const wrong = [
        [{ url: right, connectTimeout: -1 }, "connectTimeout must be a duration"],
        [{ url: right, commandTimeout: -1 }, "commandTimeout must be a duration"],
        [{ url: right, maxBytes: 0 }, "maxBytes must be a whole number"],
        [{ url: right, maxConnections: 0 }, "maxConnections must be a whole number"],
        ...[
          "",
          "s3cret",
          "http://h/s3cret",
          "mongodb://",
          "mongodb://s3cret:%@h",
          "mongodb://u:s3cret@h/?what=s3cret"
        ].map((url) => [{ url }, `url must be a URL like "mongodb://user:password@host:27017/database"`] as const)
      ] as const
      for (const [settings, words] of wrong) {
        const exit = yield* Effect.exit(Effect.scoped(Mongo.make(settings)))
        assert(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        assert.include(Cause.pretty(exit.cause), `Mongo.make: ${words}`)
        assert.notInclude(Cause.pretty(exit.cause), "s3cret")
      }
    })
  )
})
