/**
 * A process of a batch on a cluster, to be killed: the one that runs it, or a worker. A worker writes a line into a log of
 * its own accord, outside the ledger, when an item begins and when it ends: `begin doc-7 1700000000000 4711`.
 *
 * - `tsx test/Batch/Member.ts run postgres://… 400`: gives orders for 400 items, and prints the manifest.
 * - `tsx test/Batch/Member.ts work postgres://… log.txt 20 5000`: takes them; each takes about 20 ms. Its lease is 5 seconds.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Schema, Stream } from "effect"
import { appendFileSync } from "node:fs"
import * as Batch from "../../src/Batch.ts"
import * as Cluster from "../../src/Batch/Cluster.ts"
import * as Socket from "../../src/Batch/Cluster/Socket.ts"
import * as Sql from "../../src/Batch/Ledger/Sql.ts"
import * as Postgres from "../../src/Source/Postgres.ts"

const [role = "", url = "", third = "", fourth = "20", fifth = "5000"] = process.argv.slice(2)

class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Number }) {}

/** None at all without a log, for who counts how many of them go through. */
const translate = (log: string, millis: number) => {
  const note = (what: string, id: string) =>
    Effect.sync(() => appendFileSync(log, `${what} ${id} ${Date.now()} ${process.pid}\n`))
  return Batch.make("translate", {
    item: Schema.Struct({ id: Schema.String, n: Schema.Number }),
    result: Schema.Number,
    id: ({ id }) => id,
    run: ({ id, n }) =>
      log === ""
        ? Effect.succeed(n)
        : note("begin", id).pipe(
            Effect.andThen(Effect.sleep((millis * (1 + (n % 3))) / 2)),
            Effect.andThen(n % 50 === 49 ? Effect.fail(new Refused({ status: 404 })) : Effect.succeed(n)),
            Effect.ensuring(note("end", id))
          )
  })
}

const postgres = Postgres.layer(url)
const ledger = Layer.provideMerge(Sql.layer, postgres)

const run = Effect.suspend(() => {
  const items = Stream.map(Stream.range(0, Number(third) - 1), (n) => ({ id: `doc-${n}`, n }))
  return Effect.flatMap(Batch.run(translate("", 0), items), (manifest) =>
    Effect.sync(() => console.log(JSON.stringify(manifest)))
  )
}).pipe(Effect.provide(Layer.provideMerge(Layer.provide(Cluster.layer(), Socket.client), ledger)))

const work = Layer.launch(
  Cluster.worker([translate(third, Number(fourth))], {
    lease: Number(fifth),
    onLeft: (_, left) => console.log(JSON.stringify(left))
  }).pipe(Layer.provide(Socket.runner()), Layer.provide(ledger))
)

NodeRuntime.runMain(Effect.asVoid(Effect.if(role === "run", { onTrue: () => run, onFalse: () => work })))
