/** Three workers on a real Postgres, of which one is killed at a random moment, again and again. */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, ManagedRuntime, Schedule, Schema, Scope, Stream } from "effect"
import { setTimeout as pause } from "node:timers/promises"
import { afterAll, beforeAll } from "vitest"
import * as Batch from "../../src/Batch.ts"
import * as Cluster from "../../src/Batch/Cluster.ts"
import * as Socket from "../../src/Batch/Cluster/Socket.ts"
import * as Sql from "../../src/Batch/Ledger/Sql.ts"
import * as Postgres from "../../src/Source/Postgres.ts"
import * as Servers from "../Servers.ts"
import { Crew, overlaps } from "./Crew.ts"

const count = 2_000
const millis = 40

/** What it runs is said by the workers. */
const translate = Batch.make("translate", {
  item: Schema.Struct({ id: Schema.String, n: Schema.Number }),
  result: Schema.Number,
  id: ({ id }) => id,
  run: () => Effect.dieMessage("the process that gives orders runs nothing")
})
const items = (count: number) => Stream.map(Stream.range(0, count - 1), (n) => ({ id: `doc-${n}`, n }))

const connect = (url: string) => {
  const postgres = Layer.orDie(Postgres.layer(url))
  const ledger = Layer.provideMerge(Layer.orDie(Sql.layer), postgres)
  return ManagedRuntime.make(Layer.provideMerge(Layer.provide(Cluster.layer(), Layer.orDie(Socket.client)), ledger))
}

/** Those that the ledger says have ended. */
const recorded = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{ id: string }>`SELECT id FROM muster_items WHERE state IN (2, 3)`,
    (rows) => new Set(rows.map(({ id }) => id))
  )
)

/** Workers that have joined. */
const joined = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(sql`SELECT 1 FROM muster_cluster_runners`, (rows) => rows.length)
)

/** Messages of the cluster that are left. */
const left = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{ count: string }>`SELECT (SELECT count(*) FROM muster_cluster_messages)
      + (SELECT count(*) FROM muster_cluster_replies) AS count`,
    ([row]) => Number(row?.count)
  )
)

Servers.suite("postgres", "three workers of a batch on a cluster", () => {
  const scope = Effect.runSync(Scope.make())
  let server: Servers.Private
  let crew: Crew
  let runtime: ReturnType<typeof connect>

  beforeAll(async () => {
    server = await Effect.runPromise(Scope.extend(Servers.postgres(), scope))
    // As Postgres has it by default: the servers of tests may lose what they have just said they wrote.
    const durable = Effect.flatMap(
      Postgres.make(server.url),
      (sql) => sql`ALTER ROLE CURRENT_USER SET synchronous_commit = on`
    )
    await Effect.runPromise(Effect.scoped(durable))
    crew = new Crew(server.url)
    runtime = connect(server.url)
    for (let n = 0; n < 3; n++) crew.start(millis)
    while ((await runtime.runPromise(joined)) < 3) await pause(100)
  }, 60_000)
  afterAll(async () => {
    await crew.stop()
    await runtime.dispose()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  /** Runs the batch once while something is done to it. */
  const trial = async (crew: Crew, count: number, disturb: (from: number) => Promise<void>) => {
    await runtime.runPromise(
      Effect.retry(
        Effect.flatMap(Batch.Ledger, (ledger) => ledger.purge("translate")),
        Schedule.upTo(Schedule.spaced(100), "10 seconds")
      )
    )
    const from = crew.lines.length
    const repeated: Array<string> = []
    const running = runtime.runPromiseExit(Batch.run(translate, items(count)))
    let over = false
    const watching = (async () => {
      let known = new Set<string>()
      let seen = from
      while (!over) {
        const lines = crew.lines
        for (const { id, what } of lines.slice(seen)) if (what === "begin" && known.has(id)) repeated.push(id)
        const now = await runtime.runPromise(Effect.orElseSucceed(recorded, () => known))
        // What was recorded by now may have begun since the log was read; it is looked at from here on.
        seen = crew.lines.length
        known = now
        await pause(100)
      }
    })()
    await disturb(from)
    const exit = await running
    over = true
    await watching
    if (Exit.isFailure(exit)) assert.fail(`${Cause.pretty(exit.cause)}\n${crew.output}`)
    return { count, manifest: exit.value, runs: crew.runs(from), repeated }
  }

  const check = ({ count, manifest, repeated, runs }: Awaited<ReturnType<typeof trial>>) => {
    const failing = Array.from({ length: Math.floor(count / 50) }, (_, n) => `doc-${n * 50 + 49}`)
    assert.deepInclude(manifest, {
      outcome: "partial",
      total: count,
      done: count - failing.length,
      failed: failing.length,
      notStarted: 0,
      attempts: count
    })
    assert.deepStrictEqual(
      manifest.failures.map(({ id }) => id),
      failing
    )
    assert.strictEqual(new Set(runs.map(({ id }) => id)).size, count)
    assert.deepStrictEqual(repeated, [], "what was recorded runs again")
    assert.deepStrictEqual(overlaps(runs), [], "an item runs on two workers at once")
  }

  const again: Array<number> = []

  for (let n = 1; n <= 12; n++) {
    it(`lose nothing and run nothing twice at once when one is killed, trial ${n}`, { timeout: 90_000 }, async () => {
      let victim: { readonly pid: number; readonly at: number } | undefined
      const result = await trial(crew, count, async (from) => {
        const least = Math.floor(count * (0.1 + Math.random() * 1.2))
        await crew.until(() => crew.lines.length > from + least, "items are begun")
        const workers = Array.from(crew.workers)
        const chosen = workers[Math.floor(Math.random() * workers.length)]!
        victim = { pid: chosen.child.pid!, at: await crew.kill(chosen) }
        crew.start(millis)
      })

      check(result)
      const { at, pid } = victim!
      for (const run of result.runs) {
        if (run.pid !== pid || run.ended < at) continue
        const next = result.runs.find(({ began, id }) => id === run.id && began > at)
        // Its end may have been written down before it was noted.
        if (next !== undefined) again.push(next.began - at)
      }
      // Late answers are swept up every ten seconds.
      for (const end = Date.now() + 20_000; (await runtime.runPromise(left)) > 0; await pause(200))
        assert.isBelow(Date.now(), end, "messages are left")
    })
  }

  it("run the items of one that was killed again within 10 seconds", () => {
    again.sort((a, b) => a - b)
    const of = (part: number) => again[Math.floor((again.length - 1) * part)] ?? NaN
    console.log(
      `From the kill to the next run of ${again.length} items: median ${of(0.5)} ms, least ${of(0)}, most ${of(1)}`
    )
    assert.isAbove(again.length, 5)
    assert.isBelow(of(0.5), 10_000)
  })

  it(
    "lose nothing and run nothing twice at once when Postgres is killed in the middle",
    { timeout: 90_000 },
    async () => {
      const result = await trial(crew, count, async (from) => {
        await crew.until(() => crew.lines.length > from + count / 2, "items are begun")
        await Effect.runPromise(server.kill)
        await pause(500)
        await Effect.runPromise(server.restart)
      })

      check(result)
    }
  )

  it("run nothing twice at once when Postgres is away for longer than their lease", { timeout: 90_000 }, async () => {
    const slow = new Crew(server.url)
    try {
      await Promise.all(Array.from(crew.workers, (worker) => crew.kill(worker)))
      // Items of 1.5 to 4.5 seconds.
      for (let n = 0; n < 3; n++) slow.start(3_000, "1500")
      const result = await trial(slow, 60, async (from) => {
        await slow.until(() => slow.lines.length >= from + 25, "items are begun")
        await pause(500)
        await Effect.runPromise(server.kill)
        await pause(3_000)
        await Effect.runPromise(server.restart)
      })

      check(result)
      assert.isAbove(result.runs.length, 60, "they have stopped what they had in hand")
    } finally {
      await slow.stop()
    }
  })
})
