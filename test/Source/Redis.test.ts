import { assert, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Effect, Exit, Fiber, Option, Redacted, Schema, Scope } from "effect"
import * as Deadline from "../../src/Deadline.ts"
import * as Gather from "../../src/Gather.ts"
import * as Source from "../../src/Source.ts"
import * as Redis from "../../src/Source/Redis.ts"
import * as Proxy from "../Proxy.ts"
import * as Servers from "../Servers.ts"
import { suite } from "./contract.ts"
import { adapter, watch } from "./Redis/Adapter.ts"
import { until } from "./contract/Stage.ts"
import { leavesNothing } from "./Resources.ts"

suite(adapter, "short")

let names = 0

/** The server that all files share, and a name in it that nobody else has. */
const stage = (
  settings?: Redis.Settings,
  from: Effect.Effect<Servers.Address, never, Scope.Scope> = Servers.shared("redis")
) =>
  Effect.gen(function* () {
    const server = yield* from
    const redis = yield* Redis.make({ url: server.url, ...settings })
    const key = `test:Redis:${process.pid}:${(names += 1)}`
    return { server, redis, key, seen: yield* watch(server) }
  })

const failure = (effect: Effect.Effect<unknown, Source.SourceError>) => Effect.flip(effect)

Servers.suite("redis", "Redis commands", () => {
  it.scopedLive("give what they gave in Redis, exactly", () =>
    Effect.gen(function* () {
      const { key, redis } = yield* stage()

      yield* redis.set(key, "1")
      assert.deepStrictEqual(Option.getOrNull(yield* redis.get(key)), "1")
      assert.strictEqual(Option.getOrNull(yield* redis.get(`${key}:none`)), null)
      assert.deepStrictEqual((yield* redis.mget([key, `${key}:none`])).map(Option.getOrNull), ["1", null])
      assert.deepStrictEqual(yield* redis.mget([]), [])
      yield* redis.command("hset", `${key}:hash`, "__proto__", "x", "total", 12n, "price", 1.5)
      assert.deepStrictEqual(Object.entries(yield* redis.hgetall(`${key}:hash`)), [
        ["__proto__", "x"],
        ["total", "12"],
        ["price", "1.5"]
      ])
      assert.deepStrictEqual(yield* redis.hgetall(`${key}:none`), {})
      assert.strictEqual(yield* redis.command("INCRBY", key, 9), 10)
      assert.strictEqual(yield* redis.command("INCRBY", key, 9_007_199_254_740_991n), 9_007_199_254_741_001n)
      assert.deepStrictEqual(yield* redis.command("EVAL", "return {1, 'x', {false, KEYS[1]}}", 1, key), [
        1,
        "x",
        [null, key]
      ])
      yield* redis.set(key, "soon gone", { ttl: "1 minute" })
      const ttl = yield* redis.command("PTTL", key)
      assert(typeof ttl === "number" && ttl > 50_000 && ttl <= 60_000, String(ttl))
    })
  )

  it.scopedLive("wait for an element, from either end, and for no longer than they were told", () =>
    Effect.gen(function* () {
      const { key, redis } = yield* stage()
      yield* redis.command("RPUSH", key, "first", "last")

      assert.deepStrictEqual(Option.getOrNull(yield* redis.blpop([`${key}:none`, key], "1 second")), [
        key,
        "first"
      ] as const)
      assert.deepStrictEqual(Option.getOrNull(yield* redis.brpop([key], Infinity)), [key, "last"] as const)
      // For Redis, zero would be for ever.
      assert.strictEqual(Option.getOrNull(yield* redis.blpop([key], 0)), null)
    })
  )

  it.scopedLive("carry any bytes, as a key, a value, or any other argument", () =>
    Effect.gen(function* () {
      const { key, redis } = yield* stage()
      const hostile = [
        "\r\n*1\r\n$8\r\nFLUSHALL\r\n",
        "$5\r\nhello",
        " a b ",
        "'; \"\\ \n\t\0",
        "*",
        "?[a-z]{x}",
        "",
        "__proto__",
        "漢字 🦉 é",
        "x".repeat(100_000)
      ]
      for (const [index, text] of hostile.entries()) {
        yield* redis.set(`${key}:${text}`, text)
        assert.strictEqual(Option.getOrNull(yield* redis.get(`${key}:${text}`)), text, `${index}`)
        yield* redis.command("RPUSH", `${key}:list`, text)
      }
      assert.deepStrictEqual(yield* redis.command("LRANGE", `${key}:list`, 0, -1), hostile)
      assert.strictEqual(yield* redis.command("DEL", ...hostile.map((text) => `${key}:${text}`)), hostile.length)

      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      yield* redis.command("SET", bytes.subarray(100, 200), bytes)
      const back = yield* redis.commandBytes("GET", Buffer.from(bytes.subarray(100, 200)))
      assert.deepStrictEqual(Uint8Array.from(back as Uint8Array), bytes)
      assert.strictEqual(
        (yield* failure(redis.get(bytes.subarray(100, 200)))).reason.split(": ").at(-1),
        "the answer is no UTF-8; commandBytes gives it as bytes"
      )
      yield* redis.command("DEL", bytes.subarray(100, 200))
    })
  )

  it.scopedLive("take no argument that would be more than one, nor a name that is none", () =>
    Effect.gen(function* () {
      const { key, redis } = yield* stage()
      yield* redis.set(key, "kept")
      // What a program may have read from somebody's JSON.
      for (const arg of [[key, "other"], { key }, null, undefined, true, [[key]]]) {
        const error = yield* failure(redis.command("DEL", arg as unknown as string)) // as from JSON
        assert.strictEqual(error._tag, "SourceRejected")
        assert.match(error.reason, /: DEL: argument 1 is no text, number or bytes$/)
      }
      for (const name of ["", "GET x", "DEL\r\n", "é", "x".repeat(100)])
        assert.match((yield* failure(redis.command(name, key))).reason, /no command has such a name/)
      assert.deepStrictEqual(Option.getOrNull(yield* redis.get(key)), "kept")
    })
  )

  it.scopedLive("are refused when they would change the connection that others share", () =>
    Effect.gen(function* () {
      const { key, redis } = yield* stage()
      yield* redis.set(key, "here")
      const changing = [
        ["SELECT", "1"],
        ["multi"],
        ["WATCH", key],
        ["SUBSCRIBE", key],
        ["sunsubscribe"],
        ["MONITOR"],
        ["QUIT"],
        ["RESET"],
        ["HELLO", "3"],
        ["AUTH", "s3cret"],
        ["client", "reply", "OFF"],
        ["SCRIPT", "debug", "YES"]
      ] as const
      for (const [name, ...args] of changing) {
        const error = yield* failure(redis.command(name, ...args))
        assert.strictEqual(error._tag, "SourceRejected")
        assert.match(error.reason, /it would change the connection/)
      }
      assert.deepStrictEqual(Option.getOrNull(yield* redis.get(key)), "here")
    })
  )

  it.scopedLive("fail with what the server says of them, without an argument", () =>
    Effect.gen(function* () {
      const { key, redis } = yield* stage()
      yield* redis.set(key, "text")
      const cases = [
        [["LPUSH", key, "s3cret"], "the key holds another kind of value (WRONGTYPE)"],
        [["NOPE", "s3cret"], "unknown command"],
        [["GET"], "wrong number of arguments"],
        [["INCR", key], "value is not an integer or out of range"],
        [["SET", key, "v", "s3cret"], "syntax error"],
        [["CONFIG", "SET", "maxmemory", "s3cret"], "the server refused (ERR)"],
        [["EVAL", "return redis.error_reply(ARGV[1])", 0, "s3cret"], "the server refused (ERR)"],
        [["EVALSHA", "s3cret", 0], "the server does not know the script (NOSCRIPT)"],
        [["BLPOP", key, "s3cret"], "timeout is not a float or out of range"]
      ] as const
      for (const [[name, ...args], reason] of cases) {
        const error = yield* failure(redis.command(name, ...args))
        assert.strictEqual(error._tag, "SourceRejected")
        assert.match(error.reason, new RegExp(`^redis at 127\\.0\\.0\\.1:\\d+: ${name}: `))
        assert.strictEqual(error.reason.split(": ").at(-1), reason)
        assert.notInclude(Cause.pretty(Cause.fail(error)) + JSON.stringify(error), "s3cret")
      }
    })
  )

  it.scopedLive("a user that may not do it, not even ask how the server is, is SourceRejected", () =>
    Effect.gen(function* () {
      const { key, redis, server } = yield* stage()
      const name = key.replaceAll(":", "-")
      yield* redis.command("ACL", "SETUSER", name, "on", ">s3cret/%", "~*", "+get")
      const url = server.url.replace(/\/\/.*@/, `//${name}:${encodeURIComponent("s3cret/%")}@`)
      const other = yield* Redis.make({ url: Redacted.make(url) })

      assert.strictEqual(Option.getOrNull(yield* other.get(key)), null)
      const error = yield* failure(other.set(key, "x"))

      assert.strictEqual(error._tag, "SourceRejected")
      assert.match(error.reason, /SET: the user may not do this \(NOPERM\)$/)
      yield* redis.command("ACL", "DELUSER", name)
    })
  )

  it.scopedLive("a full memory in which no key is evicted is SourceUnavailable, which names the source", () =>
    Effect.gen(function* () {
      const server = yield* Servers.redis()
      const redis = yield* Redis.make({ url: server.url })
      yield* redis.command("CONFIG", "SET", "maxmemory", 1, "maxmemory-policy", "noeviction")

      const error = yield* Effect.flip(Gather.failFast({ cache: redis.set("k", "v") }))

      assert(error._tag === "SourceUnavailable")
      assert.strictEqual(error.source, "cache")
      assert.match(error.reason, /SET: the server's memory is full, and it evicts no key to make room \(OOM\)$/)
      assert.isTrue(Source.isTransient(error))
    })
  )

  it.scopedLive("an answer over the limit is SourceMalformed, and is not read to its end", () =>
    Effect.gen(function* () {
      const { key, redis, server } = yield* stage()
      const small = yield* Redis.make({ url: server.url, maxBytes: 1_000 })
      const reply = (bytes: number) => ["EVAL", "return string.rep('x', ARGV[1])", 0, bytes] as const
      yield* redis.command("RPUSH", key, ...Array.from({ length: 11 }, () => "x".repeat(100)))

      assert.strictEqual(String(yield* small.command(...reply(1_000))).length, 1_000)
      for (const call of [
        small.command(...reply(1_001)),
        small.command("LRANGE", key, 0, -1),
        small.commandApart(...reply(9_000_000))
      ]) {
        const error = yield* failure(call)
        assert.strictEqual(error._tag, "SourceMalformed")
        assert.match(error.reason, /the answer is longer than 1000 bytes$/)
      }
      // What was asked on the same connection has to be asked again.
      const [long, other] = yield* Effect.all(
        [failure(small.command(...reply(5_000_000))), Effect.either(small.get(key + "x"))],
        { concurrency: 2 }
      )
      assert.strictEqual(long._tag, "SourceMalformed")
      assert(other._tag === "Left" && other.left._tag === "SourceUnavailable")
      assert.match(other.left.reason, /too long an answer to another command/)
      assert.strictEqual(yield* small.command("PING"), "PONG")
    })
  )
})

Servers.suite("redis", "Redis.json", () => {
  const Profile = Schema.Struct({
    name: Schema.NonEmptyString,
    orders: Schema.Array(Schema.Struct({ total: Schema.Number }))
  })

  it.scopedLive("decodes a value, or says where it does not fit, without the value", () =>
    Effect.gen(function* () {
      const { key, redis } = yield* stage()
      const read = Redis.json(key, { schema: Profile }).pipe(Effect.provideService(Redis.Redis, redis))
      const profile = { name: "Alice", orders: [{ total: 1 }] }

      assert.strictEqual(Option.getOrNull(yield* read), null)
      yield* redis.set(key, JSON.stringify(profile))
      assert.deepStrictEqual(Option.getOrNull(yield* read), profile)
      for (const [value, reason] of [
        [`{"name":"Alice","orders":[{"total":"s3cret"}]}`, "GET: orders.0.total: expected number, but it is a string"],
        [`{"name":""}`, "GET: name: expected a non empty string, but it is not"],
        [`s3cret`, "GET: the value is no JSON"]
      ] as const) {
        yield* redis.set(key, value)
        const { profile: outcome } = yield* Gather.collect({ profile: read })
        assert(outcome._tag === "Failed" && outcome.error._tag === "SourceMalformed")
        assert.strictEqual(outcome.error.source, "profile")
        assert.strictEqual(outcome.error.reason, reason)
      }
    })
  )
})

Servers.suite("redis", "Redis, interrupted while it waits on the server", () => {
  it.scopedLive("takes no element that is pushed later, and holds up no other command", () =>
    Effect.gen(function* () {
      // Of its own, since it counts who waits.
      const { key, redis, seen } = yield* stage({}, Servers.redis())
      const waits: ReadonlyArray<Effect.Effect<unknown, Source.SourceError>> = [
        redis.blpop([key], Infinity),
        redis.brpop([key], "30 seconds"),
        redis.command("BLMOVE", key, `${key}:to`, "LEFT", "LEFT", 0),
        redis.command("blmpop", 0, 1, key, "LEFT"),
        redis.command("BZPOPMIN", key, 0),
        redis.command("XREAD", "COUNT", 1, "block", 0, "STREAMS", key, "$")
      ]
      const idle: Array<number> = []
      for (const wait of waits) {
        const fiber = yield* Effect.fork(wait)
        yield* until("calls", seen.busy, 1)
        const start = performance.now()
        yield* redis.get(`${key}:other`)
        assert.isBelow(performance.now() - start, 500)

        yield* Fiber.interrupt(fiber)
        idle.push(yield* until("calls", seen.busy, 0))
      }
      // Not only when the pool loses patience.
      assert.isBelow(Math.min(...idle), 100)
      yield* redis.command("RPUSH", key, "kept")
      assert.strictEqual(yield* redis.command("LLEN", key), 1)
      yield* redis.command("DEL", key)
    })
  )

  it.scopedLive("never gives an element to another who waits on the same connection", () =>
    Effect.gen(function* () {
      const { key, redis, seen } = yield* stage({ maxConnections: 1 }, Servers.redis())
      let late = 0
      for (let race = 0; race < 40; race++) {
        const fiber = yield* Effect.fork(redis.blpop([`${key}:a`], Infinity))
        yield* until("calls", seen.busy, 1)
        const push = yield* Effect.fork(seen.ask("RPUSH", `${key}:a`, "a"))
        // Some are interrupted at once, some when the element is on its way, some when it is here.
        for (let turn = race % 8; turn > 0; turn--) yield* Effect.sleep(0)
        yield* Fiber.interrupt(fiber)
        yield* Fiber.join(push)
        if (Exit.isFailure(yield* Fiber.await(fiber))) late += 1
        const next = yield* Effect.fork(redis.blpop([`${key}:b`], Infinity))
        yield* seen.ask("RPUSH", `${key}:b`, "b")
        assert.deepStrictEqual(Option.getOrNull(yield* Fiber.join(next)), [`${key}:b`, "b"] as const)
        yield* seen.ask("DEL", `${key}:a`)
      }
      assert(late > 0 && late < 40, `${late} of 40 were late`)
    })
  )

  it.scopedLive(
    "is told to wait no longer than the deadline, and says that it passed rather than that there is nothing",
    () =>
      Effect.gen(function* () {
        const { key, redis } = yield* stage()
        const waits: ReadonlyArray<Effect.Effect<unknown, Source.SourceError>> = [
          redis.blpop([key], "1 hour"),
          redis.command("XREAD", "BLOCK", 0, "STREAMS", key, "$")
        ]
        for (const wait of waits) {
          const start = performance.now()
          const error = yield* failure(Deadline.within(150)(wait))
          const elapsed = performance.now() - start
          assert(elapsed > 140 && elapsed < 1_000, `${elapsed}`)
          assert.strictEqual(error._tag, "SourceUnavailable")
          assert.match(error.reason, /before the deadline$/)
        }
        assert.strictEqual(Option.getOrNull(yield* Deadline.within("5 seconds")(redis.blpop([key], 1))), null)
      })
  )
})

Servers.suite("redis", "Redis, on a network that fails", () => {
  it.scopedLive("notices a connection that is frozen although nobody waits so long, and makes another", () =>
    Effect.gen(function* () {
      const { key, server } = yield* stage()
      const proxy = yield* Proxy.make(server.url)
      const redis = yield* Redis.make({ url: proxy.through(server.url), commandTimeout: 400 })
      yield* redis.set(key, "x")
      assert.strictEqual(proxy.accepted(), 1)

      yield* proxy.freeze
      for (let i = 0; i < 3; i++) yield* Effect.timeoutOption(redis.get(key), 50)
      const start = performance.now()
      const error = yield* failure(redis.get(key))
      assert.isBelow(performance.now() - start, 400)
      assert.strictEqual(error._tag, "SourceUnavailable")
      assert.match(error.reason, /GET: no answer within 400 ms$/)
      yield* proxy.heal

      assert.deepStrictEqual(Option.getOrNull(yield* redis.get(key)), "x")
      assert.strictEqual(proxy.accepted(), 2)
    })
  )

  it.scopedLive(
    "a connection that was closed while nobody asked fails nobody, even if it has not been heard of yet",
    () =>
      Effect.gen(function* () {
        const { server } = yield* stage()
        const proxy = yield* Proxy.make(server.url)
        const redis = yield* Redis.make({ url: proxy.through(server.url) })
        for (let round = 0; round < 5; round++) {
          yield* redis.command("PING")
          yield* proxy.cut
          assert.strictEqual(yield* redis.command("PING"), "PONG")
        }
      })
  )

  it.scopedLive("a command that nobody waits for any more when the connection is made is not sent", () =>
    Effect.gen(function* () {
      const { key, redis, server } = yield* stage()
      const proxy = yield* Proxy.make(server.url)
      const slow = yield* Redis.make({ url: proxy.through(server.url) })
      yield* proxy.freeze

      const fiber = yield* Effect.fork(slow.command("INCR", key))
      yield* until("connections", Effect.sync(proxy.accepted), 1)
      yield* Fiber.interrupt(fiber)
      yield* proxy.heal

      assert.strictEqual(yield* slow.command("PING"), "PONG")
      assert.strictEqual(Option.getOrNull(yield* redis.get(key)), null)
    })
  )

  it.scopedLive("never sends a command again when its connection breaks", () =>
    Effect.gen(function* () {
      const { key, redis, seen, server } = yield* stage()
      const proxy = yield* Proxy.make(server.url)
      const cut = yield* Redis.make({ url: proxy.through(server.url) })
      yield* cut.command("PING")
      yield* proxy.delay(100)
      const fiber = yield* Effect.fork(failure(cut.command("INCR", key)))
      yield* until("increments", Effect.map(seen.ask("GET", key), Number), 1)

      yield* proxy.cut
      const error = yield* Fiber.join(fiber)
      yield* proxy.heal
      yield* cut.command("PING")

      assert.strictEqual(error._tag, "SourceUnavailable")
      assert.deepStrictEqual(Option.getOrNull(yield* redis.get(key)), "1")
    })
  )

  it.scopedLive("a server that does not speak Redis, or says nothing at all, is an error in time", () =>
    Effect.gen(function* () {
      const { server } = yield* stage()
      const tls = yield* Redis.make({ url: server.url.replace("redis:", "rediss:"), connectTimeout: 200 })
      const nobody = yield* Redis.make({ url: "redis://127.0.0.1:1" })
      const nowhere = yield* Redis.make({ driver: { path: "/nowhere/redis.sock" } })

      assert.match((yield* failure(tls.command("PING"))).message, /is unavailable: redis at .*: no connection was made/)
      assert.match((yield* failure(nobody.command("PING"))).message, /the connection was refused \(ECONNREFUSED\)$/)
      assert.match((yield* failure(nowhere.command("PING"))).message, /the socket does not exist \(ENOENT\)$/)
    })
  )
})

Servers.suite("redis", "Redis.layer", () => {
  it.scopedLive("says so when it is asked after its scope has closed", () =>
    Effect.gen(function* () {
      const server = yield* Servers.shared("redis")
      const scope = yield* Scope.make()
      const redis = yield* Scope.extend(Redis.make({ url: server.url }), scope)
      yield* redis.command("PING")
      yield* Scope.close(scope, Exit.void)

      assert.match((yield* failure(redis.command("PING"))).reason, /the client was closed$/)
      assert.match((yield* failure(redis.blpop(["k"], 1))).reason, /closed$/)
    })
  )

  it.scopedLive("is made from the configuration", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.shared("redis")
      const layer = Redis.layerConfig({ url: Config.redacted("REDIS_URL"), maxBytes: Config.integer("MAX_BYTES") })
      const provider = ConfigProvider.fromMap(
        new Map([
          ["REDIS_URL", url],
          ["MAX_BYTES", "1000"]
        ])
      )

      const { command } = yield* Effect.provide(Redis.Redis, layer).pipe(Effect.withConfigProvider(provider))

      assert.isFunction(command)
    })
  )

  it.scopedLive("closing it leaves no socket and no timer, whatever was going on", () =>
    Effect.gen(function* () {
      const server = yield* Servers.shared("redis")
      const proxy = yield* Proxy.make(server.url)
      const key = "test:Redis:nothing"

      yield* leavesNothing([server.port, proxy.port], (opened) =>
        Effect.gen(function* () {
          const redis = yield* Redis.make(server.url)
          const other = yield* Redis.make(server.url)
          const cut = yield* Redis.make(proxy.through(server.url))
          yield* cut.command("PING")
          yield* proxy.cut
          yield* redis.command("PING")
          yield* redis.blpop([key], 1)
          const fiber = yield* Effect.fork(redis.blpop([key], Infinity))
          yield* Effect.fork(other.blpop([key], Infinity))
          yield* Effect.fork(other.get(key))
          yield* until("sockets", Effect.sync(opened), 4)
          yield* Effect.fork(Fiber.interrupt(fiber))
        }).pipe(Effect.scoped)
      )
    })
  )

  it.scopedLive("closing it leaves no socket and no timer when the network is frozen", () =>
    Effect.gen(function* () {
      const { key, server } = yield* stage()
      const proxy = yield* Proxy.make(server.url)

      yield* leavesNothing([proxy.port], (opened) =>
        Effect.gen(function* () {
          const redis = yield* Redis.make({ url: proxy.through(server.url), connectTimeout: "1 minute" })
          yield* redis.command("PING")
          yield* redis.blpop([key], 1)
          yield* proxy.freeze
          yield* Effect.fork(redis.get(key))
          yield* Effect.fork(redis.blpop([key], Infinity))
          yield* Effect.fork(redis.blpop([key], Infinity))
          yield* until("sockets", Effect.sync(opened), 3)
        }).pipe(Effect.scoped)
      )
    })
  )

  it.effect("a wrong option is refused by its name, and a URL without being shown", () =>
    Effect.gen(function* () {
      const wrong = [
        [{ connectTimeout: -1 }, "connectTimeout must be a duration"],
        [{ commandTimeout: "soon" as "1 second" }, "commandTimeout must be a duration"],
        [{ maxBytes: 0 }, "maxBytes must be a whole number"],
        [{ maxConnections: 1.5 }, "maxConnections must be a whole number"],
        ...[
          "",
          "s3cret",
          "http://h/s3cret",
          "redis://",
          "redis://h/s3cret",
          "redis://h?s3cret=1",
          "redis://:%s3cret@h"
        ].map((url) => [{ url }, `url must be a URL like "redis://user:password@host:6379/0"`] as const)
      ] as const
      for (const [settings, words] of wrong) {
        const exit = yield* Effect.exit(Effect.scoped(Redis.make(settings)))
        assert(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        assert.include(Cause.pretty(exit.cause), `Redis.make: ${words}`)
        assert.notInclude(Cause.pretty(exit.cause), "s3cret")
      }
    })
  )
})
