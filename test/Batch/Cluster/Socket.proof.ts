import * as Postgres from "../../../src/Source/Postgres.ts"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Schema } from "effect"
import * as Batch from "../../../src/Batch.ts"
import * as Cluster from "../../../src/Batch/Cluster.ts"
import * as Socket from "../../../src/Batch/Cluster/Socket.ts"
import * as Sql from "../../../src/Batch/Ledger/Sql.ts"
import * as Servers from "../../Servers.ts"

const count = 600

const translate = (name: string, by: Array<string>, worker: string) =>
  Batch.make(name, {
    item: Schema.Struct({ id: Schema.String, n: Schema.Number }),
    result: Schema.Number,
    id: ({ id }) => id,
    run: ({ n }) =>
      Effect.as(
        Effect.delay(
          Effect.sync(() => by.push(worker)),
          20
        ),
        n * 2
      )
  })

Servers.suite("postgres", "a cluster by sockets", () => {
  it.scopedLive("workers that start at the same time on an empty database share the items", () =>
    Effect.gen(function* () {
      const { url } = yield* Servers.shared("postgres")
      const name = `sockets ${process.pid} ${Date.now()}`
      const by: Array<string> = []
      // As if each were a process: none of these layers is shared.
      const member = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
        Layer.build(Layer.fresh(Layer.provideMerge(layer, Layer.provideMerge(Sql.layer, Postgres.layer(url)))))
      const worker = (who: string) =>
        member(Layer.fresh(Layer.provide(Cluster.worker([translate(name, by, who)]), Socket.runner())))

      const [submitter] = yield* Effect.all(
        [member(Layer.fresh(Layer.provide(Cluster.layer(), Socket.client))), worker("one"), worker("two")],
        { concurrency: "unbounded" }
      )
      const sql = yield* Effect.provide(SqlClient.SqlClient, submitter)
      // Both have their part of the 300 shards.
      const shares = sql`SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid > 1000000
        GROUP BY pid HAVING count(*) BETWEEN 100 AND 200`
      yield* Effect.repeat(shares, { until: (rows) => rows.length === 2, schedule: Schedule.spaced(50) })
      const items = Array.from({ length: count }, (_, n) => ({ id: `doc-${n}`, n }))
      const manifest = yield* Effect.provide(Batch.run(translate(name, by, "nobody"), items), submitter)

      assert.deepInclude(manifest, { outcome: "succeeded", done: count, attempts: count })
      assert.lengthOf(by, count)
      for (const who of ["one", "two"]) assert.isAbove(by.filter((one) => one === who).length, count / 10)
      const [messages] = yield* sql<{ count: string }>`
        SELECT count(*) AS count FROM muster_cluster_messages WHERE entity_id LIKE ${`${name}%`}`
      assert.strictEqual(Number(messages?.count), 0, "messages are left")
    })
  )
})
