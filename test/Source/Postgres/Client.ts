/**
 * A client of the PostgreSQL that the tests share.
 */
import type { SqlError } from "@effect/sql/SqlError"
import { assert, vi } from "@effect/vitest"
import { Effect } from "effect"
import type { SourceError } from "../../../src/Source.ts"
import * as Postgres from "../../../src/Source/Postgres.ts"
import * as Sql from "../../../src/Source/Sql.ts"
import * as Servers from "../../Servers.ts"

// The server may have to be started first, on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 30_000 })

export const make = (settings?: Postgres.Settings) =>
  Effect.flatMap(Servers.shared("postgres"), ({ url }) => Postgres.make({ url, ...settings }))

/** Fails the test unless the effect fails with this error; gives the reason without the address of the server. */
export const failed = <A, R>(effect: Effect.Effect<A, SqlError | SourceError, R>, tag: SourceError["_tag"]) =>
  Effect.map(Effect.flip(Sql.typed(effect)), (error) => {
    assert.strictEqual(error._tag, tag, error.message)
    assert.match(error.reason, /^postgres at 127\.0\.0\.1:\d+: /)
    return { ...error, reason: error.reason.replace(/^postgres at \S+: /, ""), cause: error.cause }
  })

let tables = 0

/** A name that nobody else has. */
export const fresh = (name: string) => `${name}_${process.pid}_${(tables += 1)}`
