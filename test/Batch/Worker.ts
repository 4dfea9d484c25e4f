/**
 * A process that runs a batch on a SQLite file, to be killed. It writes a line into a log of its own accord, outside the
 * ledger, when an item begins and when it ends: `begin doc-7 1700000000000`.
 *
 * `tsx test/Batch/Worker.ts ledger.db log.txt 400 20`: 400 items of about 20 ms each.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Schema, Stream } from "effect"
import { appendFileSync } from "node:fs"
import * as Batch from "../../src/Batch.ts"
import * as Sql from "../../src/Batch/Ledger/Sql.ts"
import * as Sqlite from "../../src/Source/Sqlite.ts"

const [filename = "", log = "", count = "400", millis = "20"] = process.argv.slice(2)

const note = (what: string, id: string) =>
  Effect.sync(() => appendFileSync(log, `${what} ${id} ${Date.now()} ${process.pid}\n`))

class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Number }) {}

const translate = Batch.make("translate", {
  item: Schema.Struct({ id: Schema.String, n: Schema.Number }),
  result: Schema.Number,
  id: ({ id }) => id,
  run: ({ id, n }) =>
    note("begin", id).pipe(
      Effect.andThen(Effect.sleep((Number(millis) * (1 + (n % 3))) / 2)),
      Effect.andThen(n % 50 === 49 ? Effect.fail(new Refused({ status: 404 })) : Effect.succeed(n)),
      Effect.ensuring(note("end", id))
    )
})

const items = Stream.map(Stream.range(0, Number(count) - 1), (n) => ({ id: `doc-${n}`, n }))
const ledger = Layer.provide(Sql.layer, Sqlite.layerInside({ filename }))

NodeRuntime.runMain(
  Effect.flatMap(Batch.run(translate, items, { concurrency: 10, buffer: 100 }), (manifest) =>
    Effect.sync(() => console.log(JSON.stringify(manifest)))
  ).pipe(Effect.provide(ledger))
)
