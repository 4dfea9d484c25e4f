import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as fc from "fast-check"
import mongodb from "mongodb"
import * as Json from "../../../src/Json.ts"
import * as Mongo from "../../../src/Source/Mongo.ts"
import { plain } from "../../../src/Source/Plain.ts"
import * as MongoStub from "../../MongoStub.ts"
import * as Values from "../Values.ts"

const { BSON, Decimal128, Long } = mongodb
const schema = Schema.Unknown

describe("Values of MongoDB", () => {
  it.scopedLive("are read digit for digit", () =>
    Effect.gen(function* () {
      const { url } = yield* MongoStub.make({
        collections: {
          values: [
            {
              long: Long.fromString("1285704473650888702"),
              edge: Long.fromString("9007199254740992"),
              least: Long.MIN_VALUE,
              decimal: Decimal128.fromString("0.1000000000000000055"),
              price: Decimal128.fromString("12.50"),
              huge: Decimal128.fromString("1E+100"),
              nan: Decimal128.fromString("NaN"),
              infinite: [-Infinity, NaN, -0, 1.5],
              at: new Date("2026-01-31T12:34:56.789Z"),
              text: "$token",
              proto: JSON.parse('{"__proto__":1,"constructor":2}') as unknown
            }
          ]
        }
      })
      const mongo = yield* Mongo.make(url)
      assert.deepStrictEqual(plain({ _bsontype: "Long", low: 1 }), { _bsontype: "Long", low: 1 })
      const [row] = yield* mongo.find("values", {}, { schema, projection: { _id: 0 } })

      assert.strictEqual(
        Json.stringify(plain(row)),
        `{"long":1285704473650888702,"edge":9007199254740992,"least":-9223372036854775808,"decimal":0.1000000000000000055,"price":12.5,"huge":1e+100,"nan":"NaN","infinite":["-Infinity","NaN",-0,1.5],"at":"2026-01-31T12:34:56.789Z","text":"$token","proto":{"__proto__":1,"constructor":2}}`
      )
    })
  )

  it.scopedLive(
    "are sent as what they are, or refused",
    () =>
      Effect.gen(function* () {
        const { commands, url } = yield* MongoStub.make({})
        const mongo = yield* Mongo.make(url)
        const sent = (value: unknown) =>
          Effect.map(mongo.find("values", { value: { $in: [value] } }, { schema }), () => {
            const { filter } = commands.at(-1) as { readonly filter: { readonly value: { readonly $in: [unknown] } } }
            return filter.value.$in[0]
          })

        yield* Values.property(
          Values.anyTexts.filter((text) => text.length < 1_000),
          (text) => Effect.map(sent(text), (read) => assert.strictEqual(read, text))
        )
        yield* Values.property(fc.oneof(Values.integers, Values.decimals), (number) =>
          Effect.map(sent(number), (read) =>
            assert.isTrue(Values.sameDecimal(String(plain(read)), number), `${String(read)} for ${number}`)
          )
        )
        yield* Values.property(Values.documents, (document) =>
          Effect.map(sent({ document }), (read) =>
            assert.strictEqual(Json.stringify(plain(read))?.replaceAll("1E+400", "1e400"), Json.stringify({ document }))
          )
        )
        const id = new BSON.ObjectId()
        assert.deepStrictEqual(yield* sent(id), id)
      }),
    60_000
  )

  it.scopedLive("that BSON does not have are refused before anything is sent", () =>
    Effect.gen(function* () {
      const { commands, url } = yield* MongoStub.make({})
      const mongo = yield* Mongo.make(url)
      const values = [
        "a\ud83d",
        10n ** 34n + 1n,
        new Json.JsonNumber("1e7000"),
        new Json.JsonNumber("0.12345678901234567890123456789012345"),
        new Date(NaN)
      ]
      const reasons: Array<string> = []
      for (const value of values) {
        const error = yield* Effect.flip(mongo.aggregate("values", [{ $match: { value } }], { schema }))
        assert.strictEqual(error._tag, "SourceRejected")
        reasons.push(error.reason.replace(/^.*aggregate: /, ""))
      }
      const tooLong = "a number in the pipeline has more digits than a Decimal128 holds (34)"
      assert.deepStrictEqual(reasons, [
        "a text in the pipeline has a lone surrogate (half of a character in UTF-16), which cannot be sent as text",
        tooLong,
        tooLong,
        tooLong,
        "the pipeline has an invalid Date in it, which cannot be sent"
      ])
      assert.deepStrictEqual(commands, [])
    })
  )
})
