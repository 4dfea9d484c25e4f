import { assert, it } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Layer } from "effect"
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

ledgerSuite("SQLite", Layer.provide(Sql.layer, Layer.orDie(Sqlite.layer({ filename: join(folder, "ledger.db") }))))

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
