import { assert, it } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Fiber, Layer, Schedule, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as Sql from "../../../src/Batch/Ledger/Sql.ts"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Sqlite from "../../../src/Source/Sqlite.ts"
import * as Servers from "../../Servers.ts"
import { ledgerSuite } from "./contract.ts"

const postgres = Layer.unwrapEffect(
  Effect.map(Servers.shared("postgres"), ({ url }) => Layer.orDie(Postgres.layer(url)))
)

const folder = mkdtempSync(join(tmpdir(), "muster-ledger-"))
afterAll(() => rmSync(folder, { recursive: true }))

ledgerSuite(
  "SQLite",
  Layer.provide(Sql.layer, Layer.orDie(Sqlite.layerInside({ filename: join(folder, "ledger.db") })))
)

Servers.suite("postgres", "Postgres", () => {
  ledgerSuite("Postgres", Layer.provide(Sql.layer, postgres))

  it.live("a ledger of another version is refused, be it newer or older", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Sql.make(sql)
      for (const version of [7, 1]) {
        const refused = Effect.gen(function* () {
          yield* sql`DELETE FROM muster_ledger`
          yield* sql`INSERT INTO muster_ledger (version) VALUES (${version})`
          const error = yield* Effect.flip(Sql.make(sql))
          assert.strictEqual(
            error.message,
            `the ledger is unavailable: its tables have version ${version}, and this muster knows version 4: go on with the one that made it, or begin another`
          )
          return yield* Effect.fail("roll back")
        })
        assert.strictEqual(yield* Effect.flip(sql.withTransaction(refused)), "roll back")
      }
    }).pipe(Effect.provide(postgres))
  )
})

const alone = { lease: 200, exclusive: true }

it.scopedLive("another process takes a batch over from an owner whose heartbeat has stopped, and from no other", () =>
  Effect.gen(function* () {
    const sqlite = yield* Layer.build(Layer.orDie(Sqlite.layerInside({ filename: join(folder, "shared.db") })))
    const make = Effect.provide(Effect.flatMap(SqlClient.SqlClient, Sql.make), sqlite)
    const [mine, other] = [yield* make, yield* make]
    const opens = (ledger: typeof mine, owner: string) =>
      Effect.retry(ledger.open("shared", owner, alone), { times: 12, schedule: Schedule.spaced(50) })
    yield* mine.open("shared", "me", alone)
    const beating = yield* Effect.fork(Effect.forever(Effect.delay(mine.renew("shared", "me"), 20)))

    assert.deepInclude(yield* Effect.flip(opens(other, "you")), { _tag: "BatchBusy", owner: "me" })
    assert.isTrue(yield* other.cancel("shared"))
    assert.deepInclude(yield* Effect.flip(other.purge("shared")), { _tag: "BatchBusy", owner: "me" })

    yield* Fiber.interrupt(beating)
    yield* opens(other, "you")
    assert.deepInclude(yield* Effect.flip(mine.renew("shared", "me")), { _tag: "LeaseLost" })

    // One that has only just come cannot know; it waits for a heartbeat, and there is none.
    const late = yield* make
    assert.isFalse(yield* late.cancel("shared"))
    assert.strictEqual(yield* late.purge("shared"), 0)
  })
)

it.scopedLive("an item does not wait longer than it was told to when the clock of the ledger is set back", () =>
  Effect.gen(function* () {
    const sqlite = yield* Layer.build(Layer.orDie(Sqlite.layerInside({ filename: join(folder, "back.db") })))
    const make = Effect.provide(Effect.flatMap(SqlClient.SqlClient, Sql.make), sqlite)
    const hour = 3_600_000
    const ledger = yield* make
    yield* ledger.open("back", "me", { lease: 60_000, exclusive: true })
    yield* ledger.add("back", [{ id: "a", position: 0, item: "1", hash: "h" }], 1)
    const again = { id: "a", to: "again", failure: { class: "503", message: "" }, took: 1, wait: 5_000 } as const
    yield* ledger.claim("back", "me", 1)
    yield* ledger.settle("back", "me", [again])
    assert.closeTo((yield* ledger.nextDue("back"))!, 5_000, 4_000)
    assert.lengthOf(yield* ledger.claim("back", "me", 1), 0)

    // Written by a process whose clock was an hour ahead.
    yield* Effect.provide(
      Effect.flatMap(SqlClient.SqlClient, (sql) => sql`UPDATE muster_items SET not_before = not_before + ${hour}`),
      sqlite
    )
    assert.strictEqual(yield* ledger.nextDue("back"), 0)
    assert.lengthOf(yield* ledger.claim("back", "me", 1), 1)
  })
)

it.live("a text in the file of a ledger that is none, as another program may write it, is LedgerUnavailable", () =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const ledger = yield* Sql.make(sql)
    yield* ledger.open("b", "me", { lease: 60_000, exclusive: true })
    yield* ledger.add("b", [{ id: "a", position: 0, item: "1", hash: "h" }], 1)
    yield* sql`UPDATE muster_items SET item = CAST(x'4f726ce9' AS TEXT)`
    for (const reads of [Stream.runDrain(ledger.rows("b")), Effect.asVoid(ledger.claim("b", "me", 1))]) {
      const error = yield* Effect.flip(reads)
      assert.strictEqual(error._tag, "LedgerUnavailable")
      assert.include(error.message, `the text in the column "item" is not UTF-8`)
    }
    assert.deepInclude(yield* ledger.counts("b"), { pending: 1 })
  }).pipe(Effect.provide(Layer.orDie(Sqlite.layerInside({ filename: join(folder, "wrong.db") }))))
)
