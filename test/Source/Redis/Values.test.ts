import { assert, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import * as fc from "fast-check"
import * as Json from "../../../src/Json.ts"
import * as Redis from "../../../src/Source/Redis.ts"
import * as Servers from "../../Servers.ts"
import * as Values from "../Values.ts"

Servers.suite("redis", "Values of Redis", () => {
  const client = Effect.flatMap(Servers.shared("redis"), ({ url }) => Redis.make(url))

  it.scopedLive(
    "come back as they were sent: keys, texts, bytes, numbers and JSON",
    () =>
      Effect.gen(function* () {
        const redis = yield* client
        yield* Values.property(fc.tuple(Values.anyTexts, Values.anyTexts), ([key, text]) =>
          Effect.gen(function* () {
            yield* redis.set(`values:${key}`, text)
            assert.deepStrictEqual(yield* redis.get(`values:${key}`), Option.some(text))
            assert.strictEqual(yield* redis.command("DEL", `values:${key}`), 1)
          })
        )
        yield* Values.property(fc.uint8Array(), (bytes) =>
          Effect.map(redis.commandBytes("ECHO", bytes), (read) => assert.deepStrictEqual(read, Buffer.from(bytes)))
        )
        yield* Values.property(Values.numbers, (number) =>
          Effect.map(redis.command("ECHO", number), (read) =>
            assert.isTrue(Values.sameDecimal(String(read), number), `${String(read)} for ${number}`)
          )
        )
        yield* Values.property(Values.documents, (document) =>
          Effect.gen(function* () {
            yield* redis.set("values:json", Json.stringify(document)!)
            const read = yield* Redis.json("values:json", { schema: Schema.Unknown })
            assert.deepStrictEqual(read, Option.some(document))
          }).pipe(Effect.provideService(Redis.Redis, redis))
        )
      }),
    60_000
  )

  it.scopedLive("that are whole numbers lose no digit: an INCR beyond 2^53 is a bigint", () =>
    Effect.gen(function* () {
      const redis = yield* client
      for (const [before, after] of [
        ["9007199254740990", 9007199254740991],
        ["9007199254740992", 9007199254740993n],
        ["9223372036854775806", 9223372036854775807n],
        ["-9223372036854775807", -9223372036854775806n]
      ] as const) {
        yield* redis.set("values:n", before)
        assert.strictEqual(yield* redis.command("INCRBY", "values:n", 1), after)
        assert.deepStrictEqual(yield* redis.get("values:n"), Option.some(String(after)))
      }
      yield* redis.set("values:n", 0)
      const step = new Json.JsonNumber("9007199254740993")
      assert.strictEqual(yield* redis.command("INCRBY", "values:n", step), 9007199254740993n)
      yield* redis.command("DEL", "values:n", "values:json")
    })
  )

  it.scopedLive("that are no text, or JSON nested too deeply, are refused, by number", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const argument = yield* Effect.flip(redis.command("ECHO", "a\ud83d"))
      assert.deepInclude(argument, { _tag: "SourceRejected" })
      assert.match(argument.reason, /ECHO: argument 1 has a lone surrogate/)

      yield* redis.set("values:deep", "[".repeat(5_000) + "]".repeat(5_000), { ttl: "1 minute" })
      const deep = yield* Effect.flip(
        Effect.provideService(Redis.json("values:deep", { schema: Schema.Unknown }), Redis.Redis, redis)
      )
      assert.deepInclude(deep, {
        _tag: "SourceMalformed",
        reason: "GET: the value is nested more than 1,000 levels deep"
      })
    })
  )
})
